"""OTLP JSON for tests, short to write."""

import json
from typing import Any

START = 1_700_000_000_000_000_000

TRACE = "0af7651916cd43dd8448eb211c80319c"


def value(said: Any) -> dict[str, Any]:
    """A value in OTLP's words."""
    match said:
        case bool():
            return {"boolValue": said}
        case int():
            return {"intValue": str(said)}
        case float():
            return {"doubleValue": said}
        case list():
            return {"arrayValue": {"values": [value(item) for item in said]}}
        case dict():
            return {"kvlistValue": {"values": pairs(said)}}
        case _:
            return {"stringValue": said}


def pairs(said: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": value(item)} for key, item in said.items()]


def span(number: int, parent: int | None = None, *, trace: str = TRACE, **said: Any) -> dict[str, Any]:
    """A span by a number, of a second from its number on; attributes, `name` and any field of OTLP in `said`."""
    made = {
        "traceId": trace,
        "spanId": span_id(number),
        "name": said.pop("name", f"span {number}"),
        "startTimeUnixNano": str(START + number * 10**9),
        "endTimeUnixNano": str(START + (number + 1) * 10**9),
        "attributes": pairs(said.pop("attributes", {})),
    }
    return {**made, **({"parentSpanId": span_id(parent)} if parent is not None else {}), **said}


def span_id(number: int) -> str:
    return f"{number + 0xA000:016x}"


def model(number: int, parent: int | None = None, *, tokens: int = 10, **said: Any) -> dict[str, Any]:
    """A model call."""
    told = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.usage.input_tokens": tokens}
    return span(number, parent, attributes={**told, **said.pop("attributes", {})}, **said)


def agent(number: int, parent: int | None = None, **said: Any) -> dict[str, Any]:
    """An agent's span."""
    told = {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": "agent",
        **said.pop("attributes", {}),
    }
    return span(number, parent, attributes=told, **said)


def body(*spans: Any, scope: str = "") -> bytes:
    """An export of these spans, all made by one library."""
    made = {"scope": {"name": scope}, "spans": spans} if scope else {"spans": spans}
    return json.dumps({"resourceSpans": [{"scopeSpans": [made]}]}).encode()
