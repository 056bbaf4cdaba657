"""What every store promises: numbers, merging, early spans, light reads, totals, deleting, drops."""

import itertools
from collections.abc import Callable

import pytest

from tests.contract.events import (
    NOW,
    SECOND,
    cancel_request,
    payload,
    run_end,
    run_start,
    span_end,
    span_start,
    span_update,
)
from tests.contract.reading import (
    EVERY_RUN,
    OWNER,
    append,
    dump,
    events_of,
    light,
    listed,
    numbers,
    run_of,
    settled_mark,
    told,
)
from trodo_cli.client.base import Client
from trodo_cli.errors import NotFound, TrodoError
from trodo_cli.model.event import Event, RunEnd, RunStart, SpanEnd, SpanStart, SpanUpdate, TraceDone
from trodo_cli.model.run import Totals
from trodo_cli.model.span import Usage
from trodo_cli.stores.base import Appended, Store

RowCounts = Callable[[], dict[str, int]]

BUSY_RUN: list[Event] = [
    run_start("r", agent="old"),
    span_start("r", "a"),
    span_update("r", "a", name="second"),
    span_start("r", "b", parent_id="a"),
    span_update("r", "a", name="third", version=2),
    run_start("r", agent="new", version=1),
    span_end("r", "b"),
    cancel_request("r", NOW + 2),
    cancel_request("r", NOW + 1),
    span_end("r", "a", version=3),
    run_end("r", status="failed", ended_ns=NOW + 9),
    run_end("r", status="completed", ended_ns=NOW + 8),
    span_start("r", "late"),
]
"""One run in which every kind of row is changed again, so that numbers are replaced."""


# -- numbers -----------------------------------------------------------------------------------------


def test_events_are_numbered_from_one_without_gaps_in_each_run(store: Store) -> None:
    append(
        store, run_start("r"), run_start("q"), span_start("r", "a"), span_start("q", "a"), span_end("r", "a")
    )
    append(store, span_end("q", "a"), run_end("r"))
    assert told(store, "r") == [(1, "run-start"), (2, "span-start"), (3, "span-end"), (4, "run-end")]
    assert told(store, "q") == [(1, "run-start"), (2, "span-start"), (3, "span-end")]
    assert (run_of(store, "r").last_seq, run_of(store, "q").last_seq) == (4, 3)


def test_every_number_is_answered_after_each_change(store: Store) -> None:
    for count, event in enumerate(BUSY_RUN, start=1):
        assert append(store, event) == Appended(stored=1, known=0)
        assert numbers(store, "r") == list(range(1, count + 1))
        assert run_of(store, "r").last_seq == count


def test_one_batch_and_many_batches_give_the_same_numbers(store: Store) -> None:
    append(store, *BUSY_RUN)
    for event in BUSY_RUN:
        append(store, event, owner="other")
    assert events_of(store, "r")[-1].seq == len(BUSY_RUN)
    assert told(store, "r") == [(e.seq, e.type) for e in events_of(store, "r", owner="other")]


@pytest.mark.parametrize("page", range(1, len(BUSY_RUN) + 2))
def test_pages_of_any_size_give_the_same_sequence(store: Store, page: int) -> None:
    append(store, *BUSY_RUN)
    assert events_of(store, "r", page=page) == events_of(store, "r")
    assert numbers(store, "r") == list(range(1, len(BUSY_RUN) + 1))


@pytest.mark.parametrize("after", range(len(BUSY_RUN) + 3))
def test_reading_on_after_any_number_tells_the_rest(store: Store, after: int) -> None:
    append(store, *BUSY_RUN)
    rest = store.events_after(OWNER, "r", after, 1_000, payload=True)
    assert rest == events_of(store, "r")[after:]


def test_the_numbers_before_an_end_tell_the_span_as_open(store: Store) -> None:
    append(store, *BUSY_RUN)
    told_spans = [event for event in events_of(store, "r") if isinstance(event, SpanStart | SpanUpdate)]
    assert [event.seq for event in told_spans] == [2, 3, 4, 5, 13]
    assert all(event.span.is_open and event.span.ended_ns is None for event in told_spans)


