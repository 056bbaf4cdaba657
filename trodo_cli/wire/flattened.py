"""Lists that were flattened into attributes such as `llm.input_messages.0.message.role`, put together again."""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any

from trodo_cli.wire.genai import opened

Attributes = Mapping[str, Any]

_CALLS = ("tool_call", "tool_use")


def flattened_list(
    attributes: Attributes, messages: str, others: Iterable[tuple[str, tuple[str, ...]]]
) -> Any:
    """The messages below a prefix, else what is at a path in each item of another list; None for none."""
    if any(map(_says_something, found := unflattened(attributes, messages))):
        return [_openinference_message(item) for item in found]
    for prefix, path in others:
        parts = [_within(item, *path) for item in unflattened(attributes, prefix)]
        if any(part is not None for part in parts):
            return [_document(part) for part in parts]
    return None


def indexed_messages(attributes: Attributes, prefix: str) -> Any:
    """The messages of OpenLLMetry below a prefix; None for none."""
    return [_indexed_message(item) for item in unflattened(attributes, prefix)] or None


def unflattened(attributes: Attributes, prefix: str) -> list[Any]:
    """The list behind attributes such as `{prefix}0.message.role`; empty for none."""
    tree: dict[str, Any] = {}
    for key, value in attributes.items():
        if key.startswith(prefix):
            _put(tree, key[len(prefix) :].split("."), value)
    return _listed(tree) if tree and all(name.isdecimal() for name in tree) else []


def _put(tree: dict[str, Any], path: list[str], value: Any) -> None:
    for name in path[:-1][:_DEEPEST]:
        below = tree.setdefault(name, {})
        if not isinstance(below, dict):
            return
        tree = below
    tree.setdefault(path[-1], deepcopy(value) if isinstance(value, dict) else value)


_DEEPEST = 16


def _listed(tree: Any) -> Any:
    """Objects whose every name is a number are lists."""
    if not isinstance(tree, dict):
        return tree
    if tree and all(name.isdecimal() for name in tree):
        return [_listed(tree[name]) for name in sorted(tree, key=lambda name: (len(name), name))]
    return {name: _listed(value) for name, value in tree.items()}


def _says_something(item: Any) -> bool:
    """Whether more is told of a message than whose it is."""
    message = item.get("message") if isinstance(item, dict) else None
    return not isinstance(message, dict) or not message.keys() <= {"role", "name"}


def _openinference_message(item: Any) -> Any:
    message = item.get("message") if isinstance(item, dict) else None
    if not isinstance(message, dict):
        return item
    said = dict(message)
    contents, calls = said.pop("contents", None), said.pop("tool_calls", None)
    if isinstance(contents, list):
        parts = map(_openinference_part, contents)
        said["content"] = [part for part in parts if not (calls and _is_call(part))] or ""
    if isinstance(calls, list):
        said["tool_calls"] = [
            call.get("tool_call", call) if isinstance(call, dict) else call for call in calls
        ]
    said.setdefault("content", "")
    return said


def _openinference_part(part: Any) -> Any:
    if isinstance(call := _within(part, "tool_call"), dict):
        return {**call, "type": _CALLS[0]}
    said = part.get("message_content") if isinstance(part, dict) else None
    if not isinstance(said, dict):
        return part
    url = _within(said, "image", "image", "url")
    return {"type": "image_url", "image_url": {"url": url}} if isinstance(url, str) else said


def _is_call(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") in _CALLS


def _document(part: Any) -> Any:
    """A document's metadata is a JSON text."""
    if not isinstance(part, dict) or "metadata" not in part:
        return part
    return {**part, "metadata": opened(part["metadata"])}


def _indexed_message(item: Any) -> Any:
    if not isinstance(item, dict):
        return item
    return {"content": "", **item, **({"content": opened(item["content"])} if "content" in item else {})}


def _within(item: Any, *path: str) -> Any:
    for name in path:
        item = item.get(name) if isinstance(item, dict) else None
    return item
