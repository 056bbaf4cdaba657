"""Runs and traces as the agntz worker's API shows them: the objects that we write.

A run's times are epoch milliseconds and keys without a value are left out; a span's and a summary's
times are ISO texts and every key is there. Streams are written in `agntz_frames`, list queries are
read in `agntz_query`, what a worker answers in `agntz_read`.
"""

import json
import math
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from trodo_cli.model.ids import root_span_id
from trodo_cli.model.payload import NO_PAYLOAD, Payload
from trodo_cli.model.run import Run, root_span
from trodo_cli.model.span import Span, Usage
from trodo_cli.model.trace import Trace
from trodo_cli.wire.values import plain_value

TEXT_ATTRIBUTES = {
    "model": "agent.model",
    "tool": "agent.tool.name",
    "provider": "gen_ai.provider.name",
    "error_type": "error.type",
    "status_code": "trodo.status_code",
    "level": "trodo.level",
}
"""A span's field and the attribute that carries it; where agntz has no name, OpenTelemetry's or our own."""

COUNT_ATTRIBUTES = {
    "input": "agent.usage.prompt_tokens",
    "output": "agent.usage.completion_tokens",
    "cache_read": "gen_ai.usage.cache_read.input_tokens",
    "cache_write": "gen_ai.usage.cache_creation.input_tokens",
    "reasoning": "gen_ai.usage.reasoning.output_tokens",
}
TOTAL_ATTRIBUTE = "agent.usage.total_tokens"
COST_ATTRIBUTE = "agent.cost_usd"
STACK_ATTRIBUTE = "exception.stacktrace"
AGENT_ATTRIBUTE = "agent.id"
RUN_ATTRIBUTE = "agent.run.id"

INPUT_ATTRIBUTES = {"tool": "agent.tool.input", "model": "agent.prompt", "": "agent.input"}
OUTPUT_ATTRIBUTES = {"tool": "agent.tool.output", "model": "agent.completion", "": "agent.output"}
"""By kind; the last for any other."""

