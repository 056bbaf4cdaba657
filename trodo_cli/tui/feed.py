"""What happens to a run, or to the list of runs, heard in threads of their own; the screens take it when they paint.

A screen is woken once for however much has come, and never waits for the store.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain

from trodo_cli.client.base import Client, Page, RunFilter, StreamState
from trodo_cli.errors import TrodoError, Unauthorized, Unavailable
from trodo_cli.model.event import Event, TraceDone
from trodo_cli.model.run import Run
from trodo_cli.model.span import Span

LONGEST_SILENCE_SECONDS = 1.0
"""How often the list of runs is read when nothing seems to change: ages grow, and a silent run is lost."""

REST_SECONDS = 0.2
"""Between two looks at the list of runs."""

KEY_TRIES = 3
"""A local server that starts again may answer before its new key is there: how often the key is tried."""

MOST_WAITING = 200
"""How much is kept for a screen that does not take it; then the thread waits."""

SPANS_AT_ONCE = 25
"""What a screen can take in between two keys."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The run, as it stands when its feed begins, or begins again."""

    run: Run


@dataclass(frozen=True, slots=True)
class Known:
    """Some of the spans that were there then."""

    rows: list[Span]


@dataclass(frozen=True, slots=True)
class Complete:
    """All of them have been told; from here on events tell what happens."""


@dataclass(frozen=True, slots=True)
class Listed:
    """The newest runs."""

    page: Page


@dataclass(frozen=True, slots=True)
class State:
    """How the connection stands."""

    name: StreamState


@dataclass(frozen=True, slots=True)
class Failed:
    """Nothing more will be heard, and why."""

    error: TrodoError


Heard = Opened | Known | Complete | Listed | State | Failed | Event


class Feed:
    """One thread that hears, and what it has heard so far."""

    def __init__(self, wake: Callable[[], object]) -> None:
        self._wake = wake
        self._heard: deque[Heard] = deque()
        self._room = threading.Semaphore(MOST_WAITING)
        self._is_woken = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, name="trodo-feed", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Hear no more; a thread that waits for a server ends with its next word."""
        self._stopped.set()

    def take(self) -> Heard | None:
        """What was heard next; None when that was all, and the next word will wake again."""
        if not self._heard:
            self._is_woken.clear()
        if not self._heard:
            return None
        self._room.release()
        return self._heard.popleft()

    def hear(self) -> None:
        """Listen until the end; calls `put` for everything. Raises `Unavailable` when the connection is lost."""
        raise NotImplementedError

    def put(self, heard: Heard) -> None:
        """Keep this for the screen, and wake it. Waits while too much is kept."""
        while not self._room.acquire(timeout=REST_SECONDS):
            if self._stopped.is_set():
                return
        self._heard.append(heard)
        if not self._is_woken.is_set() and not self._stopped.is_set():
            self._is_woken.set()
            self._wake()

    def _work(self) -> None:
        refused = 0
        while not self._stopped.is_set():
            try:
                return self.hear()
            except Unavailable:
                refused = 0
                self.put(State("reconnecting"))
                self._stopped.wait(LONGEST_SILENCE_SECONDS)
            except Unauthorized as error:
                refused += 1
                if refused == KEY_TRIES:
                    return self.put(Failed(error))
                self._stopped.wait(LONGEST_SILENCE_SECONDS)
            except TrodoError as error:
                return self.put(Failed(error))


class RunFeed(Feed):
    """A run as it stands, and then its events; one that gives no sign of life may go on later."""

    def __init__(self, client: Client, run_id: str, wake: Callable[[], object]) -> None:
        super().__init__(wake)
        self._client = client
        self._run_id = run_id

    def hear(self) -> None:
        run = self._client.runs.get(self._run_id)
        for heard in chain([Opened(run)], self._known(), [Complete()], self._news(run.last_seq)):
            self.put(heard)
            if self._stopped.is_set():
                return

    def _known(self) -> Iterator[Heard]:
        for rows in self._client.traces.pages(self._run_id):
            for first in range(0, len(rows), SPANS_AT_ONCE):
                yield Known(rows[first : first + SPANS_AT_ONCE])

    def _news(self, after: int) -> Iterator[Heard]:
        while True:
            is_lost = False
            for event in self._events(after):
                is_lost = isinstance(event, TraceDone) and event.run.status == "lost"
                after = event.seq or after
                yield event
            if not is_lost:
                return
            while self._is_still_lost(after):
                self._stopped.wait(LONGEST_SILENCE_SECONDS)

    def _events(self, after: int) -> Iterator[Event]:
        return self._client.traces.stream(
            self._run_id, after=after, payload=False, on_state=lambda name: self.put(State(name))
        )

    def _is_still_lost(self, after: int) -> bool:
        run = self._client.runs.get(self._run_id)
        return run.status == "lost" and run.last_seq <= after and not self._stopped.is_set()


class RunsFeed(Feed):
    """The newest runs, read again whenever something changes."""

    def __init__(self, client: Client, wanted: RunFilter, limit: int, wake: Callable[[], object]) -> None:
        super().__init__(wake)
        self._client, self._wanted, self._limit = client, wanted, limit

    def hear(self) -> None:
        while not self._stopped.is_set():
            mark = self._client.change_mark()
            self.put(Listed(self._client.runs.list(limit=self._limit, wanted=self._wanted)))
            self.put(State("live"))
            self._stopped.wait(REST_SECONDS)
            self._client.wait(mark, LONGEST_SILENCE_SECONDS)
