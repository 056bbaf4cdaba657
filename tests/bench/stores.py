"""What the stores take and how they grow, SQLite beside PostgreSQL: `python -m tests.bench.stores`.

Batches of 1,000 ended spans with a payload are stored until they are committed; the floor puts the same rows into the
same tables, without runs, merging or numbers: `executemany` for SQLite, COPY for PostgreSQL. Lists are the newest 50
runs of one agent and status; the floor is the bare query on the same connection. A tree is read without payloads; the
floor fetches its rows. PostgreSQL comes from a package, on a socket, and syncs each commit to the disk.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from tests.postgres import PostgresServer
from trodo_cli.model import ids
from trodo_cli.model.event import Event, RunStart, SpanEnd
from trodo_cli.model.run import Run
from trodo_cli.model.span import Span, Usage
from trodo_cli.query.plan import RunFilter
from trodo_cli.stores.ledger import RunRow, SpanRow
from trodo_cli.stores.postgres import PostgresStore
from trodo_cli.stores.rows import RUN_COLUMNS
from trodo_cli.stores.sqlite import SqliteStore
from trodo_cli.stores.store import TableStore

OWNER, BATCH, RUN_SPANS, AGENTS = "bench", 1_000, 1_000, 20
REPEATS = 25
WANTED = RunFilter(agent="agent-3", status="completed", roots_only=False)


class Kept(NamedTuple):
    """A store, and how to add its rows past it."""

    name: str
    store: TableStore
    mark: str
    """How this database writes a value."""
    series: str
    """A table `n` of the numbers from 1 to a value."""
    settle: Callable[[], None]
    """Let the database learn how much there is."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--spans", type=int, default=100_000, help="up to how many, in powers of ten; 10000000 is long"
    )
    parser.add_argument("--runs", type=int, default=100_000, help="in the list; 1000000 takes some minutes")
    parser.add_argument("--tree", type=int, default=100_000, help="spans of the tree")
    asked = parser.parse_args()
    print(f"{'store':11}{'what':34}{'ours':>14}{'floor':>14}{'ratio':>8}")
    with tempfile.TemporaryDirectory(prefix="trodo-bench-") as folder:
        for opened in (in_file, in_database):
            with opened(Path(folder)) as kept:
                measure(kept, asked)


def measure(kept: Kept, asked: argparse.Namespace) -> None:
    step, done = 10_000, 0
    while step <= asked.spans:
        spent, floor = fill(kept, step - done)
        count, done = step - done, step
        show(kept, f"spans/s, up to {step:,}", count / spent, count / floor)
        kept.settle()
        size = sum(table.bytes for table in kept.store.tables())
        print(f"{kept.name:11}{f'bytes a span at {step:,}':34}{size / (2 * done):14,.0f}")
        step *= 10
    tree(kept, asked.tree)
    for number in (10_000, 100_000, 1_000_000):
        if number <= asked.runs:
            lists(kept, number)


def fill(kept: Kept, count: int) -> tuple[float, float]:
    """Seconds that so many spans take us, and the floor: batches in turns, so that both meet the same tables."""
    ours = floor = 0.0
    for place in range(0, count, BATCH):
        run_id = ids.new_run_id()
        events: list[Event] = [
            RunStart(run_id=run_id, run=Run(id=run_id, agent="a", started_ns=ids.now_ns()))
        ]
        events += [SpanEnd(run_id=run_id, span=span) for span in spans(BATCH)]
        began = time.perf_counter()
        kept.store.append(OWNER, events, ids.now_ns(), alive=True)
        ours += time.perf_counter() - began
        floor += add_rows(kept, spans(BATCH))
        assert place < count
    return ours, floor


def add_rows(kept: Kept, made: list[Span]) -> float:
    """The seconds of one transaction that only puts rows into the tables of spans and payloads."""
    rows = [SpanRow(span, number, number) for number, span in enumerate(made, start=1)]
    owner, now_ns = "floor", ids.now_ns()
    key = next(_keys)
    row = RunRow(key, "", now_ns)

    def work(tables: Any) -> None:
        tables.add_spans(owner, row, rows)

    began = time.perf_counter()
    kept.store._write(work)
    return time.perf_counter() - began


def _counted() -> Iterator[int]:
    key = 1 << 29
    while True:
        yield (key := key + 1)


_keys = _counted()


def spans(count: int) -> list[Span]:
    payload = msgspec.Raw(
        msgspec.json.encode(
            {"input": {"q": "x" * 120}, "output": "y" * 120, "attributes": {"http.route": "/v1"}}
        )
    )
    now_ns = ids.now_ns()
    return [
        Span(
            id=ids.new_span_id(), parent_id="0123456789abcdef", name="chat", kind="model", status="ok", model="m",
            started_ns=now_ns, ended_ns=now_ns + 10**6, usage=Usage(input=10, output=5), cost=0.001, payload=payload,
        )
        for _ in range(count)
    ]  # fmt: skip


