"""A span of an agntz worker as one of ours."""

from collections.abc import Mapping
from typing import Any, get_args

import msgspec

from trodo_cli.errors import InvalidInput
from trodo_cli.model.span import Span, SpanStatus, Usage, canonical_kind
from trodo_cli.wire.agntz import (
    COST_ATTRIBUTE,
    COUNT_ATTRIBUTES,
    INPUT_ATTRIBUTES,
    OUTPUT_ATTRIBUTES,
    RUN_ATTRIBUTE,
    STACK_ATTRIBUTE,
    TEXT_ATTRIBUTES,
    TOTAL_ATTRIBUTE,
    clamped_ns,
)
from trodo_cli.wire.agntz_shapes import (
    EndingShape,
    SpanShape,
    amount_from,
    converted,
    id_from,
    is_id,
    ns_from_iso,
    ns_from_ms,
    payload_from,
    text_from,
    value_from,
    word_from,
)
from trodo_cli.wire.semconv import whole_number

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


def read_span(data: Any) -> Span:
    """A Span. Attributes that our span has a field for become that field, the others stay."""
    return span_from(converted(data, SpanShape, "span"))


def span_from(shape: SpanShape) -> Span:
    """The span as it stands in the worker's trace; `below` puts it into ours."""
    attributes = shape.attributes or {}
    span = Span(
        id=id_from(shape.span_id, "spanId"),
        parent_id=id_from(shape.parent_id, "parentId") if shape.parent_id else None,
        name=text_from(shape.name) or "",
        kind=canonical_kind(text_from(shape.kind) or "") if shape.kind else guessed_kind(attributes),
        started_ns=ns_from_iso(shape.started_at, "startedAt") or 0,
        cost=amount_from(shape.cost_usd),
    )
    _describe(span, attributes, [_moment(event) for event in shape.events or []])
    _end(span, shape)
    return span


def patched(span: Span, patch: EndingShape) -> Span:
    """The span with its end laid over it; attributes that the end names replace all that it had."""
    span = msgspec.structs.replace(span)
    if patch.attributes is not None:
        _describe(span, patch.attributes, span.details.events)
    _end(span, patch)
    return span


def guessed_kind(attributes: dict[str, Any]) -> str:
    """The kind of a span that does not say it."""
    return next((kind for name, kind in _TELLING_ATTRIBUTES if name in attributes), "generic")


def is_root(shape: SpanShape, run_id: str) -> bool:
    """Whether the span is the run itself."""
    return shape.parent_id is None and is_id(shape.run_id, run_id)


def below(span: Span, root: Span | None) -> Span:
    """The span without a parent that is the run itself."""
    if root is not None and span.parent_id == root.id:
        span.parent_id = None
    return span


def _end(span: Span, said: EndingShape) -> None:
    """Set how the span stands. What was first heard of at its end began a duration before."""
    span.ended_ns = ns_from_iso(said.ended_at, "endedAt")
    if said.duration_ms is not None and span.ended_ns is None:
        span.ended_ns = clamped_ns(span.started_ns + ns_from_ms(said.duration_ms, "durationMs"))
    elif said.duration_ms is not None and span.ended_ns is not None and not span.started_ns:
        span.started_ns = clamped_ns(span.ended_ns - ns_from_ms(said.duration_ms, "durationMs"))
    word = said.status or ("running" if span.ended_ns is None else "ok")
    span.status = word_from(_SPAN_STATUSES, word)
    span.error = text_from(said.error)


def _describe(span: Span, attributes: dict[str, Any], events: list[dict[str, Any]]) -> None:
    """Set the span's fields and payload by its attributes."""
    left = dict(attributes)
    for field, name in TEXT_ATTRIBUTES.items():
        setattr(span, field, text_from(left.pop(name)) if isinstance(left.get(name), str) else None)
    span.usage = _popped_usage(left)
    span.cost = _popped_cost(left, span.cost)
    stack = left.pop(STACK_ATTRIBUTE) if isinstance(left.get(STACK_ATTRIBUTE), str) else None
    given, answered = _popped_value(left, INPUT_ATTRIBUTES), _popped_value(left, OUTPUT_ATTRIBUTES)
    span.payload = payload_from(input=given, output=answered, attributes=left, events=events, stack=stack)


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
    noted = amount_from(attributes.get(COST_ATTRIBUTE))
    if noted is None:
        return cost
    del attributes[COST_ATTRIBUTE]
    return noted if cost is None else cost


def _popped_value(attributes: dict[str, Any], names: Mapping[str, str]) -> Any:
    """What went in or came out, under the first of the names that is there."""
    return next((value_from(attributes.pop(name)) for name in names.values() if name in attributes), None)


def _moment(event: dict[str, Any]) -> dict[str, Any]:
    """A moment inside a span. One with a text that is no time has none."""
    found: dict[str, Any] = {"name": event.get("name") or ""}
    try:
        found["at_ns"] = ns_from_iso(event.get("ts"), "ts") or 0
    except InvalidInput:
        found["ts"] = event.get("ts")
    return {**found, "attributes": event["data"]} if event.get("data") else found
