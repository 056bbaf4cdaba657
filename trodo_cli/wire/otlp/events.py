"""Spans of an export as our events: one for each span, and what each trace's spans say of their run."""

from typing import Any

import msgspec

from trodo_cli.model.event import Event, RunStart, SpanEnd, SpanStart
from trodo_cli.model.run import Run
from trodo_cli.model.span import Span, SpanStatus
from trodo_cli.wire import conventions as names
from trodo_cli.wire.exchange import input_of, output_of
from trodo_cli.wire.genai import kind_of, model_of, provider_of, tool_of
from trodo_cli.wire.native import settled_event
from trodo_cli.wire.otlp.export import Export, Moment, OtlpSpan
from trodo_cli.wire.otlp.failure import error_of, error_type_of, raised_in, stack_of, status_code_of
from trodo_cli.wire.otlp.hearsay import Hearsay
from trodo_cli.wire.otlp.our_root import is_our_root, run_events
from trodo_cli.wire.usage import cost_of, tokens_of
from trodo_cli.wire.values import json_object, json_value

ENDED_VERSION = 2
"""Of a span that has ended; a mark that it began has less."""

PENDING = "pending_span"
"""Logfire's mark that a span began: it has an id of its own and hangs below the span that is still to come."""


def events_of(export: Export) -> list[Event]:
    """The events of an export: of every trace first what is said of its run, then its spans, or that run itself."""
    heard: dict[str, Hearsay] = {}
    spans: list[Event] = []
    for otlp in export.spans:
        if is_our_root(otlp):
            spans += run_events(otlp)
            continue
        event = span_event(otlp)
        heard.setdefault(event.run_id, Hearsay()).take(otlp, event.span)
        spans.append(event)
    runs = [_announced(run_id, hearsay.run(run_id)) for run_id, hearsay in heard.items()]
    return [*runs, *spans]


def span_event(otlp: OtlpSpan) -> SpanStart | SpanEnd:
    """What is told of one span. Logfire's mark is the start of the span that it stands for."""
    attributes = otlp.attributes
    if attributes.get("logfire.span_type") == PENDING and otlp.parent_id is not None:
        event: SpanStart | SpanEnd = SpanStart(run_id=otlp.trace_id, span=_pending(otlp, otlp.parent_id))
    else:
        event = SpanEnd(run_id=otlp.trace_id, span=ended_span(otlp))
    settled_event(event)
    return event


def _announced(run_id: str, run: Run) -> RunStart:
    event = RunStart(run_id=run_id, run=run)
    settled_event(event)
    return event


def begun_span(otlp: OtlpSpan) -> Span:
    """A span that is still open."""
    return _described(otlp, None)


def ended_span(otlp: OtlpSpan) -> Span:
    """A span that has ended."""
    attributes, raised, level = otlp.attributes, raised_in(otlp), _level(otlp.attributes)
    status: SpanStatus = "error" if otlp.status == 2 or level == "error" else "ok"
    span = _described(otlp, raised)
    span.status, span.version = status, ENDED_VERSION
    span.started_ns = otlp.started_ns or otlp.ended_ns or 1
    span.ended_ns = otlp.ended_ns or span.started_ns
    if attributes.get(names.STATUS) == "cancelled":
        span.status, span.error, span.error_type = (
            "cancelled",
            otlp.message or None,
            error_type_of(attributes, raised),
        )
    elif status == "error":
        span.error, span.error_type = error_of(otlp, raised), error_type_of(attributes, raised)
        span.status_code = status_code_of(attributes)
    else:
        span.level = level or ("warning" if raised else None)
    return span


def _pending(otlp: OtlpSpan, span_id: str) -> Span:
    parent_id = otlp.attributes.get("logfire.pending_parent_id")
    is_known = isinstance(parent_id, str) and parent_id.strip("0")
    span = begun_span(otlp)
    span.id, span.parent_id = span_id, str(parent_id).lower() if is_known else None
    return span


def _described(otlp: OtlpSpan, raised: dict[str, Any] | None) -> Span:
    """What is known of a span whether it has ended or not."""
    attributes, name, kind = otlp.attributes, _name(otlp), kind_of(otlp.attributes)
    return Span(
        id=otlp.span_id,
        parent_id=otlp.parent_id if otlp.parent_id != otlp.span_id else None,
        name=name,
        kind=kind,
        started_ns=otlp.started_ns,
        usage=tokens_of(attributes),
        cost=cost_of(attributes),
        model=model_of(attributes) if kind in ("model", "retrieval", "agent") else None,
        provider=provider_of(attributes),
        tool=tool_of(attributes, name) if kind == "tool" else None,
        payload=_payload(otlp, raised),
    )


def _name(otlp: OtlpSpan) -> str:
    message = otlp.attributes.get("logfire.msg")
    return message if isinstance(message, str) and message else otlp.name


def _level(attributes: dict[str, Any]) -> str | None:
    for word in (attributes.get(names.LEVEL), attributes.get("langfuse.observation.level")):
        if isinstance(word, str) and word.lower() in names.LEVELS:
            return names.LEVELS[word.lower()]
    number = attributes.get("logfire.level_num")
    if type(number) is not int or number < names.LOGFIRE_WARNING:
        return None
    return "error" if number >= names.LOGFIRE_ERROR else "warning"


def _payload(otlp: OtlpSpan, raised: dict[str, Any] | None) -> msgspec.Raw:
    """Everything that was sent, beside what is known to have gone in and come out."""
    moments = [(moment.name, moment.attributes) for moment in otlp.moments]
    parts: dict[str, Any] = {
        "input": input_of(otlp.attributes, moments),
        "output": output_of(otlp.attributes, moments),
        "events": [_event(moment) for moment in otlp.moments],
        "stack": stack_of(otlp, raised),
        "origin": _origin(otlp),
    }
    texts = {name: json_value(value) for name, value in parts.items() if value not in (None, [], {})}
    if otlp.attributes:
        texts["attributes"] = json_object(otlp.attributes)
    return msgspec.Raw(b"{" + b",".join(b'"%b":%b' % (n.encode(), text) for n, text in texts.items()) + b"}")


def _event(moment: Moment) -> dict[str, Any]:
    told = {
        "name": moment.name,
        "at_ns": moment.at_ns,
        "attributes": moment.attributes,
        "dropped": moment.dropped,
    }
    return {name: value for name, value in told.items() if value}


def _origin(otlp: OtlpSpan) -> dict[str, Any]:
    """What OTLP tells of a span beside its attributes and events; never empty, which tells where the span is from."""
    told = {
        "kind": otlp.kind,
        "status": otlp.status,
        "message": otlp.message,
        "flags": otlp.flags,
        "trace_state": otlp.trace_state,
        "dropped": otlp.dropped,
        "dropped_events": otlp.dropped_events,
        "dropped_links": otlp.dropped_links,
        "links": msgspec.to_builtins(otlp.links),
        "resource": msgspec.to_builtins(otlp.resource),
        "scope": msgspec.to_builtins(otlp.scope),
    }
    if otlp.name != _name(otlp):
        told["name"] = otlp.name
    return {name: value for name, value in told.items() if value or name == "name"} or {"kind": 0}
