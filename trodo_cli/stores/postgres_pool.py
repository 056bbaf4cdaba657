"""Connections to a PostgreSQL database that are used again. A broken one is replaced when somebody asks for it."""

import select
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[Any]

WAIT_SECONDS = 10
"""How long to wait for one when all are in use."""


class Pool:
    """At most `size` connections. Whoever asks while the database is away is told so at once, and why."""

    def __init__(self, connect: Callable[[], "Connection"], size: int) -> None:
        self._connect = connect
        self._free = threading.BoundedSemaphore(size)
        self._idle: list[Connection] = []

    @contextmanager
    def connection(self) -> Iterator["Connection"]:
        """One for this thread alone. Raises `psycopg.OperationalError`."""
        import psycopg

        if not self._free.acquire(timeout=WAIT_SECONDS):
            raise psycopg.OperationalError("all connections are in use")
        try:
            connection = self._taken()
            try:
                yield connection
            finally:
                self._give_back(connection)
        finally:
            self._free.release()

    def close(self) -> None:
        """Close those that nobody uses."""
        while self._idle:
            self._idle.pop().close()

    def _taken(self) -> "Connection":
        while self._idle:
            connection = self._idle.pop()
            if not _is_told_something(connection):
                return connection
            connection.close()
        return self._connect()

    def _give_back(self, connection: "Connection") -> None:
        from psycopg.pq import TransactionStatus

        if connection.info.transaction_status == TransactionStatus.IDLE:
            self._idle.append(connection)
        else:
            connection.close()


def _is_told_something(connection: "Connection") -> bool:
    """Whether the server says anything unasked: that it ends the connection, as a rule."""
    return bool(select.select([connection.fileno()], [], [], 0)[0])
