"""What the published agntz clients insist on, and what a real worker answers."""

import json
from types import ModuleType
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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
from tests.contract.reading import OWNER, append, events_of, run_of
from tests.property.delivery import Delivery, deliveries, run_ends, run_starts, span_events
from trodo_cli.errors import InvalidInput, Unavailable
from trodo_cli.model.event import Event, RunEnd, RunStart, SpanEnd, SpanStart, TraceDone
from trodo_cli.model.ids import canonical_id, root_span_id
from trodo_cli.model.payload import NO_PAYLOAD, Payload
from trodo_cli.model.run import Run, Totals, root_span
from trodo_cli.model.span import KINDS, Span, Usage, settled_span
from trodo_cli.model.trace import Trace
from trodo_cli.query.plan import Cursor, RunFilter
from trodo_cli.stores.sqlite import SqliteStore
from trodo_cli.wire.agntz import (
    NOTHING,
    Frame,
    page_object,
    run_events,
    run_object,
    runs_query,
    span_object,
    sse_json,
    summary_object,
    trace_events,
    trace_object,
    traces_query,
)
from trodo_cli.wire.agntz_read import read_run, read_span, read_summary, read_trace, read_trace_frame
from trodo_cli.wire.values import storable_text

MS = 10**6
RUN_ID = "019ab3c47d2e7f10a4d2c81e4f1e88ba"
ROOT_ID = root_span_id(RUN_ID)
HOSTILE = 'a\u2028b\u2029c\x85d\x0be\x0cf\x1cg\x1dh\x1ei\x7fj"\\\n\r\t𝄞\ud7ff\ufeff</script>'
SPAN_KEYS = {
    *(
        "spanId",
        "traceId",
        "parentId",
        "ownerId",
        "runId",
        "sessionId",
        "name",
        "kind",
        "startedAt",
        "endedAt",
    ),
    *("durationMs", "status", "error", "attributes", "events", "scores", "costUsd"),
}
SUMMARY_KEYS = {
    *(
        "traceId",
        "ownerId",
        "rootName",
        "agentId",
        "startedAt",
        "endedAt",
        "durationMs",
        "spanCount",
        "status",
    ),
    *("totalTokens", "totalCostUsd"),
}

bounded = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])

texts = st.one_of(st.text(max_size=8).map(storable_text), st.just(storable_text(HOSTILE)))
names = st.none() | texts
row_ids = texts.filter(bool).map(canonical_id)
moments = st.integers(-(2**40), 2**42).map(lambda ms: ms * MS)
counts = st.none() | st.integers(0, 10**8)
scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(-1e9, 1e9) | texts
values = st.recursive(scalars, lambda of: st.lists(of, max_size=3) | st.dictionaries(texts, of, max_size=3))
data = values.filter(lambda value: not (isinstance(value, str) and value.startswith(("{", "["))))
foreign_names = texts.map(lambda text: f"x.{text}")
occurrences = st.builds(
    lambda name, at_ns, noted: {"name": name, "at_ns": at_ns} | ({"attributes": noted} if noted else {}),
    texts,
    moments,
    st.dictionaries(texts, values, max_size=2),
)


@st.composite
def payloads(draw: st.DrawFn) -> msgspec.Raw:
    said = Payload(
        input=draw(data),
        output=draw(data),
        attributes=draw(st.dictionaries(foreign_names, scalars, max_size=3)),
        events=draw(st.lists(occurrences, max_size=2)),
        stack=draw(names),
    )
    return msgspec.Raw(msgspec.json.encode(said)) if said != Payload() else NO_PAYLOAD


