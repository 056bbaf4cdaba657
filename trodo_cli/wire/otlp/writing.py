"""A trace as an OTLP export, in JSON or protobuf: the other way of what is read.

What came in as OTLP goes out as it came. Spans of other origin get the attributes of OpenTelemetry's GenAI
convention, and the run itself becomes their root.
"""

import base64
import hashlib
import re
from typing import Any

import msgspec

from trodo_cli.model.ids import root_span_id
from trodo_cli.model.payload import Payload
from trodo_cli.model.run import Run, root_span
from trodo_cli.model.span import Span
from trodo_cli.model.trace import Trace
from trodo_cli.wire import conventions as names
from trodo_cli.wire.otlp.export import OUR_SCOPE, Export, Link, Moment, OtlpSpan, Resource, Scope, time_of
from trodo_cli.wire.otlp.request import request_of
from trodo_cli.wire.telling import (
    AGENT,
    OPERATION,
    OPERATIONS,
    PLAIN_EXCHANGE,
    USER,
    exchange_texts,
    told_attributes,
)
from trodo_cli.wire.values import plain_value

_HEX = re.compile(r"[0-9a-f]+")
_MAX_KIND, _MAX_STATUS = 5, 2


def export_of(trace: Trace) -> Export:
    """The spans of a trace; one that is still open ends where it began."""
    run = trace.summary
    below = None if run.heard else _span_id(root_span_id(run.id))
    spans = [_otlp(span, run, below) for span in trace.own]
    if not run.heard:
        spans.append(_root(run))
    return Export(sorted(map(_settled, spans), key=lambda span: (span.started_ns, span.span_id)))


def write_json(export: Export) -> bytes:
    """An `ExportTraceServiceRequest` in JSON."""
    return msgspec.json.encode(request_of(export, lambda digits: digits))


def write_protobuf(export: Export) -> bytes:
    """An `ExportTraceServiceRequest` in protobuf."""
    from google.protobuf import json_format
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    request = request_of(export, lambda digits: base64.b64encode(bytes.fromhex(digits)).decode())
    body: bytes = json_format.ParseDict(request, ExportTraceServiceRequest()).SerializeToString()
    return body


# -- our spans as OTLP's -----------------------------------------------------------------------------


def _root(run: Run) -> OtlpSpan:
    """The run as the span that all others hang below."""
    said = {
        OPERATION: OPERATIONS["agent"],
        AGENT: run.agent or None,
        "trodo.agent_name": run.agent or None,
        "session.id": run.session,
        USER: run.user,
        "trodo.parent_run_id": run.parent_id,
        "tag.tags": list(run.tags) or None,
        **{f"trodo.metadata.{name}": value for name, value in run.details.attributes.items()},
    }
    return _made(root_span(run), run, None, run.details, said)


class _Origin(msgspec.Struct):
    """What OTLP told of a span beside its attributes and events."""

    name: str | None = None
    kind: int = 0
    status: int = 0
    message: str = ""
    flags: int = 0
    trace_state: str = ""
    dropped: int = 0
    dropped_events: int = 0
    dropped_links: int = 0
    links: list[Link] = []
    resource: Resource = msgspec.field(default_factory=Resource)
    scope: Scope = msgspec.field(default_factory=Scope)


def _otlp(span: Span, run: Run, below: str | None) -> OtlpSpan:
    details = span.details
    parent_id = _span_id(span.parent_id) if span.parent_id and span.parent_id != span.id else below
    origin = _origin(details)
    if origin is None:
        return _made(span, run, parent_id, details, {**told_attributes(span), **details.attributes})
    return OtlpSpan(
        trace_id=_trace_id(run.id),
        span_id=_span_id(span.id),
        parent_id=parent_id,
        name=span.name if origin.name is None else origin.name,
        kind=origin.kind if 0 <= origin.kind <= _MAX_KIND else 0,
        started_ns=span.started_ns,
        ended_ns=span.ended_ns or 0,
        attributes=_without_mark(details.attributes) if span.is_open else details.attributes,
        moments=_moments(details),
        links=[link for link in origin.links if _is_hex(link.trace_id) and _is_hex(link.span_id)],
        status=origin.status if 0 <= origin.status <= _MAX_STATUS else 0,
        message=origin.message,
        flags=origin.flags,
        trace_state=origin.trace_state,
        dropped=origin.dropped,
        dropped_events=origin.dropped_events,
        dropped_links=origin.dropped_links,
        resource=origin.resource,
        scope=origin.scope,
    )


