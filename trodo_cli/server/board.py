"""What a server counts: a fixed number of cells in memory that all its workers share.

Each worker writes cells of its own and any of them adds up all. Who replaces a worker goes on where it stopped, so
that no count ever falls. What is counted is known beforehand: routes, statuses and calls, never an id, an owner or a
word of a producer.
"""

import mmap
import threading
from bisect import bisect_left
from collections.abc import Mapping
from typing import NamedTuple, get_args

from trodo_cli.model.event import Event, TraceDone
from trodo_cli.stores.base import Store

MAX_ROUTES = 96

STATUSES = (200, 201, 204, 400, 401, 403, 404, 408, 409, 413, 415, 429, 431, 500, 503, 507)
"""Whatever else there may be is counted as 0."""

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Of the buckets of durations, in seconds."""

UNCOUNTED = ("change_mark", "close")
"""Of a store: what is asked many times a second, and its end."""

STORE_CALLS = tuple(name for name in vars(Store) if not name.startswith("_") and name not in UNCOUNTED)

EVENTS: dict[type, str] = {
    kind: str(kind.__struct_config__.tag) for kind in get_args(Event) if kind is not TraceDone
}
"""What comes in, by its class."""

TAKEN = ("stored", "known", "refused")


class Table(NamedTuple):
    """A block of cells: rows of the same width."""

    start: int
    rows: int
    width: int = 1

    def cell(self, row: int, column: int = 0) -> int:
        return self.start + row * self.width + column

    @property
    def end(self) -> int:
        return self.start + self.rows * self.width


_TIMES = len(BOUNDS) + 2
"""A bucket for each bound, one for what is longer, and the sum."""

REQUESTS = Table(0, MAX_ROUTES, len(STATUSES) + 1)
REQUEST_TIMES = Table(REQUESTS.end, MAX_ROUTES, _TIMES)
STORE_TIMES = Table(REQUEST_TIMES.end, len(STORE_CALLS), _TIMES)
EVENTS_RECEIVED = Table(STORE_TIMES.end, len(EVENTS))
EVENTS_TAKEN = Table(EVENTS_RECEIVED.end, len(TAKEN))
SENT_BYTES = Table(EVENTS_TAKEN.end, 1)
DROPS = Table(SENT_BYTES.end, 1)
STARTS = Table(DROPS.end, 1)
STREAMS = Table(STARTS.end, 1)
_CELLS = STREAMS.end

_ROWS = {kind: row for row, kind in enumerate(EVENTS)}


class Board:
    """The cells of all workers. Any thread may write; one that only reads sees whole numbers."""

    def __init__(self, workers: int = 1) -> None:
        self._workers = workers
        self._cells = memoryview(mmap.mmap(-1, workers * _CELLS * 8)).cast("d")
        self._mine = 0
        self._lock = threading.Lock()

    def sit(self, place: int) -> None:
        """From now on this process is the worker of that place."""
        self._mine = place * _CELLS
        self._cells[self._mine + STREAMS.start] = 0
        self._add((STARTS.cell(0), 1))

    def request(self, route: int, status: int, elapsed_ns: int, size: int) -> None:
        """Count an answer; `size` of its body in bytes."""
        self._add(
            (REQUESTS.cell(route, _column(status)), 1), *_timed(REQUEST_TIMES, route, elapsed_ns),
            (SENT_BYTES.cell(0), size),
        )  # fmt: skip

    def refusal(self, status: int) -> None:
        """Count what never became a request."""
        self._add((REQUESTS.cell(0, _column(status)), 1))

    def store_call(self, call: int, elapsed_ns: int) -> None:
        """Count a call of the store, by its number among `STORE_CALLS`."""
        self._add(*_timed(STORE_TIMES, call, elapsed_ns))

    def events(self, counts: Mapping[type, int]) -> None:
        """Count events that came in, so many of each class."""
        self._add(*((EVENTS_RECEIVED.cell(_ROWS[kind]), count) for kind, count in counts.items()))

    def taken(self, *, stored: int = 0, known: int = 0, refused: int = 0) -> None:
        """Count what became of events."""
        self._add(*((EVENTS_TAKEN.cell(row), count) for row, count in enumerate((stored, known, refused))))

    def drops(self, count: int) -> None:
        """Count events that producers say they dropped."""
        self._add((DROPS.cell(0), count))

    def streams(self, change: int) -> None:
        """One more viewer, or one less."""
        self._add((STREAMS.cell(0), change))

    def sums(self) -> list[float]:
        """Every cell, added up over the workers."""
        everyone = [self._cells[start : start + _CELLS] for start in range(0, self._workers * _CELLS, _CELLS)]
        return [sum(cells) for cells in zip(*everyone, strict=True)]

    def _add(self, *amounts: tuple[int, float]) -> None:
        with self._lock:
            for cell, amount in amounts:
                self._cells[self._mine + cell] += amount


def _column(status: int) -> int:
    return STATUSES.index(status) + 1 if status in STATUSES else 0


def _timed(table: Table, row: int, elapsed_ns: int) -> tuple[tuple[int, float], tuple[int, float]]:
    seconds = elapsed_ns / 1e9
    bucket = bisect_left(BOUNDS, seconds)
    return (table.cell(row, bucket), 1), (table.cell(row, _TIMES - 1), seconds)
