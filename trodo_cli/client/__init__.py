"""The one API that CLI, TUI and server use, whatever the target is."""

from collections.abc import Callable
from pathlib import Path

from trodo_cli import config
from trodo_cli.client.base import Client
from trodo_cli.errors import InvalidInput

LOCAL_OWNER = "local"
"""Who owns what is recorded without a server."""


def connect(target: str, *, create: bool = True, key_of: Callable[[], str | None] = lambda: None) -> Client:
    """Open a target: a path of a SQLite file, `memory:`, or the URL of a server; `key_of` gives the key to it.

    With `create=False` a missing file is `NotFound`. Raises `InvalidInput` for a target of another kind,
    `Unavailable` when it cannot be used.
    """
    if target.startswith(("http://", "https://")):
        from trodo_cli.client.hosted import open_server

        return open_server(target, key_of)
    if target.startswith(("postgresql://", "postgres://")):
        return _open_database(target, create=create)
    if "://" in target:
        scheme = target.partition("://")[0]
        raise InvalidInput(
            f"this version cannot open {scheme} targets", "name a SQLite file or a server's URL with --target"
        )
    if not target.isprintable() or "\ufffd" in target:
        raise InvalidInput(f"{target!r} is no name for a file", "name a SQLite file with --target")
    from trodo_cli.client.local import LocalClient
    from trodo_cli.stores.sqlite import SqliteStore

    path = None if target == "memory:" else Path(target).expanduser()
    return LocalClient(SqliteStore(path, create=create), LOCAL_OWNER)


def _open_database(url: str, *, create: bool) -> Client:
    from trodo_cli.client.local import LocalClient
    from trodo_cli.stores.postgres import PostgresStore

    try:
        return LocalClient(PostgresStore(url, create=create), LOCAL_OWNER)
    except ImportError:
        raise InvalidInput(
            "this installation cannot open PostgreSQL", "install it with `pip install 'trodo-cli[postgres]'`"
        ) from None


def open_target(target: str | None = None, api_key: str | None = None) -> Client:
    """Open a target that somebody named, or the one in force; its key is the one given or the one that is kept."""
    named = config.target(target)
    return connect(named.place, key_of=lambda: api_key or config.api_key(named))


def open_recording(target: str, given: str | None = None) -> Client:
    """Open what a recording is meant for.

    `given` is the key of a program that named the target itself, or nothing; None when it named none. The key of the
    environment goes only to a target that this process named or that is in force.
    """
    if given is not None:
        return open_target(target, given)
    if config.target().place == target:
        return open_target()
    left = config.Target(target, "a recording")
    return connect(target, key_of=lambda: config.api_key(left))
