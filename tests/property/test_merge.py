"""The order, repetition and grouping of events never matter: one story ends in one state, everywhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contract.events import NOW
from tests.contract.reading import OWNER, append, cancel_of, dump, events_of, listed, numbers, run_of, said
from tests.postgres import empty
from tests.property.delivery import (
    SPAN_IDS,
    Batches,
    Delivery,
    cancel_requests,
    deliveries,
    families,
    feedback_given,
    parent_ids,
    run_ends,
    run_starts,
    span_events,
)
from trodo_cli.client.local import LocalClient
from trodo_cli.model import ids
from trodo_cli.model.event import Event
from trodo_cli.model.run import Run
from trodo_cli.model.span import Span
from trodo_cli.model.trace import Trace, Tree
from trodo_cli.stores.base import Store
from trodo_cli.stores.postgres import PostgresStore
from trodo_cli.stores.sqlite import SqliteStore

Server = Callable[[Batches], Store]
Shape = list[tuple[str | None, list[str]]]


@contextmanager
def filled(*batches: list[Event]) -> Iterator[Store]:
    """An in-memory store to which the batches were delivered."""
    store = SqliteStore(None)
    for batch in batches:
        append(store, *batch)
    yield store
    store.close()


@pytest.fixture(autouse=True, scope="module")
def standing_clock() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ids, "now_ns", lambda: NOW)
        yield


@pytest.fixture(scope="module")
def server(kept_place: str) -> Iterator[Server]:
    """Deliver batches to a PostgreSQL store that holds nothing else."""
    store = PostgresStore(kept_place)

    def deliver(batches: Batches) -> Store:
        empty(kept_place)
        for batch in batches:
            append(store, *batch)
        return store

    yield deliver
    store.close()


def folded(run_id: str, events: list[Event]) -> Trace:
    trace = Trace(run_id)
    for event in events:
        if event.run_id == run_id:
            trace.apply(event)
    return trace


def shape(trace: Trace) -> Shape:
    """Who is below whom, in the order shown."""
    tree, found = trace.tree(), []
    waiting: list[str | None] = [None]
    while waiting:
        at = waiting.pop()
        below = [span.id for span in tree.below(at)]
        found.append((at, below))
        waiting += reversed(below)
    return found


def seen(trace: Trace) -> tuple[Run, list[Span], Shape]:
    """All that a reader sees of a trace, without numbers and receive times."""
    return said(trace.summary), trace.spans, shape(trace)


def traces_of(store: Store) -> dict[str, Trace]:
    client = LocalClient(store, OWNER)
    return {run_id: client.traces.get(run_id) for run_id in listed(store)}


def flat(delivery: Delivery) -> list[Event]:
    return [event for batch in delivery.batches for event in batch]


def of_all_runs(*kinds: Any) -> st.SearchStrategy[Delivery]:
    """Stories of several runs, mostly about spans."""
    return deliveries(span_events(), span_events(), run_starts(), *(kind() for kind in kinds))


def of_one_run(*kinds: Any) -> st.SearchStrategy[Delivery]:
    one = st.just("r")
    return deliveries(span_events(one), span_events(one), run_starts(one), *(kind(one) for kind in kinds))


@given(of_all_runs(run_ends))
def test_any_order_repetition_and_split_leave_the_same_store(delivery: Delivery) -> None:
    with filled(delivery.events) as plain, filled(*delivery.batches) as shuffled:
        assert dump(shuffled) == dump(plain)


@given(of_all_runs(run_ends, cancel_requests, feedback_given))
@settings(max_examples=30, deadline=None)
def test_a_database_server_tells_the_same_bytes_as_a_file(server: Server, delivery: Delivery) -> None:
    with filled(*delivery.batches) as in_a_file:
        assert every_byte(server(delivery.batches)) == every_byte(in_a_file)


def every_byte(store: Store) -> str:
    """All that an owner can read, and every event under its number."""
    events = [event for run_id in listed(store) for event in events_of(store, run_id)]
    return dump(store) + msgspec.json.encode(events).decode()


@given(of_one_run(run_ends, cancel_requests, feedback_given))
def test_requests_to_stop_one_run_leave_the_same_store_in_any_order(delivery: Delivery) -> None:
    with filled(delivery.events) as plain, filled(*delivery.batches) as shuffled:
        assert dump(shuffled) == dump(plain)


@given(families())
def test_requests_handed_down_reach_the_same_open_runs_in_any_order(delivery: Delivery) -> None:
    with filled(delivery.events) as plain, filled(*delivery.batches) as shuffled:
        assert open_requests(shuffled) == open_requests(plain)


def open_requests(store: Store) -> dict[str, object]:
    """Which open runs are asked to stop, and by whom."""
    return {
        run_id: cancel_of(store, run_id) for run_id in listed(store) if not run_of(store, run_id).is_terminal
    }


@given(of_all_runs(run_ends, cancel_requests, feedback_given))
def test_every_run_is_numbered_without_gaps_and_repetitions_number_nothing(delivery: Delivery) -> None:
    with filled(*delivery.batches) as store:
        last = {run_id: run_of(store, run_id).last_seq for run_id in listed(store)}
        assert {run_id: numbers(store, run_id) for run_id in last} == {
            run_id: list(range(1, count + 1)) for run_id, count in last.items()
        }
        assert append(store, *flat(delivery)).stored == 0
        assert {run_id: run_of(store, run_id).last_seq for run_id in last} == last


@given(of_one_run(run_ends))
def test_a_trace_folded_in_any_order_is_the_same(delivery: Delivery) -> None:
    assert seen(folded("r", flat(delivery))) == seen(folded("r", delivery.events))


@given(of_one_run(run_ends, cancel_requests, feedback_given))
def test_a_trace_folded_with_requests_in_any_order_is_the_same(delivery: Delivery) -> None:
    assert seen(folded("r", flat(delivery))) == seen(folded("r", delivery.events))


@given(of_all_runs(run_ends))
def test_a_trace_folded_from_events_is_the_one_a_store_gives(delivery: Delivery) -> None:
    with filled(*delivery.batches) as store:
        for run_id, trace in traces_of(store).items():
            assert seen(folded(run_id, delivery.events)) == seen(trace)


@given(of_all_runs(run_ends, cancel_requests, feedback_given), st.integers(1, 5))
def test_a_trace_folded_from_a_stores_stream_is_the_one_it_gives(delivery: Delivery, page: int) -> None:
    with filled(*delivery.batches) as store:
        for run_id, trace in traces_of(store).items():
            assert seen(folded(run_id, events_of(store, run_id, page=page))) == seen(trace)


@given(of_one_run(run_ends, cancel_requests, feedback_given))
def test_who_follows_a_run_from_its_beginning_ends_with_the_trace_a_store_gives(delivery: Delivery) -> None:
    followed, given_at_last = follow(delivery.batches, payload=True)
    assert followed == given_at_last


@given(of_one_run())
def test_who_follows_an_open_run_ends_with_the_spans_a_store_gives(delivery: Delivery) -> None:
    followed, given_at_last = follow(delivery.batches, payload=True)
    assert followed == given_at_last


@given(of_one_run())
def test_who_follows_an_open_run_without_payloads_ends_with_the_spans_a_store_gives(
    delivery: Delivery,
) -> None:
    followed, given_at_last = follow(delivery.batches, payload=False)
    assert followed == given_at_last


def follow(batches: Batches, *, payload: bool) -> tuple[object, object]:
    """What a follower sees who read after every batch, and what one sees who only reads at the end."""
    trace, after = Trace("r"), 0
    with filled() as store:
        for batch in batches:
            append(store, *batch)
            for event in store.events_after(OWNER, "r", after, 100, payload=payload):
                trace.apply(event)
                after = event.seq
        if store.run(OWNER, "r", NOW) is None:
            return None, None
        at_last = LocalClient(store, OWNER).traces.get("r", payload=payload)
    return (seen(trace), seen(at_last)) if payload else (trace.own, at_last.own)


@given(st.dictionaries(st.sampled_from([*SPAN_IDS, *"efgh"]), st.one_of(parent_ids, st.sampled_from("efgh"))))
def test_every_span_is_in_the_tree_exactly_once_whatever_its_parent(parents: dict[str, str | None]) -> None:
    spans = {name: Span(id=name, parent_id=parent) for name, parent in parents.items()}
    tree = Tree("r", spans)
    found: list[str] = []
    waiting: list[str | None] = [None]
    while waiting:
        below = [span.id for span in tree.below(waiting.pop())]
        found += below
        waiting += below
    assert sorted(found) == sorted(spans)
    assert all(tree.path(name)[-1].id == name for name in spans)
    assert all(spans[name].parent_id not in spans for name in tree.orphans)


@given(st.permutations(list("abcdef")), st.data())
def test_a_tree_does_not_depend_on_the_order_of_its_spans(order: list[str], data: st.DataObject) -> None:
    spans = {name: Span(id=name, parent_id=data.draw(st.sampled_from("abcdef"))) for name in "abcdef"}
    one, other = Tree("r", spans), Tree("r", {name: spans[name] for name in order})
    assert (one.cut, one.orphans) == (other.cut, other.orphans)
    assert [one.below(name) for name in (None, *spans)] == [other.below(name) for name in (None, *spans)]
