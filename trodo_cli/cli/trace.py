"""`trodo trace show|export|import`"""

from typing import Annotated

import typer

from trodo_cli.cli import transfer
from trodo_cli.cli.context import Context
from trodo_cli.cli.explore import explore
from trodo_cli.cli.options import ALL_FIELDS, Json, RunReference, Target

app = typer.Typer(no_args_is_help=True, help="Show the span tree of a run, write it for others, take it in.")
app.command("export")(transfer.export_trace)
app.command("import")(transfer.import_traces)


@app.command("show")
def show_trace(
    run: RunReference = None,
    full: Annotated[bool, typer.Option("--full", help="Every level, every line.")] = False,
    waterfall: Annotated[
        bool, typer.Option("--waterfall", help="With a bar of time beside each span.")
    ] = False,
    tui: Annotated[bool, typer.Option("--tui", help="In the explorer.")] = False,
    json: Json = None,
    target: Target = None,
) -> None:
    """Show a run's span tree, what failed first.

    `--json` alone gives the run and its spans with everything; `--json name,status` those fields of each span.
    """
    from trodo_cli.cli import output
    from trodo_cli.cli.records import RUN_DETAIL_FIELDS, SPAN_DETAIL_FIELDS, SPAN_FIELDS

    fields = output.chosen(SPAN_DETAIL_FIELDS, json) if json else SPAN_FIELDS
    context = Context(target)
    if tui:
        explore(context, context.run_id(run))
        return
    trace = context.client.traces.get(context.run_id(run))
    if json and json != ALL_FIELDS:
        output.write_json_rows(trace.spans, fields)
    elif json:
        summary = output.record(trace.summary, RUN_DETAIL_FIELDS)
        output.write_json(
            {"summary": summary, "spans": [output.record(span, fields) for span in trace.spans]}
        )
    else:
        from trodo_cli.model.ids import now_ns
        from trodo_cli.render.report import trace_report

        width = context.width if context.is_terminal else None
        lines = trace_report(trace, context.glyphs, now_ns(), full=full, waterfall=waterfall, width=width)
        output.write_lines(lines, colour=context.colour)
