"""Runs that are asked to stop: whoever leaves at once still learns what became of it."""

import time
from collections.abc import Callable
from threading import Thread

from trodo_cli.client.base import Client
from trodo_cli.errors import TrodoError

PATIENCE_SECONDS = 3.0
"""How long who leaves waits for answers."""


class Asking:
    """Asks each run in a thread of its own."""

    def __init__(self, client: Client, by: str | None) -> None:
        self._client, self._by = client, by
        self._threads: dict[str, Thread] = {}
        self._refused: list[str] = []

    def ask(self, run_id: str, reason: str, refused: Callable[[str], object]) -> None:
        """Ask a run to stop; `refused` is told why it was not, in that thread."""
        thread = Thread(target=self._ask, args=(run_id, reason, refused), name="trodo-asking", daemon=True)
        self._threads[run_id] = thread
        thread.start()

    def settled(self) -> list[str]:
        """Wait a little for what is still being asked; what a person who has left should know of it."""
        give_up = time.monotonic() + PATIENCE_SECONDS
        for thread in self._threads.values():
            thread.join(max(give_up - time.monotonic(), 0))
        unknown = [run_id for run_id, thread in self._threads.items() if thread.is_alive()]
        return [*self._refused, *(f"no answer whether {id} was asked to stop" for id in unknown)]

    def _ask(self, run_id: str, reason: str, refused: Callable[[str], object]) -> None:
        try:
            self._client.runs.cancel(run_id, reason=reason or None, by=self._by)
        except TrodoError as error:
            told = f"{error.message}. {error.hint}"
            try:
                refused(told)
            except RuntimeError:  # the explorer has been left
                self._refused.append(f"{run_id} was not asked to stop: {told}")
