"""`trodo backup FILE` and `trodo restore FILE`: the runs of this machine, copied and put back."""

from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from trodo_cli.cli.context import Context
from trodo_cli.cli.diagnostics import note
from trodo_cli.cli.options import Target
from trodo_cli.config.paths import absolute_path
from trodo_cli.errors import InvalidInput

Force = Annotated[bool, typer.Option("--force", help="Replace what is there.")]


def backup(
    file: Annotated[str, typer.Argument(metavar="FILE", help="Where the copy is written.")],
    force: Force = False,
    target: Target = None,
) -> None:
    """Copy the database to a file while it is in use.

    The copy is one state between two commits, checked, and for its owner alone.
    """
    from trodo_cli.stores.backup import back_up

    source = _database(target, "pg_dump --format=custom --file {file} {place}", file)
    copy = absolute_path(file, "the copy")
    if copy.exists() and not force:
        raise InvalidInput(f"there is a file at {copy}", "name another one, or replace it with --force")
    if copy.exists() and copy.samefile(source):
        raise InvalidInput(f"{copy} is the database itself", "name another file")
    back_up(source, copy)
    note(f"{source} is copied to {copy}; `trodo restore {file}` puts it back")


def restore(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A copy that `trodo backup` made.")],
    force: Force = False,
    target: Target = None,
) -> None:
    """Put a copy in place of the database.

    A database that exists is replaced only with --force, in one transaction, also while it is in use.
    """
    from trodo_cli.stores.backup import restore as put_back

    place = _database(
        target, "into an empty one: pg_restore --single-transaction --dbname {place} {file}", file
    )
    put_back(absolute_path(file, "the copy"), place, replace=force)
    note(f"{place} is what {file} was")


def _database(target: str | None, for_postgres: str, file: str) -> Path:
    """The SQLite file that is meant. Raises `InvalidInput` for any other target, with what to do there."""
    found = Context(target).target
    if found.place.startswith(("postgresql://", "postgres://")):
        command = for_postgres.format(file=quote(file), place=quote(found.shown))
        raise InvalidInput(f"{found.shown} is PostgreSQL, which has tools of its own", command)
    if found.is_hosted:
        raise InvalidInput(f"{found.shown} is a server", "copy its database on the server's machine")
    if found.place == "memory:":
        raise InvalidInput("`memory:` is gone with its process", "name a SQLite file with --target")
    return Path(found.place)
