"""Runs and traces as the agntz worker's API shows them: objects, pages, stream frames, list queries.

A run's times are epoch milliseconds and keys without a value are left out; a span's and a summary's
times are ISO texts and every key is there. What a worker answers is read in `agntz_read`.
"""

import math
import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from trodo_cli.errors import InvalidInput
from trodo_cli.model.event import (
    Event,
    RunEnd,
    RunStart,
    SpanEnd,
    SpanEvent,
    SpanStart,
    SpanUpdate,
    TraceDone,
)
from trodo_cli.model.ids import root_span_id
from trodo_cli.model.run import RUN_STATUSES, Run, folded_run, root_span
from trodo_cli.model.span import Span, Usage, opened_span
from trodo_cli.model.trace import Trace
from trodo_cli.query.plan import Cursor, RunFilter, read_cursor
from trodo_cli.wire.values import plain_value, storable_text

DEFAULT_LIMIT = 50
MAX_LIMIT = 200

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

NOTHING = RunFilter(started_after_ns=LATEST_NS, started_before_ns=EARLIEST_NS)
"""Fits no run, and unlike an unknown status it is refused by no client."""

Frame = tuple[str, dict[str, Any]]
"""A server-sent event: its name and its data."""

_EPOCH = datetime(1970, 1, 1)
_PATCHED = ("endedAt", "durationMs", "status", "error", "attributes")
_MOMENTS_MS = range(EARLIEST_NS // 10**6, LATEST_NS // 10**6 + 1)
"""Every millisecond that a time can fall into; as ISO texts they stand in the same order."""

_TRACE_STATUSES = {"ok": "completed", "error": "failed", "cancelled": "cancelled", "running": "running"}
_NUMBER = re.compile(r"\s*\+?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*", re.ASCII | re.IGNORECASE)
_DATE_TIME = re.compile(r"\d{4}(-\d\d(-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?)?)?", re.ASCII)
_BEYOND_ASCII = re.compile(r"[^\x00-\x7e]")


def run_object(run: Run, *, root_id: str, depth: int) -> dict[str, Any]:
    """A Run. Its `result` and `input` are only as full as the run's payload was read."""
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
        "result": _result(run) if run.status == "completed" else None,
        "error": run.error if run.status in ("failed", "cancelled") else None,
        "startedAt": _epoch_ms(run.started_ns),
        "endedAt": _epoch_ms(run.ended_ns) if run.ended_ns is not None and run.is_terminal else None,
        "depth": depth,
    }
    return {key: value for key, value in said.items() if value is not None}


def span_object(span: Span, run: Run) -> dict[str, Any]:
    """A Span of that run; the one under the run's own span id is the root."""
    root_id = root_span_id(run.id)
    is_root = span.id == root_id
    ended_ns = None if span.is_open else span.ended_ns
    has_duration = ended_ns is not None and (span.started_ns or not is_root)
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
        "durationMs": span.duration_ms if has_duration else None,
        "status": span.status,
        "error": span.error,
        "attributes": _attributes(span, run if is_root else None),
        "events": [_moment(event, span) for event in span.details.events],
        "scores": {},
        "costUsd": _amount(span.cost),
    }


def summary_object(run: Run) -> dict[str, Any]:
    """A TraceSummary. The run itself counts as a span, as it is one in `trace_object`."""
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


def trace_object(trace: Trace, *, owner: str = "") -> dict[str, Any]:
    """A whole trace, the run as its root span. `owner` is needed because a trace does not know its own."""
    run = trace.summary
    run.owner = run.owner or owner
    spans = [span_object(span, run) for span in trace.spans]
    spans.sort(key=lambda span: (span["startedAt"], span["spanId"]))
    return {"summary": summary_object(run), "spans": spans}


def page_object(rows: Sequence[dict[str, Any]], cursor: str | None) -> dict[str, Any]:
    """A part of a list; the last one has no cursor."""
    return {"rows": list(rows)} if cursor is None else {"rows": list(rows), "cursor": cursor}


def trace_events(event: Event, *, run: Run | None = None, told: set[str] | None = None) -> list[Frame]:
    """The event in the words of the trace stream; nothing for what they cannot say.

    `run` is what is known of the run (owner, session, start). `told` holds the ids of the spans that this
    stream has opened, and is added to: with it, a span or run that is first heard of when it ends is opened
    before, and none is opened twice.
    """
    match event:
        case RunStart():
            opened = _opened_run(event, run)
            return _span_frames(SpanStart(run_id=event.run_id, span=root_span(opened)), opened, told)
        case RunEnd():
            ended = _ended_run(event, run)
            return _span_frames(SpanEnd(run_id=event.run_id, span=root_span(ended)), ended, told)
        case SpanStart() | SpanUpdate() | SpanEnd():
            return _span_frames(event, run or Run(id=event.run_id), told)
        case TraceDone():
            return [("trace-done", {"type": "trace-done", "summary": summary_object(event.run)})]
        case _:
            return []


