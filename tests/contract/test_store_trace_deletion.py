"""Deleting the trace of a run: its spans are gone for good, what the run says of itself stays."""

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contract.events import NOW, cancel_request, payload, run_end, run_start, span_end, span_start
from tests.contract.reading import EVERY_RUN, OWNER, append, events_of, listed, numbers, run_of, said, told
from tests.property.delivery import Delivery, cancel_requests, deliveries, run_ends, run_starts, span_events
from tests.server.hosting import hosted
from tests.stores.files import in_threads
from trodo_cli.client.base import Client
from trodo_cli.client.local import LocalClient
from trodo_cli.errors import NotFound, TrodoError
from trodo_cli.model.event import Event, RunEnd, TraceDone
from trodo_cli.model.run import Run, Totals
from trodo_cli.stores.base import Store
from trodo_cli.stores.sqlite import SqliteStore

RowCounts = Callable[[], dict[str, int]]

STORY: list[Event] = [
    run_start("r", agent="worker", payload=payload(input="asked")),
    span_start("r", "a", payload=payload(input="in")),
    span_end("r", "a", cost=0.25, tool="t", payload=payload(output="out")),
    cancel_request("r"),
    span_start("r", "b"),
    run_end("r", payload=payload(output="answered")),
    span_end("r", "late", status="error"),
]
"""One run, numbered 1 to 7; a change of a span came after its end."""

OWN = [(1, "run-start"), (4, "cancel-requested"), (6, "run-end")]


@pytest.fixture
def deleted(store: Store) -> Store:
    """A store with the story, of which the trace was deleted."""
    append(store, *STORY)
    assert store.delete_trace(OWNER, "r")
    return store


# -- what is gone and what stays ---------------------------------------------------------------------


def test_nothing_of_the_spans_is_left_in_any_table(store: Store, row_counts: RowCounts) -> None:
    append(store, run_start("r", agent="early"), *STORY)
    append(store, *[run_start("other"), span_start("other", "a")])
    append(store, span_end("other", "a"), run_start("r", version=1, payload=payload(input="asked")))
    before = row_counts()
    assert store.delete_trace(OWNER, "r")
    after = row_counts()
    assert (before["spans"], before["payloads"]) == (4, 4)
    assert before["replaced"] > 0
    assert (after["spans"], after["payloads"], after["replaced"]) == (1, 1, 0)
    assert (after["runs"], after["run_payloads"]) == (before["runs"], before["run_payloads"])


@pytest.mark.parametrize("light", [True, False])
def test_the_spans_of_a_deleted_trace_are_gone(deleted: Store, light: bool) -> None:
    assert deleted.spans(OWNER, "r", payload=not light) == []
    assert deleted.span(OWNER, "r", "a") is None


def test_the_run_stays_as_it_was_and_says_that_its_trace_is_gone(store: Store) -> None:
    append(store, *STORY)
    before = run_of(store, "r")
    store.delete_trace(OWNER, "r")
    after = run_of(store, "r")
    assert said(after) == msgspec.structs.replace(said(before), traceless=True)
    assert (after.details.input, after.details.output) == ("asked", "answered")
    assert after.totals == Totals(spans=3, errors=1, cost_nanos=250_000_000, costed_spans=1)
    assert (before.traceless, after.traceless) == (False, True)


def test_the_run_is_still_listed_and_found(deleted: Store) -> None:
    append(deleted, run_start("q"))
    rows = deleted.list_runs(OWNER, EVERY_RUN, 10, None, NOW).rows
    assert {run.id: run.traceless for run in rows} == {"r": True, "q": False}
    assert deleted.find_runs(OWNER, "r", 5) == ["r"]


def test_deleting_a_trace_a_second_time_does_nothing(deleted: Store) -> None:
    assert not deleted.delete_trace(OWNER, "r")
    assert said(run_of(deleted, "r")).traceless


def test_a_run_that_is_not_there_or_not_announced_has_no_trace_to_delete(store: Store) -> None:
    append(store, span_start("early", "a"))
    assert not store.delete_trace(OWNER, "missing")
    assert not store.delete_trace(OWNER, "early")
    append(store, run_start("early"))
    assert [span.id for span in store.spans(OWNER, "early", payload=False)] == ["a"]


def test_only_its_owner_can_delete_a_trace_and_only_the_owners_own(store: Store) -> None:
    for owner in "ab":
        append(store, *STORY, owner=owner)
    before = events_of(store, "r", owner="b")
    assert not store.delete_trace("mallory", "r")
    assert store.delete_trace("a", "r")
    assert events_of(store, "r", owner="b") == before
    assert len(store.spans("b", "r", payload=True)) == 3
    assert store.spans("a", "r", payload=True) == []


