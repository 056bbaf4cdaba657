"""Stories of a few runs, and every way in which their events may reach a store.

Ids come from tiny alphabets, so that runs, spans, versions and times collide all the time.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from tests.contract.events import NOW, cancel_request, feedback, payload, run_end, run_start
from trodo_cli.model.event import Event, SpanEnd, SpanStart, SpanUpdate
from trodo_cli.model.ids import root_span_id
from trodo_cli.model.payload import NO_PAYLOAD
from trodo_cli.model.span import Span, SpanStatus, Usage

RUN_IDS = ("p", "q", "r")
SPAN_IDS = ("a", "b", "c")

times = st.integers(NOW, NOW + 1)
versions = st.integers(0, 1)
run_ids = st.sampled_from(RUN_IDS)
payloads = st.sampled_from(
    [NO_PAYLOAD, payload(input=1), payload(input=2), payload(output=[1]), payload(attributes={"k": 1})]
)
parent_ids = st.sampled_from([None, *SPAN_IDS, "nowhere", *map(root_span_id, RUN_IDS)])
usages = st.sampled_from([None, None, Usage(), Usage(input=0), Usage(input=3, output=1), Usage(reasoning=1)])

Batches = list[list[Event]]


@st.composite
def spans(draw: st.DrawFn) -> Span:
    """One version of a span; an open one has no end. Most differ in little, so that texts decide."""
    status: SpanStatus = draw(st.sampled_from(["running", "ok", "ok", "error"]))
    if draw(st.booleans()):
        return Span(id="a", status=status, started_ns=NOW, version=draw(versions), payload=draw(payloads))
    return Span(
        id=draw(st.sampled_from(SPAN_IDS)),
        parent_id=draw(parent_ids),
        name=draw(st.sampled_from(["", "n"])),
        kind=draw(st.sampled_from(["generic", "agent", "model"])),
        status=status,
        started_ns=draw(times),
        ended_ns=None if status == "running" else draw(times),
        usage=draw(usages),
        cost=draw(st.sampled_from([None, None, 0.1, 0.25])),
        status_code=draw(st.sampled_from([None, "500"])),
        version=draw(versions),
        payload=draw(payloads),
    )


@st.composite
def span_events(draw: st.DrawFn, of: st.SearchStrategy[str] = run_ids) -> Event:
    span = draw(spans())
    kinds: list[Callable[..., Event]] = [SpanStart, SpanUpdate] if span.is_open else [SpanEnd]
    event: Event = draw(st.sampled_from(kinds))(run_id=draw(of), span=span)
    return event


@st.composite
def run_starts(draw: st.DrawFn, of: st.SearchStrategy[str] = run_ids) -> Event:
    return run_start(
        draw(of),
        agent=draw(st.sampled_from(["", "x", "y"])),
        status=draw(st.sampled_from(["running", "pending"])),
        parent_id=draw(st.sampled_from([None, None, *RUN_IDS])),
        tags=draw(st.sampled_from([(), ("t",)])),
        started_ns=draw(times),
        version=draw(versions),
        payload=draw(payloads),
    )


@st.composite
def run_ends(draw: st.DrawFn, of: st.SearchStrategy[str] = run_ids) -> Event:
    return run_end(
        draw(of),
        status=draw(st.sampled_from(["completed", "failed", "cancelled"])),
        error=draw(st.sampled_from([None, "boom"])),
        ended_ns=draw(times),
        payload=draw(payloads),
    )


@st.composite
def cancel_requests(draw: st.DrawFn, of: st.SearchStrategy[str] = run_ids) -> Event:
    return cancel_request(draw(of), draw(times), by=draw(st.sampled_from([None, "ada"])))


@st.composite
def feedback_given(draw: st.DrawFn, of: st.SearchStrategy[str] = run_ids) -> Event:
    return feedback(draw(of), draw(times), comment=draw(st.sampled_from([None, "a", "b"])))


@dataclass(frozen=True)
class Delivery:
    """The events of a story in the order they happened, and the batches in which they arrived."""

    events: list[Event]
    batches: Batches


@st.composite
def delivered(draw: st.DrawFn, events: list[Event]) -> Delivery:
    """A story that arrives reordered, partly repeated, cut into batches."""
    repeated = draw(st.lists(st.sampled_from(events), max_size=4))
    arrived = draw(st.permutations(events + repeated))
    cuts = sorted(draw(st.sets(st.integers(1, len(arrived)), max_size=5)) | {0, len(arrived)})
    return Delivery(events, [arrived[cut:end] for cut, end in itertools.pairwise(cuts)])


def deliveries(*kinds: st.SearchStrategy[Any]) -> st.SearchStrategy[Delivery]:
    """A story of events of these kinds."""
    return st.lists(st.one_of(*kinds), min_size=1, max_size=14).flatmap(delivered)


def families() -> st.SearchStrategy[Delivery]:
    """Three runs below each other of which some end, and requests to stop some."""
    line = [run_start("p"), run_start("q", parent_id="p"), run_start("r", parent_id="q")]
    more = st.lists(st.one_of(run_ends(st.sampled_from("pq")), cancel_requests()), min_size=1, max_size=4)
    return more.map(lambda events: line + events).flatmap(delivered)
