"""The explorer on this terminal; what it showed last stays in the scrollback."""

from trodo_cli import config
from trodo_cli.cli.context import Context


def explore(context: Context, run_id: str | None = None) -> None:
    """Show a run, or the list of runs, until the person leaves."""
    from trodo_cli.cli import output
    from trodo_cli.model.ids import now_ns
    from trodo_cli.render.report import verdict
    from trodo_cli.tui.app import Explorer

    app = Explorer(context.client, context.glyphs, run_id=run_id, by=config.user_name())
    app.run()
    if app.last_seen is not None:
        lines = verdict(app.last_seen, context.glyphs, now_ns(), context.width)
        output.write_lines(lines, colour=context.colour)
