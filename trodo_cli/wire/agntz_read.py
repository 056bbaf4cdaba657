"""What an agntz worker answers, as runs, spans and events of ours.

A key that is missing is as if it were null; one of the wrong type is `InvalidInput` that names it.
A worker's trace has a span for the run itself, ours has the run in its place: it is folded into the run.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, get_args

import msgspec

from trodo_cli.errors import InvalidInput, Unavailable
from trodo_cli.model.event import Event, RunEnd, RunStart, SpanEnd, SpanStart, TraceDone
from trodo_cli.model.ids import canonical_id, root_span_id
from trodo_cli.model.payload import NO_PAYLOAD
from trodo_cli.model.run import MAX_SUMMAND, NANOS, Run, RunStatus, Totals, canonical_status
from trodo_cli.model.span import Span, SpanStatus, Usage, canonical_kind
from trodo_cli.model.trace import Trace
from trodo_cli.wire.agntz import (
    AGENT_ATTRIBUTE,
    COST_ATTRIBUTE,
    COUNT_ATTRIBUTES,
    EARLIEST_NS,
    INPUT_ATTRIBUTES,
    LATEST_NS,
    OUTPUT_ATTRIBUTES,
    RUN_ATTRIBUTE,
    STACK_ATTRIBUTE,
    TEXT_ATTRIBUTES,
    TOTAL_ATTRIBUTE,
)
from trodo_cli.wire.semconv import whole_number
from trodo_cli.wire.values import plain_value, storable_text

Shape = TypeVar("Shape")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RUN_STATUSES: dict[str, RunStatus] = {word: word for word in get_args(RunStatus)}
_SPAN_STATUSES: dict[str, SpanStatus] = {word: word for word in get_args(SpanStatus)}

_TELLING_ATTRIBUTES = (
    ("agent.tool.name", "tool"),
    (RUN_ATTRIBUTE, "agent"),
    ("agent.invocation.id", "agent"),
    ("manifest.kind", "manifest"),
    ("step.name", "step"),
    ("agent.model", "model"),
)
"""What kind of span has such an attribute, the surest first. An agent's tokens must not be taken for a model's."""

_RUN_NOTES = ("agent_version", "requested_agent_version", "retention_mode", "expires_at")
_RESULT_NOTES = ("model", "provider", "requestedModel", "finishReason", "warnings", "toolCalls", "replies")


class _RunShape(msgspec.Struct, rename="camel"):
    id: str
    parent_id: str | None = None
    agent_id: str | None = None
    user_id: str | None = None
    session_id: str | None = None
    spawn_tool_use_id: str | None = None
    status: str | None = None
    input: Any = None
    result: dict[str, Any] | None = None
    error: str | None = None
    started_at: int | float | None = None
    ended_at: int | float | None = None
    agent_version: str | None = None
    requested_agent_version: str | None = None
    retention_mode: str | None = None
    expires_at: str | None = None


class _Ending(msgspec.Struct, rename="camel"):
    """What the end of a span tells, and so a patch."""

    ended_at: str | None = None
    duration_ms: int | float | None = None
    status: str | None = None
    error: str | None = None
    attributes: dict[str, Any] | None = None


class _SpanShape(_Ending, rename="camel", kw_only=True):
    span_id: str
    parent_id: str | None = None
    owner_id: str | None = None
    run_id: str | None = None
    session_id: str | None = None
    name: str | None = None
    kind: str | None = None
    started_at: str | None = None
    events: list[dict[str, Any]] | None = None
    cost_usd: int | float | None = None


class _SummaryShape(msgspec.Struct, rename="camel"):
    trace_id: str
    owner_id: str | None = None
    root_name: str | None = None
    agent_id: str | None = None
    started_at: str | None = None
    ended_at: str | None = None
    span_count: int | None = None
    status: str | None = None
    total_tokens: int | None = None
    total_cost_usd: int | float | None = None


class _TraceShape(msgspec.Struct):
    summary: _SummaryShape
    spans: list[_SpanShape] | None = None


class _StartFrame(msgspec.Struct):
    span: _SpanShape


class _EndFrame(msgspec.Struct, rename="camel"):
    span_id: str
    patch: _Ending | None = None


class _DoneFrame(msgspec.Struct):
    summary: _SummaryShape


def read_run(data: Any) -> Run:
    """A Run. Its owner is what the worker calls its user; its totals are those of the result."""
    shape = _converted(data, _RunShape, "run")
    result = shape.result or {}
    notes = {name: value for name in _RUN_NOTES if (value := getattr(shape, name))}
    notes |= {name: value for name in _RESULT_NOTES if (value := result.get(name))}
    return Run(
        id=_id(shape.id, "id"),
        parent_id=_id(shape.parent_id, "parentId") if shape.parent_id else None,
        parent_span_id=_clean(shape.spawn_tool_use_id),
        agent=_clean(shape.agent_id) or "",
        owner=_clean(shape.user_id) or "",
        session=_clean(shape.session_id),
        status=_one_of(_RUN_STATUSES, canonical_status(shape.status or "running")),
        started_ns=_ns_of_ms(shape.started_at, "startedAt") or 0,
        ended_ns=_ns_of_ms(shape.ended_at, "endedAt"),
        error=_clean(shape.error),
        totals=_totals(result.get("usage")),
        payload=_payload(input=_kept(shape.input), output=_kept(result.get("output")), attributes=notes),
    )


def read_span(data: Any) -> Span:
    """A Span. Attributes that our span has a field for become that field, the others stay."""
    return _span(_converted(data, _SpanShape, "span"))


def read_summary(data: Any) -> Run:
    """A TraceSummary as the run it is about. It tells no input tokens from output tokens: all are input."""
    return _summed(_converted(data, _SummaryShape, "trace summary"))


def read_trace(data: Any) -> Trace:
    """A whole trace."""
    shape = _converted(data, _TraceShape, "trace")
    run, shapes = _summed(shape.summary), shape.spans or []
    root_shape = next((span for span in shapes if _is_root(span, run.id)), None)
    root = _span(root_shape) if root_shape else None
    if root_shape and root:
        run.session = _clean(root_shape.session_id)
        _lay_root(run, root)
    return Trace.from_rows(run, [_below(_span(span), root) for span in shapes if span is not root_shape])


def read_trace_frame(run_id: str, event_name: str, data: Any, known: dict[str, Span]) -> list[Event]:
    """A frame of the trace stream as our events; none for a name that is not known.

    `known` is kept up by this function: the spans by id as far as they were told, and under our own id of a
    run's span the one that the worker has for it. Raises `Unavailable` for what the stream calls an error.
    """
    run_id = _id(run_id, "run id")
    match event_name:
        case "span-start":
            return _read_start(run_id, _converted(data, _StartFrame, event_name).span, known)
        case "span-end":
            return _read_end(run_id, _converted(data, _EndFrame, event_name), known)
        case "trace-done":
            return _read_done(run_id, _converted(data, _DoneFrame, event_name).summary, known)
        case "snapshot":
            return _read_snapshot(run_id, read_trace(data), known)
        case "stream-error":
            message = data.get("error") if isinstance(data, dict) else None
            raise Unavailable(f"the stream of run {run_id} broke off: {message or 'no reason given'}")
        case _:
            return []


def _read_start(run_id: str, shape: _SpanShape, known: dict[str, Span]) -> list[Event]:
    span, root_id = _span(shape), root_span_id(run_id)
    if not _is_root(shape, run_id):
        span = known[span.id] = _below(span, known.get(root_id))
        return [SpanStart(run_id=run_id, span=span)]
    known[root_id] = span
    run = Run(id=run_id, agent=_agent_of(span), started_ns=span.started_ns, payload=_run_payload(span))
    run.session, run.owner = _clean(shape.session_id), _clean(shape.owner_id) or ""
    return [RunStart(run_id=run_id, run=run)]


def _read_end(run_id: str, frame: _EndFrame, known: dict[str, Span]) -> list[Event]:
    """The end of a span. That of the run's own span says too little: a cancelled run's says `error`."""
    span_id, root_id = _id(frame.span_id, "spanId"), root_span_id(run_id)
    root, patch = known.get(root_id), frame.patch or _Ending()
    attributes = patch.attributes or {}
    if (root.id == span_id) if root else _is_id(attributes.get(RUN_ATTRIBUTE), run_id):
        known[root_id] = _patched(root or Span(id=span_id, kind="agent"), patch)
        return []
    before = known.get(span_id) or Span(id=span_id, kind=_guessed_kind(attributes))
    span = known[span_id] = _patched(before, patch)
    return [SpanEnd(run_id=run_id, span=span)]


def _read_done(run_id: str, shape: _SummaryShape, known: dict[str, Span]) -> list[Event]:
    run, root = _summed(shape), known.get(root_span_id(run_id))
    run.id = run_id
    if root is not None:
        _lay_root(run, root)
    end: list[Event] = [RunEnd(run_id=run_id, run=run)] if run.is_terminal else []
    return [*end, TraceDone(run_id=run_id, run=run)]


def _read_snapshot(run_id: str, trace: Trace, known: dict[str, Span]) -> list[Event]:
    run, spans = msgspec.structs.replace(trace.summary, id=run_id), trace.spans[1:]
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


def _span(shape: _SpanShape) -> Span:
    attributes = shape.attributes or {}
    span = Span(
        id=_id(shape.span_id, "spanId"),
        parent_id=_id(shape.parent_id, "parentId") if shape.parent_id else None,
        name=_clean(shape.name) or "",
        kind=canonical_kind(_clean(shape.kind) or "") if shape.kind else _guessed_kind(attributes),
        started_ns=_ns_of_iso(shape.started_at, "startedAt") or 0,
        cost=_amount(shape.cost_usd),
    )
    _describe(span, attributes, [_moment(event) for event in shape.events or []])
    _end(span, shape)
    return span


def _patched(span: Span, patch: _Ending) -> Span:
    """The span with its end laid over it; attributes that the end names replace all that it had."""
    span = msgspec.structs.replace(span)
    if patch.attributes is not None:
        _describe(span, patch.attributes, span.details.events)
    _end(span, patch)
    return span


def _end(span: Span, said: _Ending) -> None:
    """Set how the span stands. What was first heard of at its end began a duration before."""
    span.ended_ns = _ns_of_iso(said.ended_at, "endedAt")
    took_ns = _ns_of_ms(said.duration_ms, "durationMs")
    if took_ns is not None and span.ended_ns is None:
        span.ended_ns = min(span.started_ns + took_ns, LATEST_NS)
    elif took_ns is not None and span.ended_ns is not None and not span.started_ns:
        span.started_ns = max(span.ended_ns - took_ns, EARLIEST_NS)
    word = said.status or ("running" if span.ended_ns is None else "ok")
    span.status = _one_of(_SPAN_STATUSES, word)
    span.error = _clean(said.error)


def _describe(span: Span, attributes: dict[str, Any], events: list[dict[str, Any]]) -> None:
    """Set the span's fields and payload by its attributes."""
    left = dict(attributes)
    for field, name in TEXT_ATTRIBUTES.items():
        setattr(span, field, _clean(left.pop(name)) if isinstance(left.get(name), str) else None)
    span.usage = _popped_usage(left)
    span.cost = _popped_cost(left, span.cost)
    stack = left.pop(STACK_ATTRIBUTE) if isinstance(left.get(STACK_ATTRIBUTE), str) else None
    given, answered = _popped_value(left, INPUT_ATTRIBUTES), _popped_value(left, OUTPUT_ATTRIBUTES)
    span.payload = _payload(input=given, output=answered, attributes=left, events=events, stack=stack)


