"""OTLP in JSON: a body as an `Export`, and the answer.

Ids are hex, 64-bit numbers are decimal texts or numbers, enums are numbers or names, unknown keys are ignored and
missing ones have their default. A span that is not as it should be is left out; the others are taken.
"""

import re
from typing import Any

import msgspec

from trodo_cli.errors import InvalidInput
from trodo_cli.wire.lenient import decoded
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
from trodo_cli.wire.otlp.protobuf import BYTES_KEY, MAX_DEPTH, plain_double

_KINDS = ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
_STATUSES = ("UNSET", "OK", "ERROR")
_HEX = re.compile(r"[0-9a-fA-F]*")
_WHOLE = re.compile(r"-?[0-9]{1,20}")
_DOUBLES = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


def read_json(body: bytes) -> Export:
    """The spans of an export. Raises `InvalidInput` for what is none."""
    request = _decoded(body)
    if not isinstance(request, dict):
        raise InvalidInput("not an OTLP trace export: the body must be an object")
    export = Export()
    for group in _objects(request, "resourceSpans"):
        source = _object(group, "resource")
        resource = Resource(_values(source.get("attributes")), _text(group, "schemaUrl"), _dropped(source))
        for part in _objects(group, "scopeSpans"):
            said = _object(part, "scope")
            scope = Scope(
                _text(said, "name"),
                _text(said, "version"),
                _values(said.get("attributes")),
                _text(part, "schemaUrl"),
                _dropped(said),
            )
            _take(export, part, resource, scope)
    return export


def write_answer(export: Export) -> bytes:
    """An `ExportTraceServiceResponse` in JSON; `{}` when everything was taken."""
    if not export.refused:
        return b"{}"
    partial = {"rejectedSpans": str(export.refused), "errorMessage": "; ".join(export.reasons)}
    return msgspec.json.encode({"partialSuccess": partial})


def _decoded(body: bytes) -> Any:
    try:
        return decoded(msgspec.json.decode, body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput(f"not an OTLP trace export in JSON: {error}") from None


def _take(export: Export, part: dict[str, Any], resource: Resource, scope: Scope) -> None:
    for said in _items(part, "spans"):
        try:
            span = _span(said, resource, scope)
        except (ValueError, RecursionError) as error:
            export.refuse(f"span: {error}" if isinstance(error, ValueError) else "span: nested too deeply")
            continue
        if problem := id_problem(span):
            export.refuse(problem)
        else:
            export.spans.append(span)


def _span(said: Any, resource: Resource, scope: Scope) -> OtlpSpan:
    if not isinstance(said, dict):
        raise ValueError("it is no object")
    status, parent_id = _object(said, "status"), _hex(said, "parentSpanId")
    return OtlpSpan(
        trace_id=_hex(said, "traceId"),
        span_id=_hex(said, "spanId"),
        parent_id=parent_id if parent_id and parent_id != ZERO_SPAN else None,
        name=_text(said, "name"),
        kind=_word(said.get("kind"), "SPAN_KIND_", _KINDS),
        started_ns=time_of(_whole(said.get("startTimeUnixNano"), "startTimeUnixNano")),
        ended_ns=time_of(_whole(said.get("endTimeUnixNano"), "endTimeUnixNano")),
        attributes=_values(said.get("attributes")),
        moments=[_moment(event) for event in _objects(said, "events")],
        links=[link for told in _objects(said, "links") if (link := _link(told)) is not None],
        status=_word(status.get("code"), "STATUS_CODE_", _STATUSES),
        message=_text(status, "message"),
        flags=_whole(said.get("flags"), "flags"),
        trace_state=_text(said, "traceState"),
        dropped=_dropped(said),
        dropped_events=_dropped(said, "droppedEventsCount"),
        dropped_links=_dropped(said, "droppedLinksCount"),
        resource=resource,
        scope=scope,
    )


def _moment(said: dict[str, Any]) -> Moment:
    at_ns = time_of(_whole(said.get("timeUnixNano"), "timeUnixNano"))
    return Moment(_text(said, "name"), at_ns, _values(said.get("attributes")), _dropped(said))


def _link(said: dict[str, Any]) -> Link | None:
    """None for one whose ids are none: it leads nowhere."""
    try:
        trace_id, span_id = _hex(said, "traceId"), _hex(said, "spanId")
    except ValueError:
        return None
    return Link(
        trace_id,
        span_id,
        _values(said.get("attributes")),
        _text(said, "traceState"),
        _whole(said.get("flags"), "flags"),
        _dropped(said),
    )


def _values(pairs: Any, depth: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for pair in pairs if isinstance(pairs, list) else ():
        if isinstance(pair, dict) and isinstance(key := pair.get("key"), str):
            found[key] = _value(pair.get("value"), depth)
    return found


def _value(value: Any, depth: int) -> Any:
    """A value by the one key that says its type."""
    if depth > MAX_DEPTH:
        raise RecursionError
    if not isinstance(value, dict):
        return None
    for name, said in value.items():
        if said is None:
            continue
        match name:
            case "stringValue" | "boolValue":
                return said
            case "intValue":
                return _whole(said, name)
            case "doubleValue":
                return _double(said)
            case "bytesValue":
                return {BYTES_KEY: said}
            case "arrayValue":
                return [_value(item, depth + 1) for item in _items(said, "values")]
            case "kvlistValue":
                return _values(_items(said, "values"), depth + 1)
    return None


def _double(said: Any) -> Any:
    if isinstance(said, str):
        said = _DOUBLES[said] if said in _DOUBLES else float(said)
    if isinstance(said, bool) or not isinstance(said, int | float):
        raise ValueError("doubleValue must be a number")
    return plain_double(float(said)) if isinstance(said, float) or abs(said) < 2**1023 else "Infinity"


def _whole(said: Any, name: str) -> int:
    """A 64-bit number, as a number or in digits; 0 for none."""
    if said is None:
        return 0
    if isinstance(said, str) and _WHOLE.fullmatch(said):
        said = int(said)
    if isinstance(said, float) and said.is_integer():
        said = int(said)
    if isinstance(said, bool) or not isinstance(said, int) or not -(2**63) <= said < 2**64:
        raise ValueError(f"{name} must be a whole number of 64 bits")
    return said


def _dropped(said: dict[str, Any], name: str = "droppedAttributesCount") -> int:
    """How much the sender left out; 0 for what is no number of 32 bits."""
    count = said.get(name)
    return count if type(count) is int and 0 <= count < 2**32 else 0


def _word(said: Any, prefix: str, words: tuple[str, ...]) -> int:
    """An enum by its number or name; one that nobody knows is the default."""
    if isinstance(said, str):
        name = said.removeprefix(prefix)
        return words.index(name) if name in words else 0
    return said if type(said) is int and 0 <= said < len(words) else 0


def _hex(said: dict[str, Any], name: str) -> str:
    text = said.get(name) or ""
    if not isinstance(text, str) or not _HEX.fullmatch(text):
        raise ValueError(f"{name} must be hex digits")
    return text.lower()


def _text(said: dict[str, Any], name: str) -> str:
    text = said.get(name)
    return text if isinstance(text, str) else ""


def _object(said: dict[str, Any], name: str) -> dict[str, Any]:
    value = said.get(name)
    return value if isinstance(value, dict) else {}


def _objects(said: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return [item for item in _items(said, name) if isinstance(item, dict)]


def _items(said: Any, name: str) -> list[Any]:
    items = said.get(name) if isinstance(said, dict) else None
    return items if isinstance(items, list) else []
