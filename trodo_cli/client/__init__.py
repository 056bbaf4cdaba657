"""The one API that CLI, TUI and server use, whatever the target is."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from trodo_cli import config
from trodo_cli.client.base import Client
from trodo_cli.errors import InvalidInput

if TYPE_CHECKING:
    from trodo_cli.client.starter import Starter
    from trodo_cli.config import AgentSource
    from trodo_cli.sdk.delivery import Sink
    from trodo_cli.stores.base import Store

LOCAL_OWNER = "local"
"""Who owns what is recorded without a server."""


def connect(
    target: str,
    *,
    create: bool = True,
    key_of: Callable[[], str | None] = lambda: None,
    agents: Sequence[str] | None = None,
) -> Client:
    """Open a target: a path of a SQLite file, `memory:`, or the URL of a database or a server (`key_of` gives its key).

    `agents` are the places of agents that can be started, else the project file names them; a server has its own.
    With `create=False` a missing file is `NotFound`. Raises `InvalidInput` for a target of another kind,
    `Unavailable` when it cannot be used.
    """
    if target.startswith(("http://", "https://")):
        if agents:
            raise InvalidInput(
                "a server starts its own agents only", "`trodo serve --agents` names them there"
            )
        from trodo_cli.client.hosted import open_server

        return open_server(target, key_of)
    if target == "memory:":
        from trodo_cli.client.memory import MemoryClient

        memory = MemoryClient(LOCAL_OWNER)
        memory.starter = _starter(agents, target)
        return memory
    from trodo_cli.client.local import LocalClient

    store, place = _opened(target, create=create)
    client = LocalClient(store, LOCAL_OWNER)
    client.starter = _starter(agents, place)
    return client


def _opened(target: str, *, create: bool) -> "tuple[Store, str]":
    """The store behind a path or a database, and where others find it."""
    if target.startswith(("postgresql://", "postgres://")):
        return _database(target, create=create), target
    if "://" in target:
        scheme = target.partition("://")[0]
        raise InvalidInput(
            f"this version cannot open {scheme} targets", "name a SQLite file or a server's URL with --target"
        )
    if not target.isprintable() or "\ufffd" in target:
        raise InvalidInput(f"{target!r} is no name for a file", "name a SQLite file with --target")
    from trodo_cli.stores.sqlite import SqliteStore

    path = Path(target).expanduser()
    return SqliteStore(path, create=create), str(path.absolute())


def _database(url: str, *, create: bool) -> "Store":
    from trodo_cli.stores.postgres import PostgresStore

    try:
        return PostgresStore(url, create=create)
    except ImportError:
        raise InvalidInput(
            "this installation cannot open PostgreSQL", "install it with `pip install 'trodo-cli[postgres]'`"
        ) from None


def open_target(
    target: str | None = None, api_key: str | None = None, agents: Sequence[str] | None = None
) -> Client:
    """Open a target that somebody named, or the one in force; its key is the one given or the one that is kept."""
    named = config.target(target)
    return connect(named.place, key_of=lambda: api_key or config.api_key(named), agents=agents)


def open_recording(target: str, given: str | None = None) -> "Sink":
    """Open what a recording is meant for.

    `given` is the key of a program that named the target itself, or nothing; None when it named none. The key of the
    environment goes only to a target that this process named or that is in force.
    """
    if target.startswith("run://"):
        from trodo_cli.runner.relay import open_relay

        return open_relay()

    def key() -> str | None:
        found = config.recording_key(target, given)
        return found.value if found else None

    return connect(target, key_of=key)


def _project_agents() -> "Sequence[AgentSource]":
    return config.project_agents()


def _starter(agents: Sequence[str] | None, target: str) -> "Starter":
    """What starts agents over this target; where they are is read when somebody asks for them."""
    from trodo_cli.client.starter import Starter

    if agents is None:
        return Starter(_project_agents, target)
    sources = config.agent_sources(agents)
    return Starter(lambda: sources, target)
