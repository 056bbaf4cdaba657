"""The key that a server on this machine makes for its own user, so that nobody needs to hand it over.

It is in `servers/HOST_PORT.key` of the data folder, for its owner alone, as long as the server runs.
"""

from pathlib import Path

from trodo_cli.config.files import read_file, write_private
from trodo_cli.config.paths import data_folder
from trodo_cli.config.secrets import checked_key
from trodo_cli.config.urls import loopback_of
from trodo_cli.errors import TrodoError


def server_key_file(host: str, port: int) -> Path:
    """Where the server that is bound to an address has its key: `127.0.0.1_4318.key`, `--1_4318.key`."""
    return data_folder() / "servers" / f"{host.replace(':', '-')}_{port}.key"


def local_server_key(url: str) -> str | None:
    """The key of the server on this machine that a URL names; None when there is none that we can trust.

    `localhost` is looked for at 127.0.0.1, then at ::1. A file of another user, or one that others can read, is
    passed over.
    """
    place = loopback_of(url)
    if place is None:
        return None
    host, port = place
    for address in ("127.0.0.1", "::1") if host == "localhost" else (host,):
        try:
            key = read_file(server_key_file(address, port), private=True)
            if key is not None:
                return checked_key(key.decode(errors="replace"), "the server's key")
        except TrodoError:
            continue
    return None


def write_server_key(host: str, port: int, key: str) -> Path:
    """Leave the key of the server that is bound to an address to its user. Raises `Unavailable`."""
    path = server_key_file(host, port)
    write_private(path, f"{checked_key(key, 'the key')}\n".encode())
    return path
