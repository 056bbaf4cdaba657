"""A store behind the real server on a loopback port, and a client of it."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.server.running import running
from trodo_cli.client import connect
from trodo_cli.client.base import Client
from trodo_cli.client.local import LocalClient
from trodo_cli.model.key import SCOPES
from trodo_cli.server.app import create_app
from trodo_cli.server.service import Service


@contextmanager
def hosted(local: LocalClient) -> Iterator[Client]:
    """The hosted client of the same owner, with a key that may do everything."""
    service = Service(local)
    _, secret = local.keys.create(local.owner, SCOPES)
    with running(create_app(service), on_stopping=service.stop) as server:
        client = connect(server.url, key_of=lambda: secret)
        try:
            yield client
        finally:
            client.close()