def run_events(event: Event, *, run: Run | None = None, told: set[str] | None = None) -> list[Frame]:
    """The event in the words of the run stream; nothing for what they cannot say.

    `run` is what is known of the run. `told` holds the runs that this stream has announced, and is added
    to: none is announced twice.
    """
    match event:
        case RunStart():
            return [] if _is_told(event.run_id, told) else [_spawn_frame(event)]
        case RunEnd():
            return [_end_of_run(event, _ended_run(event, run))]
        case SpanStart() if event.span.kind == "tool":
            return [_run_frame("tool-call-start", event, toolCall=_tool_call(event.span))]
        case SpanEnd() if event.span.kind == "tool":
            call = {**_tool_call(event.span), **_tool_outcome(event.span)}
            return [_run_frame("tool-call-end", event, toolCall=call)]
        case _:
            return []


def sse_json(value: Any) -> bytes:
    """Strict JSON in printable ASCII alone, since some clients end a line at U+2028 and its like; NaN is null."""
    try:
        data = msgspec.json.encode(value)
    except (UnicodeEncodeError, TypeError, RecursionError):
        data = msgspec.json.encode(plain_value(value))
    if data.isascii() and b"\x7f" not in data:
        return data
    return _BEYOND_ASCII.sub(_escaped, data.decode()).encode()


def runs_query(params: Mapping[str, str]) -> tuple[RunFilter, int, Cursor | None]:
    """What `GET /runs` asks for: the filter, how many rows, where to go on.

    A time that is no ISO date or time is as if not given, and so is a text that is no cursor; a status that
    is no run's matches nothing. Raises `InvalidInput` for a limit that is no number from 1.
    """
    limit, cursor, status = _limit(params.get("limit")), _cursor(params.get("cursor")), params.get("status")
    if status and status not in RUN_STATUSES:
        return NOTHING, limit, cursor
    wanted = RunFilter(
        agent=storable_text(params.get("agentId", "")) or None,
        status=status or None,
        started_after_ns=_bound(_instant_ms(params.get("startedAfter")), 0),
        started_before_ns=_bound(_instant_ms(params.get("startedBefore")), 10**6 - 1),
        roots_only=params.get("rootsOnly") != "false",
    )
    return wanted, limit, cursor


def traces_query(params: Mapping[str, str]) -> tuple[RunFilter, int, Cursor | None]:
    """What `GET /traces` asks for, as `runs_query`, but the two times are compared as texts.

    ISO texts stand in the order of their times, so every text lies between two milliseconds: the bound is
    the first one that is not below the text, or the last one that is not above it.
    """
    limit, cursor, status = _limit(params.get("limit")), _cursor(params.get("cursor")), params.get("status")
    after, before = params.get("startedAfter", ""), params.get("startedBefore")
    first = bisect_left(_MOMENTS_MS, after, key=_iso_text)
    last = bisect_right(_MOMENTS_MS, before, key=_iso_text) - 1 if before else len(_MOMENTS_MS) - 1
    if first > last or (status and status not in _TRACE_STATUSES):
        return NOTHING, limit, cursor
    wanted = RunFilter(
        agent=storable_text(params.get("agentId", "")) or None,
        status=_TRACE_STATUSES[status] if status else None,
        started_after_ns=_bound(_MOMENTS_MS[first], 0) if first else None,
        started_before_ns=_bound(_MOMENTS_MS[last], 10**6 - 1) if before else None,
    )
    return wanted, limit, cursor


def iso_time(ns: int) -> str:
    """ISO 8601 in UTC with three decimals."""
    return _iso_text(_epoch_ms(ns))


def _epoch_ms(ns: int) -> int:
    """Whole milliseconds; a time of more than 64 bits is cut to them."""
    return min(max(ns, EARLIEST_NS), LATEST_NS) // 10**6


def _iso_text(ms: int) -> str:
    return (_EPOCH + timedelta(milliseconds=ms)).isoformat(timespec="milliseconds") + "Z"


def _result(run: Run) -> dict[str, Any]:
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