def test_a_span_that_came_ended_is_told_as_an_end_only(store: Store) -> None:
    append(store, run_start("r"), span_end("r", "a"))
    assert told(store, "r") == [(1, "run-start"), (2, "span-end")]


def test_a_run_announced_again_is_told_as_it_stands_now(store: Store) -> None:
    append(store, run_start("r", agent="old"))
    append(store, run_start("r", agent="new", version=1))
    starts = [event.run.agent for event in events_of(store, "r") if isinstance(event, RunStart)]
    assert starts == ["new", "new"]


def test_an_older_announcement_that_comes_later_stores_and_numbers_nothing(store: Store) -> None:
    append(store, run_start("r", agent="new", version=2))
    assert append(store, run_start("r", agent="old", version=1)) == Appended(stored=0, known=1)
    assert run_of(store, "r").agent == "new"
    assert numbers(store, "r") == [1]


# -- duplicates and merging --------------------------------------------------------------------------


def test_a_repeated_batch_stores_and_numbers_nothing(store: Store) -> None:
    append(store, *BUSY_RUN)
    before = dump(store)
    assert append(store, *BUSY_RUN) == Appended(stored=0, known=len(BUSY_RUN))
    assert run_of(store, "r").last_seq == len(BUSY_RUN)
    assert dump(store) == before


def test_repetitions_inside_one_batch_count_as_known(store: Store) -> None:
    twice: list[Event] = [
        run_start("r"),
        run_start("r"),
        span_end("r", "a"),
        span_end("r", "a"),
        run_end("r"),
        run_end("r"),
    ]
    assert append(store, *twice) == Appended(stored=3, known=3)
    assert numbers(store, "r") == [1, 2, 3]


def test_a_repeated_span_with_an_empty_usage_stores_nothing(store: Store) -> None:
    event = span_end("r", "a", usage=Usage(), model="m")
    append(store, run_start("r"), event)
    assert append(store, event) == Appended(stored=0, known=1)


def test_a_stream_word_is_not_stored(store: Store) -> None:
    append(store, run_start("r"))
    done = TraceDone(run_id="r", run=run_of(store, "r"))
    assert append(store, done, TraceDone(run_id="nobody", run=done.run)) == Appended(stored=0, known=2)
    assert numbers(store, "r") == [1]
    assert store.run(OWNER, "nobody", NOW) is None


def test_an_end_before_its_start_makes_the_span_and_the_start_changes_nothing(store: Store) -> None:
    append(store, run_start("r"), span_end("r", "a", name="whole", payload=payload(output=1)))
    assert append(store, span_start("r", "a", name="whole")) == Appended(stored=0, known=1)
    span = store.span(OWNER, "r", "a")
    assert span is not None
    assert (span.status, span.name, span.details.output) == ("ok", "whole", 1)


def test_an_ended_span_beats_an_open_one_whatever_the_versions(store: Store) -> None:
    append(store, run_start("r"), span_end("r", "a", version=0), span_update("r", "a", version=9))
    assert [span.status for span in store.spans(OWNER, "r", payload=False)] == ["ok"]


def test_a_late_update_never_overwrites_a_newer_one(store: Store) -> None:
    append(store, run_start("r"), span_update("r", "a", name="new", version=2))
    append(store, span_update("r", "a", name="old", version=1))
    assert [span.name for span in store.spans(OWNER, "r", payload=False)] == ["new"]


CONFLICTS = [payload(output="one"), payload(output="other"), payload(input=1)]


@pytest.mark.parametrize(
    "together",
    [
        pytest.param(True, id="one batch"),
        pytest.param(False, id="two batches"),
    ],
)
@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(range(3), 2)))
def test_conflicting_versions_have_one_winner_in_either_order(
    store: Store, one: int, other: int, together: bool
) -> None:
    first, second = (span_end("r", "a", payload=CONFLICTS[index]) for index in (one, other))
    for owner, events in (("forth", [first, second]), ("back", [second, first])):
        append(store, run_start("r"), owner=owner)
        for batch in [events] if together else [[event] for event in events]:
            append(store, *batch, owner=owner)
    assert dump(store, "forth") == dump(store, "back")