@st.composite
def spans(draw: st.DrawFn) -> Span:
    """A span as a store holds it, of whole milliseconds."""
    status = draw(st.sampled_from(["running", "ok", "error", "cancelled"]))
    span = Span(
        id=draw(row_ids),
        parent_id=draw(st.none() | row_ids),
        name=draw(texts),
        kind=draw(st.sampled_from([*KINDS, "manifest", "rerank"])),
        status=status,
        level=draw(names),
        started_ns=draw(moments),
        ended_ns=None if status == "running" else draw(moments),
        usage=draw(
            st.none() | st.builds(Usage, input=counts, output=counts, cache_read=counts, reasoning=counts)
        ),
        cost=draw(st.none() | st.floats(0, 1e6)),
        payload=draw(payloads()),
    )
    for field in ("model", "provider", "tool", "error", "error_type", "status_code"):
        setattr(span, field, draw(names))
    return settled_span(span)


@st.composite
def runs(draw: st.DrawFn) -> Run:
    """A run as a store holds it."""
    status = draw(st.sampled_from(["pending", "running", "completed", "failed", "cancelled"]))
    ends = status in ("completed", "failed", "cancelled")
    totals = Totals(
        spans=draw(st.integers(0, 9)),
        input_tokens=draw(st.integers(0, 10**9)),
        output_tokens=draw(st.integers(0, 10**9)),
        cost_nanos=draw(st.integers(0, 10**12)),
        costed_spans=1,
    )
    return Run(
        id=draw(row_ids),
        agent=draw(texts),
        status=status,
        parent_id=draw(st.none() | row_ids),
        parent_span_id=draw(st.none() | row_ids),
        session=draw(names),
        owner=draw(texts),
        started_ns=draw(moments),
        ended_ns=draw(moments) if ends else None,
        error=draw(names) if status in ("failed", "cancelled") else None,
        payload=draw(payloads()),
        totals=totals,
    )


def said(span: Span) -> tuple[Span, Payload]:
    """A span in the form that tests compare: the payload by what it says, without what the wire leaves out."""
    return msgspec.structs.replace(span, payload=NO_PAYLOAD, version=0), span.details


def wired(value: Any) -> Any:
    """What the other side reads."""
    return json.loads(sse_json(value))


def framed(frames: list[Frame]) -> str:
    return "".join(f"event: {name}\ndata: {sse_json(data).decode()}\n\n" for name, data in frames)


def stored(*events: Event) -> list[Event]:
    """The events as a store tells them again."""
    store = SqliteStore(None)
    append(store, *events)
    return events_of(store, events[0].run_id)


@pytest.fixture(scope="module")
def published() -> ModuleType:
    """The models of the published client."""
    models: ModuleType = pytest.importorskip("agntz.client.models")
    return models


# Objects


@bounded
@given(runs())
def test_a_run_is_taken_by_the_published_client(published: ModuleType, run: Run) -> None:
    shown = wired(run_object(run, root_id="r", depth=2))
    taken = published.Run.model_validate(shown, strict=True)
    assert (taken.id, taken.root_id, taken.depth) == (run.id, "r", 2)
    assert published.RunListResult.model_validate(page_object([shown], None)).cursor is None


@bounded
@given(spans(), runs())
def test_a_span_is_taken_by_the_published_client(published: ModuleType, span: Span, run: Run) -> None:
    taken = published.Span.model_validate(wired(span_object(span, run)), strict=True)
    assert (taken.span_id, taken.trace_id, taken.name) == (span.id, run.id, span.name)


@bounded
@given(runs(), st.lists(spans(), max_size=3))
def test_a_trace_is_taken_by_the_published_client(published: ModuleType, run: Run, found: list[Span]) -> None:
    shown = wired(trace_object(Trace.from_rows(run, found)))
    assert len(published.TraceDetail.model_validate(shown).spans) == len(shown["spans"])
    rows = page_object([shown["summary"]], "next")
    assert published.TracesListResult.model_validate(wired(rows)).cursor == "next"


@bounded
@given(runs())
def test_a_run_comes_back_as_far_as_the_wire_tells_it(run: Run) -> None:
    back = read_run(wired(run_object(run, root_id=run.id, depth=0)))
    for field in ("id", "agent", "status", "parent_id", "parent_span_id", "session", "owner", "started_ns"):
        assert getattr(back, field) == getattr(run, field), field
    assert (back.ended_ns, back.error) == (run.ended_ns, run.error)
    if run.status == "completed":
        assert back.totals == msgspec.structs.replace(run.totals, spans=0)
        assert back.details.output == (None if run.details.output == "" else run.details.output)


