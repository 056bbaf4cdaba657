"""Our runs, spans and feedback in the Trodo SDK's wire: what a server of that SDK takes. What we read is in `trodo`.

Times have microseconds there; a run's id is a dashed UUID, a span's 16 digits are filled up to one.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from trodo_cli.model.ids import is_run_id
from trodo_cli.model.payload import Payload
from trodo_cli.model.run import Feedback, Run, root_span
from trodo_cli.model.span import Span
from trodo_cli.model.trace import Trace
from trodo_cli.wire.trodo_span import SPAN_TEXTS

_EPOCH = datetime(1970, 1, 1)
_SPAN_DIGITS = 16
_KINDS = {"model": "llm"}
_STATUS = {"completed": "ok", "failed": "error"}
"""Our word and theirs; the others are alike."""


def run_item(trace: Trace) -> dict[str, Any]:
    """An item of a batch: a run with all its spans."""
    spans = trace.own
    summary = trace.summary
    item: dict[str, Any] = {"run": run_object(summary)}
    return {**item, "spans": [span_object(span, summary.id) for span in spans]} if spans else item


def run_object(run: Run) -> dict[str, Any]:
    """A run; one that goes on has no end."""
    said, totals = run.details, run.totals
    return _without_none(
        {
            "run_id": _uuid(run.id),
            "agent_name": run.agent,
            "distinct_id": run.user,
            "conversation_id": run.session,
            "parent_run_id": _uuid(run.parent_id) if run.parent_id else None,
            "status": _STATUS.get(run.status, run.status if run.is_terminal else "running"),
            "level": "error" if root_span(run).status == "error" else None,
            "input": said.input,
            "output": said.output,
            "started_at": _time(run.started_ns),
            "ended_at": _time(run.ended_ns),
            "duration_ms": run.duration_ms,
            "error_summary": run.error,
            "error_type": run.error_type,
            "metadata": said.attributes or None,
            "total_tokens_in": totals.input_tokens,
            "total_tokens_out": totals.output_tokens,
            "total_cost": totals.cost,
            "span_count": totals.spans,
            "error_count": totals.errors,
        }
    )


def span_object(span: Span, run_id: str) -> dict[str, Any]:
    """A span of a run."""
    said = span.details
    texts = {key: getattr(span, field) for key, field in SPAN_TEXTS.items()}
    return _without_none(
        {
            "span_id": _uuid(span.id),
            "run_id": _uuid(run_id),
            "parent_span_id": _uuid(span.parent_id) if span.parent_id else None,
            "kind": _KINDS.get(span.kind, span.kind),
            "name": span.name,
            "status": span.status,
            **texts,
            "started_at": _time(span.started_ns),
            "ended_at": _time(span.ended_ns),
            "duration_ms": span.duration_ms,
            "input": said.input,
            "output": said.output,
            "stack_trace": said.stack,
            "cost": span.cost,
            **_usage(span, said),
        }
    )


def feedback_object(feedback: Feedback) -> dict[str, Any]:
    """What somebody said of a run; the keys without a value are null there."""
    return {
        "satisfaction": feedback.satisfaction,
        "rating": feedback.rating,
        "comment": feedback.comment,
        "distinct_id": feedback.user,
        "attributes": feedback.attributes,
    }


def _usage(span: Span, said: Payload) -> dict[str, Any]:
    """Tokens by name, and the attributes without what has a key of its own."""
    attributes = dict(said.attributes)
    kept = {key: attributes.pop(key, None) for key in ("temperature", "cost_details", "usage_details")}
    if span.usage is not None:
        counts = msgspec.structs.asdict(span.usage)
        kept["usage_details"] = {name: float(count) for name, count in counts.items() if count is not None}
    return {**kept, "attributes": attributes or None}


def _uuid(text: str) -> str:
    """The id as that SDK writes it; a foreign one as it is."""
    is_span_id = len(text) == _SPAN_DIGITS and is_run_id(text.zfill(2 * _SPAN_DIGITS))
    known = text.zfill(2 * _SPAN_DIGITS) if is_span_id else text
    return str(UUID(known)) if is_run_id(known) else text


def _time(ns: int | None) -> str | None:
    return None if not ns else (_EPOCH + timedelta(microseconds=ns // 1000)).isoformat() + "Z"


def _without_none(said: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in said.items() if value is not None}
