"""The auditor by itself: what it must see in books and logs."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.harness.audit import Books, Told, check_log, check_writers
from tests.harness.traffic import mark, run_start, whole_spans
from tests.harness.verdict import Failed, Limit, spread
from tests.harness.writers import Batch, Writer
from trodo_cli.client import LOCAL_OWNER
from trodo_cli.stores.sqlite import SqliteStore

STORED = [Told(1, "run-start", ""), Told(2, "span-start", "a"), Told(3, "span-end", "a")]


@pytest.mark.parametrize(
    ("log", "kind"),
    [
        ([STORED[0], STORED[1], STORED[1], STORED[2]], "repeat"),
        ([STORED[0], STORED[2]], "gap"),
        (STORED[:2], "gap"),
        ([STORED[1], STORED[0], STORED[2]], "different"),
        ([*STORED[:2], Told(3, "span-end", "b")], "different"),
        ([*STORED, Told(4, "span-end", "b")], "different"),
    ],
)
def test_a_log_that_is_not_what_is_stored_is_found(log: Sequence[Told], kind: str) -> None:
    with pytest.raises(Failed) as failure:
        check_log(log, STORED, "somebody")
    assert failure.value.kind == kind


def test_a_log_of_what_is_stored_passes() -> None:
    check_log(STORED, STORED, "somebody")


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    """A store that holds the begin of the run `r` and the spans `a-0` and `a-1`."""
    store = SqliteStore(tmp_path / "trodo.db")
    store.append(LOCAL_OWNER, [run_start("r"), *whole_spans("r", "a", 2)], 1, alive=True)
    store.close()
    books = Books(SqliteStore(tmp_path / "trodo.db"))
    yield books
    books.close()


def test_what_was_acknowledged_and_is_stored_once_passes(books: Books) -> None:
    assert check_writers(books, [_writer([run_start("r"), *whole_spans("r", "a", 2)])]) == 5


def test_events_that_others_recorded_count(books: Books) -> None:
    others = [("r", mark(event)) for event in whole_spans("r", "a", 2)]
    assert check_writers(books, [_writer([run_start("r")])], others) == 5


def test_a_batch_that_nobody_heard_of_again_may_be_stored_or_not(books: Books) -> None:
    given_up = [whole_spans("r", "a", 2), whole_spans("r", "b", 3)]
    assert check_writers(books, [_writer([run_start("r")], given_up=given_up)]) == 5


@pytest.mark.parametrize(
    ("acknowledged", "given_up", "kind"),
    [
        ([run_start("r"), *whole_spans("r", "a", 3)], [], "lost"),
        ([run_start("r"), *whole_spans("r", "a", 1)], [], "unknown"),
        ([run_start("r")], [whole_spans("r", "a", 3)], "torn"),
        ([run_start("r"), *whole_spans("r", "a", 2), run_start("missing")], [], "lost"),
    ],
)
def test_books_that_differ_from_what_was_acknowledged_are_found(
    books: Books, acknowledged: Batch, given_up: list[Batch], kind: str
) -> None:
    with pytest.raises(Failed) as failure:
        check_writers(books, [_writer(acknowledged, given_up=given_up)])
    assert failure.value.kind == kind


def test_a_limit_ends_all_waiting() -> None:
    with pytest.raises(Failed, match="not done after 0 s"):
        Limit(0).until(lambda: False)
    limit = Limit(3_600)
    limit.end()
    with pytest.raises(Failed, match="over"):
        limit.until(lambda: False)


def test_a_spread_names_a_value_that_was_measured() -> None:
    assert spread([0.001 * number for number in range(1, 101)]) == "p50 50 ms, p99 99 ms"
    assert spread([0.25]) == "p50 250 ms, p99 250 ms"
    assert spread([]) == "none"


def _writer(acknowledged: Batch, given_up: Sequence[Batch] = ()) -> Writer:
    writer = Writer("http://127.0.0.1:1", Limit(60))
    writer.acknowledged.append(acknowledged)
    writer.given_up.extend(given_up)
    return writer
