"""What runs, spans and events tell under `--json`: field names and how each is read."""

from collections.abc import Sequence
from typing import Any

from trodo_cli.cli.output import Fields
from trodo_cli.model.event import (
    CancelRequested,
    Event,
    FeedbackGiven,
    RunEnd,
    RunStart,
    SpanEnd,
    SpanStart,
    SpanUpdate,
    TraceDone,
)
from trodo_cli.model.run import Cancel, Feedback, Run
from trodo_cli.model.span import Span
from trodo_cli.render.format import iso


def _time(ns: int | None) -> str | None:
    return iso(ns) if ns else None


RUN_FIELDS: Fields = {
    "id": lambda run: run.id,
    "agent": lambda run: run.agent,
    "status": lambda run: run.status,
    "started_at": lambda run: _time(run.started_ns),
    "ended_at": lambda run: _time(run.ended_ns),
    "duration_ms": lambda run: run.duration_ms,
    "spans": lambda run: run.totals.spans,
    "errors": lambda run: run.totals.errors,
    "input_tokens": lambda run: run.totals.input_tokens,
    "output_tokens": lambda run: run.totals.output_tokens,
    "cost": lambda run: run.totals.cost,
    "error": lambda run: run.error,
    "error_type": lambda run: run.error_type,
    "session": lambda run: run.session,
    "user": lambda run: run.user,
    "tags": lambda run: run.tags,
    "parent_id": lambda run: run.parent_id,
    "heartbeat_at": lambda run: _time(run.heartbeat_ns),
    "cancel": lambda run: cancel_record(run.cancel),
}
"""Of a run in a list."""

RUN_DETAIL_FIELDS: Fields = {
    **RUN_FIELDS,
    "input": lambda run: run.details.input,
    "output": lambda run: run.details.output,
    "metadata": lambda run: run.details.attributes,
    "feedback": lambda run: feedback_records(run.feedback),
    "last_seq": lambda run: run.last_seq,
}
"""Of one run."""

SPAN_FIELDS: Fields = {
    "id": lambda span: span.id,
    "parent_id": lambda span: span.parent_id,
    "name": lambda span: span.name,
    "kind": lambda span: span.kind,
    "status": lambda span: span.status,
    "started_at": lambda span: _time(span.started_ns),
    "ended_at": lambda span: _time(span.ended_ns),
    "duration_ms": lambda span: span.duration_ms,
    "model": lambda span: span.model,
    "provider": lambda span: span.provider,
    "tool": lambda span: span.tool,
    "input_tokens": lambda span: span.usage and span.usage.input,
    "output_tokens": lambda span: span.usage and span.usage.output,
    "cache_read_tokens": lambda span: span.usage and span.usage.cache_read,
    "cache_write_tokens": lambda span: span.usage and span.usage.cache_write,
    "reasoning_tokens": lambda span: span.usage and span.usage.reasoning,
    "cost": lambda span: span.cost,
    "level": lambda span: span.level,
    "error": lambda span: span.error,
    "error_type": lambda span: span.error_type,
    "status_code": lambda span: span.status_code,
}
"""Of a span without its payload."""

SPAN_DETAIL_FIELDS: Fields = {
    **SPAN_FIELDS,
    "input": lambda span: span.details.input,
    "output": lambda span: span.details.output,
    "attributes": lambda span: span.details.attributes,
    "events": lambda span: span.details.events,
    "stack": lambda span: span.details.stack,
    "priced": lambda span: span.details.priced,
    "origin": lambda span: span.details.origin or None,
}
"""Of a span with everything."""


def event_record(event: Event, fields: Fields) -> dict[str, Any]:
    """An event as a JSON object, without the parts it does not have."""
    told = {name: value(event) for name, value in fields.items()}
    return {name: value for name, value in told.items() if value is not None}


def cancel_record(cancel: Cancel | None) -> dict[str, Any] | None:
    """A request to stop."""
    if cancel is None:
        return None
    return {
        "requested_at": _time(cancel.requested_ns),
        "by": cancel.by,
        "reason": cancel.reason,
        "delivered_at": _time(cancel.delivered_ns),
    }


def feedback_records(feedback: Sequence[Feedback]) -> list[dict[str, Any]]:
    """What people said of a run, each without what they left out."""
    return [
        {"at": _time(said.at_ns), **{name: value for name, value in _parts(said) if value not in (None, {})}}
        for said in feedback
    ]


def _parts(said: Feedback) -> list[tuple[str, Any]]:
    return [(name, getattr(said, name)) for name in Feedback.__struct_fields__ if name != "at_ns"]


def _span_record(event: Event) -> dict[str, Any] | None:
    if not isinstance(event, SpanStart | SpanUpdate | SpanEnd):
        return None
    fields = SPAN_DETAIL_FIELDS if _has_payload(event.span) else SPAN_FIELDS
    return {name: value(event.span) for name, value in fields.items()}


def _run_record(event: Event) -> dict[str, Any] | None:
    if not isinstance(event, RunStart | RunEnd | TraceDone):
        return None
    return {name: value(event.run) for name, value in RUN_FIELDS.items()}


def _has_payload(holder: Span | Run) -> bool:
    return bool(bytes(holder.payload))


EVENT_FIELDS: Fields = {
    "seq": lambda event: event.seq or None,
    "type": lambda event: event.type,
    "run_id": lambda event: event.run_id,
    "span": _span_record,
    "run": _run_record,
    "cancel": lambda event: cancel_record(event.cancel) if isinstance(event, CancelRequested) else None,
    "feedback": lambda event: feedback_records(event.feedback) if isinstance(event, FeedbackGiven) else None,
}
"""Of an event of a stream; the parts that an event does not have are left out of its record."""
