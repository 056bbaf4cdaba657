"""OTLP in protobuf, by `opentelemetry-proto`: a body as an `Export`, an `Export` as a body, and the answer."""

import base64
import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from trodo_cli.errors import InvalidInput
from trodo_cli.wire.otlp.export import (
    ZERO_SPAN,
    Export,
    Link,
    Moment,
    OtlpSpan,
    Resource,
    Scope,
    id_problem,
    time_of,
)

if TYPE_CHECKING:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
    from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans
    from opentelemetry.proto.trace.v1.trace_pb2 import Span as ProtoSpan

MOST_RECORDS = 500_000
"""Messages of one body; each takes many times its length when it is parsed."""

SMALL_BYTES = 256 * 1024
"""Up to here a body is parsed without counting."""

MAX_DEPTH = 32
"""How deep values may nest."""

BYTES_KEY = "bytesValue"
"""Bytes are kept as `{"bytesValue": base64}`."""


def read_protobuf(body: bytes) -> Export:
    """The spans of an `ExportTraceServiceRequest`. Raises `InvalidInput` for what is none."""
    from google.protobuf.message import DecodeError
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    if len(body) > SMALL_BYTES:
        _check_records(body)
    try:
        request = ExportTraceServiceRequest.FromString(body)
    except (DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput(f"not an OTLP trace export in protobuf: {error}") from None
    return _export(request)


def write_answer(export: Export) -> bytes:
    """An `ExportTraceServiceResponse`; empty when everything was taken."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
        ExportTracePartialSuccess,
        ExportTraceServiceResponse,
    )

    if not export.refused:
        return b""
    partial = ExportTracePartialSuccess(
        rejected_spans=export.refused, error_message="; ".join(export.reasons)
    )
    answer: bytes = ExportTraceServiceResponse(partial_success=partial).SerializeToString()
    return answer


def _export(request: "ExportTraceServiceRequest") -> Export:
    export = Export()
    for group in request.resource_spans:
        source = group.resource
        resource = Resource(_values(source.attributes), group.schema_url, source.dropped_attributes_count)
        for part in group.scope_spans:
            scope = _scope(part)
            for proto in part.spans:
                try:
                    span = _span(proto, resource, scope)
                except RecursionError:
                    export.refuse(f"span {proto.name[:80]!r}: its values nest too deeply")
                    continue
                if problem := id_problem(span):
                    export.refuse(problem)
                else:
                    export.spans.append(span)
    return export


def _scope(part: "ScopeSpans") -> Scope:
    said = part.scope
    attributes = _values(said.attributes)
    return Scope(said.name, said.version, attributes, part.schema_url, said.dropped_attributes_count)


def _span(proto: "ProtoSpan", resource: Resource, scope: Scope) -> OtlpSpan:
    parent_id = proto.parent_span_id.hex()
    return OtlpSpan(
        trace_id=proto.trace_id.hex(),
        span_id=proto.span_id.hex(),
        parent_id=parent_id if parent_id and parent_id != ZERO_SPAN else None,
        name=proto.name,
        kind=proto.kind,
        started_ns=time_of(proto.start_time_unix_nano),
        ended_ns=time_of(proto.end_time_unix_nano),
        attributes=_values(proto.attributes),
        moments=[
            Moment(
                event.name,
                time_of(event.time_unix_nano),
                _values(event.attributes),
                event.dropped_attributes_count,
            )
            for event in proto.events
        ],
        links=[
            Link(
                link.trace_id.hex(),
                link.span_id.hex(),
                _values(link.attributes),
                link.trace_state,
                link.flags,
                link.dropped_attributes_count,
            )
            for link in proto.links
        ],
        status=proto.status.code,
        message=proto.status.message,
        flags=proto.flags,
        trace_state=proto.trace_state,
        dropped=proto.dropped_attributes_count,
        dropped_events=proto.dropped_events_count,
        dropped_links=proto.dropped_links_count,
        resource=resource,
        scope=scope,
    )


def _values(pairs: "Iterable[KeyValue]", depth: int = 0) -> dict[str, Any]:
    return {pair.key: _value(pair.value, depth) for pair in pairs}


def _value(value: "AnyValue", depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise RecursionError
    match which := value.WhichOneof("value"):
        case None:
            return None
        case "array_value":
            return [_value(item, depth + 1) for item in value.array_value.values]
        case "kvlist_value":
            return _values(value.kvlist_value.values, depth + 1)
        case "bytes_value":
            return {BYTES_KEY: base64.b64encode(value.bytes_value).decode()}
        case "double_value":
            return plain_double(value.double_value)
        case _:
            return getattr(value, which)


def plain_double(number: float) -> float | str:
    """A double as JSON can hold it; those that it cannot have names in OTLP."""
    if math.isfinite(number):
        return number
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"


# -- bounds ------------------------------------------------------------------------------------------

_VALUE: dict[int, Any] = {}
_PAIR = {2: _VALUE}
_VALUE |= {5: {1: _VALUE}, 6: {1: _PAIR}}
_SPAN = {9: _PAIR, 11: {3: _PAIR}, 13: {4: _PAIR}, 15: {}}
_REQUEST = {1: {1: {1: _PAIR}, 2: {1: {3: _PAIR}, 2: _SPAN}}}
"""Which fields of a request are messages, by number, and which of theirs."""


def _check_records(body: bytes) -> None:
    """Raises `InvalidInput` for a body of so many messages that parsing it would take too much memory."""
    waiting: list[tuple[int, int, dict[int, Any]]] = [(0, len(body), _REQUEST)]
    left = MOST_RECORDS
    while waiting:
        start, end, shape = waiting.pop()
        for number, first, last in _records(body, start, end):
            left -= 1
            if left < 0:
                raise InvalidInput(f"more than {MOST_RECORDS:,} values in one export", "send smaller batches")
            if number in shape:
                waiting.append((first, last, shape[number]))


def _records(body: bytes, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """The fields of a message: number, and where its content begins and ends. Ends where it is damaged."""
    at = start
    while at < end:
        tag, at = _varint(body, at, end)
        wire = tag & 7
        if wire == 0:
            first, (_, at) = at, _varint(body, at, end)
        elif wire == 2:
            length, first = _varint(body, at, end)
            at = first + length
        elif wire in (1, 5):
            first, at = at, at + (8 if wire == 1 else 4)
        else:
            return
        if at > end:
            return
        yield (tag >> 3 if wire == 2 else 0), first, at


def _varint(body: bytes, at: int, end: int) -> tuple[int, int]:
    """A number and where it ends; beyond the end for a damaged one."""
    value = shift = 0
    while at < end and shift < 70:
        byte = body[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    return 0, end + 1
