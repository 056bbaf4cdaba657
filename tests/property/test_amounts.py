"""Tokens and cost are counted once, whoever repeats them, in whatever order the spans come."""

from hypothesis import given
from hypothesis import strategies as st

from tests.contract.events import run_start
from tests.contract.reading import append, listed, run_of
from tests.property.delivery import Delivery, delivered, deliveries, run_starts, span_events
from tests.property.test_merge import filled, flat, folded
from trodo_cli.client.local import LocalClient
from trodo_cli.model.event import Event, SpanEnd
from trodo_cli.model.span import Span, Usage
from trodo_cli.model.totals import totals_of

IDS = "abcdefgh"


@st.composite
def trees(draw: st.DrawFn) -> list[Event]:
    """Spans of a run below each other, some in a circle, some below one that never comes."""
    events: list[Event] = [run_start("r")]
    for span_id in IDS[: draw(st.integers(1, len(IDS)))]:
        parent_id = draw(st.sampled_from([None, *IDS, "missing"]))
        kind = draw(st.sampled_from(["agent", "model", "tool", "step"]))
        usage = draw(st.sampled_from([None, Usage(input=1), Usage(input=10, output=1)]))
        span = Span(id=span_id, parent_id=parent_id, kind=kind, usage=usage, status="ok", ended_ns=1)
        events.append(SpanEnd(run_id="r", span=span))
    return events


@given(trees().flatmap(delivered))
def test_the_sums_of_a_run_are_those_over_all_of_its_spans(delivery: Delivery) -> None:
    spans = {event.span.id: event.span for event in delivery.events if isinstance(event, SpanEnd)}
    with filled(*delivery.batches) as store:
        assert run_of(store, "r").totals == totals_of(spans)


@given(deliveries(span_events(), span_events(), run_starts()))
def test_sums_follow_every_change_of_a_span(delivery: Delivery) -> None:
    with filled(*delivery.batches) as store:
        for run_id in listed(store):
            trace = LocalClient(store, "ada").traces.get(run_id)
            assert run_of(store, run_id).totals == trace.summary.totals
            assert folded(run_id, flat(delivery)).summary.totals == trace.summary.totals


@given(trees())
def test_a_span_below_another_counts_in_place_of_it(events: list[Event]) -> None:
    spans = {event.span.id: event.span for event in events if isinstance(event, SpanEnd)}
    totals = totals_of(spans)
    told = [span for span in spans.values() if span.usage and span.kind != "agent"]
    assert totals.input_tokens <= sum((span.usage and span.usage.input) or 0 for span in spans.values())
    if told and not totals.wrapped and totals.input_tokens == 0:
        assert all(in_a_circle(span, spans) or has_below(span, told, spans) for span in told)


def above(span: Span, spans: dict[str, Span]) -> list[str]:
    found: list[str] = []
    at = span.parent_id if span.parent_id != span.id else None
    while at is not None and at not in found:
        found.append(at)
        parent = spans.get(at)
        at = parent.parent_id if parent and parent.parent_id != parent.id else None
    return found


def in_a_circle(span: Span, spans: dict[str, Span]) -> bool:
    return span.id in above(span, spans)


def has_below(span: Span, told: list[Span], spans: dict[str, Span]) -> bool:
    return any(span.id in above(other, spans) for other in told)


def test_a_span_that_moves_away_no_longer_counts_in_place_of_its_parent() -> None:
    def model(span_id: str, parent_id: str | None, version: int, tokens: int) -> SpanEnd:
        span = Span(
            id=span_id,
            parent_id=parent_id,
            kind="model",
            usage=Usage(input=tokens),
            status="ok",
            version=version,
        )
        return SpanEnd(run_id="r", span=span)

    with filled([run_start("r"), model("above", None, 1, 10)], [model("below", "above", 1, 4)]) as store:
        assert run_of(store, "r").totals.input_tokens == 4
        append(store, model("below", None, 2, 4))
        assert run_of(store, "r").totals.input_tokens == 14
        append(store, model("below", "above", 3, 4))
        assert run_of(store, "r").totals.input_tokens == 4


def test_an_agent_stands_in_again_once_those_it_stood_back_for_are_in_a_circle() -> None:
    def told(span_id: str, parent_id: str | None, kind: str, tokens: int) -> SpanEnd:
        usage = Usage(input=tokens)
        return SpanEnd(run_id="r", span=Span(id=span_id, parent_id=parent_id, kind=kind, usage=usage))

    with filled([run_start("r"), told("a", None, "agent", 1)], [told("b", "c", "model", 2)]) as store:
        assert run_of(store, "r").totals.input_tokens == 2
        append(store, told("c", "b", "model", 4))
        assert run_of(store, "r").totals.input_tokens == 1


def test_batches_that_repeat_change_no_sum() -> None:
    span = Span(id="a", kind="model", usage=Usage(input=5), status="ok", ended_ns=1)
    with filled([run_start("r"), SpanEnd(run_id="r", span=span)]) as store:
        for _ in range(3):
            append(store, SpanEnd(run_id="r", span=span))
        assert run_of(store, "r").totals.input_tokens == 5