def test_an_end_before_the_announcement_of_its_run_stands(store: Store) -> None:
    append(store, run_end("r", status="failed", error="boom", payload=payload(output=2)))
    assert listed(store) == []
    append(store, run_start("r", agent="a", payload=payload(input=1)))
    run = run_of(store, "r")
    assert (run.status, run.agent, run.error) == ("failed", "a", "boom")
    assert (run.details.input, run.details.output) == (1, 2)


def test_a_terminal_run_stays_terminal_when_it_is_announced_again(store: Store) -> None:
    append(store, run_start("r"), run_end("r", status="failed"))
    append(store, run_start("r", agent="known now", status="running", version=5))
    run = run_of(store, "r")
    assert (run.status, run.agent) == ("failed", "known now")


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_first_end_by_its_own_clock_stands_in_any_order(store: Store, order: tuple[int, ...]) -> None:
    ends = [
        run_end("r", status="cancelled", ended_ns=NOW + 1),
        run_end("r", status="failed", ended_ns=NOW + 2, error="too late"),
        run_end("r", status="completed", ended_ns=NOW + 3),
    ]
    append(store, run_start("r"))
    for index in order:
        append(store, ends[index])
    run = run_of(store, "r")
    assert (run.status, run.ended_ns, run.error) == ("cancelled", NOW + 1, None)


def test_ends_of_one_instant_have_one_winner_in_either_order(store: Store) -> None:
    ends = [run_end("r", status="failed", error="x"), run_end("r", status="completed")]
    append(store, run_start("r"), *ends)
    append(store, run_start("r"), *reversed(ends), owner="reversed")
    assert dump(store) == dump(store, "reversed")


# -- early spans -------------------------------------------------------------------------------------


def test_spans_of_an_unannounced_run_are_invisible(store: Store, client: Client) -> None:
    append(store, span_start("early", "a"), span_end("early", "b"))
    assert listed(store) == []
    assert store.run(OWNER, "early", NOW) is None
    assert store.find_runs(OWNER, "early", 10) == []
    for ask in (client.runs.get, client.runs.find, client.traces.get, client.runs.cancel):
        with pytest.raises(NotFound):
            ask("early")
    with pytest.raises(NotFound):
        next(client.traces.stream("early"))


def test_spans_of_an_unannounced_run_cannot_be_read_one_by_one(store: Store, client: Client) -> None:
    append(store, span_start("early", "a"))
    with pytest.raises(NotFound):
        client.traces.span("early", "a")
    assert store.span(OWNER, "early", "a") is None
    assert store.spans(OWNER, "early", payload=True) == []
    assert store.events_after(OWNER, "early", 0, 10, payload=True) == []


def test_an_unannounced_run_cannot_be_told_from_a_missing_one_by_deleting_it(
    store: Store, client: Client
) -> None:
    append(store, span_start("early", "a"))
    with pytest.raises(NotFound):
        client.runs.delete("early")


def test_early_spans_are_adopted_when_their_run_arrives(store: Store) -> None:
    append(store, span_end("early", "a", cost=0.5))
    append(store, run_start("early", agent="late caller"))
    assert listed(store) == ["early"]
    assert told(store, "early") == [(1, "span-end"), (2, "run-start")]
    assert run_of(store, "early").totals == Totals(spans=1, cost_nanos=500_000_000, costed_spans=1)


