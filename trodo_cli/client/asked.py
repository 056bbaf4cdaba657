"""Which runs are asked to stop, known at once: one question that waits at the server, asked again and again."""

import threading
from collections.abc import Callable, Iterable, Sequence

from trodo_cli.client.backoff import Backoff
from trodo_cli.errors import TrodoError, Unavailable

WAIT_SECONDS = 20.0
REST_SECONDS = 0.05
"""Between an answer and the next question."""

Ask = Callable[[list[str], float], list[str]]
"""Asks about runs, waiting so many seconds at most; answers those that are asked to stop."""


class AskedRuns:
    """Asks in a thread of its own for as long as there are runs to ask about."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._wanted: frozenset[str] = frozenset()
        self._known: set[str] = set()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def among(self, run_ids: Sequence[str]) -> list[str]:
        """Those of these runs that are asked to stop, as far as is known; never waits."""
        self._wanted = frozenset(run_ids)
        self._known &= self._wanted
        if self._wanted and (self._thread is None or not self._thread.is_alive()):
            self._thread = threading.Thread(target=self._listen, name="trodo-listener", daemon=True)
            self._thread.start()
        return [run_id for run_id in run_ids if run_id in self._known]

    def learn(self, run_ids: Iterable[str]) -> None:
        """The server said so by the way."""
        self._known.update(run_ids)

    def close(self) -> None:
        """Ask no more."""
        self._closed.set()

    def _listen(self) -> None:
        backoff = Backoff()
        while not self._closed.is_set() and (open_runs := sorted(self._wanted - self._known)):
            try:
                self.learn(self._ask(open_runs, WAIT_SECONDS))
                backoff.worked()
                self._closed.wait(REST_SECONDS)
            except TrodoError as error:
                wanted = error.retry_after_seconds if isinstance(error, Unavailable) else None
                self._closed.wait(max(backoff.pause(wanted), REST_SECONDS))
