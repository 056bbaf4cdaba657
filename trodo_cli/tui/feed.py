"""What happens to a run, or to the list of runs, heard in threads of their own; the screens take it when they paint.

A screen is woken once for however much has come. Nothing here waits for a screen, and no screen for the store.
"""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from trodo_cli.client.base import Client, Page, RunFilter, StreamState
from trodo_cli.errors import TrodoError, Unavailable
from trodo_cli.model.event import Event
from trodo_cli.model.trace import Trace

LONGEST_SILENCE_SECONDS = 1.0
"""How often the list of runs is read when nothing seems to change: ages grow, and a silent run is lost."""

REST_SECONDS = 0.2
"""Between two looks at the list of runs."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """All that was known of a run when its feed began."""

    trace: Trace


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


Heard = Loaded | Listed | State | Failed | Event


class Feed:
    """One thread that hears, and what it has heard so far."""

    def __init__(self, wake: Callable[[], object]) -> None:
        self._wake = wake
        self._heard: deque[Heard] = deque()
        self._is_woken = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, name="trodo-feed", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Hear no more; a thread that waits for a server ends with its next word."""
        self._stopped.set()

    def take(self, limit: int) -> list[Heard]:
        """What was heard and not taken yet, the oldest first, so much at most."""
        self._is_woken.clear()
        taken = [self._heard.popleft() for _ in range(min(limit, len(self._heard)))]
        if self._heard:
            self._tell()
        return taken

    def hear(self) -> None:
        """Listen until the end; calls `put` for everything."""
        raise NotImplementedError

    def put(self, heard: Heard) -> None:
        """Keep this for the screen, and wake it."""
        self._heard.append(heard)
        self._tell()

    def _tell(self) -> None:
        if not self._is_woken.is_set() and not self._stopped.is_set():
            self._is_woken.set()
            self._wake()

    def _work(self) -> None:
        try:
            self.hear()
        except TrodoError as error:
            self.put(Failed(error))


class RunFeed(Feed):
    """A run as it stands, and then its events."""

    def __init__(self, client: Client, run_id: str, wake: Callable[[], object]) -> None:
        super().__init__(wake)
        self._client = client
        self._run_id = run_id

    def hear(self) -> None:
        seq = self._client.runs.get(self._run_id).last_seq
        self.put(Loaded(self._client.traces.get(self._run_id, payload=False)))
        stream = self._client.traces.stream(
            self._run_id, after=seq, payload=False, on_state=lambda name: self.put(State(name))
        )
        for event in stream:
            self.put(event)
            if self._stopped.is_set():
                return


class RunsFeed(Feed):
    """The newest runs, read again whenever something changes."""

    def __init__(self, client: Client, wanted: RunFilter, limit: int, wake: Callable[[], object]) -> None:
        super().__init__(wake)
        self._client, self._wanted, self._limit = client, wanted, limit

    def hear(self) -> None:
        while not self._stopped.is_set():
            mark = self._client.change_mark()
            try:
                self.put(Listed(self._client.runs.list(limit=self._limit, wanted=self._wanted)))
                self.put(State("live"))
            except TrodoError as error:
                if not _may_come_back(error):
                    raise
                self.put(State("reconnecting"))
            self._stopped.wait(REST_SECONDS)
            self._client.wait(mark, LONGEST_SILENCE_SECONDS)


def _may_come_back(error: TrodoError) -> bool:
    return isinstance(error, Unavailable)
