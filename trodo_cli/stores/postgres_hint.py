"""How processes over one PostgreSQL database hear of each other's commits: a hint, never the data."""

import select
import socket
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg

CHANNEL = "trodo_changed"

REST_SECONDS = 0.01
"""Between two hints: many commits share one, and a commit waits for none."""

POLL_SECONDS = 1.0
"""How often everybody looks even without a hint, which may be lost with its connection."""

Connect = Callable[[], "psycopg.Connection[Any]"]


class Hint:
    """Counts changes: those of this process at once, those of others when their hint comes, or by and by."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._changes = 0
        self._lock = threading.Lock()
        self._threads: dict[str, threading.Thread] = {}
        self._committed = threading.Event()
        self._closed = threading.Event()
        self._bell, self._string = socket.socketpair()
        """What wakes who listens when there is nothing more to hear."""

    def mark(self) -> int:
        """Differs after any process committed."""
        self._start("listen", self._listen)
        return self._changes

    def tell(self) -> None:
        """This process has committed."""
        self._changes += 1
        self._committed.set()
        self._start("notify", self._notify)

    def close(self) -> None:
        """Hear and tell no more."""
        self._closed.set()
        self._committed.set()
        self._string.close()
        for thread in self._threads.values():
            thread.join()
        self._bell.close()

    def _start(self, name: str, work: Callable[["psycopg.Connection[Any]"], None]) -> None:
        with self._lock:
            if name not in self._threads and not self._closed.is_set():
                thread = threading.Thread(target=self._keep, args=(work,), name=f"trodo-{name}", daemon=True)
                self._threads[name] = thread
                thread.start()

    def _keep(self, work: Callable[["psycopg.Connection[Any]"], None]) -> None:
        """Do the work until the end, on a new connection whenever one breaks."""
        import psycopg

        while not self._closed.is_set():
            try:
                with self._connect() as connection:
                    work(connection)
            except psycopg.Error:
                self._changes += 1
                self._closed.wait(POLL_SECONDS)

    def _listen(self, connection: "psycopg.Connection[Any]") -> None:
        connection.execute(f"LISTEN {CHANNEL}")
        while not self._closed.is_set():
            select.select([connection.fileno(), self._bell.fileno()], [], [], POLL_SECONDS)
            for _ in connection.notifies(timeout=0):
                pass
            self._changes += 1

    def _notify(self, connection: "psycopg.Connection[Any]") -> None:
        while self._committed.wait() and not self._closed.is_set():
            self._committed.clear()
            connection.execute(f"NOTIFY {CHANNEL}")
            self._closed.wait(REST_SECONDS)
