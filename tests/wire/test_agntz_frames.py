"""What we write as a worker's two streams: taken by the published client, and whole wherever it begins."""

from typing import Any

import msgspec
import pytest
from agntz.client import models
from agntz.client._sse import SseFrame, parse_sse
from agntz.client.events import normalize_run_event, normalize_trace_event
from hypothesis import given
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
from tests.wire.agntz_made import HOSTILE, MS, bounded, runs, said, spans, stored, wired
from trodo_cli.model.event import Event, TraceDone
from trodo_cli.model.ids import root_span_id
from trodo_cli.model.run import Run
from trodo_cli.model.span import Span, Usage
from trodo_cli.model.trace import Trace
from trodo_cli.stores.sqlite import SqliteStore
from trodo_cli.wire.agntz import trace_object
from trodo_cli.wire.agntz_frames import (
    Frame,
    Told,
    run_events,
    sse_frame,
    trace_events,
    trace_snapshot,
)
from trodo_cli.wire.agntz_read_frames import read_trace_frame

RUN_ID = "019ab3c47d2e7f10a4d2c81e4f1e88ba"
ROOT_ID = root_span_id(RUN_ID)
RUN = Run(id=RUN_ID, agent="a", owner="o", session="s", started_ns=NOW)

stories = deliveries(run_starts(st.just("p")), run_ends(st.just("p")), span_events(st.just("p")))
"""What happens to one run, in any order."""


def parsed(frames: list[Frame]) -> list[SseFrame]:
    """The frames as the published client's parser takes them off the wire."""
    text = "".join(sse_frame(name, data, None).decode("ascii") for name, data in frames)
    return list(parse_sse([text]))


# -- the trace stream --------------------------------------------------------------------------------


@bounded
@given(stories)
def test_the_published_client_takes_every_frame(delivery: Delivery) -> None:
    run, of_trace, of_run = Run(id="p"), Told(), Told()
    for event in [*stored(*delivery.events), TraceDone(run_id="p", run=run)]:
        for frame in parsed(trace_events(event, run, of_trace)):
            taken = normalize_trace_event(frame)
            assert taken is not None
            if taken.span is not None:
                models.Span.model_validate(taken.span, strict=True)
            if taken.summary is not None:
                models.TraceSummary.model_validate(taken.summary, strict=True)
            assert set(taken.patch or {}) <= {"endedAt", "durationMs", "status", "error", "attributes"}
        for frame in parsed(run_events(event, run, of_run)):
            taken = normalize_run_event(frame)
            assert taken is not None
            assert (taken.run_id, taken.seq) == ("p", event.seq)


@bounded
@given(stories, st.integers(0, 20))
def test_who_follows_the_frames_sees_what_was_stored_wherever_the_stream_breaks(
    delivery: Delivery, cut: int
) -> None:
    store = SqliteStore(None)
    append(store, run_start("p"), *delivery.events)
    run, known, trace = run_of(store, "p"), dict[str, Span](), Trace("p")
    events = [*events_of(store, "p"), TraceDone(run_id="p", run=run)]
    for part in (events[:cut], events[cut:]):
        told = Told()
        for event in part:
            for name, frame in trace_events(event, run, told):
                for heard in read_trace_frame("p", name, wired(frame), known):
                    trace.apply(heard)
    kept = {span.id: span for span in store.spans(OWNER, "p", payload=True)}
    assert {span.id for span in trace.own} == set(kept)
    for span in trace.own:
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


@bounded
@given(stories)
def test_a_trace_stream_opens_once_and_before_it_ends(delivery: Delivery) -> None:
    told, opened = Told(), list[str]()
    for event in stored(*delivery.events):
        for name, frame in trace_events(event, Run(id="p"), told):
            if name == "span-start":
                assert (frame["span"]["status"], frame["span"]["endedAt"]) == ("running", None)
                opened.append(frame["span"]["spanId"])
            else:
                assert frame["spanId"] in opened
    assert len(opened) == len(set(opened))


def test_a_span_that_is_first_heard_of_at_its_end_is_opened_before() -> None:
    end, told = span_end(RUN_ID, "s", name="n", kind="tool", error="no", status="error"), Told()
    (opened, start), (closed, patch) = trace_events(end, RUN, told)
    assert (opened, closed, patch["patch"]["error"]) == ("span-start", "span-end", "no")
    assert (start["span"]["name"], start["span"]["durationMs"], start["span"]["error"]) == ("n", None, None)
    assert (start["span"]["ownerId"], start["span"]["sessionId"]) == ("o", "s")
    assert trace_events(span_start(RUN_ID, "s"), RUN, told) == []
    assert trace_events(span_update(RUN_ID, "s"), RUN, told) == []
    assert [name for name, _ in trace_events(end, RUN, told)] == ["span-end"]