def test_a_sweep_removes_early_spans_that_came_before_the_time(store: Store, row_counts: RowCounts) -> None:
    append(store, span_start("old", "a", payload=payload(input=1)), now_ns=NOW - 1)
    append(store, span_start("young", "a"), now_ns=NOW)
    append(store, run_start("announced"), span_start("announced", "a"), now_ns=NOW - 1)
    assert store.sweep(NOW) == 1
    assert store.sweep(NOW) == 0
    append(store, run_start("old"), run_start("young"))
    assert [span.id for span in store.spans(OWNER, "young", payload=False)] == ["a"]
    assert [span.id for span in store.spans(OWNER, "announced", payload=False)] == ["a"]
    assert store.spans(OWNER, "old", payload=False) == []
    assert row_counts()["payloads"] == 2


# -- light and whole reads ---------------------------------------------------------------------------


def test_light_reads_carry_no_payload(store: Store) -> None:
    append(
        store,
        run_start("r", payload=payload(input="heavy")),
        span_end("r", "a", payload=payload(input="heavy")),
    )
    assert all(light(run.payload) for run in store.list_runs(OWNER, EVERY_RUN, 10, None, NOW).rows)
    assert all(light(span.payload) for span in store.spans(OWNER, "r", payload=False))
    spans = [
        event.span for event in events_of(store, "r", payload=False) if isinstance(event, SpanEnd | SpanStart)
    ]
    assert spans
    assert all(light(span.payload) for span in spans)


def test_light_events_of_the_run_itself_carry_no_payload(store: Store, client: Client) -> None:
    append(
        store, run_start("r", payload=payload(input="heavy")), run_end("r", payload=payload(output="heavy"))
    )
    told_runs = [
        event.run for event in events_of(store, "r", payload=False) if isinstance(event, RunStart | RunEnd)
    ]
    assert [light(run.payload) for run in told_runs] == [True, True]
    assert light(client.traces.get("r", payload=False).summary.payload)


def test_whole_reads_carry_every_payload(store: Store) -> None:
    heavy = payload(input={"q": [1, 2]}, output="ü\n", attributes={"k": None})
    append(store, run_start("r", payload=heavy), span_start("r", "a"), span_end("r", "a", payload=heavy))
    assert run_of(store, "r").payload == heavy
    assert [span.payload for span in store.spans(OWNER, "r", payload=True)] == [heavy]
    span = store.span(OWNER, "r", "a")
    assert span is not None
    assert span.payload == heavy
    assert [e.span.payload for e in events_of(store, "r") if isinstance(e, SpanEnd)] == [heavy]


def test_the_end_lays_its_attributes_over_those_of_the_start(store: Store) -> None:
    append(store, run_start("r", payload=payload(input=1, attributes={"kept": 1, "changed": 1})))
    append(store, run_end("r", payload=payload(output=2, attributes={"changed": 2, "new": 2})))
    details = run_of(store, "r").details
    assert (details.input, details.output) == (1, 2)
    assert details.attributes == {"kept": 1, "changed": 2, "new": 2}


def test_every_field_of_a_span_comes_back_as_it_was_given(store: Store) -> None:
    event = span_end(
        "r",
        "a",
        parent_id="p",
        name="näme\n\u2400",
        kind="model",
        status="error",
        level="warning",
        started_ns=-(2**60),
        ended_ns=2**62,
        usage=Usage(input=0, output=2**40, cache_read=1, cache_write=2, reasoning=3),
        cost=0.1,
        model="m",
        provider="pr",
        tool="t",
        error="boom",
        error_type="E",
        status_code="503",
        version=2**40,
        payload=payload(stack="line"),
    )
    append(store, run_start("r"), event)
    assert store.spans(OWNER, "r", payload=True) == [event.span]


# -- totals, deleting, drops -------------------------------------------------------------------------


def test_totals_are_the_sums_over_the_spans_in_any_order(store: Store) -> None:
    events: list[Event] = [
        run_start("r"),
        span_start("r", "a", usage=Usage(input=1)),
        span_end("r", "a", usage=Usage(input=10, output=5), cost=0.1),
        span_end("r", "b", usage=Usage(input=7), cost=0.2, status="error"),
        span_end("r", "c", kind="agent", usage=Usage(input=1_000), cost=9.0),
        span_end("r", "d"),
    ]
    expected = Totals(
        spans=4, errors=1, input_tokens=17, output_tokens=5, cost_nanos=300_000_000, costed_spans=2
    )
    assert expected.cost == 0.3
    for number, order in enumerate(itertools.islice(itertools.permutations(events), 0, None, 60)):
        append(store, *order, owner=str(number))
        assert run_of(store, "r", owner=str(number)).totals == expected


