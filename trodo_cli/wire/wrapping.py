"""Values that stand in an object of their framework, taken out of it where its shape is exactly known."""

from collections.abc import Mapping
from typing import Any

from trodo_cli.wire import conventions as names


def unwrapped(attributes: Mapping[str, Any], value: Any) -> Any:
    """What counts of a value that a span has in a wrapper of its instrumentation."""
    if names.WRAPPED not in attributes or not isinstance(value, dict):
        return value
    wrappers = (inner for outer, inner in names.WRAPPERS if outer == value.keys())
    return next((value[name] for name in next(wrappers, ()) if value[name] is not None), value)


def tool_result(value: Any) -> Any:
    """The content of a message of LangChain that is nothing but a tool's result."""
    message = _message(value)
    return message["content"] if message.get("type") == "tool" and "content" in message else value


def tools_apart(asked: Any) -> Any:
    """Messages, with those that only define a tool beside them as a request has it: `{"tools", "messages"}`."""
    if not isinstance(asked, list) or not any(map(_is_tool, asked)):
        return asked
    tools = [message["content"] for message in asked if _is_tool(message)]
    return {"tools": tools, "messages": [message for message in asked if not _is_tool(message)]}


def _is_tool(message: Any) -> bool:
    match message:
        case {"role": "tool", "content": {"type": "function", "function": dict()}}:
            return len(message) == 2
    return False


def _message(value: Any) -> dict[str, Any]:
    """What is in `{"type": "tool", "data"}` or `{"lc", "type", "id", "kwargs"}`; nothing for anything else."""
    match value:
        case {"type": "tool", "data": dict(data)} if len(value) == 2:
            return data
        case {"lc": int(), "type": "constructor", "id": list(), "kwargs": dict(kwargs)} if len(value) == 4:
            return kwargs
    return {}