@bounded
@given(st.dictionaries(texts, values, min_size=1) | st.lists(values, min_size=1))
def test_an_input_of_parts_is_sent_as_compact_json_text_and_read_back(value: Any) -> None:
    shown = run_object(Run(id="r", payload=payload(input=value)), root_id="r", depth=0)
    assert shown["input"] == msgspec.json.encode(value).decode()
    assert read_run(wired(shown)).details.input == value


@bounded
@given(spans(), runs())
def test_a_span_comes_back_whole(span: Span, run: Run) -> None:
    span.parent_id = span.parent_id or root_span_id(run.id)
    if span.id != root_span_id(run.id):
        assert said(read_span(wired(span_object(span, run)))) == said(span)


@bounded
@given(runs(), st.lists(spans(), max_size=4, unique_by=lambda span: span.id))
def test_a_trace_comes_back_whole(run: Run, found: list[Span]) -> None:
    root_id = root_span_id(run.id)
    for span in found:
        span.parent_id = None if span.parent_id == root_id else span.parent_id
    trace = Trace.from_rows(run, [span for span in found if span.id != root_id])
    back = read_trace(wired(trace_object(trace)))
    assert [said(span) for span in back.spans[1:]] == [said(span) for span in trace.spans[1:]]
    for field in ("id", "session", "started_ns", "ended_ns", "error", "totals", "details"):
        assert getattr(back.summary, field) == getattr(trace.summary, field), field


def test_a_run_leaves_out_what_has_no_value() -> None:
    shown = run_object(Run(id="r", agent="a", started_ns=5 * MS + 999_999), root_id="r", depth=0)
    assert shown == {
        "id": "r", "rootId": "r", "agentId": "a", "status": "running", "startedAt": 5, "depth": 0
    }  # fmt: skip


@pytest.mark.parametrize(
    ("status", "shown"), [("lost", "running"), ("pending", "pending"), ("failed", "failed")]
)
def test_a_run_status_is_one_that_agntz_knows(status: Any, shown: str) -> None:
    run = Run(id="r", status=status, started_ns=NOW, ended_ns=NOW, error="boom")
    assert run_object(run, root_id="r", depth=0)["status"] == shown
    assert ("error" in run_object(run, root_id="r", depth=0)) == (shown == "failed")
    assert summary_object(run)["status"] == ("error" if shown == "failed" else "running")


def test_a_completed_run_has_a_result_with_its_usage() -> None:
    totals = Totals(spans=3, input_tokens=44, output_tokens=28, cost_nanos=1_500_000, costed_spans=1)
    run = Run(
        id="r",
        status="completed",
        started_ns=NOW,
        ended_ns=NOW + SECOND,
        totals=totals,
        payload=payload(output=[1]),
    )
    assert run_object(run, root_id="r", depth=0)["result"] == {
        "output": [1],
        "invocationId": "r",
        "sessionId": "",
        "toolCalls": [],
        "usage": {"promptTokens": 44, "completionTokens": 28, "totalTokens": 72, "cost": 0.0015},
        "duration": 1000,
        "model": "",
    }


@bounded
@given(spans(), runs())
def test_a_span_and_a_summary_carry_every_key_and_flat_attributes(span: Span, run: Run) -> None:
    shown = span_object(span, run)
    assert (set(shown), set(summary_object(run))) == (SPAN_KEYS, SUMMARY_KEYS)
    assert not any(isinstance(value, dict | list) for value in shown["attributes"].values())
    assert len(shown["startedAt"]) == 24
    assert shown["startedAt"].endswith("Z")