def test_the_trace_stream_tells_the_run_as_its_root_span() -> None:
    told = Told()
    ((name, start),) = trace_events(run_start(RUN_ID, agent="a"), RUN, told)
    assert (name, start["span"]["spanId"], start["span"]["ownerId"]) == ("span-start", ROOT_ID, "o")
    assert start["span"]["attributes"] == {"agent.id": "a", "agent.run.id": RUN_ID}
    assert trace_events(run_start(RUN_ID, agent="a", version=1), RUN, told) == []
    ((name, end),) = trace_events(run_end(RUN_ID, status="failed", error="boom"), RUN, told)
    assert (name, end["spanId"], end["patch"]["durationMs"]) == ("span-end", ROOT_ID, 1000)
    assert (end["patch"]["status"], end["patch"]["error"]) == ("error", "boom")
    assert (end["span"]["spanId"], end["span"]["name"], end["span"]["durationMs"]) == (ROOT_ID, "a", 1000)
    assert trace_events(cancel_request(RUN_ID), RUN, told) == []


def test_an_end_of_a_run_that_nobody_saw_begin_has_no_duration() -> None:
    (_, (_, end)) = trace_events(run_end("r"), Run(id="r"), Told())
    assert end["patch"]["durationMs"] is None


def test_a_span_that_calls_itself_the_run_does_not_end_it() -> None:
    told = Told()
    assert trace_events(span_start(RUN_ID, ROOT_ID), RUN, told) == []
    assert trace_events(span_end(RUN_ID, ROOT_ID), RUN, told) == []
    assert [name for name, _ in trace_events(run_end(RUN_ID), RUN, told)] == ["span-start", "span-end"]


def test_the_stream_of_a_lost_run_ends_with_a_summary_that_still_runs() -> None:
    lost = msgspec.structs.replace(RUN, status="lost")
    ((name, done),) = trace_events(TraceDone(run_id=RUN_ID, run=lost), RUN, Told())
    assert (name, done["summary"]["status"], done["summary"]["endedAt"]) == ("trace-done", "running", None)
    assert run_events(TraceDone(run_id=RUN_ID, run=lost), RUN, Told()) == []


# -- the run stream ----------------------------------------------------------------------------------


def run_frames(run: Run, *events: Event) -> list[Frame]:
    told = Told()
    return [frame for event in events for frame in run_events(event, run, told)]


def test_the_run_stream_speaks_the_run_vocabulary() -> None:
    call = {"kind": "tool", "name": "look", "tool": "search"}
    events = stored(
        run_start("r", agent="a", parent_id="p"),
        span_start("r", "m", kind="model"),
        cancel_request("r"),
        run_end("r", status="cancelled"),
    )
    calls = [
        span_start("r", "t", **call),
        span_end("r", "t", **call, status="error", error="no", payload=payload(input={"q": 1})),
    ]
    called = {"id": "t", "name": "search"}
    ended = {**called, "input": {"q": 1}, "output": None, "duration": 1000, "error": "no"}
    assert run_frames(RUN, *events) == [
        ("run-spawn", {"type": "run-spawn", "runId": "r", "parentId": "p", "agentId": "a", "seq": 1}),
        ("run-cancelled", {"type": "run-cancelled", "runId": "r", "seq": 4}),
    ]
    assert run_frames(RUN, *calls) == [
        ("tool-call-start", {"type": "tool-call-start", "runId": "r", "toolCall": called, "seq": 0}),
        ("tool-call-end", {"type": "tool-call-end", "runId": "r", "toolCall": ended, "seq": 0}),
    ]


@bounded
@given(stories)
def test_a_run_stream_tells_every_number_once_and_in_order(delivery: Delivery) -> None:
    seqs = [data["seq"] for _, data in run_frames(Run(id="p"), *stored(*delivery.events))]
    assert seqs == sorted(set(seqs))


def test_a_text_is_told_as_it_grows_and_nothing_of_it_twice() -> None:
    texts = ["one ", "one two", "one two", "one two three"]
    grown = [
        msgspec.structs.replace(run_start("r", payload=payload(output=text)), seq=seq)
        for seq, text in enumerate(texts, start=1)
    ]
    frames = run_frames(Run(id="r"), *grown)
    assert [(data["type"], data.get("text"), data["seq"]) for _, data in frames] == [
        ("run-spawn", None, 1),
        ("text-delta", "one two", 2),
        ("text-delta", " three", 4),
    ]
    heard = [normalize_run_event(frame) for frame in parsed(frames)]
    assert [event.text for event in heard if event.type == "text-delta"] == ["one two", " three"]