def _popped_usage(attributes: dict[str, Any]) -> Usage | None:
    usage = Usage()
    for field, name in COUNT_ATTRIBUTES.items():
        if (count := whole_number(attributes.get(name))) is not None:
            setattr(usage, field, count)
            del attributes[name]
    if attributes.get(TOTAL_ATTRIBUTE) == (usage.input or 0) + (usage.output or 0):
        del attributes[TOTAL_ATTRIBUTE]
    return usage if usage != Usage() else None


def _popped_cost(attributes: dict[str, Any], cost: float | None) -> float | None:
    noted = _amount(attributes.get(COST_ATTRIBUTE))
    if noted is None:
        return cost
    del attributes[COST_ATTRIBUTE]
    return noted if cost is None else cost


def _popped_value(attributes: dict[str, Any], names: Mapping[str, str]) -> Any:
    """What went in or came out, under the first of the names that is there."""
    return next((_value(attributes.pop(name)) for name in names.values() if name in attributes), None)


def _guessed_kind(attributes: dict[str, Any]) -> str:
    return next((kind for name, kind in _TELLING_ATTRIBUTES if name in attributes), "generic")


def _moment(event: dict[str, Any]) -> dict[str, Any]:
    """A moment inside a span. One with a text that is no time has none."""
    found: dict[str, Any] = {"name": event.get("name") or ""}
    try:
        found["at_ns"] = _ns_of_iso(event.get("ts"), "ts") or 0
    except InvalidInput:
        found["ts"] = event.get("ts")
    return {**found, "attributes": event["data"]} if event.get("data") else found


