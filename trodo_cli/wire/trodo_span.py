"""A span of the Trodo SDK's own wire as one of our events."""

from typing import Any

from trodo_cli.model.event import SpanEnd, SpanStart
from trodo_cli.model.ids import canonical_id, is_run_id
from trodo_cli.model.run import RunStatus, canonical_status
from trodo_cli.model.span import Span, SpanStatus, Usage, canonical_kind
from trodo_cli.wire.genai import model_of, provider_of
from trodo_cli.wire.native import settled_event
from trodo_cli.wire.semconv import flattened, usage_of, whole_number
from trodo_cli.wire.trodo_said import Said, payload, values
from trodo_cli.wire.usage import cost_of, tokens_of
from trodo_cli.wire.values import json_value

SPAN_TEXTS = {
    "model": "model",
    "provider": "provider",
    "tool_name": "tool",
    "level": "level",
    "error_message": "error",
    "error_type": "error_type",
    "status_code": "status_code",
}
"""A key of the wire and our field."""

RUN_STATUS: dict[SpanStatus, RunStatus] = {
    "ok": "completed",
    "error": "failed",
    "cancelled": "cancelled",
    "running": "running",
}
_SPAN_STATUS: dict[str, SpanStatus] = {
    **{theirs: ours for ours, theirs in RUN_STATUS.items()},
    "pending": "running",
}
NO_RUN = "-"
"""In place of a run's id, until it has one. Calls without a run and bridged model calls put JSON into a text."""

_OTEL_NAMES = "gen_ai."
"""A bridged span has all the attributes that it had, and only some of them under keys of this wire."""

_PADDING = "0" * 16
"""In place of the first half of a UUID, before the id of an OpenTelemetry span."""


def span_event(run_id: str, said: Said, now_ns: int) -> SpanStart | SpanEnd:
    """What is told of one span; `now_ns` is when."""
    span = Span(id=_span_id(said.name("span_id")), name=said.text("name") or "")
    parent_id = said.text("parent_span_id")
    span.parent_id = _span_id(parent_id) if parent_id else None
    span.kind = canonical_kind(said.text("kind") or "")
    for key, field in SPAN_TEXTS.items():
        setattr(span, field, said.text(key))
    word = said.text("status")
    span.status = status_of(word, is_error=span.level == "error" or span.error is not None)
    span.started_ns, span.ended_ns = interval(said, now_ns, is_open=span.status == "running")
    _set_usage(span, said)
    noted = {} if is_known(word) else {"status": json_value(word)}
    read = said.opened if span.kind == "model" or run_id == NO_RUN else said.raw
    given, output, stack = read("input"), read("output"), said.text("stack_trace")
    noted |= said.members("attributes") | said.rest()
    if any(name.startswith(_OTEL_NAMES) for name in noted):
        _fill(span, values(noted))
    span.payload = payload(noted, input=given, output=output, stack=json_value(stack) if stack else b"")
    if span.ended_ns is None:
        return settled_event(SpanStart(run_id=run_id, span=span))
    span.status = "ok" if span.status == "running" else span.status
    return settled_event(SpanEnd(run_id=run_id, span=span))


def interval(said: Said, now_ns: int, *, is_open: bool) -> tuple[int, int | None]:
    """Start and end. Clocks of two machines differ: an end before the start is one after the duration."""
    started_ns, ended_ns = said.time("started_at"), said.time("ended_at")
    length_ns = round(max(said.number("duration_ms") or 0.0, 0.0) * 1e6)
    if started_ns is None:
        started_ns = (now_ns if ended_ns is None else ended_ns) - length_ns
    if ended_ns is None and is_open:
        return started_ns, None
    return started_ns, started_ns + length_ns if ended_ns is None or ended_ns < started_ns else ended_ns


def status_of(word: str | None, *, is_error: bool) -> SpanStatus:
    """Ours for a word of the wire."""
    return _SPAN_STATUS.get(canonical_status((word or "").lower()), "error" if is_error else "ok")


def is_known(word: str | None) -> bool:
    """Whether it is a word for a status."""
    return word is None or canonical_status(word.lower()) in _SPAN_STATUS


def _set_usage(span: Span, said: Said) -> None:
    """Tokens, cost and temperature. A count that was told by itself goes before one in the provider's usage object."""
    details, costs = said.seen("usage_details"), said.seen("cost_details")
    flat = flattened(details) if isinstance(details, dict) else {}
    usage = (usage_of(flat) if flat else None) or Usage()
    for key, field in (("input_tokens", "input"), ("output_tokens", "output")):
        count = said.count(key)
        if count is not None and count != whole_number(flat.get(key)):
            setattr(usage, field, count)
    span.usage = usage if usage != Usage() else None
    cost = said.number("cost")
    span.cost = _sum(costs) if cost is None and isinstance(costs, dict) else cost


def _sum(costs: dict[str, Any]) -> float | None:
    """The cost in USD behind the costs by category."""
    found = {name: cost for name, cost in costs.items() if type(cost) in (int, float)}
    return float(found.get("total", sum(found.values()))) if found else None


def _fill(span: Span, said: dict[str, Any]) -> None:
    """Set what the span itself does not say, and its attributes do."""
    usage, told = span.usage or Usage(), tokens_of(said) or Usage()
    for field in usage.__struct_fields__:
        if getattr(usage, field) is None:
            setattr(usage, field, getattr(told, field))
    span.usage = usage if usage != Usage() else None
    span.cost = cost_of(said) if span.cost is None else span.cost
    span.model = span.model or model_of(said)
    span.provider = span.provider or provider_of(said)


def _span_id(text: str) -> str:
    """The id of a span; one of OpenTelemetry without what fills it up to a UUID."""
    known = canonical_id(text)
    return known[16:] if is_run_id(known) and known.startswith(_PADDING) else known
