"""An OpenTelemetry span as one of ours, and the attributes of ours as OpenTelemetry names them.

Only the current GenAI conventions are known here, as far as kind, model, tokens, tool and messages go.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from trodo_cli.model.payload import NO_PAYLOAD
from trodo_cli.model.run import Run
from trodo_cli.model.span import Span, Usage
from trodo_cli.wire.semconv import whole_number
from trodo_cli.wire.values import json_value

OPERATIONS = {
    "chat": "model",
    "text_completion": "model",
    "generate_content": "model",
    "embeddings": "model",
    "execute_tool": "tool",
    "invoke_agent": "agent",
    "create_agent": "agent",
    "retrieval": "retrieval",
}
OPERATION_OF = {"model": "chat", "tool": "execute_tool", "agent": "invoke_agent", "retrieval": "retrieval"}
"""By our kind, the way out."""

USAGE = {
    "input": "gen_ai.usage.input_tokens",
    "output": "gen_ai.usage.output_tokens",
    "cache_read": "gen_ai.usage.cache_read.input_tokens",
    "cache_write": "gen_ai.usage.cache_creation.input_tokens",
    "reasoning": "gen_ai.usage.reasoning.output_tokens",
}
MODEL, RESPONSE_MODEL, PROVIDER = "gen_ai.request.model", "gen_ai.response.model", "gen_ai.provider.name"
TOOL, AGENT, SESSION, USER = "gen_ai.tool.name", "gen_ai.agent.name", "gen_ai.conversation.id", "user.id"
COST = "gen_ai.usage.cost"
EXCHANGE = {
    "tool": ("gen_ai.tool.call.arguments", "gen_ai.tool.call.result"),
    "model": ("gen_ai.input.messages", "gen_ai.output.messages"),
    "": ("input.value", "output.value"),
}
"""Input and output by our kind; the last for any other."""

RUN_ID, SPAN_ID = "trodo.run_id", "trodo.span_id"
"""What one of our spans is marked with on its way out."""


class SeenSpan(msgspec.Struct, kw_only=True):
    """An OpenTelemetry span as far as it is known; ids are lower-case hex."""

    trace_id: str
    span_id: str
    parent_id: str | None = None
    name: str = ""
    started_ns: int = 0
    ended_ns: int | None = None
    attributes: dict[str, Any] = {}
    moments: list[dict[str, Any]] = []
    """`{"name", "at_ns", "attributes"}`"""
    is_error: bool = False
    message: str = ""


def described(seen: SeenSpan) -> Span:
    """The span; open until it has an end."""
    said, raised = seen.attributes, _raised(seen)
    kind = _kind(said)
    span = Span(
        id=seen.span_id,
        parent_id=seen.parent_id,
        name=seen.name,
        kind=kind,
        started_ns=seen.started_ns,
        ended_ns=seen.ended_ns,
        usage=_usage(said),
        cost=_amount(said.get(COST)),
        model=_text(said, RESPONSE_MODEL, MODEL),
        provider=_text(said, PROVIDER, "gen_ai.system"),
        tool=_text(said, TOOL) if kind == "tool" else None,
        version=0 if seen.ended_ns is None else 1,
        payload=_payload(seen, raised, kind),
    )
    if seen.ended_ns is not None:
        span.status = "error" if seen.is_error else "ok"
    if seen.is_error:
        span.error = seen.message or _text(raised, "exception.message") or "error"
        span.error_type = _text(raised, "exception.type") or _text(said, "error.type")
    return span


def fill(span: Span, said: Mapping[str, Any]) -> None:
    """Set what the span itself does not say, and its attributes do."""
    usage, told = span.usage or Usage(), _usage(said) or Usage()
    for field in USAGE:
        if getattr(usage, field) is None:
            setattr(usage, field, getattr(told, field))
    span.usage = usage if usage != Usage() else None
    span.cost = _amount(said.get(COST)) if span.cost is None else span.cost
    span.model = span.model or _text(said, RESPONSE_MODEL, MODEL)
    span.provider = span.provider or _text(said, PROVIDER, "gen_ai.system")


def described_run(run_id: str, seen: SeenSpan, resource: Mapping[str, Any]) -> Run:
    """What a topmost span says of its run."""
    return Run(
        id=run_id,
        agent=_text(seen.attributes, AGENT) or seen.name,
        session=_text(seen.attributes, SESSION, "session.id"),
        user=_text(seen.attributes, USER, "enduser.id"),
        started_ns=seen.started_ns,
        payload=msgspec.Raw(b'{"attributes":' + json_value(dict(resource)) + b"}")
        if resource
        else NO_PAYLOAD,
    )


def ended_run(run_id: str, span: Span) -> Run:
    """How a run ended by its topmost span, with what that span was given and what came of it."""
    said = {"input": span.details.input, "output": span.details.output}
    told = {name: value for name, value in said.items() if value is not None}
    return Run(
        id=run_id,
        status="failed" if span.status == "error" else "completed",
        ended_ns=span.ended_ns,
        error=span.error,
        error_type=span.error_type,
        payload=msgspec.Raw(json_value(told)) if told else NO_PAYLOAD,
    )


def told_attributes(span: Span, *, with_exchange: bool) -> dict[str, Any]:
    """What OpenTelemetry is told of a span of ours; `with_exchange` what went in and came out too."""
    usage = msgspec.structs.asdict(span.usage) if span.usage else {}
    told = {
        "gen_ai.operation.name": OPERATION_OF.get(span.kind),
        MODEL: span.model,
        PROVIDER: span.provider,
        TOOL: span.tool or (span.name if span.kind == "tool" else None),
        COST: span.cost,
        "error.type": span.error_type,
        **{USAGE[name]: count for name, count in usage.items()},
    }
    if with_exchange:
        names = EXCHANGE.get(span.kind, EXCHANGE[""])
        told |= dict(zip(names, exchange_texts(span.payload), strict=True))
    return {name: value for name, value in told.items() if value is not None}


def exchange_texts(payload: msgspec.Raw) -> tuple[str | None, str | None]:
    """Input and output of a payload as attributes hold them: a text as it is, anything else as JSON."""
    parts = msgspec.json.decode(payload, type=dict[str, msgspec.Raw]) if bytes(payload) else {}
    return _attribute(parts.get("input")), _attribute(parts.get("output"))


def _attribute(data: msgspec.Raw | None) -> str | None:
    if data is None:
        return None
    text = bytes(data).decode()
    return str(msgspec.json.decode(data)) if text.startswith('"') else text


def _kind(said: Mapping[str, Any]) -> str:
    operation = _text(said, "gen_ai.operation.name")
    if operation is not None:
        return OPERATIONS.get(operation, "step")
    if TOOL in said:
        return "tool"
    return "model" if MODEL in said else "step"


def _usage(said: Mapping[str, Any]) -> Usage | None:
    usage = Usage(**{field: whole_number(said.get(name)) for field, name in USAGE.items()})
    return usage if usage != Usage() else None


def _raised(seen: SeenSpan) -> Mapping[str, Any]:
    """What the last exception event says."""
    raised = [moment["attributes"] for moment in seen.moments if moment["name"] == "exception"]
    return raised[-1] if raised else {}


def _payload(seen: SeenSpan, raised: Mapping[str, Any], kind: str) -> msgspec.Raw:
    names = EXCHANGE.get(kind, EXCHANGE[""])
    given, output = (_opened(seen.attributes.get(name)) for name in names)
    parts = {
        "input": given,
        "output": output,
        "attributes": seen.attributes or None,
        "events": seen.moments or None,
        "stack": _text(raised, "exception.stacktrace"),
    }
    told = [f'"{name}":'.encode() + json_value(part) for name, part in parts.items() if part is not None]
    return msgspec.Raw(b"{" + b",".join(told) + b"}") if told else NO_PAYLOAD


def _opened(value: Any) -> Any:
    """What stands as JSON in a text."""
    if not isinstance(value, str) or not value.startswith(("{", "[")):
        return value
    try:
        return msgspec.json.decode(value)
    except (msgspec.MsgspecError, RecursionError, UnicodeEncodeError):
        return value


def _amount(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _text(said: Mapping[str, Any], *names: str) -> str | None:
    return next((value for name in names if isinstance(value := said.get(name), str) and value), None)
