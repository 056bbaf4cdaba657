"""A span of ours in the words of OpenTelemetry's GenAI convention: the other way of `genai` and `exchange`."""

from typing import Any

import msgspec

from trodo_cli.model.span import Span

AGENT, SESSION, USER = "gen_ai.agent.name", "gen_ai.conversation.id", "user.id"

OPERATION = "gen_ai.operation.name"
OPERATIONS = {"model": "chat", "tool": "execute_tool", "agent": "invoke_agent", "retrieval": "retrieval"}
"""A kind and the operation that means it; a step has none."""

COUNTS = {
    "gen_ai.usage.input_tokens": "input",
    "gen_ai.usage.output_tokens": "output",
    "gen_ai.usage.cache_read.input_tokens": "cache_read",
    "gen_ai.usage.cache_creation.input_tokens": "cache_write",
    "gen_ai.usage.reasoning.output_tokens": "reasoning",
}

EXCHANGE = {
    "tool": ("gen_ai.tool.call.arguments", "gen_ai.tool.call.result"),
    "model": ("gen_ai.input.messages", "gen_ai.output.messages"),
}
"""Input and output by our kind."""

PLAIN_EXCHANGE = ("input.value", "output.value")
"""Those of any other."""


def told_attributes(span: Span) -> dict[str, Any]:
    """What a span is, without what went in and came out."""
    counts = {name: getattr(span.usage, field) for name, field in COUNTS.items()} if span.usage else {}
    told = {
        OPERATION: OPERATIONS.get(span.kind),
        "gen_ai.request.model": span.model,
        "gen_ai.provider.name": span.provider,
        "gen_ai.tool.name": span.tool or (span.name if span.kind == "tool" else None),
        "gen_ai.usage.cost": span.cost,
        "error.type": span.error_type,
        **counts,
    }
    return {name: value for name, value in told.items() if value is not None}


def told_exchange(span: Span) -> dict[str, str]:
    """What went in and came out, as attributes hold it."""
    texts = exchange_texts(span.payload)
    names = EXCHANGE.get(span.kind, PLAIN_EXCHANGE)
    return {name: text for name, text in zip(names, texts, strict=True) if text is not None}


def exchange_texts(payload: msgspec.Raw) -> tuple[str | None, str | None]:
    """Input and output of a payload: a text as it is, anything else as JSON."""
    parts = msgspec.json.decode(payload, type=dict[str, msgspec.Raw]) if bytes(payload) else {}
    return _text(parts.get("input")), _text(parts.get("output"))


def _text(data: msgspec.Raw | None) -> str | None:
    if data is None:
        return None
    text = bytes(data).decode()
    return str(msgspec.json.decode(data)) if text.startswith('"') else text
