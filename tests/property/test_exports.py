"""What is written of any trace makes it again: as OTLP a second export is the same, as events the trace is."""

import json
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contract.events import NOW, payload
from tests.contract.reading import OWNER, append, listed, said
from tests.property.delivery import (
    cancel_requests,
    deliveries,
    feedback_given,
    run_ends,
    run_starts,
    span_events,
)
from tests.property.test_merge import filled
from tests.property.test_otlp import ATTRIBUTES, TEXTS, spans
from tests.wire.otlp_made import body, span_id
from tests.wire.otlp_made import span as otlp_span
from tests.wire.test_otlp_golden import CONVENTIONS, taken
from trodo_cli.client.local import LocalClient
from trodo_cli.model.event import Event, RunEnd, RunStart, SpanEnd, SpanStart
from trodo_cli.model.run import Run
from trodo_cli.model.span import Span, Usage
from trodo_cli.model.trace import Trace
from trodo_cli.stores.base import Store
from trodo_cli.wire.bundle import bundled
from trodo_cli.wire.native import read_event, write_event
from trodo_cli.wire.otlp.events import events_of
from trodo_cli.wire.otlp.protobuf import read_protobuf
from trodo_cli.wire.otlp.text import read_json
from trodo_cli.wire.otlp.writing import export_of, write_json, write_protobuf

bounded = settings(max_examples=120, deadline=None)

IDS = st.sampled_from(["a", "ab" * 8, "0" * 16, "a" * 32, "00000000-0000-0000-1122-334455667788", "ünï"])
TIMES = st.sampled_from([-5, 0, 1, NOW, NOW + 1, 2**63 - 1])
DEEP: Any = 1
for _ in range(60):
    DEEP = {"a": [DEEP]}
ODD: list[Any] = [{"bytesValue": "no base64"}, {"bytesValue": "AA=="}, DEEP, None, 2**70, 1.0, {"a": None}]
SAID = ATTRIBUTES | st.dictionaries(TEXTS, st.sampled_from(ODD), max_size=3)
MOMENTS = st.fixed_dictionaries(
    {},
    optional={
        "name": TEXTS,
        "at_ns": st.integers(-1, 2**80),
        "attributes": SAID,
        "more": TEXTS,
        "dropped": st.integers(-1, 2**70),
    },
)
ORIGINS = st.fixed_dictionaries(
    {},
    optional={
        "name": TEXTS, "kind": st.integers(-1, 9), "status": st.integers(-1, 9), "flags": st.integers(-1, 2**40),
        "dropped": st.integers(-1, 2**40), "dropped_links": st.integers(-1, 2**40),
        "links": st.lists(st.fixed_dictionaries({"trace_id": IDS, "span_id": IDS}), max_size=2) | st.just(5),
        "resource": st.fixed_dictionaries({}, optional={"attributes": SAID}),
    },
)  # fmt: skip


@st.composite
def our_spans(draw: st.DrawFn) -> Span:
    """Whatever a producer of ours, or one that speaks our format, may say of a span."""
    status = draw(st.sampled_from(["running", "ok", "error", "cancelled"]))
    parts = {
        "input": draw(st.none() | SAID),
        "output": draw(st.none() | TEXTS),
        "attributes": draw(SAID),
        "events": draw(st.lists(MOMENTS, max_size=2)),
        "stack": draw(st.none() | TEXTS),
        "origin": draw(st.just({}) | ORIGINS),
    }
    return Span(
        id=draw(IDS),
        parent_id=draw(st.none() | IDS),
        name=draw(TEXTS),
        kind=draw(st.sampled_from(["generic", "agent", "model", "tool", "retrieval", "own"])),
        status=status,
        started_ns=draw(TIMES),
        ended_ns=None if status == "running" else draw(TIMES),
        usage=draw(st.none() | st.builds(Usage, input=st.integers(0, 9), reasoning=st.integers(0, 9))),
        cost=draw(st.sampled_from([None, 0.0, 0.25])),
        model=draw(st.none() | TEXTS),
        tool=draw(st.none() | TEXTS),
        error=draw(st.none() | TEXTS) if status != "ok" else None,
        error_type=draw(st.none() | TEXTS) if status == "error" else None,
        payload=payload(**{name: value for name, value in parts.items() if value is not None}),
    )