def test_calls_whose_cost_nobody_knows_are_counted_until_it_is_known(store: Store) -> None:
    call = {"kind": "model", "usage": Usage(input=5)}
    append(store, run_start("r"), span_end("r", "a", **call), span_end("r", "b", cost=0.25, **call))
    append(
        store, span_end("r", "step", usage=Usage(input=1)), span_end("r", "none", kind="model", usage=Usage())
    )
    assert (run_of(store, "r").totals.unpriced_spans, run_of(store, "r").totals.cost) == (1, 0.25)
    append(store, span_end("r", "a", version=3, cost=0.5, **call))
    assert (run_of(store, "r").totals.unpriced_spans, run_of(store, "r").totals.cost) == (0, 0.75)


def test_a_run_without_costed_spans_has_no_cost(store: Store) -> None:
    append(store, run_start("r"), span_end("r", "a"))
    assert run_of(store, "r").totals.cost is None


@pytest.mark.parametrize("cost", [float("nan"), float("inf"), -float("inf"), 1e300])
def test_a_cost_that_cannot_be_summed_is_left_out(store: Store, cost: float) -> None:
    append(store, run_start("r"), span_end("r", "a", cost=cost), span_end("r", "b", cost=0.5))
    assert run_of(store, "r").totals.cost == 0.5


def test_deleting_a_run_removes_its_rows_from_every_table(store: Store, row_counts: RowCounts) -> None:
    empty = row_counts()
    append(store, *BUSY_RUN)
    append(store, span_end("r", "p", payload=payload(input=1)))
    filled = row_counts()
    assert all(filled[name] > empty[name] for name in ("runs", "spans", "payloads", "replaced"))
    assert store.delete_run(OWNER, "r")
    assert row_counts() == empty
    assert not store.delete_run(OWNER, "r")


def test_a_run_of_a_deleted_id_begins_from_nothing(store: Store) -> None:
    append(store, *BUSY_RUN)
    store.delete_run(OWNER, "r")
    append(store, run_start("r", agent="again"))
    run = run_of(store, "r")
    assert (run.agent, run.status, run.cancel, run.totals) == ("again", "running", None, Totals())
    assert told(store, "r") == [(1, "run-start")]
    assert store.spans(OWNER, "r", payload=True) == []


def test_deleting_one_run_leaves_the_others(store: Store) -> None:
    append(store, *BUSY_RUN, run_start("s"), span_end("s", "a", payload=payload(input=1)))
    store.delete_run(OWNER, "r")
    assert listed(store) == ["s"]
    assert numbers(store, "s") == [1, 2]
    assert [span.details.input for span in store.spans(OWNER, "s", payload=True)] == [1]


def test_drops_add_up_by_reason(store: Store) -> None:
    assert store.drops(OWNER) == {}
    store.record_drops(OWNER, {"full": 3, "too large": 1}, NOW)
    store.record_drops(OWNER, {"full": 4}, NOW + SECOND)
    store.record_drops(OWNER, {}, NOW)
    assert store.drops(OWNER) == {"full": 7, "too large": 1}


def test_a_batch_that_fails_leaves_nothing_behind(store: Store) -> None:
    append(store, run_start("r"))
    with pytest.raises((ValueError, TrodoError)):
        append(store, span_start("r", "a"), run_start("q"), span_start("q", "b", name="\ud800"))
    assert listed(store) == ["r"]
    assert numbers(store, "r") == [1]


def test_the_change_mark_differs_after_a_change_and_only_then(store: Store) -> None:
    mark = settled_mark(store)
    assert store.change_mark() == mark
    listed(store)
    assert store.change_mark() == mark
    append(store, run_start("r"))
    assert store.change_mark() != mark