def test_a_span_uses_the_attribute_names_of_a_worker() -> None:
    model = Span(
        id="m",
        kind="model",
        model="m-1",
        usage=Usage(input=11, output=7),
        cost=0.5,
        payload=payload(input=[{"role": "user"}], output="hi", attributes={"own": {"a": [1]}, "n": 1}),
    )
    assert span_object(model, Run(id="r"))["attributes"] == {
        "own": '{"a":[1]}',
        "n": 1,
        "agent.model": "m-1",
        "agent.usage.prompt_tokens": 11,
        "agent.usage.completion_tokens": 7,
        "agent.usage.total_tokens": 18,
        "agent.cost_usd": 0.5,
        "agent.prompt": '[{"role":"user"}]',
        "agent.completion": "hi",
    }
    tool = Span(id="t", kind="tool", tool="search", payload=payload(input="q", output=""))
    assert span_object(tool, Run(id="r"))["attributes"] == {
        "agent.tool.name": "search", "agent.tool.input": "q", "agent.tool.output": ""
    }  # fmt: skip


def test_the_run_is_the_root_of_its_spans() -> None:
    run = Run(
        id=RUN_ID, agent="a", owner="o", session="s", started_ns=NOW, ended_ns=NOW + SECOND, status="failed"
    )
    root = span_object(root_span(run), run)
    assert (root["parentId"], root["runId"], root["kind"]) == (None, RUN_ID, "run")
    assert root["attributes"] == {"agent.id": "a", "agent.run.id": RUN_ID}
    below = span_object(Span(id="s", kind="agent", started_ns=NOW), run)
    assert (below["parentId"], below["runId"], below["kind"]) == (ROOT_ID, None, "invoke")
    assert (below["ownerId"], below["sessionId"], below["traceId"]) == ("o", "s", RUN_ID)


def test_spans_stand_by_start_and_then_by_id() -> None:
    found = [Span(id=name, started_ns=NOW + at) for name, at in (("c", 0), ("b", 400_000), ("a", 2 * MS))]
    shown = trace_object(Trace.from_rows(Run(id="z", started_ns=NOW), found), owner="ada")
    assert [span["spanId"] for span in shown["spans"]] == ["b", "c", "z", "a"]
    assert {span["ownerId"] for span in shown["spans"]} == {"ada"}
    assert shown["summary"]["spanCount"] == 4


def test_numbers_that_json_cannot_hold_are_left_out() -> None:
    assert span_object(Span(id="s", cost=float("inf")), Run(id="r"))["costUsd"] is None
    assert sse_json({"n": float("nan")}) == b'{"n":null}'


@pytest.mark.parametrize("ns", [-(2**63), -1, 0, 2**63 - 1])
def test_every_time_that_can_be_stored_can_be_shown(ns: int) -> None:
    shown = span_object(Span(id="s", started_ns=ns, ended_ns=ns, status="ok"), Run(id="r"))
    assert abs(read_span(shown).started_ns - ns) < MS
    run = run_object(Run(id="r", started_ns=ns), root_id="r", depth=0)
    assert abs(read_run(run).started_ns - ns) < MS


# Server-sent events


@given(st.recursive(st.text() | st.just(HOSTILE), lambda of: st.dictionaries(st.text(), of, max_size=3)))
def test_sse_json_is_one_line_of_printable_ascii(value: Any) -> None:
    text = sse_json({"value": value}).decode("ascii")
    assert text.isprintable()
    assert len(text.splitlines()) == 1
    assert json.loads(text) == {"value": value}


def test_sse_json_takes_what_is_not_even_text() -> None:
    assert json.loads(sse_json({"a\ud800": ["\udc00\x85", object]}))["a\ufffd"][0] == "\ufffd\x85"


def test_the_published_parser_reads_hostile_frames(published: ModuleType) -> None:
    parser = pytest.importorskip("agntz.client._sse")
    words = pytest.importorskip("agntz.client.events")
    end = span_end(RUN_ID, "s", error=HOSTILE, status="error", kind="tool", payload=payload(output=HOSTILE))
    trace = [
        words.normalize_trace_event(f) for f in parser.parse_sse([framed(trace_events(end, told=set()))])
    ]
    assert [event.type for event in trace] == ["span-start", "span-end"]
    assert trace[1].patch["error"] == HOSTILE
    frames = framed([*run_events(end), *run_events(run_end(RUN_ID, status="failed", error=HOSTILE))])
    run = [words.normalize_run_event(frame) for frame in parser.parse_sse([frames])]
    assert [event.type for event in run] == ["tool-call-end", "run-error"]
    assert (run[0].toolCall["output"], run[1].error, run[1].run_id) == (HOSTILE, HOSTILE, RUN_ID)


