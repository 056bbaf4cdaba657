"""The explorer on this terminal; the line of the run that was opened last stays on the screen."""

import sys
from typing import TYPE_CHECKING

import typer

from trodo_cli import config
from trodo_cli.cli.context import Context
from trodo_cli.cli.diagnostics import note
from trodo_cli.errors import InvalidInput

if TYPE_CHECKING:
    from trodo_cli.model.run import Run


def explore(context: Context, run_id: str | None = None) -> "Run | None":
    """Show a run, or the list of runs, until the person leaves; gives the run that was shown last.

    Raises `InvalidInput` where there is no terminal, and `typer.Exit` when the explorer did not end by itself.
    """
    from trodo_cli.cli import output
    from trodo_cli.model.ids import now_ns
    from trodo_cli.render.report import verdict
    from trodo_cli.tui.app import Explorer

    if not can_explore(context):
        raise InvalidInput("the explorer needs a terminal", "leave `--tui` out, or start it from a terminal")
    _attend(context)
    app = Explorer(context.client, context.glyphs, run_id=run_id, by=config.user_name())
    app.run()
    if app.last_seen is not None:
        lines = verdict(app.last_seen, context.glyphs, now_ns(), context.width)
        output.write_lines(lines, colour=context.colour)
    for told in app.asking.settled():
        note(f"trodo: {told}")
    if app.return_code:
        raise typer.Exit(app.return_code)
    return app.last_seen


def _attend(context: Context) -> None:
    """As long as the explorer is open, end the runs that were started here by programs which die."""
    from trodo_cli.client.local import LocalClient

    client = context.client
    if isinstance(client, LocalClient) and client.starter is not None:
        client.starter.runner(client).attend()


def can_explore(context: Context) -> bool:
    """Whether a person reads stdout and stderr, where the explorer is painted, and types."""
    return context.is_interactive and sys.stderr.isatty()