EARLIEST_NS, LATEST_NS = -(2**63 // 10**6) * 10**6, 2**63 - 1
"""The first whole millisecond that fits in 64 bits, and the last nanosecond."""

_EPOCH = datetime(1970, 1, 1)
_BEYOND_ASCII = re.compile(r"[^\x00-\x7e]+")


def run_object(run: Run, *, root_id: str, depth: int) -> dict[str, Any]:
    """A Run. One that was read without its payload, as for a list, has no `input` and an empty `output`."""
    said = {
        "id": run.id,
        "rootId": root_id,
        "parentId": run.parent_id,
        "agentId": run.agent,
        "userId": run.owner or None,
        "sessionId": run.session,
        "spawnToolUseId": run.parent_span_id,
        "input": _text(run.details.input),
        "status": "running" if run.status == "lost" else run.status,
        "result": result_object(run) if run.status == "completed" else None,
        "error": run.error if run.status in ("failed", "cancelled") else None,
        "startedAt": _epoch_ms(run.started_ns),
        "endedAt": _epoch_ms(run.ended_ns) if run.ended_ns is not None and run.is_terminal else None,
        "depth": depth,
    }
    return {key: value for key, value in said.items() if value is not None}


def result_object(run: Run) -> dict[str, Any]:
    """An InvokeResult. Which model ran and which tools were called only the spans know."""
    output, totals = run.details.output, run.totals
    usage = {
        "promptTokens": totals.input_tokens,
        "completionTokens": totals.output_tokens,
        "totalTokens": totals.input_tokens + totals.output_tokens,
    }
    return {
        "output": "" if output is None else output,
        "invocationId": run.id,
        "sessionId": run.session or "",
        "toolCalls": [],
        "usage": usage if totals.cost is None else {**usage, "cost": totals.cost},
        "duration": run.duration_ms or 0,
        "model": "",
    }


def span_object(span: Span, run: Run) -> dict[str, Any]:
    """A Span of that run; the one under the run's own span id is the root."""
    root_id, details = root_span_id(run.id), span.details
    is_root = span.id == root_id
    ended_ns = None if span.is_open else span.ended_ns
    duration_ms = run.duration_ms if is_root else span.duration_ms
    return {
        "spanId": span.id,
        "traceId": run.id,
        "parentId": None if is_root else span.parent_id or root_id,
        "ownerId": run.owner,
        "runId": run.id if is_root else None,
        "sessionId": run.session,
        "name": span.name,
        "kind": "run" if is_root else "invoke" if span.kind == "agent" else span.kind,
        "startedAt": iso_time(span.started_ns),
        "endedAt": None if ended_ns is None else iso_time(ended_ns),
        "durationMs": None if ended_ns is None else duration_ms,
        "status": span.status,
        "error": span.error,
        "attributes": _attributes(span, details) | (_run_attributes(run) if is_root else {}),
        "events": [_moment(event, span) for event in details.events],
        "scores": {},
        "costUsd": _amount(span.cost),
    }


def link_object(child: Run, run: Run) -> dict[str, Any]:
    """A run that was started below another, as one Span of that other run's trace; `runId` names its own trace."""
    link = msgspec.structs.replace(root_span(child), parent_id=child.parent_span_id, payload=NO_PAYLOAD)
    return span_object(link, run) | {
        "runId": child.id,
        "sessionId": child.session,
        "durationMs": child.duration_ms if child.is_terminal else None,
        "attributes": _run_attributes(child),
    }


def summary_object(run: Run) -> dict[str, Any]:
    """A TraceSummary. `spanCount` is the run's own spans and the run itself, not the links to runs below it."""
    ended_ns = run.ended_ns if run.is_terminal else None
    return {
        "traceId": run.id,
        "ownerId": run.owner,
        "rootName": run.agent,
        "agentId": run.agent or None,
        "startedAt": iso_time(run.started_ns),
        "endedAt": None if ended_ns is None else iso_time(ended_ns),
        "durationMs": None if ended_ns is None else run.duration_ms,
        "spanCount": run.totals.spans + 1,
        "status": root_span(run).status,
        "totalTokens": run.totals.input_tokens + run.totals.output_tokens,
        "totalCostUsd": run.totals.cost,
    }


def trace_object(trace: Trace, *, owner: str) -> dict[str, Any]:
    """A whole trace: the run as the root, its spans, and a link for each run directly below it.

    Here `spanCount` is the number of spans in the answer. An id stands once: the root goes before a span,
    a span before a link. `owner` is asked for because a trace does not know its own.
    """
    run = msgspec.structs.replace(trace.summary, owner=owner)
    found: dict[str, dict[str, Any]] = {}
    for span in trace.spans:
        found.setdefault(span.id, span_object(span, run))
    for child in trace.children:
        found.setdefault(root_span_id(child.id), link_object(child, run))
    spans = sorted(found.values(), key=lambda span: (span["startedAt"], span["spanId"]))
    return {"summary": {**summary_object(run), "spanCount": len(spans)}, "spans": spans}


def page_object(rows: Sequence[dict[str, Any]], cursor: str | None) -> dict[str, Any]:
    """A part of a list; the last one has no cursor."""
    return {"rows": list(rows)} if cursor is None else {"rows": list(rows), "cursor": cursor}


def sse_json(value: Any) -> bytes:
    """Strict JSON in printable ASCII alone, since some clients end a line at U+2028 and its like; NaN is null."""
    try:
        data = msgspec.json.encode(value)
    except (UnicodeEncodeError, TypeError, RecursionError):
        data = msgspec.json.encode(plain_value(value))
    if data.isascii() and b"\x7f" not in data:
        return data
    return _BEYOND_ASCII.sub(lambda found: json.dumps(found[0])[1:-1], data.decode()).encode()


def iso_time(ns: int) -> str:
    """ISO 8601 in UTC with three decimals; a time of more than 64 bits is cut to them."""
    moment = _EPOCH + timedelta(milliseconds=_epoch_ms(ns))
    return moment.isoformat(timespec="milliseconds") + "Z"


def clamped_ns(ns: int) -> int:
    """The time, or the one nearest to it that can be kept."""
    return min(max(ns, EARLIEST_NS), LATEST_NS)


def _epoch_ms(ns: int) -> int:
    """Whole milliseconds."""
    return clamped_ns(ns) // 10**6


def _attributes(span: Span, details: Payload) -> dict[str, Any]:
    """What the span's producer noted, and over it the fields that agntz keeps among the attributes."""
    said: dict[str, Any] = {name: getattr(span, field) for field, name in TEXT_ATTRIBUTES.items()}
    said |= _usage_attributes(span.usage) if span.usage else {}
    said[COST_ATTRIBUTE] = _amount(span.cost)
    said[INPUT_ATTRIBUTES.get(span.kind, INPUT_ATTRIBUTES[""])] = details.input
    said[OUTPUT_ATTRIBUTES.get(span.kind, OUTPUT_ATTRIBUTES[""])] = details.output
    said[STACK_ATTRIBUTE] = details.stack
    told = details.attributes | {name: value for name, value in said.items() if value is not None}
    return {name: _text(value) if isinstance(value, dict | list) else value for name, value in told.items()}


def _run_attributes(run: Run) -> dict[str, Any]:
    return {AGENT_ATTRIBUTE: run.agent, RUN_ATTRIBUTE: run.id}


def _usage_attributes(usage: Usage) -> dict[str, int | None]:
    counts = {name: getattr(usage, field) for field, name in COUNT_ATTRIBUTES.items()}
    has_total = usage.input is not None or usage.output is not None
    return {**counts, TOTAL_ATTRIBUTE: (usage.input or 0) + (usage.output or 0) if has_total else None}


def _text(value: Any) -> str | None:
    """A text as it is, anything else as compact JSON."""
    return value if value is None or isinstance(value, str) else msgspec.json.encode(value).decode()


def _amount(cost: float | None) -> float | None:
    return cost if cost is not None and math.isfinite(cost) else None


def _moment(event: dict[str, Any], span: Span) -> dict[str, Any]:
    """A moment inside a span; one without a time is put at the span's start."""
    at_ns, noted = event.get("at_ns"), event.get("attributes")
    found = {
        "ts": iso_time(at_ns if isinstance(at_ns, int) else span.started_ns),
        "name": _text(event.get("name")) or "",
    }
    return {**found, "data": noted} if noted else found
