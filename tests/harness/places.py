"""Where a gate keeps its runs: a file, or a PostgreSQL server of its own that can be hurt."""

import time
from abc import ABC, abstractmethod
from pathlib import Path

import psycopg

from tests.harness.verdict import Failed
from tests.postgres import PostgresServer
from trodo_cli.stores.base import Store
from trodo_cli.stores.database import Database
from trodo_cli.stores.postgres import PostgresStore
from trodo_cli.stores.sqlite import SqliteStore

LOOK_SECONDS = 2.0
"""How long to look for a commit that is under way."""

_ANY = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
_COMMITTING = f"{_ANY} AND state = 'active' AND query = 'COMMIT'"


class Place(ABC):
    """`target` is what a server is told."""

    target: str

    @abstractmethod
    def opened(self, *, create: bool = False) -> Store:
        """The store itself."""

    @abstractmethod
    def check(self) -> None:
        """Raises `Failed` when it is damaged."""

    @abstractmethod
    def close(self) -> None:
        """Leave nothing behind but files of the gate's folder."""


class FilePlace(Place):
    """A SQLite file."""

    def __init__(self, path: Path) -> None:
        self.target = str(path)
        self._path = path

    def opened(self, *, create: bool = False) -> Store:
        return SqliteStore(self._path, create=create)

    def check(self) -> None:
        opened = Database(self._path, create=False)
        with opened.read() as connection:
            verdict = connection.execute("PRAGMA integrity_check").fetchall()
        opened.close()
        if verdict != [("ok",)]:
            raise Failed("damaged", f"integrity_check says {verdict[:3]}")

    def close(self) -> None:
        pass


class DatabasePlace(Place):
    """A PostgreSQL server that writes to the disk as a real one does."""

    def __init__(self, folder: Path) -> None:
        self._server = PostgresServer(folder, settings=("max_connections = 200",))
        self.target = self._server.url

    def opened(self, *, create: bool = False) -> Store:
        return PostgresStore(self.target, create=create)

    def check(self) -> None:
        """A page that is damaged is found when it is read."""

    def stop(self) -> None:
        """End it as a crash does."""
        self._server.stop()

    def start(self) -> None:
        """Start it again; returns when it takes connections."""
        self._server.start()

    def cut_a_commit(self) -> bool:
        """End the connection of whoever commits now, or else all; whether there was a commit."""
        until = time.monotonic() + LOOK_SECONDS
        with psycopg.connect(self.target, autocommit=True) as connection:
            while time.monotonic() < until:
                if connection.execute(f"SELECT pg_terminate_backend(pid) FROM ({_COMMITTING})").fetchall():
                    return True
            connection.execute(f"SELECT pg_terminate_backend(pid) FROM ({_ANY})")
            return False

    def close(self) -> None:
        self._server.remove()