def test_the_runs_below_keep_their_traces(store: Store) -> None:
    append(store, *STORY, run_start("child", parent_id="r"), span_start("child", "a"))
    store.delete_trace(OWNER, "r")
    assert len(store.spans(OWNER, "child", payload=False)) == 1


def test_a_run_without_a_trace_is_deleted_like_any_other_and_its_id_begins_anew(
    deleted: Store, row_counts: RowCounts
) -> None:
    assert deleted.delete_run(OWNER, "r")
    assert row_counts()["run_payloads"] == 0
    append(deleted, run_start("r"), span_start("r", "a"))
    assert not run_of(deleted, "r").traceless
    assert told(deleted, "r") == [(1, "run-start"), (2, "span-start")]


# -- events ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", [1, 2, 3, 1_000])
def test_only_the_runs_own_events_are_told_at_their_numbers(deleted: Store, page: int) -> None:
    assert [(event.seq, event.type) for event in events_of(deleted, "r", page=page)] == OWN


@pytest.mark.parametrize("after", range(-1, 9))
def test_the_events_after_any_number_are_the_own_ones_above_it(deleted: Store, after: int) -> None:
    events = deleted.events_after(OWNER, "r", after, 10, payload=True)
    assert [event.seq for event in events] == [seq for seq, _ in OWN if seq > after]


@pytest.mark.parametrize("limit", [1, 2])
def test_a_page_holds_no_more_events_than_it_was_asked_for(deleted: Store, limit: int) -> None:
    events = deleted.events_after(OWNER, "r", 0, limit, payload=True)
    assert [event.seq for event in events] == [1, 4, 6][:limit]


def test_the_own_events_still_carry_what_they_said(store: Store) -> None:
    append(store, *STORY)
    before = {event.seq: event for event in events_of(store, "r")}
    store.delete_trace(OWNER, "r")
    assert {event.seq: event for event in events_of(store, "r")} == {seq: before[seq] for seq, _ in OWN}


def test_the_run_tells_the_last_number_that_can_be_read(deleted: Store) -> None:
    assert run_of(deleted, "r").last_seq == 6


def test_spans_that_come_later_are_known_and_change_nothing(deleted: Store, row_counts: RowCounts) -> None:
    before, counts = run_of(deleted, "r"), row_counts()
    late: list[Event] = [span_end("r", "new", cost=1.0), span_end("r", "b"), STORY[2]]
    appended = append(deleted, *late)
    assert (appended.stored, appended.known) == (0, 3)
    assert deleted.spans(OWNER, "r", payload=True) == []
    assert run_of(deleted, "r") == before
    assert told(deleted, "r") == OWN
    assert row_counts() == counts


def test_events_of_the_run_itself_that_come_later_are_told_at_new_numbers(store: Store) -> None:
    append(store, run_start("r"), span_start("r", "a"), span_end("r", "a"))
    store.delete_trace(OWNER, "r")
    appended = append(store, span_end("r", "b"), run_end("r", error="late"), span_end("r", "c"))
    assert (appended.stored, appended.known) == (1, 2)
    assert told(store, "r") == [(1, "run-start"), (4, "run-end")]
    run = run_of(store, "r")
    assert (run.status, run.error, run.last_seq, run.totals.spans) == ("completed", "late", 4, 1)


def test_a_later_announcement_takes_the_place_of_the_earlier_one_and_both_numbers_are_answered(
    store: Store,
) -> None:
    append(store, run_start("r"), span_start("r", "a"))
    store.delete_trace(OWNER, "r")
    append(store, run_start("r", agent="known", version=1))
    assert told(store, "r") == [(1, "run-start"), (3, "run-start")]
    assert run_of(store, "r").agent == "known"


def test_a_run_at_work_without_a_trace_lives_on_and_can_be_cancelled(client: Client, store: Store) -> None:
    append(store, run_start("r"), span_start("r", "a"))
    client.traces.delete("r")
    append(store, span_end("r", "a"), now_ns=NOW + 5)
    assert run_of(store, "r").heartbeat_ns == NOW + 5
    assert client.runs.cancel("r", reason="enough").cancel is not None
    assert list(client.heartbeat(["r"])) == ["r"]
    append(store, run_end("r", status="cancelled"))
    assert run_of(store, "r").status == "cancelled"


def test_a_producer_cannot_say_that_a_trace_is_gone(store: Store) -> None:
    append(store, run_start("r", traceless=True), span_start("r", "a"))
    assert not run_of(store, "r").traceless
    assert len(store.spans(OWNER, "r", payload=False)) == 1


# -- the client --------------------------------------------------------------------------------------

