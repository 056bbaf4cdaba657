"""Database files for tests: opening, looking into them, and using them from several threads."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from tests.contract.reading import OWNER
from trodo_cli.stores.database import Database
from trodo_cli.stores.sqlite import SqliteStore

PATIENCE_SECONDS = 30
"""How long a test waits for a thread that hangs; nothing is decided by it when it does not."""


@contextmanager
def opened(path: Path | None) -> Iterator[SqliteStore]:
    store = SqliteStore(path)
    yield store
    store.close()


def make_file(path: Path, *statements: str) -> None:
    """A database that another program made."""
    connection = apsw.Connection(str(path))
    for statement in statements:
        connection.execute(statement)
    connection.close()


def intact(path: Path) -> bool:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    verdict = connection.execute("PRAGMA integrity_check").get
    connection.close()
    return bool(verdict == "ok")


def files_beside(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in path.parent.iterdir() if file.is_file()}


def add_drop(reason: str) -> Callable[[apsw.Connection], int]:
    """A job that writes one row and answers how many there are."""

    def work(connection: apsw.Connection) -> int:
        connection.execute("INSERT INTO drops VALUES (?, ?, 1, 1)", (OWNER, reason))
        return int(connection.execute("SELECT count(*) FROM drops").get)

    return work


def count_drops(database: Database) -> int:
    with database.read() as connection:
        return int(connection.execute("SELECT count(*) FROM drops").get)


def in_threads(*jobs: Callable[[], object]) -> None:
    threads = [threading.Thread(target=job, daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    assert not any(thread.is_alive() for thread in threads)
