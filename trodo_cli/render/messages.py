"""Chat messages in one shape, from the shapes that agents and providers have for them."""

from dataclasses import dataclass, field
from typing import Any

from trodo_cli.render.format import counted
from trodo_cli.render.parts import (
    Call,
    Part,
    Result,
    Text,
    call_of,
    first,
    joined_text,
    part_of,
    parts_of,
    word,
)

MESSAGE_LIMIT = 2_000
"""Of a longer list the last ones are shown."""

CONTENT = ("content", "parts", "tool_calls", "toolCalls", "function_call", "reasoning_content")
"""The keys under which a message has something to say."""

_LANGCHAIN_TYPES = frozenset(("human", "ai", "system", "tool", "function", "chat", "AIMessageChunk"))
_TOOL_ROLES = frozenset(("tool", "function"))
_ITEM_ENDS = ("_call", "_call_output", "reasoning")
"""What OpenAI's Responses put between messages: calls, results and thoughts without a role."""


@dataclass(slots=True)
class Message:
    """Who said what; `tab` names where all of it can be read."""

    role: str
    parts: list[Part]
    tab: str = "Input"
    name: str = ""
    note: str = ""
    """Words of our own in place of messages that are left out."""
    is_item: bool = field(default=False, compare=False)
    """Whether it had no role of its own."""


def listed(items: list[Any]) -> list[Message]:
    """The messages of a list; none unless one of them at least is recognised."""
    if items and isinstance(items[0], list):
        items = [item for inner in items if isinstance(inner, list) for item in inner]
    shown = items[-MESSAGE_LIMIT:]
    messages = [message_of(item) for item in shown]
    if not any(messages):
        return []
    found: list[Message] = []
    if more := len(items) - len(shown):
        found.append(Message("", [], note=counted(more, "earlier message")))
    for item, message in zip(shown, messages, strict=True):
        _append(found, message or Message("user" if isinstance(item, str) else "", parts_of(item)))
    return found


def message_of(item: Any) -> Message | None:
    """A message, or None for what does not look like one."""
    if not isinstance(item, dict):
        return None
    item = _without_envelope(item)
    kind = word(item, ("type",))
    role = word(item, ("role",)) or (kind if kind in _LANGCHAIN_TYPES else "")
    if role and any(name in item for name in CONTENT):
        return said_by(role, item)
    if not role and kind.endswith(_ITEM_ENDS):
        part = part_of(item)
        return Message("tool" if isinstance(part, Result) else "assistant", [part], is_item=True)
    return None


def said_by(role: str, item: dict[str, Any]) -> Message:
    """A message by its thoughts, its content and its tool calls, those told twice only once."""
    thought = word(item, ("reasoning_content", "reasoning"))
    parts: list[Part] = [Text(thought, is_thought=True)] if thought else []
    content = first(item, ("content", "parts"))
    parts += parts_of(content)
    if role in _TOOL_ROLES and not any(isinstance(part, Result) for part in parts):
        parts = [_tool_result(item, content)]
    told = {part.id for part in parts if isinstance(part, Call) and part.id}
    calls = first(item, ("tool_calls", "toolCalls"))
    said = [*(calls if isinstance(calls, list) else ()), item.get("function_call")]
    parts += [call for of in said if isinstance(of, dict) and (call := call_of(of)).id not in told]
    return Message(role, parts, name=word(item, ("name",)))


def _tool_result(item: dict[str, Any], content: Any) -> Result:
    is_error = item.get("status") == "error"
    return Result(word(item, ("tool_call_id",)), word(item, ("name",)), joined_text(content), is_error)


def _append(messages: list[Message], message: Message) -> None:
    """Put a message behind the others; an item without a role of its own belongs to the one before."""
    before = messages[-1] if messages else None
    if before is not None and before.role == message.role and (before.is_item or message.is_item):
        before.parts += message.parts
    else:
        messages.append(message)


def _without_envelope(item: dict[str, Any]) -> dict[str, Any]:
    """What is in LangChain's `{"lc", "kwargs"}` or `{"type", "data"}`; other messages have none."""
    kwargs, data = item.get("kwargs"), item.get("data")
    if "lc" in item and isinstance(kwargs, dict):
        return kwargs
    if isinstance(data, dict) and word(item, ("type",)) in _LANGCHAIN_TYPES:
        return {**data, "type": item["type"]}
    return item
