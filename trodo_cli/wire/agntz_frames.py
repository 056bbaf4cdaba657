"""Our events as frames of the agntz worker's two streams, and the frames as server-sent bytes.

A stream is told by what was known of the run when it began, and by what it has told so far. What a
stream first hears of at its end, as one does that begins in the middle, is opened before it is ended;
nothing is opened twice.
"""

from typing import Any

import msgspec

from trodo_cli.model.event import Event, RunEnd, RunStart, SpanEnd, SpanStart, SpanUpdate, TraceDone
from trodo_cli.model.growing import Growing
from trodo_cli.model.ids import root_span_id
from trodo_cli.model.registers import folded_run
from trodo_cli.model.run import Run, root_span
from trodo_cli.model.span import Span, opened_span
from trodo_cli.model.trace import Trace
from trodo_cli.wire.agntz import (
    result_object,
    span_object,
    sse_json,
    summary_object,
    trace_object,
)

Frame = tuple[str, Any]
"""A server-sent event: its name, always a word of the protocol, and its data."""

_PATCHED = ("endedAt", "durationMs", "status", "error", "attributes")


class Told:
    """What a stream has told so far: which spans it has opened, and how much of the run's output."""

    def __init__(self) -> None:
        self._opened: set[str] = set()
        self.output = Growing()

    @classmethod
    def until(cls, run: Run) -> "Told":
        """For a stream that goes on: of the run as it is now, its begin and its output were told."""
        told = cls()
        told.opens(root_span_id(run.id))
        told.output = Growing(run.details.output)
        return told

    def opens(self, name: str) -> bool:
        """Whether this was not opened before; from now on it is."""
        is_new = name not in self._opened
        self._opened.add(name)
        return is_new


def trace_events(event: Event, run: Run, told: Told) -> list[Frame]:
    """The event in the words of the trace stream; nothing for what they cannot say.

    The end of something that is not open yet gives two frames, which count as one: only the last one may
    carry the event's number, so that who comes back after the first is told both again.
    """
    match event:
        case RunStart():
            begun = _begun_run(event, run)
            return _opening(root_span(begun), begun, told)
        case RunEnd():
            ended = _ended_run(event, run)
            return [*_opening(root_span(ended), ended, told), _ending(root_span(ended), ended)]
        case SpanStart(span=span) | SpanUpdate(span=span) if _is_own(span, run):
            return _opening(span, run, told)
        case SpanEnd(span=span) if _is_own(span, run):
            return [*_opening(span, run, told), _ending(span, run)]
        case TraceDone():
            return [("trace-done", {"type": "trace-done", "summary": summary_object(event.run)})]
        case _:
            return []


def run_events(event: Event, run: Run, told: Told) -> list[Frame]:
    """The event in the words of the run stream: one frame, or none for what they cannot say.

    Every frame names the event's number and a client goes on after the last one it saw, so a number is
    told once: a tool call that is first heard of at its end has no `tool-call-start`. A run that is
    announced again has the output so far, of which a text is told as far as it is new.
    """
    match event:
        case RunStart() if told.opens(root_span_id(event.run_id)):
            parent = {"parentId": event.run.parent_id} if event.run.parent_id else {}
            return [_run_frame("run-spawn", event, **parent, agentId=event.run.agent)]
        case RunStart():
            more = told.output.more(event.run.details.output)
            return [_run_frame("text-delta", event, text=more)] if more else []
        case RunEnd():
            return [_run_ending(event, _ended_run(event, run))]
        case SpanStart(span=span) | SpanUpdate(span=span) if span.kind == "tool":
            called = _run_frame("tool-call-start", event, toolCall=_tool_call(span))
            return [called] if told.opens(span.id) else []
        case SpanEnd(span=span) if span.kind == "tool":
            return [_run_frame("tool-call-end", event, toolCall=_tool_call(span) | _tool_outcome(span))]
        case _:
            return []


def trace_snapshot(trace: Trace, owner: str) -> Frame:
    """The only frame of a trace stream that is asked for when the run has ended."""
    return "snapshot", trace_object(trace, owner=owner)


def sse_frame(name: str, data: Any, seq: int | None) -> bytes:
    """A frame as it goes over the wire; with a number it is where a client can go on from."""
    number = b"" if seq is None else b"id: %d\n" % seq
    return b"event: %s\ndata: %s\n%s\n" % (name.encode("ascii"), sse_json(data), number)


def _begun_run(event: RunStart, known: Run) -> Run:
    """The run as it is announced, open."""
    return msgspec.structs.replace(
        event.run, status="running", ended_ns=None, error=None, error_type=None, owner=known.owner
    )


def _ended_run(event: RunEnd, known: Run) -> Run:
    """The run as its end leaves it. An end says little of how the run began, `known` does."""
    run = folded_run(event.run_id, known, event.run)
    return msgspec.structs.replace(run, totals=event.run.totals)


def _opening(span: Span, run: Run, told: Told) -> list[Frame]:
    if not told.opens(span.id):
        return []
    shown = span if span.is_open else opened_span(span)
    return [("span-start", {"type": "span-start", "span": span_object(shown, run)})]


def _ending(span: Span, run: Run) -> Frame:
    whole = span_object(span, run)
    patch = {key: whole[key] for key in _PATCHED}
    return "span-end", {"type": "span-end", "spanId": span.id, "patch": patch, "span": whole}


def _is_own(span: Span, run: Run) -> bool:
    """Whether the span is one below the run; under the run's own span id nothing else is told."""
    return span.id != root_span_id(run.id)


def _run_frame(name: str, event: Event, **said: Any) -> Frame:
    return name, {"type": name, "runId": event.run_id, **said, "seq": event.seq}


def _run_ending(event: RunEnd, run: Run) -> Frame:
    match run.status:
        case "failed":
            return _run_frame("run-error", event, error=run.error or run.error_type or "failed")
        case "cancelled":
            return _run_frame("run-cancelled", event)
        case _:
            return _run_frame("run-complete", event, result=result_object(run))


def _tool_call(span: Span) -> dict[str, Any]:
    return {"id": span.id, "name": span.tool or span.name}


def _tool_outcome(span: Span) -> dict[str, Any]:
    details = span.details
    said = {"input": details.input, "output": details.output, "duration": span.duration_ms or 0}
    if span.status in ("error", "cancelled"):
        said["error"] = span.error or span.error_type or ("failed" if span.status == "error" else "cancelled")
    return said