@bounded
@given(deliveries(run_starts(st.just("p")), run_ends(st.just("p")), span_events(st.just("p"))))
def test_the_published_client_takes_every_frame(published: ModuleType, delivery: Delivery) -> None:
    words = pytest.importorskip("agntz.client.events")
    parser = pytest.importorskip("agntz.client._sse")
    told: set[str] = set()
    for event in stored(*delivery.events):
        for frame in parser.parse_sse([framed(trace_events(event, told=told))]):
            taken = words.normalize_trace_event(frame)
            if taken.span is not None:
                published.Span.model_validate(taken.span, strict=True)
            assert set(taken.patch or {}) <= {"endedAt", "durationMs", "status", "error", "attributes"}
        for frame in parser.parse_sse([framed(run_events(event))]):
            assert words.normalize_run_event(frame).run_id == "p"


@bounded
@given(deliveries(run_starts(st.just("p")), run_ends(st.just("p")), span_events(st.just("p"))))
def test_who_follows_the_frames_sees_what_was_stored(delivery: Delivery) -> None:
    store = SqliteStore(None)
    append(store, run_start("p"), *delivery.events)
    run, told, known, trace = run_of(store, "p"), set[str](), dict[str, Span](), Trace("p")
    for event in [*events_of(store, "p"), TraceDone(run_id="p", run=run)]:
        for name, frame in trace_events(event, run=run, told=told):
            for heard in read_trace_frame("p", name, wired(frame), known):
                trace.apply(heard)
    kept = {span.id: span for span in store.spans(OWNER, "p", payload=True)}
    assert {span.id for span in trace.spans[1:]} == set(kept)
    for span in trace.spans[1:]:
        if not kept[span.id].is_open:
            assert said(span) == said(as_told(kept[span.id]))
    status = "running" if run.status == "pending" else run.status
    assert (trace.summary.status, trace.summary.error) == (status, run.error)


def as_told(span: Span) -> Span:
    """The span in whole milliseconds, below the run when its parent is the run."""
    ended_ns = None if span.ended_ns is None else span.ended_ns // MS * MS
    parent_id = None if span.parent_id == root_span_id("p") else span.parent_id
    return msgspec.structs.replace(
        span, started_ns=span.started_ns // MS * MS, ended_ns=ended_ns, parent_id=parent_id
    )


def test_a_span_that_is_first_heard_of_at_its_end_is_opened_before() -> None:
    end = span_end(RUN_ID, "s", name="n", kind="tool")
    assert [name for name, _ in trace_events(end)] == ["span-end"]
    told: set[str] = set()
    (opened, start), (closed, _) = trace_events(end, told=told)
    assert (opened, closed) == ("span-start", "span-end")
    shown = start["span"]
    assert (shown["name"], shown["status"], shown["endedAt"], shown["durationMs"]) == (
        "n",
        "running",
        None,
        None,
    )
    assert trace_events(span_start(RUN_ID, "s"), told=told) == []
    assert trace_events(span_update(RUN_ID, "s"), told=told) == []


def test_the_trace_stream_tells_the_run_as_its_root_span() -> None:
    run = Run(id=RUN_ID, agent="a", owner="o", started_ns=NOW)
    ((name, start),) = trace_events(run_start(RUN_ID, agent="a", owner="o"))
    assert (name, start["span"]["spanId"], start["span"]["attributes"]["agent.id"]) == (
        "span-start",
        ROOT_ID,
        "a",
    )
    ((name, end),) = trace_events(run_end(RUN_ID, status="failed", error="boom"), run=run)
    assert (name, end["spanId"], end["patch"]["durationMs"]) == ("span-end", ROOT_ID, 1000)
    assert (end["patch"]["status"], end["patch"]["error"]) == ("error", "boom")
    assert trace_events(cancel_request(RUN_ID)) == []


