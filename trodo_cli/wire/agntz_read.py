"""What an agntz worker answers, as runs, spans and traces of ours; its streams are read in `agntz_read_frames`.

A worker's trace has a span for the run itself, ours has the run in its place: it is folded into the run.
Raises `InvalidInput` for what is no such object, with the key that is wrong.
"""

from collections.abc import Callable
from typing import Any, get_args

import msgspec

from trodo_cli.model.payload import NO_PAYLOAD
from trodo_cli.model.run import Run, RunStatus, canonical_status
from trodo_cli.model.span import Span
from trodo_cli.model.totals import NANOS, Totals
from trodo_cli.model.trace import Trace
from trodo_cli.wire.agntz import AGENT_ATTRIBUTE, RUN_ATTRIBUTE
from trodo_cli.wire.agntz_read_span import below, is_root, span_from
from trodo_cli.wire.agntz_shapes import (
    PageShape,
    RunShape,
    SummaryShape,
    TraceShape,
    amount_from,
    converted,
    id_from,
    ns_from_iso,
    ns_from_ms,
    payload_from,
    text_from,
    value_from,
    word_from,
)
from trodo_cli.wire.semconv import whole_number

_RUN_STATUSES: dict[str, RunStatus] = {word: word for word in get_args(RunStatus)}

_RUN_NOTES = ("agentVersion", "requestedAgentVersion", "retentionMode", "expiresAt")
_RESULT_NOTES = ("model", "provider", "requestedModel", "finishReason", "warnings", "toolCalls", "replies")
"""What we have no field for is kept as an attribute under the worker's name."""


def read_page(data: Any, read_row: Callable[[Any], Run]) -> tuple[list[Run], str | None]:
    """The rows of a list, each by `read_run` or `read_summary`, and the cursor to the next page."""
    page = converted(data, PageShape, "page")
    return [read_row(row) for row in page.rows or []], page.cursor or None


def read_run(data: Any) -> Run:
    """A Run. Its owner is what the worker calls its user; its totals are those of the result."""
    shape = converted(data, RunShape, "run")
    result = shape.result or {}
    notes = {name: data[name] for name in _RUN_NOTES if data.get(name)}
    notes |= {name: result[name] for name in _RESULT_NOTES if result.get(name)}
    return Run(
        id=id_from(shape.id, "id"),
        parent_id=id_from(shape.parent_id, "parentId") if shape.parent_id else None,
        parent_span_id=text_from(shape.spawn_tool_use_id),
        agent=text_from(shape.agent_id) or "",
        owner=text_from(shape.user_id) or "",
        session=text_from(shape.session_id),
        status=word_from(_RUN_STATUSES, canonical_status(shape.status or "running")),
        started_ns=ns_from_ms(shape.started_at or 0, "startedAt"),
        ended_ns=None if shape.ended_at is None else ns_from_ms(shape.ended_at, "endedAt"),
        error=text_from(shape.error),
        totals=_totals(result.get("usage")),
        payload=payload_from(input=_kept(shape.input), output=_kept(result.get("output")), attributes=notes),
    )


def read_summary(data: Any) -> Run:
    """A TraceSummary as the run it is about. It tells no input tokens from output tokens: all are input."""
    return run_from(converted(data, SummaryShape, "trace summary"))


def read_trace(data: Any) -> Trace:
    """A whole trace."""
    shape = converted(data, TraceShape, "trace")
    run, shapes = run_from(shape.summary), shape.spans or []
    root_shape = next((span for span in shapes if is_root(span, run.id)), None)
    root = span_from(root_shape) if root_shape else None
    if root_shape and root:
        run.session = text_from(root_shape.session_id)
        lay_root(run, root)
    return Trace.from_rows(run, [below(span_from(span), root) for span in shapes if span is not root_shape])


def run_from(shape: SummaryShape) -> Run:
    """The run that a summary is about."""
    cost = amount_from(shape.total_cost_usd)
    return Run(
        id=id_from(shape.trace_id, "traceId"),
        owner=text_from(shape.owner_id) or "",
        agent=text_from(shape.agent_id or shape.root_name) or "",
        status=word_from(_RUN_STATUSES, canonical_status(shape.status or "running")),
        started_ns=ns_from_iso(shape.started_at, "startedAt") or 0,
        ended_ns=ns_from_iso(shape.ended_at, "endedAt"),
        totals=Totals(
            spans=max((shape.span_count or 0) - 1, 0),
            input_tokens=shape.total_tokens or 0,
            cost_nanos=round((cost or 0) * NANOS),
            costed_spans=int(cost is not None),
        ),
    )


def lay_root(run: Run, root: Span) -> None:
    """Set what only the worker's span for the run knows of it."""
    run.error, run.error_type = root.error, root.error_type
    run.agent = run.agent or agent_of(root)
    run.payload = run_payload(root)


def agent_of(root: Span) -> str:
    """The agent that the span for the run names."""
    agent = root.details.attributes.get(AGENT_ATTRIBUTE)
    return agent if isinstance(agent, str) and agent else root.name


def run_payload(root: Span) -> msgspec.Raw:
    """The payload of the span for the run without the names that the run itself has."""
    details = root.details
    for name in (AGENT_ATTRIBUTE, RUN_ATTRIBUTE):
        details.attributes.pop(name, None)
    data = msgspec.json.encode(details)
    return NO_PAYLOAD if data == b"{}" else msgspec.Raw(data)


def _kept(told: Any) -> Any:
    """What went into a run or came out; an empty text stands for what the worker did not keep."""
    return None if told == "" else value_from(told)


def _totals(usage: Any) -> Totals:
    """The sums of a result's usage; all tokens are input when only their total is told."""
    if not isinstance(usage, dict):
        return Totals()
    prompt, completion = whole_number(usage.get("promptTokens")), whole_number(usage.get("completionTokens"))
    if prompt is None and completion is None:
        prompt = whole_number(usage.get("totalTokens"))
    cost = amount_from(usage.get("cost"))
    return Totals(
        input_tokens=prompt or 0,
        output_tokens=completion or 0,
        cost_nanos=round((cost or 0) * NANOS),
        costed_spans=int(cost is not None),
    )