def _is_root(shape: _SpanShape, run_id: str) -> bool:
    """Whether the span is the run itself."""
    return shape.parent_id is None and _is_id(shape.run_id, run_id)


def _below(span: Span, root: Span | None) -> Span:
    """The span without a parent that is the run itself."""
    if root is not None and span.parent_id == root.id:
        span.parent_id = None
    return span


def _lay_root(run: Run, root: Span) -> None:
    """Set what only the worker's span for the run knows of it."""
    run.error, run.error_type = root.error, root.error_type
    run.agent = run.agent or _agent_of(root)
    run.payload = _run_payload(root)


def _agent_of(root: Span) -> str:
    agent = root.details.attributes.get(AGENT_ATTRIBUTE)
    return agent if isinstance(agent, str) and agent else root.name


def _run_payload(root: Span) -> msgspec.Raw:
    """The payload of the run's span without the names that the run itself has."""
    details = root.details
    for name in (AGENT_ATTRIBUTE, RUN_ATTRIBUTE):
        details.attributes.pop(name, None)
    data = msgspec.json.encode(details)
    return NO_PAYLOAD if data == b"{}" else msgspec.Raw(data)


def _summed(shape: _SummaryShape) -> Run:
    cost = _amount(shape.total_cost_usd)
    return Run(
        id=_id(shape.trace_id, "traceId"),
        owner=_clean(shape.owner_id) or "",
        agent=_clean(shape.agent_id or shape.root_name) or "",
        status=_one_of(_RUN_STATUSES, canonical_status(shape.status or "running")),
        started_ns=_ns_of_iso(shape.started_at, "startedAt") or 0,
        ended_ns=_ns_of_iso(shape.ended_at, "endedAt"),
        totals=Totals(
            spans=max((shape.span_count or 0) - 1, 0),
            input_tokens=shape.total_tokens or 0,
            cost_nanos=round((cost or 0) * NANOS),
            costed_spans=int(cost is not None),
        ),
    )