@pytest.mark.parametrize("other", ["ones", ["one", "two"], None])
def test_what_does_not_go_on_from_the_text_is_not_told(other: Any) -> None:
    told = Told.until(Run(id="r", payload=payload(output="one two")))
    events = [run_start("r", payload=payload(output=output)) for output in (other, "one two three")]
    frames = [frame for event in events for frame in run_events(event, Run(id="r"), told)]
    assert [data["text"] for _, data in frames] == [" three"]


def test_a_tool_call_is_begun_once() -> None:
    call = span_start("r", "t", kind="tool", name="look")
    assert [name for name, _ in run_frames(RUN, call, span_update("r", "t", kind="tool"), call)] == [
        "tool-call-start"
    ]
    assert [name for name, _ in run_frames(RUN, span_end("r", "t", kind="tool"))] == ["tool-call-end"]


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ({"status": "ok"}, None),
        ({"status": "error"}, "failed"),
        ({"status": "error", "error_type": "KeyError"}, "KeyError"),
        ({"status": "cancelled"}, "cancelled"),
    ],
)
def test_a_tool_call_that_failed_says_why(told: dict[str, Any], shown: str | None) -> None:
    ((_, end),) = run_frames(RUN, span_end("r", "t", kind="tool", **told))
    assert end["toolCall"].get("error") == shown


def test_the_end_of_a_run_is_told_with_its_result_or_its_error() -> None:
    known = Run(id="r", started_ns=NOW, session="s")
    ((name, done),) = run_frames(known, run_end("r", payload=payload(output="ok")))
    assert (name, done["result"]["output"], done["result"]["duration"]) == ("run-complete", "ok", 1000)
    assert done["result"]["sessionId"] == "s"
    ((name, failed),) = run_frames(known, run_end("r", status="failed"))
    assert (name, failed["error"]) == ("run-error", "failed")
    assert len(run_frames(known, run_start("r"), run_start("r", version=1))) == 1


def test_a_run_that_ended_while_it_was_followed_has_the_tokens_it_used() -> None:
    call = span_end("r", "m", kind="model", usage=Usage(input=3))
    frames = run_frames(Run(id="r"), *stored(run_start("r"), call, run_end("r")))
    assert frames[-1][1]["result"]["usage"]["promptTokens"] == 3


# -- the snapshot and bytes -----------------------------------------------------------------------------


@bounded
@given(runs(), st.lists(spans(), max_size=3))
def test_the_published_client_takes_the_snapshot(run: Run, found: list[Span]) -> None:
    of_trace = trace_snapshot(Trace.from_rows(run, found), "ada")
    assert of_trace == ("snapshot", trace_object(Trace.from_rows(run, found), owner="ada"))
    (frame,) = parsed([of_trace])
    taken = normalize_trace_event(frame)
    detail = {"summary": taken.summary, "spans": taken.spans}
    assert models.TraceDetail.model_validate(detail, strict=True).summary.owner_id == "ada"


def test_a_frame_is_its_name_one_line_of_data_and_its_number() -> None:
    assert sse_frame("span-end", {"a": "ü\n"}, 7) == b'event: span-end\ndata: {"a":"\\u00fc\\n"}\nid: 7\n\n'
    assert sse_frame("snapshot", {}, None) == b"event: snapshot\ndata: {}\n\n"


def test_the_published_parser_reads_hostile_frames() -> None:
    end = span_end(RUN_ID, "s", error=HOSTILE, status="error", kind="tool", payload=payload(output=HOSTILE))
    trace = [normalize_trace_event(frame) for frame in parsed(trace_events(end, RUN, Told()))]
    assert [event.type for event in trace] == ["span-start", "span-end"]
    assert trace[1].patch["error"] == HOSTILE
    frames = run_frames(RUN, end, run_end(RUN_ID, status="failed", error=HOSTILE, ended_ns=NOW + SECOND))
    run = [normalize_run_event(frame) for frame in parsed(frames)]
    assert [event.type for event in run] == ["tool-call-end", "run-error"]
    assert (run[0].toolCall["output"], run[1].error, run[1].run_id) == (HOSTILE, HOSTILE, RUN_ID)
