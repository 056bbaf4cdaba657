"""A SQLite file or an in-memory database: connections, transactions, migrations. Knows no table of ours.

The file is opened only through SQLite: a plain `open()` and `close()` of it would drop this process's
locks. Writing is one connection under one lock; whoever holds the lock commits what has queued up
meanwhile together with its own (group commit).
"""

import os
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Generic, TypeVar

import apsw

from trodo_cli.errors import InvalidInput, NotFound, StorageFull, Unavailable
from trodo_cli.model import ids
from trodo_cli.stores.schema import APPLICATION_ID, MIGRATIONS

BUSY_TIMEOUT_MS = 10_000
SHORTEST_DATABASE_BYTES = 512
WAL_LIMIT_BYTES = 64 * 1024 * 1024

Result = TypeVar("Result")


def fetched(connection: apsw.Connection, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """All rows of a query."""
    return connection.execute(sql, values).fetchall()


class _Job(Generic[Result]):
    def __init__(self, work: Callable[[apsw.Connection], Result]) -> None:
        self.work = work
        self.result: Result | None = None
        self.error: BaseException | None = None
        self.done = False


class Database:
    """Opens at once; `path` None is a private in-memory database."""

    def __init__(self, path: Path | None, *, create: bool = True, synchronous: str = "NORMAL") -> None:
        self.path = path.absolute() if path is not None else None
        self._synchronous = synchronous
        self._lock = threading.RLock()
        self._queue: deque[_Job[Any]] = deque()
        self._local = threading.local()
        self._open: weakref.WeakSet[apsw.Connection] = weakref.WeakSet()
        self._commits = 0
        if path is not None and self._is_missing(path):
            if not create:
                raise NotFound(
                    f"there is no database at {path}", "check --target, or record a run there first"
                )
            self._make_folder(path.parent)
        has_log = self._has_log()
        with self._translated():
            self._writer = self._connect()
            try:
                self._prepare(self._writer)
            except BaseException:
                self._writer.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, has_log)
                self._writer.close()
                raise

    def write(self, work: Callable[[apsw.Connection], Result]) -> Result:
        """Run `work` in a write transaction; what it raises rolls back its own changes only."""
        job = _Job(work)
        self._queue.append(job)
        with self._lock:
            if not job.done:
                self._commit_queued()
        if job.error is not None:
            raise job.error
        return job.result  # type: ignore[return-value]

    @contextmanager
    def read(self) -> Iterator[apsw.Connection]:
        """A connection for short reads that see one state of the data."""
        with self._translated():
            if self.path is None:
                with self._lock:
                    yield self._writer
                return
            connection = self._reader()
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.execute("ROLLBACK")

    def change_mark(self) -> object:
        """Differs after any process committed; must be asked from one thread to compare."""
        if self.path is None:
            return self._commits
        with self._translated():
            return self._reader().execute("PRAGMA data_version").get

    def close(self) -> None:
        """Close every connection of a file; an in-memory database lives as long as its object."""
        if self.path is None:
            return
        with self._lock:
            for connection in list(self._open):
                connection.close()

    def _commit_queued(self) -> None:
        """Run every waiting job in one transaction; each gets its own result or error."""
        jobs: list[_Job[Any]] = []
        try:
            with self._translated():
                self._writer.execute("BEGIN IMMEDIATE")
                while self._queue:
                    jobs.append(self._queue.popleft())
                    self._attempt(jobs[-1])
                self._writer.execute("COMMIT")
            self._commits += 1
        except BaseException as error:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            while self._queue:
                jobs.append(self._queue.popleft())
            for job in jobs:
                job.error = job.error or error
        finally:
            for job in jobs:
                job.done = True

    def _attempt(self, job: _Job[Any]) -> None:
        """Run one job inside the transaction; its failure undoes its own changes only."""
        self._writer.execute("SAVEPOINT job")
        try:
            with self._translated():
                job.result = job.work(self._writer)
        except Exception as error:
            job.error = error
            if not self._writer.in_transaction:
                raise
            self._writer.execute("ROLLBACK TO job")
        self._writer.execute("RELEASE job")

    def _reader(self) -> apsw.Connection:
        connection: apsw.Connection | None = getattr(self._local, "reader", None)
        if connection is None:
            connection = self._local.reader = self._connect()
            connection.pragma("query_only", True)
        return connection

    def _connect(self) -> apsw.Connection:
        flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
        is_new = self.path is not None and self._is_missing(self.path)
        connection = apsw.Connection(str(self.path) if self.path else ":memory:", flags=flags)
        connection.set_busy_timeout(BUSY_TIMEOUT_MS)
        self._open.add(connection)
        if is_new and self.path is not None:
            os.chmod(self.path, 0o600)
        return connection

    def _prepare(self, connection: apsw.Connection) -> None:
        """Check that the file is ours and of a version we know, before the first write."""
        version = self._checked_version(connection)
        if self.path is not None:
            self._switch_to_wal(connection)
        connection.execute(f"PRAGMA synchronous = {self._synchronous}")
        connection.execute(f"PRAGMA journal_size_limit = {WAL_LIMIT_BYTES}")
        if version < len(MIGRATIONS):
            self._migrate(connection)

    def _switch_to_wal(self, connection: apsw.Connection) -> None:
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

    def _has_log(self) -> bool:
        """Whether a write-ahead log waits to be folded in; that of another program is not ours to fold."""
        if self.path is None:
            return False
        try:
            return os.stat(f"{self.path}-wal").st_size > 0
        except OSError:
            return False

    def _is_missing(self, path: Path) -> bool:
        """Whether there is no file yet. A file too short to be a database is one of somebody else."""
        try:
            size = path.stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError as error:
            hint = "choose another file with --target or TRODO_HOME"
            raise Unavailable(f"cannot open {path}: {error.strerror}", hint) from None
        if 0 < size < SHORTEST_DATABASE_BYTES:
            raise InvalidInput(f"{path} is not a trodo database", "name another file with --target")
        return False

    def _checked_version(self, connection: apsw.Connection) -> int:
        application, version, tables = fetched(
            connection,
            "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema)"
            " FROM pragma_application_id, pragma_user_version",
        )[0]
        if application != APPLICATION_ID:
            if application or tables:
                raise InvalidInput(
                    f"{self.path} is a database of another program", "name another file with --target"
                )
            return 0
        if version > len(MIGRATIONS):
            raise Unavailable(
                f"{self.path} has schema {version}, this trodo knows up to {len(MIGRATIONS)}",
                "upgrade: pip install --upgrade trodo-cli",
            )
        return int(version)

    def _migrate(self, connection: apsw.Connection) -> None:
        for number, statements in enumerate(MIGRATIONS, start=1):
            connection.execute("BEGIN IMMEDIATE")
            try:
                if self._checked_version(connection) < number:
                    connection.execute(statements)
                    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                    connection.execute(f"PRAGMA user_version = {number}")
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def _make_folder(self, folder: Path) -> None:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise Unavailable(
                f"cannot make the folder {folder}: {error.strerror}",
                "choose another with --target or TRODO_HOME",
            ) from None

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """SQLite's errors in our words."""
        place = self.path or "the in-memory store"
        try:
            yield
        except apsw.NotADBError:
            raise InvalidInput(
                f"{place} is not a trodo database", "name another file with --target"
            ) from None
        except apsw.FullError:
            raise StorageFull(f"no room to write to {place}", "free some space; nothing was lost") from None
        except (apsw.CantOpenError, apsw.ReadOnlyError, apsw.PermissionsError, apsw.AuthError) as error:
            raise Unavailable(
                f"cannot open {place} for writing: {error}", "choose another file with --target or TRODO_HOME"
            ) from None
        except apsw.BusyError:
            raise Unavailable(
                f"{place} is held by another process", "try again; `trodo doctor` says who uses it"
            ) from None
        except apsw.IOError as error:
            raise StorageFull(
                f"cannot write to {place}: {error}", "check the disk; nothing was lost"
            ) from None
        except apsw.CorruptError:
            raise Unavailable(f"{place} is damaged", "move it aside and restore a copy") from None
