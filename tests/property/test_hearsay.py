"""What spans say of their run is the same in whatever order and batches they come, and while they are open."""

import itertools
from functools import reduce
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire.otlp_made import START, body, span
from trodo_cli.model.event import RunStart
from trodo_cli.model.heard_run import ended_hearsay, joined_hearsay
from trodo_cli.model.run import Run
from trodo_cli.sdk.open_trace import OpenTrace
from trodo_cli.wire.native import settled_event
from trodo_cli.wire.otlp.events import begun_span, ended_span, events_of
from trodo_cli.wire.otlp.export import Export, OtlpSpan
from trodo_cli.wire.otlp.scopes import SCOPES
from trodo_cli.wire.otlp.text import read_json

WORDS = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": ""}]
ATTRIBUTES: dict[str, list[Any]] = {
    "gen_ai.operation.name": ["chat", "invoke_agent", "create_agent", "invoke_workflow"],
    "openinference.span.kind": ["AGENT"],
    "gen_ai.agent.name": ["expert"],
    "traceloop.workflow.name": ["flow"],
    "gen_ai.input.messages": [[WORDS[0]], [WORDS[1]]],
    "gen_ai.output.messages": [[WORDS[0]], [WORDS[1]]],
    "output.value": ["told"],
    "user.id": ["ada"],
    "metadata": ['{"user_id":"bob","thread_id":"t"}'],
}
bounded = settings(max_examples=300, deadline=None)

ANYTHING = st.fixed_dictionaries({}, optional={name: st.sampled_from(of) for name, of in ATTRIBUTES.items()})
ANSWERS = st.sampled_from(WORDS).map(
    lambda said: {"gen_ai.operation.name": "chat", "gen_ai.output.messages": [said]}
)
SCOPE_NAMES = st.sampled_from(["", *SCOPES])


@st.composite
def said(draw: st.DrawFn) -> tuple[dict[str, Any], str]:
    """A span and the library that made it."""
    made = span(
        draw(st.integers(1, 5)),
        draw(st.none() | st.integers(1, 5)),
        name=draw(st.sampled_from(["x", "x.run", "invoke_agent x"])),
        attributes=draw(ANSWERS | ANYTHING),
        status={"code": draw(st.sampled_from([1, 1, 2])), "message": "boom"},
        endTimeUnixNano=str(START + draw(st.integers(6, 8)) * 10**9),
    )
    return made, draw(SCOPE_NAMES)


def traces() -> st.SearchStrategy[list[OtlpSpan]]:
    def read(told: list[tuple[dict[str, Any], str]]) -> list[OtlpSpan]:
        return [read_json(body(made, scope=scope)).spans[0] for made, scope in told]

    return st.lists(said(), min_size=1, max_size=5, unique_by=lambda one: one[0]["spanId"]).map(read)


def announced(spans: list[OtlpSpan]) -> Run:
    run, *_ = events_of(Export(spans))
    assert isinstance(run, RunStart)
    return run.run


@bounded
@given(traces(), st.data())
def test_the_order_the_batches_and_repetitions_never_matter(
    spans: list[OtlpSpan], data: st.DataObject
) -> None:
    arrived = data.draw(st.permutations(spans + data.draw(st.lists(st.sampled_from(spans), max_size=2))))
    cuts = sorted({0, len(arrived), *data.draw(st.lists(st.integers(1, len(arrived)), max_size=3))})
    parts = [announced(arrived[cut:end]) for cut, end in itertools.pairwise(cuts)]
    joined = reduce(joined_hearsay, data.draw(st.permutations(parts)))
    assert ended_hearsay(joined) == ended_hearsay(announced(spans))


@bounded
@given(traces(), st.data())
def test_spans_that_were_told_while_they_were_open_end_in_the_same_run(
    spans: list[OtlpSpan], data: st.DataObject
) -> None:
    root = next((one.span_id for one in spans if one.parent_id is None), spans[0].span_id)
    trace, told = OpenTrace(spans[0].trace_id, root), []
    for one in data.draw(st.permutations(spans)):
        told.append(trace.begin(one, begun_span(one)))
    for one in data.draw(st.permutations(spans)):
        told.append(trace.end(one, ended_span(one)))
    live = reduce(joined_hearsay, [settled_event(event).run for event in told if event is not None])  # type: ignore[union-attr]
    exported = ended_hearsay(announced(spans))
    for name in ("agent", "user", "session", "status", "error", "payload"):
        assert getattr(ended_hearsay(live), name) == getattr(exported, name), name
