"""A trace as an OTLP export, in JSON or protobuf: the other way of what is read.

What came in as OTLP goes out as it came. Spans of other origin get the attributes of OpenTelemetry's GenAI
convention, and the run itself becomes their root.
"""

import base64
import hashlib
import re
from collections.abc import Callable
from typing import Any

import msgspec

from trodo_cli.model.ids import root_span_id
from trodo_cli.model.payload import Payload
from trodo_cli.model.run import Run, root_span
from trodo_cli.model.span import Span
from trodo_cli.model.trace import Trace
from trodo_cli.wire.otlp.export import Export, Link, Moment, OtlpSpan, Resource, Scope
from trodo_cli.wire.otlp.protobuf import BYTES_KEY
from trodo_cli.wire.telling import (
    AGENT,
    OPERATION,
    OPERATIONS,
    PLAIN_EXCHANGE,
    USER,
    exchange_texts,
    told_attributes,
)

_HEX = re.compile(r"[0-9a-f]+")


def export_of(trace: Trace) -> Export:
    """The spans of a trace; one that is still open ends where it began."""
    run = trace.summary
    below = None if run.heard else _span_id(root_span_id(run.id))
    spans = [_otlp(span, run, below) for span in trace.spans[1:]]
    return Export(spans if run.heard else [_root(run), *spans])


def write_json(export: Export) -> bytes:
    """An `ExportTraceServiceRequest` in JSON."""
    return msgspec.json.encode(_request(export, lambda digits: digits))


def write_protobuf(export: Export) -> bytes:
    """An `ExportTraceServiceRequest` in protobuf."""
    from google.protobuf import json_format
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    request = _request(export, lambda digits: base64.b64encode(bytes.fromhex(digits)).decode())
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


def _otlp(span: Span, run: Run, below: str | None) -> OtlpSpan:
    details = span.details
    parent_id = _span_id(span.parent_id) if span.parent_id else below
    if not details.origin:
        return _made(span, run, parent_id, details, {**told_attributes(span), **details.attributes})
    origin = details.origin
    return OtlpSpan(
        trace_id=_trace_id(run.id),
        span_id=_span_id(span.id),
        parent_id=parent_id,
        name=origin.get("name", span.name),
        kind=origin.get("kind", 0),
        started_ns=span.started_ns,
        ended_ns=span.ended_ns or 0,
        attributes=details.attributes,
        moments=_moments(details),
        links=msgspec.convert(origin.get("links", []), list[Link]),
        status=origin.get("status", 0),
        message=origin.get("message", ""),
        flags=origin.get("flags", 0),
        trace_state=origin.get("trace_state", ""),
        resource=msgspec.convert(origin.get("resource", {}), Resource),
        scope=msgspec.convert(origin.get("scope", {}), Scope),
    )


def _made(span: Span, run: Run, parent_id: str | None, details: Payload, said: dict[str, Any]) -> OtlpSpan:
    exchange = dict(zip(PLAIN_EXCHANGE, exchange_texts(span.payload), strict=True))
    raised = {
        "exception.type": span.error_type,
        "exception.message": span.error,
        "exception.stacktrace": details.stack,
    }
    failed = span.status in ("error", "cancelled")
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
        attributes=_told({**exchange, **said}),
        moments=moments,
        status=2 if failed else 1 if span.status == "ok" else 0,
        message=(span.error or "") if failed else "",
        resource=Resource({"service.name": run.agent or "trodo"}),
        scope=Scope("trodo"),
    )


def _moments(details: Payload) -> list[Moment]:
    found: list[Moment] = []
    for event in details.events:
        name, at_ns, said = event.get("name"), event.get("at_ns"), event.get("attributes")
        found.append(
            Moment(
                name if isinstance(name, str) else "",
                at_ns if type(at_ns) is int else 0,
                said if isinstance(said, dict) else {},
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


# -- OTLP's spans as JSON ----------------------------------------------------------------------------


def _request(export: Export, id_of: Callable[[str], str]) -> dict[str, Any]:
    """The spans by what sent them, then by the library that made them."""
    groups: dict[bytes, dict[str, Any]] = {}
    parts: dict[tuple[bytes, bytes], dict[str, Any]] = {}
    for span in export.spans:
        source, library = msgspec.json.encode(span.resource), msgspec.json.encode(span.scope)
        if source not in groups:
            groups[source] = {
                "resource": {"attributes": _pairs(span.resource.attributes)},
                "scopeSpans": [],
                "schemaUrl": span.resource.schema_url,
            }
        if (source, library) not in parts:
            scope = {"name": span.scope.name, "version": span.scope.version}
            parts[source, library] = {
                "scope": {**scope, "attributes": _pairs(span.scope.attributes)},
                "spans": [],
                "schemaUrl": span.scope.schema_url,
            }
            groups[source]["scopeSpans"].append(parts[source, library])
        parts[source, library]["spans"].append(_object(span, id_of))
    return {"resourceSpans": list(groups.values())}


def _object(span: OtlpSpan, id_of: Callable[[str], str]) -> dict[str, Any]:
    said = {
        "traceId": id_of(span.trace_id),
        "spanId": id_of(span.span_id),
        "parentSpanId": id_of(span.parent_id) if span.parent_id else "",
        "name": span.name,
        "kind": span.kind,
        "startTimeUnixNano": str(max(span.started_ns, 0)),
        "endTimeUnixNano": str(max(span.ended_ns, 0)),
        "attributes": _pairs(span.attributes),
        "events": [
            {
                "name": moment.name,
                "timeUnixNano": str(max(moment.at_ns, 0)),
                "attributes": _pairs(moment.attributes),
            }
            for moment in span.moments
        ],
        "links": [
            {
                "traceId": id_of(link.trace_id),
                "spanId": id_of(link.span_id),
                "traceState": link.trace_state,
                "flags": link.flags,
                "attributes": _pairs(link.attributes),
            }
            for link in span.links
        ],
        "status": {"code": span.status, "message": span.message},
        "flags": span.flags,
        "traceState": span.trace_state,
    }
    return {name: value for name, value in said.items() if value}


def _pairs(values: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in values.items()]


def _value(value: Any) -> dict[str, Any]:
    match value:
        case None:
            return {}
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)} if -(2**63) <= value < 2**63 else {"stringValue": str(value)}
        case float():
            return {"doubleValue": value}
        case list():
            return {"arrayValue": {"values": [_value(item) for item in value]}}
        case dict() if list(value) == [BYTES_KEY] and isinstance(value[BYTES_KEY], str):
            return {"bytesValue": value[BYTES_KEY]}
        case dict():
            return {"kvlistValue": {"values": _pairs(value)}}
        case _:
            return {"stringValue": str(value)}
