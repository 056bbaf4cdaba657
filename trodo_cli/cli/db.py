"""`trodo db migrate|check|stats`: what the runs are kept in, for whoever runs a server."""

from typing import TYPE_CHECKING

import typer

from trodo_cli.cli.context import Context
from trodo_cli.cli.diagnostics import ExitCode, note
from trodo_cli.cli.options import Json, Target
from trodo_cli.errors import InvalidInput

if TYPE_CHECKING:
    from trodo_cli.stores.base import Store

app = typer.Typer(no_args_is_help=True, help="Look after the file or database in which runs are kept.")

_FIELDS = {"table": lambda row: row.name, "rows": lambda row: row.rows, "bytes": lambda row: row.bytes}


@app.command("migrate")
def migrate(target: Target = None) -> None:
    """Make the tables, or bring them to what this version needs. A server does so by itself when it starts."""
    store = _store(target, create=True)
    note(f"ready for this version of trodo: {store.describe()}")


@app.command("check")
def check(target: Target = None) -> None:
    """Read all of it and say what is wrong; exit code 1 if anything is."""
    from trodo_cli.cli.output import write_text

    problems = _store(target).check()
    for problem in problems:
        write_text(problem)
    if problems:
        raise typer.Exit(ExitCode.ERROR)
    note("nothing is wrong")


@app.command("stats")
def stats(json: Json = None, target: Target = None) -> None:
    """Rows and bytes of each table; PostgreSQL tells rows as it last counted them."""
    from trodo_cli.cli import output

    fields = output.chosen(_FIELDS, json) if json else _FIELDS
    rows = _store(target).tables()
    if json:
        output.write_json_rows(rows, fields)
    elif Context(target).is_terminal:
        output.write_columns(rows, fields)
    else:
        output.write_tab_separated(rows, fields)


def _store(target: str | None, *, create: bool = False) -> "Store":
    """What is kept here. Raises `InvalidInput` for a server."""
    from trodo_cli.cli.options import at_the_end
    from trodo_cli.client import connect
    from trodo_cli.client.local import LocalClient

    context = Context(target)
    if context.target.is_hosted:
        raise InvalidInput(
            f"{context.target.shown} is a server", "name what it keeps its runs in with --target"
        )
    client = connect(context.target.place, create=create or context.target.is_default)
    at_the_end(client.close)
    assert isinstance(client, LocalClient)
    return client.hub.store
