"""What a server has counted, as text in the format of Prometheus."""

from collections.abc import Iterator, Sequence
from itertools import accumulate

from trodo_cli import __version__
from trodo_cli.server import board
from trodo_cli.server.board import BOUNDS, STATUSES, Board, Table

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = dict[str, str]
Row = tuple[Labels, int]
"""The labels of a row of a table, and its number."""


def exposition(counted: Board, routes: Sequence[tuple[str, str]]) -> str:
    """`routes` are method and path of each route number; rows that are still zero are left out."""
    cells = counted.sums()
    return "".join(f"{line}\n" for line in _lines(cells, routes))


def _lines(cells: Sequence[float], routes: Sequence[tuple[str, str]]) -> Iterator[str]:
    paths = [({"method": method, "route": path}, number) for number, (method, path) in enumerate(routes)]
    calls = [({"call": call}, number) for number, call in enumerate(board.STORE_CALLS)]
    kinds = [({"type": kind}, number) for number, kind in enumerate(board.EVENTS.values())]
    results = [({"result": result}, number) for number, result in enumerate(board.TAKEN)]
    alone: list[Row] = [({}, 0)]
    yield from _head("trodo_info", "gauge", "The version that answers.")
    yield _sample("trodo_info", {"version": __version__}, 1)
    yield from _statuses(cells, paths)
    yield from _histogram(
        "trodo_request_seconds", "From the request to the end of its answer; a stream's is how long it was open.",
        cells, board.REQUEST_TIMES, paths,
    )  # fmt: skip
    yield from _histogram("trodo_store_seconds", "Calls of the store.", cells, board.STORE_TIMES, calls)
    yield from _plain(
        "trodo_events_received_total", "Events that came in; each span ends once.", cells,
        board.EVENTS_RECEIVED, kinds,
    )  # fmt: skip
    yield from _plain(
        "trodo_events_taken_total", "What became of them: stored, known already, or refused.", cells,
        board.EVENTS_TAKEN, results,
    )  # fmt: skip
    for name, what, table in (
        ("trodo_sent_bytes_total", "Bodies of answers.", board.SENT_BYTES),
        ("trodo_producer_drops_total", "Events that producers say they had to drop.", board.DROPS),
        ("trodo_worker_starts_total", "Workers that began; more than there are shows that some were replaced.",
         board.STARTS),
    ):  # fmt: skip
        yield from _plain(name, what, cells, table, alone)
    yield from _plain("trodo_streams", "Streams and waiting questions.", cells, board.STREAMS, alone, "gauge")


def _head(name: str, kind: str, what: str) -> Iterator[str]:
    yield f"# HELP {name} {what}"
    yield f"# TYPE {name} {kind}"


def _statuses(cells: Sequence[float], paths: Sequence[Row]) -> Iterator[str]:
    name = "trodo_requests_total"
    yield from _head(name, "counter", "Answers, by route and status; no route is what fits none.")
    for labels, row in paths:
        for column, status in enumerate(("other", *map(str, STATUSES))):
            if count := cells[board.REQUESTS.cell(row, column)]:
                yield _sample(name, {**labels, "status": status}, count)


def _plain(
    name: str, what: str, cells: Sequence[float], table: Table, rows: Sequence[Row], kind: str = "counter"
) -> Iterator[str]:
    yield from _head(name, kind, what)
    for labels, row in rows:
        yield _sample(name, labels, cells[table.cell(row)])


def _histogram(
    name: str, what: str, cells: Sequence[float], table: Table, rows: Sequence[Row]
) -> Iterator[str]:
    yield from _head(name, "histogram", what)
    for labels, row in rows:
        *counts, seconds = cells[table.cell(row) : table.cell(row + 1)]
        if any(counts):
            for bound, count in zip((*map(str, BOUNDS), "+Inf"), accumulate(counts), strict=True):
                yield _sample(f"{name}_bucket", {**labels, "le": bound}, count)
            yield _sample(f"{name}_sum", labels, seconds)
            yield _sample(f"{name}_count", labels, sum(counts))


def _sample(name: str, labels: Labels, value: float) -> str:
    """Labels are words of our own, so that nothing in them needs to be escaped."""
    said = ",".join(f'{label}="{text}"' for label, text in labels.items())
    return f"{name}{{{said}}} {value:.16g}" if said else f"{name} {value:.16g}"
