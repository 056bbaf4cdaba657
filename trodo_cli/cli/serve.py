"""`trodo serve`: runs over HTTP, for this machine or for a team."""

from typing import TYPE_CHECKING, Annotated, Optional

import typer

from trodo_cli.cli.context import Context
from trodo_cli.cli.diagnostics import note
from trodo_cli.cli.options import Target
from trodo_cli.errors import InvalidInput

if TYPE_CHECKING:
    from socket import socket

    from trodo_cli.client.base import Client

DEFAULT_PORT = 4318
"""Where OpenTelemetry programs send over HTTP unless told otherwise."""


def serve(
    host: Annotated[str, typer.Option(help="The address to listen on; 0.0.0.0 for all.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = DEFAULT_PORT,
    allow_host: Annotated[
        Optional[list[str]],  # noqa: UP045 - Typer reads the annotation
        typer.Option(metavar="NAME", help="Also answer to this name, as in a proxy's Host header."),
    ] = None,
    target: Target = None,
) -> None:
    """Serve runs over HTTP until ctrl-c. The URL is written to stdout once it answers.

    On a loopback address programs and commands of this user find the key by themselves. Any other address
    needs a key first: `trodo keys create --owner NAME`.
    """
    from trodo_cli.client import connect
    from trodo_cli.server.serving import is_loopback, listen

    context = Context(target)
    if context.target.is_hosted:
        raise InvalidInput(f"{context.target.shown} is a server already", "name a SQLite file with --target")
    is_local = is_loopback(host)
    client = connect(context.target.place)
    try:
        if not is_local:
            _check_keys(client, host)
        _serve(client, listen(host, port), is_local, allow_host or [], context.target.shown)
    finally:
        client.close()


def _serve(client: "Client", listener: "socket", is_local: bool, allowed: list[str], shown: str) -> None:
    from trodo_cli.cli import output
    from trodo_cli.client.local import LocalClient
    from trodo_cli.config import write_server_key
    from trodo_cli.model.key import new_secret
    from trodo_cli.server.app import create_app
    from trodo_cli.server.gate import LOOPBACK_HOSTS
    from trodo_cli.server.service import Service
    from trodo_cli.server.serving import serve, shown_url

    assert isinstance(client, LocalClient)
    address, bound = listener.getsockname()[:2]
    names = frozenset((*allowed, *(LOOPBACK_HOSTS if is_local else ()))) or None
    local_key = new_secret() if is_local else None
    key_file = write_server_key(address, bound, local_key) if local_key else None
    service = Service(client, local_key=local_key)
    url = shown_url(listener)

    def started() -> None:
        service.begin()
        output.write_text(url)
        note(f"serving {shown}; ctrl-c stops")

    try:
        serve(create_app(service, hosts=names), [listener], on_started=started, on_stopping=service.stop)
    finally:
        if key_file is not None:
            key_file.unlink(missing_ok=True)


def _check_keys(client: "Client", host: str) -> None:
    """Others can reach this address, so somebody must have a key."""
    if not any(key.revoked_ns is None for key in client.keys.list()):
        raise InvalidInput(
            f"others can reach {host}, and there is no key yet",
            "make one first: trodo keys create --owner NAME --scope ingest,read,control",
        )