@st.composite
def our_runs(draw: st.DrawFn) -> list[Event]:
    """A run that was announced, with spans of every kind."""
    run_id = draw(st.sampled_from(["r", "cd" * 16, "span a"]))
    said = {
        "agent": draw(TEXTS),
        "session": draw(st.none() | TEXTS),
        "tags": tuple(draw(st.lists(TEXTS, max_size=2))),
    }
    run = Run(
        id=run_id,
        started_ns=NOW,
        parent_id=draw(st.none() | IDS),
        payload=payload(attributes=draw(SAID)),
        **said,
    )
    events: list[Event] = [RunStart(run_id=run_id, run=run)]
    for span in draw(st.lists(our_spans(), max_size=4)):
        events.append((SpanStart if span.is_open else SpanEnd)(run_id=run_id, span=span))
    if draw(st.booleans()):
        status = draw(st.sampled_from(["completed", "failed", "cancelled"]))
        end = Run(id=run_id, status=status, ended_ns=NOW + 5, error=draw(st.none() | TEXTS))
        events.append(RunEnd(run_id=run_id, run=end))
    return [read_event(write_event(event)) for event in events]


def traces_of(store: Store) -> list[Trace]:
    client = LocalClient(store, OWNER)
    return [client.traces.get(run_id) for run_id in listed(store)]


def exported(events: list[Event]) -> list[bytes]:
    """What is written of each run that these events make."""
    with filled(events) as store:
        return [write_json(export_of(trace)) for trace in traces_of(store)]


def comes_again(events: list[Event]) -> None:
    for first in exported(events):
        export = read_json(first)
        assert export.refused == 0, export.reasons
        (second,) = exported(events_of(export))
        assert json.loads(second) == json.loads(first)
        assert second == first
        assert read_protobuf(write_protobuf(export)) == export


@given(our_runs())
@bounded
def test_a_run_of_our_own_goes_out_as_otlp_and_comes_again(events: list[Event]) -> None:
    comes_again(events)


@given(st.lists(spans(), min_size=1, max_size=5))
@bounded
def test_a_run_that_came_as_otlp_goes_out_and_comes_again(sent: list[Any]) -> None:
    comes_again(events_of(read_json(body(*sent))))


def test_every_convention_goes_out_and_comes_again() -> None:
    for name in CONVENTIONS:
        comes_again(events_of(taken(name, "json")))


def test_a_span_of_which_only_the_begin_came_goes_out_and_comes_again() -> None:
    mark = {"logfire.span_type": "pending_span", "logfire.pending_parent_id": span_id(1)}
    sent = [otlp_span(3, 2, attributes=mark), otlp_span(1)]
    comes_again(events_of(read_json(body(*sent))))


@given(deliveries(run_starts(), run_ends(), span_events(), cancel_requests(), feedback_given()))
@bounded
def test_a_trace_comes_again_from_its_events(delivery: Any) -> None:
    batches = [[read_event(write_event(event)) for event in batch] for batch in delivery.batches]
    with filled(*batches) as store:
        for trace in traces_of(store):
            is_told_again(trace, store)


@given(st.lists(spans(), min_size=1, max_size=4), st.booleans())
@bounded
def test_a_trace_that_only_spans_tell_of_comes_again_from_its_events(sent: list[Any], is_over: bool) -> None:
    with filled(events_of(read_json(body(*sent)))) as store:
        for run_id in listed(store) if is_over else ():
            store.conclude(OWNER, run_id, 2**62, complete=False)
        for trace in traces_of(store):
            is_told_again(trace, store)


def is_told_again(trace: Trace, origin: Store) -> None:
    """In an empty store, and where it is from, where nothing of it is lost."""
    lines = [write_event(event) for event in bundled(trace)]
    events = [read_event(line) for line in lines]
    with filled(events) as store:
        (again,) = traces_of(store)
        assert (said(again.summary), again.spans) == (said(trace.summary), trace.spans)
        assert [write_event(event) for event in bundled(again)] == lines
    append(origin, *events)
    same = LocalClient(origin, OWNER).traces.get(trace.run_id)
    assert (seen(same.summary), same.own) == (seen(trace.summary), trace.own)


def seen(run: Run) -> Run:
    return msgspec.structs.replace(said(run), status="running" if run.status == "lost" else run.status)