def _totals(usage: Any) -> Totals:
    """The sums of a result's usage; all tokens are input when only their total is told."""
    if not isinstance(usage, dict):
        return Totals()
    prompt, completion = whole_number(usage.get("promptTokens")), whole_number(usage.get("completionTokens"))
    if prompt is None and completion is None:
        prompt = whole_number(usage.get("totalTokens"))
    cost = _amount(usage.get("cost"))
    return Totals(
        input_tokens=prompt or 0,
        output_tokens=completion or 0,
        cost_nanos=round((cost or 0) * NANOS),
        costed_spans=int(cost is not None),
    )


def _converted(data: Any, shape: type[Shape], what: str) -> Shape:
    try:
        return msgspec.convert(data, shape)
    except (msgspec.ValidationError, RecursionError) as error:
        raise InvalidInput(f"not an agntz {what}: {error}") from None


def _payload(**parts: Any) -> msgspec.Raw:
    found = {name: part for name, part in parts.items() if part is not None}
    for name in ("attributes", "events"):
        if not found.get(name):
            found.pop(name, None)
    return msgspec.Raw(msgspec.json.encode(plain_value(found))) if found else NO_PAYLOAD


def _value(told: Any) -> Any:
    """What was told as a text: an object or array behind its JSON, anything else as it is."""
    if not isinstance(told, str) or not told.startswith(("{", "[")):
        return told
    try:
        return msgspec.json.decode(storable_text(told))
    except (msgspec.MsgspecError, RecursionError):
        return told


def _kept(told: Any) -> Any:
    """What went into a run or came out; an empty text stands for what the worker did not keep."""
    return None if told == "" else _value(told)


def _id(text: str, name: str) -> str:
    try:
        return canonical_id(storable_text(text))
    except InvalidInput as error:
        raise InvalidInput(f"`{name}`: {error.message}") from None


def _is_id(text: Any, wanted: str) -> bool:
    """Whether a text names the wanted id in any of its spellings."""
    try:
        return isinstance(text, str) and canonical_id(storable_text(text)) == wanted
    except InvalidInput:
        return False


def _clean(text: str | None) -> str | None:
    return None if text is None else storable_text(text)


def _one_of(words: Mapping[str, Shape], word: str) -> Shape:
    if word not in words:
        raise InvalidInput(f"unknown `status` {word!r}", f"one of {', '.join(words)}")
    return words[word]


def _amount(cost: Any) -> float | None:
    """USD; None for what is no amount of money."""
    is_number = isinstance(cost, int | float) and not isinstance(cost, bool)
    return float(cost) if is_number and abs(cost) < MAX_SUMMAND else None


def _ns_of_ms(ms: float | None, name: str) -> int | None:
    if ms is None:
        return None
    if not EARLIEST_NS <= ms * 10**6 <= LATEST_NS:
        raise InvalidInput(f"`{name}` is no number of milliseconds: {ms}")
    return int(ms * 10**6)


def _ns_of_iso(text: Any, name: str) -> int | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        since = moment.replace(tzinfo=moment.tzinfo or UTC) - _EPOCH
    except (ValueError, TypeError):
        raise InvalidInput(f"`{name}` is no ISO time: {text!r}") from None
    ns = since // timedelta(microseconds=1) * 1000
    if not EARLIEST_NS <= ns <= LATEST_NS:
        raise InvalidInput(f"`{name}` is no time of this age: {text!r}")
    return ns