def _attributes(span: Span, root_of: Run | None) -> dict[str, Any]:
    """What the span's producer noted, and over it the fields that agntz keeps among the attributes."""
    details = span.details
    said: dict[str, Any] = {name: getattr(span, field) for field, name in TEXT_ATTRIBUTES.items()}
    said |= _usage_attributes(span.usage) if span.usage else {}
    said[COST_ATTRIBUTE] = _amount(span.cost)
    said[INPUT_ATTRIBUTES.get(span.kind, INPUT_ATTRIBUTES[""])] = details.input
    said[OUTPUT_ATTRIBUTES.get(span.kind, OUTPUT_ATTRIBUTES[""])] = details.output
    said[STACK_ATTRIBUTE] = details.stack
    if root_of is not None:
        said[AGENT_ATTRIBUTE], said[RUN_ATTRIBUTE] = root_of.agent, root_of.id
    noted = {name: _primitive(value) for name, value in details.attributes.items()}
    return noted | {name: _primitive(value) for name, value in said.items() if value is not None}


def _usage_attributes(usage: Usage) -> dict[str, int | None]:
    counts = {name: getattr(usage, field) for field, name in COUNT_ATTRIBUTES.items()}
    has_total = usage.input is not None or usage.output is not None
    return {**counts, TOTAL_ATTRIBUTE: (usage.input or 0) + (usage.output or 0) if has_total else None}


def _primitive(value: Any) -> Any:
    return _text(value) if isinstance(value, dict | list) else value


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


def _opened_run(event: RunStart, known: Run | None) -> Run:
    """The run as it is announced, open."""
    owner = event.run.owner or (known.owner if known else "")
    return msgspec.structs.replace(event.run, status="running", ended_ns=None, error=None, owner=owner)


def _ended_run(event: RunEnd, known: Run | None) -> Run:
    """The run as its end leaves it. An end says little of how the run began, `known` does."""
    run = folded_run(event.run_id, known, event.run)
    totals = event.run.totals if event.run.totals.spans or known is None else known.totals
    return msgspec.structs.replace(run, totals=totals, owner=run.owner or event.run.owner)


def _span_frames(event: SpanEvent, run: Run, told: set[str] | None) -> list[Frame]:
    span, frames = event.span, list[Frame]()
    is_new = isinstance(event, SpanStart) if told is None else not _is_told(span.id, told)
    if is_new:
        shown = span if span.is_open else opened_span(span)
        frames.append(("span-start", {"type": "span-start", "span": span_object(shown, run)}))
    if isinstance(event, SpanEnd):
        whole = span_object(span, run)
        patch = {key: whole[key] for key in _PATCHED}
        frames.append(("span-end", {"type": "span-end", "spanId": span.id, "patch": patch}))
    return frames


def _is_told(name: str, told: set[str] | None) -> bool:
    """Whether it was told before; from now on it is."""
    if told is None or name in told:
        return told is not None
    told.add(name)
    return False


def _run_frame(name: str, event: Event, **said: Any) -> Frame:
    return name, {"type": name, "runId": event.run_id, **said, "seq": event.seq}


def _spawn_frame(event: RunStart) -> Frame:
    parent = {"parentId": event.run.parent_id} if event.run.parent_id else {}
    return _run_frame("run-spawn", event, **parent, agentId=event.run.agent)


def _end_of_run(event: RunEnd, run: Run) -> Frame:
    match run.status:
        case "failed":
            return _run_frame("run-error", event, error=run.error or run.error_type or "failed")
        case "cancelled":
            return _run_frame("run-cancelled", event)
        case _:
            return _run_frame("run-complete", event, result=_result(run))


def _tool_call(span: Span) -> dict[str, Any]:
    return {"id": span.id, "name": span.tool or span.name}


def _tool_outcome(span: Span) -> dict[str, Any]:
    said = {
        "input": span.details.input,
        "output": span.details.output,
        "duration": span.duration_ms or 0,
    }
    if span.status in ("error", "cancelled"):
        said["error"] = span.error or span.error_type or ("failed" if span.status == "error" else "cancelled")
    return said


def _escaped(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_LIMIT
    number = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not 1 <= number < math.inf:
        raise InvalidInput("Invalid `limit` query param", f"a limit is a number from 1 to {MAX_LIMIT}")
    return min(int(number), MAX_LIMIT)


def _cursor(text: str | None) -> Cursor | None:
    try:
        return read_cursor(text) if text else None
    except InvalidInput:
        return None


def _instant_ms(text: str | None) -> int | None:
    """Milliseconds of an ISO date or time, UTC when it names no zone; None for any other text."""
    if text is None or not _DATE_TIME.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text + "-01-01"[len(text) - 4 :] if len(text) < 10 else text)
        since = moment.replace(tzinfo=moment.tzinfo or UTC) - _EPOCH.replace(tzinfo=UTC)
    except ValueError:
        return None
    return since // timedelta(milliseconds=1)


def _bound(ms: int | None, more_ns: int) -> int | None:
    """The first nanosecond of a millisecond, or with more the last; as far as 64 bits go."""
    return None if ms is None else min(max(ms * 10**6 + more_ns, EARLIEST_NS), LATEST_NS)
