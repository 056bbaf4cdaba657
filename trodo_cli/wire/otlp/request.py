"""An export as the object that OTLP's JSON is written from."""

import binascii
from collections.abc import Callable
from typing import Any

import msgspec

from trodo_cli.wire.otlp.export import Export, Link, Moment, OtlpSpan, Resource, Scope
from trodo_cli.wire.otlp.protobuf import BYTES_KEY, MAX_DEPTH

_UINT32 = 2**32 - 1


def request_of(export: Export, id_of: Callable[[str], str]) -> dict[str, Any]:
    """The spans by what sent them, then by the library that made them."""
    groups: dict[bytes, dict[str, Any]] = {}
    parts: dict[tuple[bytes, bytes], dict[str, Any]] = {}
    for span in export.spans:
        source, library = msgspec.json.encode(span.resource), msgspec.json.encode(span.scope)
        if source not in groups:
            groups[source] = {
                "resource": _described(span.resource),
                "scopeSpans": [],
                "schemaUrl": span.resource.schema_url,
            }
        if (source, library) not in parts:
            scope = {"name": span.scope.name, "version": span.scope.version}
            parts[source, library] = {
                "scope": {**scope, **_described(span.scope)},
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
        **_described(span),
        "droppedEventsCount": span.dropped_events & _UINT32,
        "droppedLinksCount": span.dropped_links & _UINT32,
        "events": [
            {"name": moment.name, "timeUnixNano": str(max(moment.at_ns, 0)), **_described(moment)}
            for moment in span.moments
        ],
        "links": [
            {
                "traceId": id_of(link.trace_id),
                "spanId": id_of(link.span_id),
                "traceState": link.trace_state,
                "flags": link.flags & _UINT32,
                **_described(link),
            }
            for link in span.links
        ],
        "status": {"code": span.status, "message": span.message},
        "flags": span.flags & _UINT32,
        "traceState": span.trace_state,
    }
    return {name: value for name, value in said.items() if value}


def _described(of: OtlpSpan | Resource | Scope | Moment | Link) -> dict[str, Any]:
    """Its attributes, and how many the sender left out."""
    dropped = of.dropped & _UINT32
    return {"attributes": _pairs(of.attributes), **({"droppedAttributesCount": dropped} if dropped else {})}


def _pairs(values: dict[str, Any], depth: int = 0) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value, depth)} for key, value in values.items()]


def _value(value: Any, depth: int = 0) -> dict[str, Any]:
    """A value by the one key that says its type; what nests deeper than any reader follows is JSON in a text."""
    match value:
        case None:
            return {}
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)} if -(2**63) <= value < 2**63 else {"stringValue": str(value)}
        case float():
            return {"doubleValue": value}
        case list() | dict() if depth >= MAX_DEPTH:
            return {"stringValue": msgspec.json.encode(value).decode()}
        case list():
            return {"arrayValue": {"values": [_value(item, depth + 1) for item in value]}}
        case dict() if _is_bytes(value):
            return {"bytesValue": value[BYTES_KEY]}
        case dict():
            return {"kvlistValue": {"values": _pairs(value, depth + 1)}}
        case _:
            return {"stringValue": str(value)}


def _is_bytes(value: dict[str, Any]) -> bool:
    """Whether this stands for bytes."""
    said = value.get(BYTES_KEY)
    if len(value) != 1 or not isinstance(said, str):
        return False
    try:
        return bool(binascii.a2b_base64(said, strict_mode=True)) or not said
    except ValueError:
        return False
