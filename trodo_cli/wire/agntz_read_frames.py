"""Frames of an agntz worker's trace stream, as events of ours."""

from typing import Any

import msgspec

from trodo_cli.errors import Unavailable
from trodo_cli.model.event import Event, RunEnd, RunStart, SpanEnd, SpanStart, TraceDone
from trodo_cli.model.ids import root_span_id
from trodo_cli.model.run import Run
from trodo_cli.model.span import Span
from trodo_cli.model.trace import Trace
from trodo_cli.wire.agntz import RUN_ATTRIBUTE
from trodo_cli.wire.agntz_read import agent_of, lay_root, read_trace, run_from, run_payload
from trodo_cli.wire.agntz_read_span import below, guessed_kind, is_root, patched, span_from
from trodo_cli.wire.agntz_shapes import (
    EndingShape,
    SpanShape,
    SummaryShape,
    converted,
    id_from,
    is_id,
    text_from,
)


class _StartFrame(msgspec.Struct):
    span: SpanShape


class _EndFrame(msgspec.Struct, rename="camel"):
    span_id: str
    patch: EndingShape | None = None


class _DoneFrame(msgspec.Struct):
    summary: SummaryShape


def read_trace_frame(run_id: str, name: str, data: Any, known: dict[str, Span]) -> list[Event]:
    """A frame of the trace stream as our events; none for a name that is not known.

    `known` begins empty and is kept up here: the spans by id as far as they were told, and under our own id
    of a run's span the one that the worker has for it. Raises `InvalidInput` for a frame that cannot be
    read, `Unavailable` for what the stream calls an error.
    """
    run_id = id_from(run_id, "run id")
    match name:
        case "span-start":
            return _start(run_id, converted(data, _StartFrame, name).span, known)
        case "span-end":
            return _end(run_id, converted(data, _EndFrame, name), known)
        case "trace-done":
            return _done(run_id, converted(data, _DoneFrame, name).summary, known)
        case "snapshot":
            return _snapshot(run_id, read_trace(data), known)
        case "stream-error":
            message = data.get("error") if isinstance(data, dict) else None
            raise Unavailable(f"the stream of run {run_id} broke off: {message or 'no reason given'}")
        case _:
            return []


def _start(run_id: str, shape: SpanShape, known: dict[str, Span]) -> list[Event]:
    """The start of a span. When the run's own is opened again after its end, as by a stream that was joined
    again, what the end said stays."""
    span, root_id = span_from(shape), root_span_id(run_id)
    root = known.get(root_id)
    if not is_root(shape, run_id):
        span = known[span.id] = below(span, root)
        return [SpanStart(run_id=run_id, span=span)]
    if root is None or root.is_open:
        known[root_id] = span
    run = Run(id=run_id, agent=agent_of(span), started_ns=span.started_ns, payload=run_payload(span))
    run.session, run.owner = text_from(shape.session_id), text_from(shape.owner_id) or ""
    return [RunStart(run_id=run_id, run=run)]


def _end(run_id: str, frame: _EndFrame, known: dict[str, Span]) -> list[Event]:
    """The end of a span. That of the run's own span says too little: a cancelled run's says `error`."""
    span_id, root_id = id_from(frame.span_id, "spanId"), root_span_id(run_id)
    root, patch = known.get(root_id), frame.patch or EndingShape()
    attributes = patch.attributes or {}
    if (root.id == span_id) if root else is_id(attributes.get(RUN_ATTRIBUTE), run_id):
        known[root_id] = patched(root or Span(id=span_id, kind="agent"), patch)
        return []
    before = known.get(span_id) or Span(id=span_id, kind=guessed_kind(attributes))
    span = known[span_id] = patched(before, patch)
    return [SpanEnd(run_id=run_id, span=span)]


def _done(run_id: str, shape: SummaryShape, known: dict[str, Span]) -> list[Event]:
    run, root = run_from(shape), known.get(root_span_id(run_id))
    run.id = run_id
    if root is not None:
        lay_root(run, root)
    end: list[Event] = [RunEnd(run_id=run_id, run=run)] if run.is_terminal else []
    return [*end, TraceDone(run_id=run_id, run=run)]


def _snapshot(run_id: str, trace: Trace, known: dict[str, Span]) -> list[Event]:
    run, spans = msgspec.structs.replace(trace.summary, id=run_id), trace.own
    known.update({span.id: span for span in spans})
    opened = msgspec.structs.replace(run, status="running", ended_ns=None, error=None, error_type=None)
    events: list[Event] = [RunStart(run_id=run_id, run=opened)]
    events += [
        SpanStart(run_id=run_id, span=span) if span.is_open else SpanEnd(run_id=run_id, span=span)
        for span in spans
    ]
    if run.is_terminal:
        events.append(RunEnd(run_id=run_id, run=run))
    return [*events, TraceDone(run_id=run_id, run=run)]
