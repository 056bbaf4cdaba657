"""The queries that people wait for use an index: no scan of a table, no sort of what was found."""

from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from tests.contract.events import NOW, payload, run_end, run_start, span_end, span_start, span_update
from tests.contract.reading import OWNER, append
from trodo_cli.query.plan import Cursor, RunFilter
from trodo_cli.stores.sqlite import SqliteStore

Query = tuple[str, tuple[object, ...]]

NEXT_PAGE = Cursor(NOW, "r5")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> SqliteStore:
    """A store with a few runs; SQLite plans without statistics, so the size of it changes no plan."""
    store = SqliteStore(Path(tmp_path_factory.mktemp("plans")) / "trodo.db")
    for number in range(20):
        name = f"r{number}"
        append(store, run_start(name, agent=f"a{number % 3}", started_ns=NOW + number), span_start(name, "a"))
        append(store, span_update(name, "a"), span_end(name, "a", payload=payload(input=1)), run_end(name))
    return store


def plans_of(store: SqliteStore, ask: Callable[[], object]) -> dict[str, list[str]]:
    """The steps that SQLite takes for each query of this question, by the query's text."""
    asked: list[Query] = []

    def note(_: apsw.Cursor, sql: str, values: object) -> bool:
        asked.append((sql, tuple(values) if isinstance(values, (tuple, list)) else ()))
        return True

    with store._database.read() as connection:
        reader = connection
    reader.set_exec_trace(note)
    ask()
    reader.set_exec_trace(None)
    assert asked, "the question was not asked of this thread's connection"
    return {
        _short(sql): [str(row[3]) for row in reader.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
        for sql, values in asked
        if sql.startswith("SELECT")
    }


def costly(plans: dict[str, list[str]]) -> dict[str, list[str]]:
    """The queries that read a whole table or sort."""
    return {
        sql: steps for sql, steps in plans.items() if scans(steps) or any("TEMP B-TREE" in s for s in steps)
    }


def scans(steps: list[str]) -> bool:
    """Whether a table is read from end to end; the elements of a list that was given may be."""
    return any(step.startswith("SCAN") and "json_each" not in step for step in steps)


def _short(sql: str) -> str:
    """A query without its columns."""
    return sql[sql.index("FROM") :]


def listing(store: SqliteStore, after: Cursor | None = None, **asked: object) -> Callable[[], object]:
    return lambda: store.list_runs(OWNER, RunFilter(**asked), 5, after, NOW)  # type: ignore[arg-type]


@pytest.mark.parametrize("after", [None, NEXT_PAGE], ids=["first page", "next page"])
@pytest.mark.parametrize(
    ("asked", "index"),
    [
        ({}, "runs_by_start"),
        ({"roots_only": False}, "runs_by_start"),
        ({"agent": "a1", "status": "completed"}, "runs_by_agent"),
        ({"status": "failed"}, "runs_by_status"),
        ({"status": "running"}, "runs_by_status"),
        ({"status": "lost"}, "runs_by_status"),
        ({"started_after_ns": NOW}, "runs_by_start"),
    ],
    ids=str,
)
def test_a_list_of_runs_is_read_off_an_index(
    store: SqliteStore, asked: dict[str, object], index: str, after: Cursor | None
) -> None:
    plans = plans_of(store, listing(store, after, **asked))
    assert costly(plans) == {}
    assert all(any(index in step for step in steps) for steps in plans.values())


def test_the_runs_of_one_agent_are_not_sorted(store: SqliteStore) -> None:
    assert costly(plans_of(store, listing(store, agent="a1"))) == {}


def test_the_runs_below_a_run_are_found_by_their_parent(store: SqliteStore) -> None:
    (steps,) = plans_of(store, listing(store, parent_id="r1")).values()
    assert any("runs_by_parent" in step for step in steps)


@pytest.mark.parametrize("payload", [True, False])
@pytest.mark.parametrize("after", [0, 3])
def test_the_events_after_a_number_are_read_off_indexes(
    store: SqliteStore, after: int, payload: bool
) -> None:
    plans = plans_of(store, lambda: store.events_after(OWNER, "r1", after, 2, payload=payload))
    assert costly(plans) == {}


@pytest.mark.parametrize("payload", [True, False])
def test_the_spans_of_a_run_are_read_in_the_order_they_lie(store: SqliteStore, payload: bool) -> None:
    assert costly(plans_of(store, lambda: store.spans(OWNER, "r1", payload=payload))) == {}


@pytest.mark.parametrize(
    "ask",
    [
        lambda store: store.run(OWNER, "r1", NOW),
        lambda store: store.span(OWNER, "r1", "a"),
        lambda store: store.asked_to_stop(OWNER, ["r1", "r2"]),
        lambda store: store.drops(OWNER),
        lambda store: store.list_runs(OWNER, RunFilter(model="m"), 5, None, NOW),
    ],
    ids=["run", "span", "asked to stop", "drops", "list by model"],
)
def test_a_look_up_scans_no_table(store: SqliteStore, ask: Callable[[SqliteStore], object]) -> None:
    plans = plans_of(store, lambda: ask(store))
    assert not any(scans(steps) for steps in plans.values())
