"""`trodo runs list|show|start|cancel|delete`"""

import sys
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from trodo_cli.cli.context import Context
from trodo_cli.cli.diagnostics import ExitCode, ask, note
from trodo_cli.cli.options import Json, RunReference, Target
from trodo_cli.cli.start import start_run
from trodo_cli.errors import InvalidInput

if TYPE_CHECKING:
    from trodo_cli.model.run import Run
    from trodo_cli.query.plan import RunFilter

app = typer.Typer(no_args_is_help=True, help="List, show, start, cancel and delete runs.")

app.command("start")(start_run)

NEWEST_RUNS = 200
"""Among how many runs an agent is looked for that is called nearly so."""

Text = Optional[str]  # noqa: UP045 - Typer reads the annotation


@app.command("list")
def list_runs(
    agent: Annotated[Text, typer.Option(help="Runs of this agent.")] = None,
    status: Annotated[
        Text,
        typer.Option(
            help="completed (ok), failed (error), running, pending, cancelled, lost, open (not ended)."
        ),
    ] = None,
    since: Annotated[Text, typer.Option(metavar="TIME", help="Begun since: 30m, 2h, 1d or a date.")] = None,
    until: Annotated[Text, typer.Option(metavar="TIME", help="Begun until: 30m, 2h, 1d or a date.")] = None,
    model: Annotated[Text, typer.Option(help="Runs that used this model.")] = None,
    tool: Annotated[Text, typer.Option(help="Runs that used this tool.")] = None,
    user: Annotated[Text, typer.Option(help="Runs for this user.")] = None,
    session: Annotated[Text, typer.Option(help="Runs of this session.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Runs with this tag, as in prod or env=prod.")] = None,
    min_cost: Annotated[
        float | None, typer.Option(metavar="USD", help="Runs that cost at least so much.")
    ] = None,
    min_duration: Annotated[
        Text, typer.Option(metavar="TIME", help="Runs that took at least 500ms, 2s, 1m.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Also runs that were started below another.")] = False,
    limit: Annotated[int, typer.Option(metavar="N", help="How many at most.")] = 20,
    cursor: Annotated[Text, typer.Option(help="Where the page before ended.")] = None,
    json: Json = None,
    target: Target = None,
) -> None:
    """List runs, newest first."""
    from trodo_cli.cli import output
    from trodo_cli.cli.records import RUN_FIELDS
    from trodo_cli.model.ids import now_ns
    from trodo_cli.model.totals import MAX_SUMMAND
    from trodo_cli.query.plan import RunFilter
    from trodo_cli.query.times import read_duration, read_instant

    fields = output.chosen(RUN_FIELDS, json) if json else RUN_FIELDS
    if min_cost is not None and not abs(min_cost) < MAX_SUMMAND:
        raise InvalidInput(f"--min-cost {min_cost:g} is no amount", "write USD, as in 0.05")
    wanted = RunFilter(
        agent=agent,
        status=status,
        started_after_ns=read_instant(since, now_ns(), "--since") if since is not None else None,
        started_before_ns=read_instant(until, now_ns(), "--until") if until is not None else None,
        model=model,
        tool=tool,
        user=user,
        session=session,
        tags=tuple(tag or ()),
        min_cost=min_cost,
        min_duration_ns=read_duration(min_duration, "--min-duration") if min_duration is not None else None,
        roots_only=not every,
    )
    context = Context(target)
    page = context.client.runs.list(limit=limit, cursor=cursor, wanted=wanted)
    if json:
        output.write_json_rows(page.rows, fields)
    elif not context.is_terminal:
        output.write_tab_separated(page.rows, fields)
    elif page.rows:
        from trodo_cli.render.tables import runs_table

        table = runs_table(page.rows, now_ns(), context.glyphs)
        output.write_table(table, colour=context.colour, width=context.width)
    else:
        unfiltered = wanted in (RunFilter(), RunFilter(roots_only=False))
        note("no runs yet; `trodo demo` makes a few" if unfiltered else _none_fit(context, wanted))
    if page.cursor is not None:
        note(f"more: the same with --cursor {page.cursor}")


def _none_fit(context: Context, wanted: "RunFilter") -> str:
    """What to say when no run fits: whether runs below another do, or an agent is called nearly so."""
    from difflib import get_close_matches

    import msgspec

    from trodo_cli.query.plan import RunFilter

    runs = context.client.runs
    if (
        wanted.roots_only
        and runs.list(limit=1, wanted=msgspec.structs.replace(wanted, roots_only=False)).rows
    ):
        return "no runs fit; --all looks at runs below another too"
    if wanted.agent is None:
        return "no runs fit"
    newest = runs.list(limit=NEWEST_RUNS, wanted=RunFilter(roots_only=False)).rows
    agents = list(dict.fromkeys(run.agent for run in newest))
    if wanted.agent in agents:
        return "no runs fit"
    close = get_close_matches(wanted.agent, agents, 1)
    return f"no runs of {wanted.agent}" + (f"; did you mean {close[0]}?" if close else "")