def test_an_end_that_does_not_say_when_the_run_began_has_no_duration() -> None:
    ((_, end),) = trace_events(run_end(RUN_ID))
    assert end["patch"]["durationMs"] is None


def test_the_run_stream_speaks_the_run_vocabulary() -> None:
    call = {"kind": "tool", "name": "look", "tool": "search"}
    events = stored(
        run_start("r", agent="a", parent_id="p"),
        span_start("r", "m", kind="model"),
        span_start("r", "t", **call),
        span_end("r", "t", **call, status="error", error="no", payload=payload(input={"q": 1})),
        cancel_request("r"),
        run_end("r", status="cancelled"),
    )
    assert [frame for event in events for frame in run_events(event)] == [
        ("run-spawn", {"type": "run-spawn", "runId": "r", "parentId": "p", "agentId": "a", "seq": 1}),
        (
            "tool-call-start",
            {"type": "tool-call-start", "runId": "r", "toolCall": {"id": "t", "name": "look"}, "seq": 3},
        ),
        (
            "tool-call-end",
            {
                "type": "tool-call-end",
                "runId": "r",
                "toolCall": {
                    "id": "t",
                    "name": "search",
                    "input": {"q": 1},
                    "output": None,
                    "duration": 1000,
                    "error": "no",
                },
                "seq": 4,
            },
        ),
        ("run-cancelled", {"type": "run-cancelled", "runId": "r", "seq": 6}),
    ]


def test_the_end_of_a_run_is_told_with_its_result_or_its_error() -> None:
    known = Run(id="r", started_ns=NOW, session="s")
    ((name, done),) = run_events(run_end("r", payload=payload(output="ok")), run=known)
    assert (name, done["result"]["output"], done["result"]["duration"]) == ("run-complete", "ok", 1000)
    assert done["result"]["sessionId"] == "s"
    ((name, failed),) = run_events(run_end("r", status="failed"))
    assert (name, failed["error"]) == ("run-error", "failed")
    told: set[str] = set()
    assert len(run_events(run_start("r"), told=told) + run_events(run_start("r", version=1), told=told)) == 1


# Lists


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


def test_a_status_is_matched_exactly() -> None:
    assert runs_query({"status": "failed"})[0] == RunFilter(status="failed")
    assert traces_query({"status": "error", "agentId": "a"})[0] == RunFilter(status="failed", agent="a")
    assert [runs_query({"status": word})[0] for word in ("error", "draining", "x")] == [NOTHING] * 3
    assert [traces_query({"status": word})[0] for word in ("failed", "x")] == [NOTHING] * 2


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


def test_the_last_page_has_no_cursor() -> None:
    assert page_object([{"a": 1}], None) == {"rows": [{"a": 1}]}
    assert page_object([], "c") == {"rows": [], "cursor": "c"}


# What a worker answers: the examples of the contract

LISTED = """{"rows":[{"id":"run_9YrD_5_7WR3w","rootId":"run_9YrD_5_7WR3w","agentId":"parent","agentVersion":"2026-11-22T01:30:36.426Z",
 "userId":"owner-a","sessionId":"sess_zvMMppSXsOT3","retentionMode":"session","input":"go","status":"completed",
 "startedAt":1795311039876,"depth":0,"result":{"output":"...","invocationId":"run_9YrD_5_7WR3w","sessionId":"sess_zvMMppSXsOT3",
 "toolCalls":[],"usage":{"promptTokens":44,"completionTokens":28,"totalTokens":72,"model":"m"},"duration":136,"model":"m",
 "provider":"openai","requestedModel":"m","responseId":"resp_1","finishReason":"stop"},"endedAt":1795311040012}],
 "cursor":"eyJzdGFydGVkQXQiOjE3OTUzMTEwMzk4NzYsImlkIjoicnVuXzlZckRfNV83V1IzdyJ9"}"""  # noqa: E501
