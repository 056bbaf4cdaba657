"""Old runs are removed with all that is about them, and nothing else is."""

from collections.abc import Callable

import pytest

from tests.cli.program import eventually
from tests.contract.events import NOW, run_end, run_start, span_end, span_start
from tests.contract.reading import OWNER, append, listed, run_of
from trodo_cli.stores.base import Store
from trodo_cli.stores.store import PRUNED_AT_ONCE, TableStore

WEEK = 7 * 24 * 3600 * 10**9

Counts = Callable[[], dict[str, int]]


def add(store: Store, run_id: str, at_ns: int, *, owner: str = OWNER) -> None:
    """A whole run that was heard of at that time."""
    events = [
        run_start(run_id),
        span_start(run_id, "a"),
        span_end(run_id, "a"),
        span_end(run_id, "b"),
        run_end(run_id),
    ]
    append(store, *events, owner=owner, now_ns=at_ns)


def test_runs_last_heard_of_before_are_removed_with_all_that_is_about_them(
    store: Store, row_counts: Counts
) -> None:
    empty = row_counts()
    for number, at_ns in enumerate((NOW - 9 * WEEK, NOW - 8 * WEEK, NOW - WEEK)):
        add(store, f"r{number}", at_ns)
    assert store.prune(NOW - 8 * WEEK, None) == 1
    assert listed(store) == ["r2", "r1"]
    assert store.prune(NOW, None) == 2
    assert row_counts() == empty


def test_who_gave_a_sign_of_life_since_is_kept_whole(store: Store) -> None:
    for name in ("old", "living"):
        add(store, name, NOW - 9 * WEEK)
    store.heartbeat(OWNER, ["living"], NOW)
    assert store.prune(NOW - WEEK, None) == 1
    assert listed(store) == ["living"]
    assert [span.id for span in store.spans(OWNER, "living", payload=True)] == ["a", "b"]


def test_an_owner_is_pruned_alone(store: Store) -> None:
    for owner in (OWNER, "bob"):
        add(store, "r", NOW - 9 * WEEK, owner=owner)
    assert store.prune(NOW, "bob") == 1
    assert listed(store, owner="bob") == []
    assert run_of(store, "r").totals.spans == 2
    assert len(store.spans(OWNER, "r", payload=False)) == 2


def test_more_runs_than_one_transaction_takes_are_removed(store: Store) -> None:
    number = 2 * PRUNED_AT_ONCE + 1
    append(store, *[run_start(f"r{place}") for place in range(number)], now_ns=NOW - WEEK)
    assert store.prune(NOW, None) == number
    assert listed(store) == []


def test_a_pruned_run_that_is_told_again_is_a_new_one(store: Store) -> None:
    add(store, "r", NOW - 9 * WEEK)
    store.prune(NOW, None)
    add(store, "r", NOW)
    assert run_of(store, "r").last_seq == 5
    assert store.check() == []


@pytest.mark.parametrize("keeps", [True, False])
def test_sizes_are_those_of_the_tables(store: TableStore, *, keeps: bool) -> None:
    if keeps:
        add(store, "r", NOW)
    found = {table.name: table for table in store.tables()}
    assert {"runs", "spans", "payloads"} <= found.keys()
    assert all(table.bytes > 0 for table in found.values() if table.rows)
    eventually(lambda: {table.name: table.rows for table in store.tables()}["runs"] == keeps)
