"""The one API that CLI, TUI and server use, whatever the target is."""

from pathlib import Path

from trodo_cli.client.base import Client
from trodo_cli.errors import InvalidInput

LOCAL_OWNER = "local"
"""Who owns what is recorded without a server."""


def connect(target: str, *, create: bool = True) -> Client:
    """Open a target: a path of a SQLite file or `memory:`.

    With `create=False` a missing file is `NotFound`. Raises `InvalidInput` for a target of another kind,
    `Unavailable` when it cannot be used.
    """
    if "://" in target:
        scheme = target.partition("://")[0]
        raise InvalidInput(f"this version cannot open {scheme} targets", "name a SQLite file with --target")
    if not target.isprintable() or "\ufffd" in target:
        raise InvalidInput(f"{target!r} is no name for a file", "name a SQLite file with --target")
    from trodo_cli.client.local import LocalClient
    from trodo_cli.stores.sqlite import SqliteStore

    path = None if target == "memory:" else Path(target).expanduser()
    return LocalClient(SqliteStore(path, create=create), LOCAL_OWNER)
