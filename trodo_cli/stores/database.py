"""Reading and writing a SQLite database from several threads and across forks. Knows no table of ours.

Writing is one connection under one lock; whoever holds the lock commits what has queued up meanwhile together
with its own (group commit). Every thread reads through a connection of its own.
"""

import os
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Generic, TypeVar

import apsw

from trodo_cli.errors import Unavailable
from trodo_cli.stores.opening import connected, fetched, frozen, in_our_words, prepared, readable, tune

FORK_WAIT_SECONDS = 1.0
"""How long a fork waits at most for the reads of other threads."""

Result = TypeVar("Result")


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
        self._read_ended = threading.Condition(self._lock)
        self._reads = 0
        self._queue: deque[_Job[Any]] = deque()
        self._local = threading.local()
        self._readers: weakref.WeakSet[apsw.Connection] = weakref.WeakSet()
        self._opened = 0
        """Rises whenever all connections were closed; a reader of before is not used again."""
        self._commits = 0
        self._frozen_by: Unavailable | None = None
        """Why the file can only be read, when it is so."""
        with _opening:
            self._writer: apsw.Connection | None = self._first(create)
            _databases.add(self)

    def write(self, work: Callable[[apsw.Connection], Result]) -> Result:
        """Run `work` in a write transaction; what it raises rolls back its own changes only."""
        if self._frozen_by is not None:
            raise self._frozen_by
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
        with in_our_words(self.path):
            if self.path is None:
                with self._lock:
                    yield self._writing()
                return
            with self._reader() as connection:
                connection.execute("BEGIN")
                try:
                    yield connection
                finally:
                    connection.execute("ROLLBACK")

    def change_mark(self) -> object:
        """Differs after any process committed; must be asked from one thread to compare."""
        if self.path is None:
            return self._commits
        with in_our_words(self.path), self._reader() as connection:
            return self._opened, fetched(connection, "PRAGMA data_version")[0][0]

    def describe(self) -> str:
        return f"SQLite {apsw.sqlite_lib_version()}"

    def close(self) -> None:
        """Close every connection of a file; an in-memory database lives as long as its object."""
        _databases.discard(self)
        if self.path is not None:
            with self._lock:
                self.suspend()

    def suspend(self) -> None:
        """Close every connection once nobody reads; the next use opens anew. The caller holds `hold`."""
        self._read_ended.wait_for(lambda: not self._reads, FORK_WAIT_SECONDS)
        for connection in [*self._readers, self._writer]:
            if connection is not None:
                connection.close()
        self._writer = None
        self._opened += 1

    def hold(self) -> None:
        """Let nobody else in until `release`."""
        self._lock.acquire()

    def release(self) -> None:
        """Let others in again."""
        self._lock.release()

    def _first(self, create: bool) -> apsw.Connection:
        """The first connection. A file that has no room beside it, or must not be written, can still be read."""
        try:
            with in_our_words(self.path):
                return prepared(self.path, create=create, synchronous=self._synchronous)
        except Unavailable as error:
            connection = readable(self.path) if self.path is not None else None
            if connection is None:
                raise
            self._frozen_by = error
            return connection

    def _commit_queued(self) -> None:
        """Run every waiting job in one transaction; each gets its own result or error."""
        jobs: list[_Job[Any]] = []
        try:
            with in_our_words(self.path):
                writer = self._writing()
                writer.execute("BEGIN IMMEDIATE")
                while self._queue:
                    jobs.append(self._queue.popleft())
                    self._attempt(writer, jobs[-1])
                writer.execute("COMMIT")
            self._commits += 1
        except BaseException as error:
            if self._writer is not None and self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            while self._queue:
                jobs.append(self._queue.popleft())
            for job in jobs:
                job.error = job.error or error
        finally:
            for job in jobs:
                job.done = True

    def _attempt(self, writer: apsw.Connection, job: _Job[Any]) -> None:
        """Run one job inside the transaction; its failure undoes its own changes only."""
        writer.execute("SAVEPOINT job")
        try:
            with in_our_words(self.path):
                job.result = job.work(writer)
        except Exception as error:
            job.error = error
            if not writer.in_transaction:
                raise
            writer.execute("ROLLBACK TO job")
        writer.execute("RELEASE job")

    def _writing(self) -> apsw.Connection:
        if self._writer is None:
            self._writer = connected(self.path)
            tune(self._writer, self._synchronous)
        return self._writer

    def _new_reader(self) -> apsw.Connection:
        if self._frozen_by is not None and self.path is not None:
            return frozen(self.path)
        connection = connected(self.path)
        connection.pragma("query_only", True)
        return connection

    @contextmanager
    def _reader(self) -> Iterator[apsw.Connection]:
        """This thread's connection; as long as it is used nobody closes it."""
        with self._lock:
            self._reads += 1
        try:
            if getattr(self._local, "opened", None) != self._opened:
                self._local.reader, self._local.opened = self._new_reader(), self._opened
                self._readers.add(self._local.reader)
            yield self._local.reader
        finally:
            with self._lock:
                self._reads -= 1
                self._read_ended.notify_all()


_databases: weakref.WeakSet[Database] = weakref.WeakSet()
_held: list[Database] = []
_opening = threading.RLock()
"""Held while a database is opened, so that no fork falls into it."""


def _before_fork() -> None:
    """SQLite must not see a fork: a child would believe that it holds its parent's locks."""
    _opening.acquire()
    for database in list(_databases):
        if database.path is not None:
            database.hold()
            _held.append(database)
            database.suspend()


def _after_fork() -> None:
    while _held:
        _held.pop().release()
    _opening.release()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
