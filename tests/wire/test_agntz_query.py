"""What the agntz clients ask a list for, and the runs that they get."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contract.events import NOW, run_end, run_start
from tests.contract.reading import OWNER, append, listed
from tests.wire.agntz_made import MS
from trodo_cli.errors import InvalidInput
from trodo_cli.model.run import LOST_AFTER_NS, Run
from trodo_cli.query.plan import Cursor, RunFilter
from trodo_cli.stores.sqlite import SqliteStore
from trodo_cli.wire.agntz import run_object, summary_object
from trodo_cli.wire.agntz_query import NOTHING, runs_query, traces_query
from trodo_cli.wire.values import storable_text


@pytest.mark.parametrize(
    ("text", "limit"),
    [("1", 1), ("1.5", 1), ("1e2", 100), (" 7 ", 7), ("200", 200), ("201", 200), ("1e300", 200), ("+3", 3)],
)
def test_a_limit_is_any_number_from_one(text: str, limit: int) -> None:
    assert runs_query({"limit": text})[1] == traces_query({"limit": text})[1] == limit
    assert runs_query({})[1] == 50


@pytest.mark.parametrize(
    "text", ["", "0", "-1", "0.9", "x", "NaN", "Infinity", "1e999", "1_0", "٣", "1 2", "1e"]
)
def test_another_limit_is_refused_in_the_words_of_the_contract(text: str) -> None:
    for query in (runs_query, traces_query):
        with pytest.raises(InvalidInput) as refused:
            query({"limit": text})
        assert refused.value.message == "Invalid `limit` query param"


@pytest.mark.parametrize(("text", "roots_only"), [("false", False), ("FALSE", True), ("0", True), ("", True)])
def test_only_false_lists_children_too(text: str, roots_only: bool) -> None:
    assert runs_query({"rootsOnly": text})[0].roots_only == roots_only


def test_a_cursor_goes_on_and_garbage_begins_again() -> None:
    cursor = Cursor(NOW, "r")
    assert runs_query({"cursor": cursor.text()})[2] == traces_query({"cursor": cursor.text()})[2] == cursor
    assert [runs_query({"cursor": text})[2] for text in ("", "x", "é", "eyJ9")] == [None] * 4


@pytest.fixture(scope="module")
def every_status() -> SqliteStore:
    """A store with a run of every status of ours, each under its status as its id."""
    store = SqliteStore(None)
    append(store, *[run_start(name, status="pending") for name in ("pending", *ENDED)])
    append(store, *[run_end(name, status=name) for name in ENDED])
    append(store, run_start("lost"), now_ns=NOW - LOST_AFTER_NS - 1)
    append(store, run_start("running"))
    return store


ENDED = ("completed", "failed", "cancelled")


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("pending", ["pending"]),
        ("running", ["running", "pending", "lost"]),
        ("draining", []),
        ("completed", ["completed"]),
        ("failed", ["failed"]),
        ("cancelled", ["cancelled"]),
        ("lost", ["lost"]),
        ("ok", ["completed"]),
        ("error", ["failed"]),
        ("open", []),
        ("COMPLETED", []),
    ],
)
def test_a_run_status_finds_the_runs_that_have_not_ended_or_have_ended_so(
    every_status: SqliteStore, word: str, found: list[str]
) -> None:
    assert listed(every_status, runs_query({"status": word})[0]) == found


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("running", ["running", "pending", "lost"]),
        ("ok", ["completed"]),
        ("error", ["failed"]),
        ("cancelled", ["cancelled"]),
        ("pending", []),
        ("completed", []),
        ("open", []),
    ],
)
def test_a_trace_status_finds_every_run_whose_summary_says_it(
    every_status: SqliteStore, word: str, found: list[str]
) -> None:
    wanted = traces_query({"status": word})[0]
    rows = every_status.list_runs(OWNER, wanted, 50, None, NOW).rows
    assert [run.id for run in rows] == found
    assert {summary_object(run)["status"] for run in rows} <= {word}


def test_no_run_is_missed_when_every_status_that_runs_show_is_asked_for(every_status: SqliteStore) -> None:
    rows = every_status.list_runs(OWNER, RunFilter(), 50, None, NOW).rows
    words = {run_object(run, root_id=run.id, depth=0)["status"] for run in rows}
    found = {name for word in words for name in listed(every_status, runs_query({"status": word})[0])}
    assert found == {run.id for run in rows} == {*ENDED, "pending", "running", "lost"}


def test_an_empty_status_or_agent_is_none() -> None:
    assert runs_query({"status": "", "agentId": ""})[0] == traces_query({"status": "", "agentId": ""})[0]
    assert runs_query({"status": "", "agentId": ""})[0] == RunFilter()
    assert runs_query({"agentId": "a", "other": "x"})[0] == RunFilter(agent="a")


@pytest.mark.parametrize(
    ("text", "at_ms"),
    [
        ("1970", 0),
        ("1970-01", 0),
        ("1970-01-02", 86_400_000),
        ("1970-01-01T00:00:01.2349Z", 1_234),
        ("1970-01-01T00:00:01", 1_000),
        ("1970-01-01T01:00:00.5+01:00", 500),
        ("1969-12-31T23:59:59.9999Z", -1),
    ],
)
def test_a_time_bounds_runs_by_whole_milliseconds_inclusive(text: str, at_ms: int) -> None:
    wanted = runs_query({"startedAfter": text, "startedBefore": text})[0]
    assert wanted == RunFilter(started_after_ns=at_ms * MS, started_before_ns=at_ms * MS + 999_999)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "12", "1970-13-01", "0000", "1795311039876", "1970-01-01T0", "é"]
)
def test_a_run_time_that_is_none_is_ignored(text: str) -> None:
    assert runs_query({"startedAfter": text, "startedBefore": text})[0] == RunFilter()


@given(st.integers(-(2**63), 2**63 - 1), st.text(max_size=3), st.integers(0, 24))
def test_a_trace_time_is_compared_as_text(ns: int, more: str, kept: int) -> None:
    shown = summary_object(Run(id="r", started_ns=ns))["startedAt"]
    text = shown[:kept] + more
    after, before = traces_query({"startedAfter": text})[0], traces_query({"startedBefore": text})[0]
    if text:
        assert fits(after, ns) == (shown >= text)
        assert fits(before, ns) == (shown <= text)


def fits(wanted: RunFilter, ns: int) -> bool:
    first, last = wanted.started_after_ns, wanted.started_before_ns
    return (first is None or ns >= first) and (last is None or ns <= last)


def test_yesterday_finds_no_trace() -> None:
    assert traces_query({"startedAfter": "yesterday"})[0] == NOTHING


@pytest.mark.parametrize(
    "params",
    [
        {"startedAfter": "0001", "startedBefore": "9999-12-31T23:59:59Z"},
        {"agentId": "\0"},
        {"startedBefore": "z"},
        {"startedAfter": "-"},
    ],
)
def test_a_store_takes_every_filter(params: dict[str, str]) -> None:
    store = SqliteStore(None)
    append(store, run_start("r", agent=storable_text("\0")))
    for query in (runs_query, traces_query):
        wanted, limit, cursor = query(params)
        assert [row.id for row in store.list_runs(OWNER, wanted, limit, cursor, NOW).rows] == ["r"]
    assert store.list_runs(OWNER, NOTHING, 1, None, NOW).rows == []