def _origin(details: Payload) -> _Origin | None:
    """None for a span that did not come as OTLP."""
    try:
        return msgspec.convert(details.origin, _Origin) if details.origin else None
    except msgspec.ValidationError:
        return None


def _without_mark(attributes: dict[str, Any]) -> dict[str, Any]:
    """Attributes without Logfire's word that they belong to a mark that the span began: they are its own now."""
    return {name: value for name, value in attributes.items() if name != "logfire.span_type"}


def _settled(span: OtlpSpan) -> OtlpSpan:
    """The span as it is when it is read again: text that every store can hold, with times, and not below itself."""
    span = msgspec.convert(plain_value(msgspec.to_builtins(span)), OtlpSpan)
    span.started_ns = time_of(span.started_ns) or time_of(span.ended_ns) or 1
    span.ended_ns = time_of(span.ended_ns) or span.started_ns
    span.parent_id = span.parent_id if span.parent_id != span.span_id else None
    return span


def _made(span: Span, run: Run, parent_id: str | None, details: Payload, said: dict[str, Any]) -> OtlpSpan:
    exchange = dict(zip(PLAIN_EXCHANGE, exchange_texts(span.payload), strict=True))
    raised = {
        "exception.type": span.error_type,
        "exception.message": span.error,
        "exception.stacktrace": details.stack,
    }
    failed = span.status in ("error", "cancelled")
    is_root = span.id == root_span_id(run.id)
    is_odd = span.status == "cancelled" or (is_root and span.is_open)
    odd = {
        names.STATUS: span.status if is_odd else None,
        names.KIND: None if span.kind in OPERATIONS or span.kind == "step" else span.kind,
        names.LEVEL: span.level if span.level != "error" else None,
    }
    moments = _moments(details)
    if failed and any(raised.values()):
        moments.append(Moment("exception", span.ended_ns or span.started_ns, _told(raised)))
    return OtlpSpan(
        trace_id=_trace_id(run.id),
        span_id=_span_id(span.id),
        parent_id=parent_id,
        name=span.name,
        kind=1,
        started_ns=span.started_ns,
        ended_ns=span.started_ns if span.ended_ns is None else span.ended_ns,
        attributes=_told({**exchange, **said, **odd}),
        moments=moments,
        status=2 if failed else 1 if span.status == "ok" else 0,
        message=(span.error or "") if failed else "",
        resource=Resource({"service.name": run.agent or "trodo"}),
        scope=Scope(OUR_SCOPE),
    )


def _moments(details: Payload) -> list[Moment]:
    found: list[Moment] = []
    for event in details.events:
        name, at_ns, said = event.get("name"), event.get("at_ns"), event.get("attributes")
        dropped = event.get("dropped")
        found.append(
            Moment(
                name if isinstance(name, str) else "",
                time_of(at_ns) if type(at_ns) is int else 0,
                said if isinstance(said, dict) else {},
                dropped if type(dropped) is int else 0,
            )
        )
    return found


def _told(said: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in said.items() if value is not None}


def _trace_id(text: str) -> str:
    return _digits(text, 32)


def _span_id(text: str) -> str:
    return _digits(text, 16)


def _digits(text: str, length: int) -> str:
    """An id of so many hex digits: the same one if it is, else made of the text."""
    if len(text) == length and _HEX.fullmatch(text) and text.strip("0"):
        return text
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:length]


def _is_hex(text: str) -> bool:
    """Whether the text is bytes in hex, which a link's ids are not always."""
    return len(text) % 2 == 0 and (not text or bool(_HEX.fullmatch(text)))
