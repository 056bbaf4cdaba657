"""`trodo serve`: runs over HTTP, for this machine or for a team."""

from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Annotated, NamedTuple, Optional

import typer

from trodo_cli.cli.context import Context
from trodo_cli.cli.diagnostics import note
from trodo_cli.cli.limits import MaxMemory, MaxTime, limits_of, use_limits
from trodo_cli.cli.options import Agents, Target
from trodo_cli.errors import InvalidInput

if TYPE_CHECKING:
    from socket import socket

    from trodo_cli.client.base import Client
    from trodo_cli.client.local import LocalClient
    from trodo_cli.runner.limits import Limits
    from trodo_cli.server.board import Board
    from trodo_cli.server.workers import Work, Worker

DEFAULT_PORT = 4318
"""Where OpenTelemetry programs send over HTTP unless told otherwise."""

MAX_WORKERS = 64


Opened = Callable[[], "LocalClient"]
"""Opens what is served; every process opens it for itself."""


class Site(NamedTuple):
    """What every worker serves, and how."""

    opened: Opened
    listener: "socket"
    names: frozenset[str] | None
    local_key: str | None
    reopen_log: Callable[[], None] | None
    """None without a log in a file: SIGHUP then means what it always does."""


def serve(
    host: Annotated[str, typer.Option(help="The address to listen on; 0.0.0.0 for all.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = DEFAULT_PORT,
    allow_host: Annotated[
        Optional[list[str]],  # noqa: UP045 - Typer reads the annotation
        typer.Option(metavar="NAME", help="Also answer to this name, as in a proxy's Host header."),
    ] = None,
    agents: Agents = None,
    max_runs: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(
            min=1, metavar="N", help="Started runs of one owner at work at one time, in each worker; else 4."
        ),
    ] = None,
    max_time: MaxTime = None,
    max_memory: MaxMemory = None,
    workers: Annotated[
        int, typer.Option(min=1, max=MAX_WORKERS, metavar="N", help="Processes behind the one address.")
    ] = 1,
    log: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="FILE", help="Note every request there; - for stderr. SIGHUP reopens a file."),
    ] = None,
    log_format: Annotated[str, typer.Option(metavar="text|json", help="How a line is written.")] = "text",
    log_level: Annotated[
        str, typer.Option(metavar="LEVEL", help="info: requests too; warning and error: trouble only.")
    ] = "info",
    target: Target = None,
) -> None:
    """Serve runs over HTTP until ctrl-c. The URL is written to stdout once it answers.

    On a loopback address programs and commands of this user find the key by themselves. Any other address
    needs a key first: `trodo keys create --owner NAME`. Whoever has one with the scope `control` can start the agents
    that --agents names, and no others.
    """
    from trodo_cli.server.serving import is_loopback, listen

    context = Context(target)
    place = context.target.place
    if context.target.is_hosted:
        raise InvalidInput(f"{context.target.shown} is a server already", "name a SQLite file with --target")
    if workers > 1 and place == "memory:":
        raise InvalidInput(
            f"{workers} workers cannot share `memory:`, which is one process's own",
            "leave out --workers, or name a SQLite file with --target",
        )
    is_local = is_loopback(host)
    limits = limits_of(max_time, max_memory, max_runs)
    opened = partial(_opened, place, agents or [], limits)
    with closing(opened()) as client:
        if not is_local:
            _check_keys(client, host, "" if context.target.is_default else " --target …")
    reopen_log = _opened_log(log, log_format, log_level)
    site = _site(opened, listen(host, port), is_local, allow_host or [], reopen_log)
    shown = context.target.shown if workers == 1 else f"{context.target.shown} with {workers} workers"
    _serve(site, workers, shown)


def _opened(place: str, agents: list[str], limits: "Limits") -> "LocalClient":
    from trodo_cli.client import connect
    from trodo_cli.client.local import LocalClient

    client = connect(place, agents=agents)
    assert isinstance(client, LocalClient)
    use_limits(client, limits)
    return client


def _site(
    opened: Opened,
    listener: "socket",
    is_local: bool,
    allowed: list[str],
    reopen_log: Callable[[], None] | None,
) -> Site:
    from trodo_cli.model.key import new_secret
    from trodo_cli.server.gate import LOOPBACK_HOSTS

    names = frozenset((*allowed, *(LOOPBACK_HOSTS if is_local else ()))) or None
    return Site(opened, listener, names, new_secret() if is_local else None, reopen_log)


def _serve(site: Site, workers: int, shown: str) -> None:
    from trodo_cli.cli import output
    from trodo_cli.config import write_server_key
    from trodo_cli.server.board import Board
    from trodo_cli.server.serving import shown_url
    from trodo_cli.server.workers import Worker, supervise

    address, port = site.listener.getsockname()[:2]
    url = shown_url(site.listener)
    key_file = write_server_key(address, port, site.local_key) if site.local_key else None
    work = _work(site, Board(workers))

    def started() -> None:
        output.write_text(url)
        note(f"serving {shown}; ctrl-c stops")

    try:
        if workers == 1:
            work(Worker(on_started=started))
        else:
            supervise(workers, work, site.listener, on_started=started, on_hangup=site.reopen_log)
    finally:
        if key_file is not None:
            key_file.unlink(missing_ok=True)


def _work(site: Site, board: "Board") -> "Work":
    """What a worker does from its first moment to its last, in a process of its own or in this one."""
    from trodo_cli.server.app import create_app
    from trodo_cli.server.service import Service
    from trodo_cli.server.serving import serve

    def work(worker: "Worker") -> None:
        with closing(site.opened()) as client:
            board.sit(worker.place)
            service = Service(client, local_key=site.local_key, board=board)
            if worker.place == 0:
                _tell_of_agents(client)
            if client.starter is not None:
                client.starter.runner(client).attend()

            def started() -> None:
                service.begin()
                worker.on_started()

            app = create_app(service, hosts=site.names)
            serve(
                app,
                [site.listener],
                on_started=started,
                on_stopping=service.stop,
                on_hangup=site.reopen_log,
                on_refused=app.refused,
                lifeline=worker.lifeline,
            )

    return work


def _tell_of_agents(client: "Client") -> None:
    """Tell who runs the server what can be started, and what cannot."""
    for broken in client.agents.broken():
        note(f"trodo: {broken.source}: {broken.error}")
    if found := client.agents.list():
        note(f"agents: {', '.join(agent.id for agent in found)}")


def _opened_log(place: str | None, shape: str, level: str) -> Callable[[], None] | None:
    """What opens the log anew when its file was moved away; None when there is no file."""
    from trodo_cli.server.log import LEVELS, SHAPES, open_log

    for word, known, option in ((shape, SHAPES, "--log-format"), (level, LEVELS, "--log-level")):
        if word not in known:
            raise InvalidInput(f"{option} {word!r} is not known", f"one of {', '.join(known)}")
    return open_log(place, shape, level) if place else None


def _check_keys(client: "Client", host: str, where: str) -> None:
    """Others can reach this address, so somebody must have a key; `where` is how it is made for this store."""
    if not any(key.revoked_ns is None for key in client.keys.list()):
        raise InvalidInput(
            f"others can reach {host}, and there is no key yet",
            f"make one first: trodo keys create --owner NAME --scope ingest,read,control{where}",
        )