STARTED = """{"id":"run_86gWaqrOx7Bj","rootId":"run_86gWaqrOx7Bj","agentId":"echo","userId":"owner-a","sessionId":"sess_1M_M9e6f_jW2",
 "retentionMode":"session","input":"hello","status":"running","startedAt":1795310853427,"depth":0}"""  # noqa: E501
SPAN_END = """{"type":"span-end","spanId":"sp_d9fx","patch":{"endedAt":"2026-11-22T01:30:41.700Z","durationMs":1205,"status":"ok","error":null,
       "attributes":{"agent.model":"m","agent.step":1,"agent.usage.prompt_tokens":11,"agent.usage.completion_tokens":7}}}"""  # noqa: E501
DONE = """{"type":"trace-done","summary":{"traceId":"run_c4kaXF_7_gC3","ownerId":"owner-a","rootName":"slow","agentId":"slow",
       "startedAt":"2026-11-22T01:30:40.495Z","endedAt":"2026-11-22T01:30:41.701Z","durationMs":1206,"spanCount":4,"status":"ok",
       "totalTokens":18,"totalCostUsd":null}}"""  # noqa: E501
ROOT_SPAN = """{"spanId":"sp_ypny","traceId":"run_1dPERkVdAY7N","parentId":null,"ownerId":"owner-a",
 "runId":"run_1dPERkVdAY7N","sessionId":"sess_BhJee9yPZh18","name":"agent.run","kind":"run","startedAt":"2026-11-22T01:28:52.837Z",
 "endedAt":"2026-11-22T01:28:52.885Z","durationMs":48,"status":"ok","error":null,"attributes":{"agent.id":"echo",
 "agent.run.id":"run_1dPERkVdAY7N"},"events":[],"scores":{},"costUsd":null}"""


def test_a_listed_run_of_a_worker_is_read() -> None:
    listed = json.loads(LISTED)["rows"][0]
    run = read_run(listed)
    assert (run.id, run.agent, run.status, run.owner) == (
        "run_9YrD_5_7WR3w",
        "parent",
        "completed",
        "owner-a",
    )
    assert (run.duration_ms, run.totals) == (136, Totals(input_tokens=44, output_tokens=28))
    assert (run.details.input, run.details.output) == ("go", "...")
    assert run.details.attributes["finishReason"] == "stop"
    back = run_object(run, root_id=run.id, depth=0)
    assert {**listed, **back, "result": listed["result"]} == listed
    assert {**listed["result"], **back["result"], "model": "m", "usage": 0} == {
        **listed["result"],
        "usage": 0,
    }


def test_a_started_run_of_a_worker_comes_back_key_by_key() -> None:
    started = json.loads(STARTED)
    back = run_object(read_run(started), root_id=started["rootId"], depth=0)
    assert {"retentionMode": "session", **back} == started


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


def test_a_workers_root_span_becomes_the_run() -> None:
    root = json.loads(ROOT_SPAN)
    below = {
        **root,
        "spanId": "sp_b",
        "parentId": "sp_ypny",
        "runId": None,
        "name": "agent.manifest",
        "kind": "manifest",
    }
    summary = {
        "traceId": "run_1dPERkVdAY7N",
        "rootName": "echo",
        "status": "ok",
        "startedAt": root["startedAt"],
    }
    trace = read_trace({"summary": summary, "spans": [below, root]})
    assert [(span.name, span.parent_id) for span in trace.spans[1:]] == [("agent.manifest", None)]
    assert trace.tree().orphans == set()
    assert (trace.summary.agent, trace.summary.session) == ("echo", "sess_BhJee9yPZh18")
    assert trace.summary.details == Payload()
    assert span_object(read_span(root), Run(id="x"))["attributes"] == root["attributes"]


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
    assert [(span.parent_id, span.status, span.duration_ms) for span in trace.spans[1:]] == [
        (None, "ok", 1000)
    ]


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
    shown = wired(
        trace_object(Trace.from_rows(run, [span for span in found if span.id != root_span_id(run.id)]))
    )
    events = read_trace_frame(run.id, "snapshot", shown, {})
    assert isinstance(events[0], RunStart)
    assert isinstance(events[-1], TraceDone)
    trace = Trace(run.id)
    for event in events:
        trace.apply(event)
    assert [said(span) for span in trace.spans[1:]] == [said(span) for span in read_trace(shown).spans[1:]]
    assert trace.summary.status == "failed"