READS: dict[str, Callable[[LocalClient, str], object]] = {
    "get": lambda client, run_id: client.traces.get(run_id),
    "light": lambda client, run_id: client.traces.get(run_id, payload=False),
    "span": lambda client, run_id: client.traces.span(run_id, "a"),
    "stream": lambda client, run_id: list(client.traces.stream(run_id)),
    "resumed stream": lambda client, run_id: list(client.traces.stream(run_id, after=9)),
    "delete": lambda client, run_id: client.traces.delete(run_id),
}


@pytest.mark.parametrize("name", READS)
def test_a_deleted_trace_is_not_there(client: Client, store: Store, name: str) -> None:
    append(store, *STORY)
    client.traces.delete("r")
    with pytest.raises(NotFound, match=r"^no trace r$") as refused:
        READS[name](client, "r")
    assert "trodo runs show r" in refused.value.hint
    assert client.runs.get("r").traceless


def test_a_run_without_spans_has_a_trace_until_it_is_deleted(client: Client, store: Store) -> None:
    append(store, run_start("r"), run_end("r"))
    assert len(client.traces.get("r").spans) == 1
    client.traces.delete("r")
    with pytest.raises(NotFound):
        client.traces.get("r")


@pytest.mark.parametrize("name", READS)
@pytest.mark.parametrize("gone", [True, False])
def test_a_foreign_trace_answers_like_a_missing_one(store: Store, name: str, gone: bool) -> None:
    append(store, run_start("secret"), span_start("secret", "a"))
    if gone:
        store.delete_trace(OWNER, "secret")
    before = events_of(store, "secret")
    spy = LocalClient(store, "mallory")
    assert answer(spy, name, "secret") == answer(spy, name, "missing")
    assert events_of(store, "secret") == before


def answer(client: Client, name: str, run_id: str) -> str:
    """What a call gives or raises, as text without the id that was asked for."""
    try:
        return repr(READS[name](client, run_id))
    except TrodoError as error:
        return repr((type(error), error.message, error.hint)).replace(run_id, "X")


def test_a_trace_is_deleted_under_either_spelling_of_its_id(client: Client, store: Store) -> None:
    run_id = "0193abcd123470008000000000abcdef"
    append(store, run_start(run_id), span_start(run_id, "a"))
    client.traces.delete("0193ABCD-1234-7000-8000-000000ABCDEF")
    assert run_of(store, run_id).traceless


def test_who_follows_a_run_whose_trace_is_deleted_meanwhile_hears_its_end(
    keeper: LocalClient, store: Store
) -> None:
    many = [span_end("r", str(number)) for number in range(1_500)]
    append(store, run_start("r"), *many, run_end("r"), span_end("r", "late"))
    stream = keeper.traces.stream("r")
    heard: list[Event] = [next(stream)]
    keeper.traces.delete("r")
    in_threads(lambda: heard.extend(stream))
    assert isinstance(heard[-1], TraceDone)
    assert isinstance(heard[-2], RunEnd)
    assert heard[-2].seq == 1_502


def test_who_follows_it_through_a_server_is_told_that_it_is_gone(keeper: LocalClient, store: Store) -> None:
    append(store, run_start("r"), *(span_end("r", str(number)) for number in range(1_500)), run_end("r"))
    with hosted(keeper) as client:
        stream = client.traces.stream("r")
        assert next(stream).seq == 1
        keeper.traces.delete("r")
        with pytest.raises(NotFound, match=r"^no trace r$"):
            list(stream)


# -- any story ---------------------------------------------------------------------------------------


@given(deliveries(span_events(), span_events(), run_starts(), run_ends(), cancel_requests()), st.data())
def test_a_trace_deleted_at_any_moment_changes_nothing_that_its_run_says_of_itself(
    delivery: Delivery, data: st.DataObject
) -> None:
    plain, store = SqliteStore(None), SqliteStore(None)
    moment = data.draw(st.integers(0, len(delivery.batches)))
    for batch in delivery.batches[:moment]:
        append(store, *batch)
    gone = {run_id: run_of(store, run_id).totals for run_id in listed(store)}
    assert all(store.delete_trace(OWNER, run_id) for run_id in gone)
    for batch in delivery.batches[moment:]:
        append(store, *batch)
    append(plain, *(event for batch in delivery.batches for event in batch))
    assert listed(store) == listed(plain)
    for run_id, totals in gone.items():
        assert own(run_of(store, run_id)) == own(run_of(plain, run_id))
        assert (run_of(store, run_id).totals, store.spans(OWNER, run_id, payload=True)) == (totals, [])
        events, last = events_of(store, run_id, page=2), run_of(store, run_id).last_seq
        assert {event.type for event in events} <= {"run-start", "run-end", "cancel-requested"}
        assert numbers(store, run_id) == sorted({event.seq for event in events})
        assert events[-1].seq == last


def own(run: Run) -> Run:
    """What a run says of itself."""
    return msgspec.structs.replace(said(run), totals=Totals(), traceless=False, cancel=None)