def tree(kept: Kept, count: int) -> None:
    run_id = ids.new_run_id()
    kept.store.append(
        OWNER, [RunStart(run_id=run_id, run=Run(id=run_id, agent="tree", started_ns=1))], 1, alive=False
    )
    for _ in range(0, count, 10_000):
        events: list[Event] = [SpanEnd(run_id=run_id, span=span) for span in spans(min(count, 10_000))]
        kept.store.append(OWNER, events, ids.now_ns(), alive=False)
    kept.settle()
    with kept.store._read() as tables:
        row = tables.load_run(OWNER, run_id)
    assert row is not None
    columns = "id, parent, name, kind, status, started_ns, ended_ns, cost, model, tool, error"
    where = f"owner = {kept.mark} AND run = {kept.mark}"
    ours = best(lambda: len(kept.store.spans(OWNER, run_id, payload=False)), 3)
    floor = best(lambda: bare(kept, f"SELECT {columns} FROM spans WHERE {where}", OWNER, row.key), 3)
    show(kept, f"ms to read a tree of {count:,}", ours * 1e3, floor * 1e3)


def lists(kept: Kept, number: int) -> None:
    """The list over so many runs, all made from one."""
    if not bare(kept, "SELECT 1 FROM runs WHERE agent = 'agent-3' LIMIT 1"):
        start = RunStart(run_id="first", run=Run(id="first", agent="first", started_ns=1))
        kept.store.append(OWNER, [start], 1, alive=False)
    have = bare(kept, "SELECT 1 FROM runs WHERE agent >= 'agent-' AND agent < 'agent.'")
    taken = {
        "key": "100000 + n.v", "id": "'r' || n.v", "agent": f"'agent-' || (n.v % {AGENTS})",
        "status": "CASE n.v % 10 WHEN 0 THEN 'failed' ELSE 'completed' END", "started_ns": "n.v * 1000",
    }  # fmt: skip
    names = RUN_COLUMNS.split(", ")
    chosen = ", ".join(taken.get(name, f"runs.{name}") for name in names)
    sql = (
        f"INSERT INTO runs (owner, announced, {RUN_COLUMNS}) SELECT runs.owner, 1, {chosen}"
        f" FROM runs, {kept.series.format(have + 1, number)} WHERE runs.owner = 'bench' AND runs.id = 'first'"
    )
    kept.store._write(lambda tables: tables._connection.execute(sql) and None)
    kept.settle()
    ours = best(lambda: len(kept.store.list_runs(OWNER, WANTED, 50, None, ids.now_ns()).rows), REPEATS)
    where = "owner = 'bench' AND announced = 1 AND agent = 'agent-3' AND status = 'completed'"
    query = f"SELECT {RUN_COLUMNS} FROM runs WHERE {where} ORDER BY started_ns DESC, id DESC LIMIT 51"
    show(
        kept, f"ms, newest 50 of {number:,} runs", ours * 1e3, best(lambda: bare(kept, query), REPEATS) * 1e3
    )


def bare(kept: Kept, sql: str, *values: object) -> int:
    with kept.store._read() as tables:
        rows: list[object] = tables._connection.execute(sql, values).fetchall()  # type: ignore[attr-defined]
    return len(rows)


def best(work: Callable[[], int], times: int) -> float:
    """The median of the seconds that some work takes."""
    found = []
    for _ in range(times):
        began = time.perf_counter()
        assert work()
        found.append(time.perf_counter() - began)
    return sorted(found)[times // 2]


def show(kept: Kept, what: str, ours: float, floor: float) -> None:
    print(f"{kept.name:11}{what:34}{ours:14,.2f}{floor:14,.2f}{ours / floor:8.2f}", flush=True)


@contextmanager
def in_file(folder: Path) -> Iterator[Kept]:
    store = SqliteStore(folder / "bench.db")
    series = "(WITH RECURSIVE s(v) AS (VALUES ({}) UNION ALL SELECT v + 1 FROM s WHERE v < {}) SELECT v FROM s) AS n"
    yield Kept("SQLite", store, "?", series, lambda: None)
    store.close()


@contextmanager
def in_database(folder: Path) -> Iterator[Kept]:
    import psycopg

    server = PostgresServer(folder / "data", settings=("max_wal_size = '4GB'",))
    store = PostgresStore(server.url)

    def analyse() -> None:
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")

    try:
        yield Kept("PostgreSQL", store, "%s", "generate_series({}, {}) AS n(v)", analyse)
    finally:
        store.close()
        server.remove()


if __name__ == "__main__":
    main()