def test_a_broken_stream_and_an_unknown_frame() -> None:
    with pytest.raises(Unavailable, match="too slow"):
        read_trace_frame("r", "stream-error", {"error": "too slow"}, {})
    assert read_trace_frame("r", "text-delta", {"text": "x"}, {}) == []


def test_missing_keys_are_no_error() -> None:
    assert read_run({"id": "r"}) == Run(id="r")
    assert read_span({"spanId": "s"}) == Span(id="s")
    assert read_summary({"traceId": "t"}) == Run(id="t")
    assert read_trace({"summary": {"traceId": "t"}}).spans[1:] == []
    (end,) = read_trace_frame("r", "span-end", {"spanId": "s", "patch": None}, {})
    assert end == SpanEnd(run_id="r", span=Span(id="s"))
    assert read_trace_frame("r", "span-start", {"span": {"spanId": "s"}}, {}) == [
        SpanStart(run_id="r", span=Span(id="s"))
    ]


def test_draining_reads_as_running_and_unfinished_usage_as_input() -> None:
    assert read_run({"id": "r", "status": "draining"}).status == "running"
    assert read_run({"id": "r", "result": {"usage": {"totalTokens": 5}}}).totals.input_tokens == 5


@pytest.mark.parametrize(
    ("data", "named"),
    [
        ([], "object"),
        ({}, "id"),
        ({"id": ""}, "id"),
        ({"id": "r" * 201}, "id"),
        ({"id": 1}, "id"),
        ({"id": "r", "status": "dancing"}, "status"),
        ({"id": "r", "startedAt": "2026-11-22T01:28:52.837Z"}, "startedAt"),
        ({"id": "r", "startedAt": float("nan")}, "startedAt"),
        ({"id": "r", "endedAt": 10**30}, "endedAt"),
        ({"id": "r", "result": "x"}, "result"),
        ({"id": "r", "parentId": "p" * 201}, "parentId"),
    ],
)
def test_a_run_that_is_none_is_refused_by_field(data: Any, named: str) -> None:
    with pytest.raises(InvalidInput, match=named):
        read_run(data)


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"spanId": None}, "spanId"),
        ({"startedAt": "yesterday"}, "startedAt"),
        ({"endedAt": 5}, "endedAt"),
        ({"endedAt": "9999-12-31T00:00:00Z"}, "endedAt"),
        ({"durationMs": float("inf")}, "durationMs"),
        ({"status": "completed"}, "status"),
        ({"attributes": []}, "attributes"),
        ({"events": ["x"]}, "events"),
    ],
)
def test_a_span_that_is_none_is_refused_by_field(more: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidInput, match=named):
        read_span({"spanId": "s", **more})
    with pytest.raises(InvalidInput, match=named):
        read_trace({"summary": {"traceId": "t"}, "spans": [{"spanId": "s", **more}]})


def test_hostile_answers_are_made_storable() -> None:
    deep: Any = "end"
    for _ in range(5_000):
        deep = [deep]
    attributes = {
        "agent.tool.input": "{" * 9_000,
        "n": float("nan"),
        "agent.usage.prompt_tokens": "many",
        "deep": deep,
    }
    span = read_span(
        {"spanId": "a\0\ud800", "name": "\udc00", "costUsd": float("inf"), "attributes": attributes}
    )
    assert (span.id, span.name, span.cost, span.usage) == ("a␀\ufffd", "\ufffd", None, None)
    assert span.details.input == "{" * 9_000
    assert (span.details.attributes["n"], span.details.attributes["agent.usage.prompt_tokens"]) == (
        "NaN",
        "many",
    )
    assert read_run({"id": "r", "result": {"output": HOSTILE}}).details.output == HOSTILE