@app.command("show")
def show_run(run: RunReference = None, json: Json = None, target: Target = None) -> None:
    """Show one run: what it was given, what came of it, what it took."""
    from trodo_cli.cli import output
    from trodo_cli.cli.records import RUN_DETAIL_FIELDS

    fields = output.chosen(RUN_DETAIL_FIELDS, json) if json else RUN_DETAIL_FIELDS
    context = Context(target)
    found = context.client.runs.get(context.run_id(run))
    if json:
        output.write_json(output.record(found, fields))
        return
    if not context.is_terminal:
        output.write_pairs(found, fields)
        return
    from trodo_cli.model.ids import now_ns
    from trodo_cli.render.detail import run_detail

    lines = run_detail(found, context.glyphs, now_ns(), width=context.width)
    output.write_lines(lines, colour=context.colour)


@app.command("cancel")
def cancel_run(
    run: RunReference = None,
    reason: Annotated[Text, typer.Option(help="Why; the run's record keeps it.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Stay until the run has ended.")] = False,
    force: Annotated[
        bool,
        typer.Option("--force", help="End a started agent's process now, and the call in flight with it."),
    ] = False,
    json: Json = None,
    target: Target = None,
) -> None:
    """Ask a run, and every run below it, to stop.

    The call in flight finishes; no further step begins.
    """
    from trodo_cli import config
    from trodo_cli.cli import output
    from trodo_cli.cli.records import RUN_FIELDS
    from trodo_cli.render.format import short_id

    fields = output.chosen(RUN_FIELDS, json) if json else RUN_FIELDS
    context = Context(target)
    runs = context.client.runs
    run_id = context.run_id(run)
    shown = short_id(run_id)
    before = runs.get(run_id)
    found = runs.cancel(run_id, reason=reason, by=config.user_name(), force=force)
    if before.is_terminal:
        note(f"{shown} {_ALREADY[before.status]}; nothing to cancel")
    elif found.status == "lost":
        note(f"{shown} is lost: it gives no sign of life, so nobody may hear the request")
    else:
        note(f"asked {shown} to stop; `trodo tail {shown}` shows what becomes of it")
    if wait and not found.is_terminal:
        found = ended_run(context, run_id)
        note(f"{shown} {_ended(found.status)}")
    if json:
        output.write_json(output.record(found, fields))
    if wait and found.status == "lost":
        raise typer.Exit(ExitCode.RUN_FAILED)


@app.command("delete")
def delete_runs(
    runs: Annotated[list[str], typer.Argument(metavar="RUN…", help="Ids, latest, latest:AGENT or @2.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Also runs that have not ended.")] = False,
    target: Target = None,
) -> None:
    """Delete runs with everything they recorded, for good."""
    context = Context(target)
    found = [context.client.runs.get(context.client.runs.find(reference)) for reference in runs]
    for run in found:
        if run.status in ("running", "pending") and not force:
            raise InvalidInput(
                f"{run.id} is still {run.status}", f"`trodo runs cancel {run.id}` first, or add --force"
            )
    if not yes:
        if not sys.stdin.isatty():
            raise InvalidInput("deleting needs a yes", "add --yes")
        names = ", ".join(f"{run.agent} {run.id}" for run in found)
        if (ask(f"delete {names}? [y/N]") or "").lower() not in ("y", "yes"):
            note("nothing was deleted")
            return
    for run_id in dict.fromkeys(run.id for run in found):
        context.client.runs.delete(run_id)
        note(f"deleted {run_id}")


_ALREADY = {
    "completed": "has already completed",
    "failed": "has already failed",
    "cancelled": "was already cancelled",
}


def _ended(status: str) -> str:
    """A status as the end of a sentence."""
    return {"lost": "is lost", "cancelled": "was cancelled"}.get(status, status)


def ended_run(context: Context, run_id: str) -> "Run":
    """Wait until the run has ended or is lost."""
    client = context.client
    while True:
        mark = client.change_mark()
        run = client.runs.get(run_id)
        if run.status == "lost":
            context.settle_left()
            return client.runs.get(run_id)
        if run.is_terminal:
            return run
        client.wait(mark)
