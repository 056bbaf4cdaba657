"""A SQLite file is opened: checked to be ours and of a version we know, before the first write; then migrated.

The file is opened only through SQLite: a plain `open()` and `close()` of it would drop this process's locks.
"""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import apsw

from trodo_cli.errors import InvalidInput, NotFound, StorageFull, StoreUnavailable, Unavailable
from trodo_cli.model import ids
from trodo_cli.stores.schema import APPLICATION_ID, MIGRATIONS

BUSY_TIMEOUT_MS = 10_000
SHORTEST_DATABASE_BYTES = 512
WAL_LIMIT_BYTES = 64 * 1024 * 1024

_ELSEWHERE = "choose another file with --target or TRODO_HOME"


def fetched(connection: apsw.Connection, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """All rows of a query."""
    return connection.execute(sql, values).fetchall()


def frozen(path: Path) -> apsw.Connection:
    """A connection that only reads a file which nobody can write; it needs no file beside it."""
    uri = f"file:{quote(str(path))}?immutable=1"
    return apsw.Connection(uri, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)


def readable(path: Path) -> apsw.Connection | None:
    """A frozen connection to a file of ours that cannot be opened for writing; None when that is not safe either."""
    try:
        connection = None if _has_log(path) or _is_missing(path) else frozen(path)
        if connection is not None and _checked_version(connection, path) == len(MIGRATIONS):
            return connection
    except apsw.Error:
        pass
    return None


def connected(path: Path | None) -> apsw.Connection:
    """A connection as it comes; None for a private in-memory database."""
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    is_new = path is not None and _is_missing(path)
    connection = apsw.Connection(str(path) if path else ":memory:", flags=flags)
    connection.set_busy_timeout(BUSY_TIMEOUT_MS)
    if is_new and path is not None:
        os.chmod(path, 0o600)
    return connection


def prepared(path: Path | None, *, create: bool, synchronous: str) -> apsw.Connection:
    """A connection to a database of ours, made and migrated where needed.

    Raises `NotFound` for a missing file with `create=False`, `InvalidInput` for a file that is not ours.
    """
    if path is not None and _is_missing(path):
        if not create:
            raise NotFound(f"there is no database at {path}", "check --target, or record a run there first")
        _make_folder(path.parent)
    has_log = path is not None and _has_log(path)
    connection = connected(path)
    try:
        version = _checked_version(connection, path)
        if path is not None:
            _switch_to_wal(connection)
        tune(connection, synchronous)
        if version < len(MIGRATIONS):
            _migrate(connection, path)
    except BaseException:
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, has_log)
        connection.close()
        raise
    return connection


def tune(connection: apsw.Connection, synchronous: str) -> None:
    """The settings of a writing connection that a file does not keep."""
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    connection.execute(f"PRAGMA journal_size_limit = {WAL_LIMIT_BYTES}")


@contextmanager
def in_our_words(path: Path | None) -> Iterator[None]:
    """SQLite's errors as ours."""
    place = path or "the in-memory store"
    try:
        yield
    except apsw.NotADBError:
        raise InvalidInput(f"{place} is not a trodo database", "name another file with --target") from None
    except apsw.FullError:
        raise StorageFull(f"no room to write to {place}", "free some space; nothing was lost") from None
    except (apsw.CantOpenError, apsw.ReadOnlyError, apsw.PermissionsError, apsw.AuthError) as error:
        raise StoreUnavailable(f"cannot open {place} for writing: {error}", _ELSEWHERE) from None
    except apsw.BusyError:
        raise StoreUnavailable(
            f"{place} is held by another process", "try again when it has finished"
        ) from None
    except apsw.IOError as error:
        raise StorageFull(f"cannot write to {place}: {error}", "check the disk; nothing was lost") from None
    except apsw.CorruptError:
        raise StoreUnavailable(f"{place} is damaged", "move it aside and restore a copy") from None
    except apsw.Error as error:
        raise StoreUnavailable(
            f"{place} does not work as it should: {error}", "move it aside and begin a new one"
        ) from error


def _checked_version(connection: apsw.Connection, path: Path | None) -> int:
    """The schema of the file, 0 for an empty one."""
    application, version, tables = fetched(
        connection,
        "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema)"
        " FROM pragma_application_id, pragma_user_version",
    )[0]
    if application != APPLICATION_ID:
        if application or tables:
            raise InvalidInput(f"{path} is a database of another program", "name another file with --target")
        return 0
    if version > len(MIGRATIONS):
        raise Unavailable(
            f"{path} has schema {version}, this trodo knows up to {len(MIGRATIONS)}",
            "upgrade: pip install --upgrade trodo-cli",
        )
    return int(version)


def _switch_to_wal(connection: apsw.Connection) -> None:
    """SQLite answers busy at once when another process is just making the file, so try again for a while."""
    deadline = ids.monotonic_ns() + BUSY_TIMEOUT_MS * 10**6
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except apsw.BusyError:
            if ids.monotonic_ns() > deadline:
                raise
            threading.Event().wait(0.01)


def _migrate(connection: apsw.Connection, path: Path | None) -> None:
    for number, statements in enumerate(MIGRATIONS, start=1):
        connection.execute("BEGIN IMMEDIATE")
        try:
            if _checked_version(connection, path) < number:
                connection.execute(statements)
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {number}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def _has_log(path: Path) -> bool:
    """Whether a write-ahead log waits to be folded in; that of another program is not ours to fold."""
    try:
        return os.stat(f"{path}-wal").st_size > 0
    except OSError:
        return False


def _is_missing(path: Path) -> bool:
    """Whether there is no file yet. A file too short to be a database is one of somebody else."""
    try:
        size = path.stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError as error:
        raise Unavailable(f"cannot open {path}: {error.strerror}", _ELSEWHERE) from None
    if 0 < size < SHORTEST_DATABASE_BYTES:
        raise InvalidInput(f"{path} is not a trodo database", "name another file with --target")
    return False


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Unavailable(f"cannot make the folder {folder}: {error.strerror}", _ELSEWHERE) from None
