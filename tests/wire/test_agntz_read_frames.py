"""A real worker's trace stream, followed from its start or joined late."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.agntz_made import bounded, runs, said, spans, wired
from tests.wire.agntz_worker import DONE, ROOT_SPAN, SPAN_END
from trodo_cli.errors import InvalidInput, Unavailable
from trodo_cli.model.event import RunEnd, RunStart, SpanEnd, SpanStart, TraceDone
from trodo_cli.model.ids import root_span_id
from trodo_cli.model.run import Run
from trodo_cli.model.span import Span, Usage
from trodo_cli.model.trace import Trace
from trodo_cli.wire.agntz import trace_object
from trodo_cli.wire.agntz_read import read_trace
from trodo_cli.wire.agntz_read_frames import read_trace_frame


def test_frames_of_a_worker_that_was_joined_late() -> None:
    known: dict[str, Span] = {}
    run_id = "run_c4kaXF_7_gC3"
    (end,) = read_trace_frame(run_id, "span-end", json.loads(SPAN_END), known)
    assert isinstance(end, SpanEnd)
    assert end.span == known["sp_d9fx"]
    assert (end.span.kind, end.span.model, end.span.usage) == ("model", "m", Usage(input=11, output=7))
    assert (end.span.duration_ms, end.span.details.attributes) == (1205, {"agent.step": 1})
    run_ended, done = read_trace_frame(run_id, "trace-done", json.loads(DONE), known)
    assert isinstance(run_ended, RunEnd)
    assert isinstance(done, TraceDone)
    assert (done.run.agent, done.run.status, done.run.duration_ms) == ("slow", "completed", 1206)
    assert (done.run.totals.spans, done.run.totals.input_tokens, done.run.totals.cost) == (3, 18, None)


def test_a_worker_is_followed_from_the_start_to_a_cancelled_end() -> None:
    known: dict[str, Span] = {}
    root = {**json.loads(ROOT_SPAN), "status": "running", "endedAt": None, "durationMs": None}
    child = {**root, "spanId": "sp_b", "parentId": "sp_ypny", "runId": None, "kind": "tool", "name": "t"}
    run_id, end = root["traceId"], {"endedAt": "2026-11-22T01:28:53.837Z", "durationMs": 1000}
    error = {**end, "status": "error", "error": "cancelled by user", "attributes": {"agent.run.id": run_id}}
    summary = {**json.loads(DONE)["summary"], "traceId": run_id, "status": "cancelled"}
    frames = [
        ("span-start", {"span": root}),
        ("span-start", {"span": child}),
        ("span-end", {"spanId": "sp_b", "patch": {**end, "status": "ok"}}),
        ("span-end", {"spanId": "sp_ypny", "patch": error}),
        ("trace-done", {"summary": summary}),
    ]
    events = [event for name, data in frames for event in read_trace_frame(run_id, name, data, known)]
    assert [event.type for event in events] == [
        "run-start",
        "span-start",
        "span-end",
        "run-end",
        "trace-done",
    ]
    trace = Trace(run_id)
    for event in events:
        trace.apply(event)
    assert (trace.summary.status, trace.summary.error) == ("cancelled", "cancelled by user")
    assert [(span.parent_id, span.status, span.duration_ms) for span in trace.own] == [(None, "ok", 1000)]


def test_the_runs_own_span_is_known_by_its_end_too() -> None:
    known: dict[str, Span] = {}
    patch = {
        "endedAt": None,
        "status": "error",
        "error": "boom",
        "attributes": {"agent.run.id": "r", "agent.id": "a"},
    }
    assert read_trace_frame("r", "span-end", {"spanId": "sp", "patch": patch}, known) == []
    summary = {"traceId": "r", "status": "error"}
    end, _ = read_trace_frame("r", "trace-done", {"summary": summary}, known)
    assert isinstance(end, RunEnd)
    assert (end.run.error, end.run.agent) == ("boom", "a")


@bounded
@given(runs(), st.lists(spans(), max_size=3, unique_by=lambda span: span.id))
def test_a_snapshot_tells_the_whole_trace(run: Run, found: list[Span]) -> None:
    run.status = "failed"
    below = [span for span in found if span.id != root_span_id(run.id)]
    shown = wired(trace_object(Trace.from_rows(run, below), owner="ada"))
    events = read_trace_frame(run.id, "snapshot", shown, {})
    assert isinstance(events[0], RunStart)
    assert isinstance(events[-1], TraceDone)
    trace = Trace(run.id)
    for event in events:
        trace.apply(event)
    assert [said(span) for span in trace.own] == [said(span) for span in read_trace(shown).own]
    assert trace.summary.status == "failed"


def test_a_broken_stream_and_an_unknown_frame() -> None:
    with pytest.raises(Unavailable, match="too slow"):
        read_trace_frame("r", "stream-error", {"error": "too slow"}, {})
    assert read_trace_frame("r", "text-delta", {"text": "x"}, {}) == []


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("span-start", {}),
        ("span-start", {"span": {"spanId": ""}}),
        ("span-end", {"patch": {}}),
        ("span-end", {"spanId": "s", "patch": {"status": "odd"}}),
        ("trace-done", {"summary": None}),
        ("snapshot", []),
    ],
)
def test_a_frame_that_is_none_is_refused(name: str, data: Any) -> None:
    with pytest.raises(InvalidInput):
        read_trace_frame("r", name, data, {})


def test_frames_that_say_little_are_taken() -> None:
    (end,) = read_trace_frame("r", "span-end", {"spanId": "s", "patch": None}, {})
    assert end == SpanEnd(run_id="r", span=Span(id="s"))
    assert read_trace_frame("r", "span-start", {"span": {"spanId": "s"}}, {}) == [
        SpanStart(run_id="r", span=Span(id="s"))
    ]


def test_the_end_of_the_run_stands_when_its_span_is_opened_again() -> None:
    known: dict[str, Span] = {}
    root = {"spanId": "sp", "runId": "r", "name": "agent.run", "status": "running"}
    read_trace_frame("r", "span-start", {"span": root}, known)
    read_trace_frame("r", "span-end", {"spanId": "sp", "patch": {"status": "error", "error": "boom"}}, known)
    read_trace_frame("r", "span-start", {"span": root}, known)
    summary = {"traceId": "r", "status": "error"}
    end, _ = read_trace_frame("r", "trace-done", {"summary": summary}, known)
    assert isinstance(end, RunEnd)
    assert end.run.error == "boom"


@pytest.mark.parametrize(("patch", "left"), [({}, {"a": 1}), ({"attributes": {}}, {})])
def test_attributes_that_an_end_names_replace_those_of_the_start(
    patch: dict[str, Any], left: dict[str, Any]
) -> None:
    known: dict[str, Span] = {}
    read_trace_frame("r", "span-start", {"span": {"spanId": "s", "attributes": {"a": 1}}}, known)
    (end,) = read_trace_frame("r", "span-end", {"spanId": "s", "patch": patch}, known)
    assert isinstance(end, SpanEnd)
    assert end.span.details.attributes == left
