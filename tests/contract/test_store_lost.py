"""Lost runs: derived from the store's own clock when somebody reads, and undone by the next message."""

import pytest

from tests.contract.events import NOW, SECOND, YEAR, run_end, run_start, span_start
from tests.contract.reading import OWNER, append, listed, run_of
from trodo_cli.model.run import LOST_AFTER_NS
from trodo_cli.query.plan import RunFilter
from trodo_cli.stores.base import Store

LATER = NOW + LOST_AFTER_NS + 1


def status(store: Store, now_ns: int) -> str:
    """The run's status, which the run itself, the list and the filters must agree on."""
    word = run_of(store, "r", now_ns=now_ns).status
    (listed_run,) = store.list_runs(OWNER, RunFilter(), 10, None, now_ns).rows
    assert listed_run.status == word
    for asked in ("running", "lost"):
        assert listed(store, RunFilter(status=asked), now_ns=now_ns) == (["r"] if asked == word else [])
    return word


def test_a_silent_run_is_lost_after_fifteen_seconds_and_not_before(store: Store) -> None:
    append(store, run_start("r"))
    assert LOST_AFTER_NS == 15 * SECOND
    assert [status(store, NOW), status(store, LATER - 1), status(store, LATER)] == [
        "running",
        "running",
        "lost",
    ]


def test_a_run_whose_producer_needs_more_time_is_lost_only_after_that(store: Store) -> None:
    append(store, run_start("r", patience_ns=60 * SECOND))
    assert [status(store, NOW + 60 * SECOND), status(store, NOW + 60 * SECOND + 1)] == ["running", "lost"]


def test_a_heartbeat_keeps_a_run_and_finds_a_lost_one_again(store: Store) -> None:
    append(store, run_start("r"))
    store.heartbeat(OWNER, ["r"], NOW + 10 * SECOND)
    assert status(store, LATER) == "running"
    assert status(store, LATER + 10 * SECOND) == "lost"
    store.heartbeat(OWNER, ["r"], LATER + 10 * SECOND)
    assert status(store, LATER + 10 * SECOND) == "running"


def test_the_next_event_finds_a_lost_run_again(store: Store) -> None:
    append(store, run_start("r"))
    assert status(store, LATER) == "lost"
    append(store, span_start("r", "a"), now_ns=LATER)
    assert status(store, LATER) == "running"


def test_a_repeated_event_is_a_sign_of_life_too(store: Store) -> None:
    append(store, run_start("r"))
    append(store, run_start("r"), now_ns=LATER)
    assert status(store, LATER) == "running"


def test_an_import_is_no_sign_of_life(store: Store) -> None:
    append(store, run_start("r"), alive=False)
    assert status(store, NOW) == "lost"
    append(store, span_start("r", "a"), now_ns=NOW + SECOND)
    append(store, span_start("r", "b"), now_ns=NOW + 9 * SECOND, alive=False)
    assert status(store, NOW + SECOND + LOST_AFTER_NS) == "running"
    assert status(store, NOW + SECOND + LOST_AFTER_NS + 1) == "lost"


@pytest.mark.parametrize("skew_ns", [-10 * YEAR, 10 * YEAR])
def test_a_producer_clock_ten_years_off_neither_loses_nor_keeps_a_run(store: Store, skew_ns: int) -> None:
    append(store, run_start("r", started_ns=NOW + skew_ns), now_ns=NOW)
    assert [status(store, NOW), status(store, LATER)] == ["running", "lost"]
    assert run_of(store, "r").started_ns == NOW + skew_ns


def test_early_spans_are_the_first_sign_of_life(store: Store) -> None:
    append(store, span_start("r", "a"), now_ns=NOW)
    append(store, run_start("r"), now_ns=NOW + SECOND, alive=False)
    assert [status(store, LATER - 1), status(store, LATER)] == ["running", "lost"]


@pytest.mark.parametrize("word", ["completed", "failed", "cancelled"])
def test_an_ended_run_is_never_lost(store: Store, word: str) -> None:
    append(store, run_start("r"), run_end("r", status=word), alive=False)
    assert status(store, NOW + YEAR) == word


def test_an_end_finds_a_lost_run_again(store: Store) -> None:
    append(store, run_start("r"))
    assert status(store, LATER) == "lost"
    append(store, run_end("r"), now_ns=LATER)
    assert status(store, LATER + YEAR) == "completed"


def test_being_lost_is_not_stored(store: Store) -> None:
    append(store, run_start("r"))
    assert status(store, LATER) == "lost"
    assert status(store, NOW) == "running"
    assert run_of(store, "r", now_ns=LATER).last_seq == 1


def test_a_heartbeat_of_an_unknown_run_makes_none(store: Store) -> None:
    store.heartbeat(OWNER, ["r"], NOW)
    append(store, run_start("r"), alive=False)
    assert status(store, NOW) == "lost"
