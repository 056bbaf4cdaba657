"""The names under which providers report token usage, in one table."""

from collections.abc import Mapping
from typing import Any

from trodo_cli.model.span import Usage

_TOKEN_NAMES = {
    "input": ("input", "input_tokens", "prompt_tokens", "promptTokenCount", "prompt_token_count"),
    "output": (
        "output",
        "output_tokens",
        "completion_tokens",
        "candidatesTokenCount",
        "candidates_token_count",
    ),
    "cache_read": (
        "cache_read",
        "cache_read_input_tokens",
        "cached_tokens",
        "cachedContentTokenCount",
        "cached_content_token_count",
    ),
    "cache_write": ("cache_write", "cache_creation_input_tokens"),
    "reasoning": ("reasoning", "reasoning_tokens", "thoughtsTokenCount", "thoughts_token_count"),
}

_BESIDE_INPUT = ("cache_read_input_tokens", "cache_creation_input_tokens")
"""Anthropic reports cached tokens beside its input tokens; elsewhere they are part of them.

Gemini likewise reports thoughts beside its output.
"""


def usage_of(details: Mapping[str, Any]) -> Usage | None:
    """A provider's usage object (one level deep or flat), as ours; None when it names no tokens."""
    flat = flattened(details)
    found = {field: _first_count(flat, names) for field, names in _TOKEN_NAMES.items()}
    if all(count is None for count in found.values()):
        return None
    usage = Usage(**found)
    beside = sum(whole_number(flat.get(name)) or 0 for name in _BESIDE_INPUT)
    if beside and "input_tokens" in flat and not _is_whole(usage, beside, flat.get("total_tokens")):
        usage.input = (usage.input or 0) + beside
    thoughts = _first_count(flat, ("thoughtsTokenCount", "thoughts_token_count"))
    if thoughts is not None:
        usage.output = (usage.output or 0) + thoughts
    return usage


def _is_whole(usage: Usage, cached: int, total: Any) -> bool:
    """Whether the total tells that the input has its cached tokens in it; Anthropic itself tells no total."""
    told = usage.input or 0
    return told >= cached and whole_number(total) == told + (usage.output or 0)


def usage_fields(usage: Any) -> dict[str, Any]:
    """A provider's usage object as a dict; empty for something that is none."""
    if isinstance(usage, Mapping):
        return dict(usage)
    dump = getattr(usage, "model_dump", None)
    return dict(dump() if callable(dump) else getattr(usage, "__dict__", {}))


def flattened(details: Mapping[str, Any]) -> dict[str, Any]:
    """The numbers of a usage object and of the objects in it, by name."""
    flat: dict[str, Any] = {}
    for name, value in details.items():
        inner = value if isinstance(value, Mapping) else getattr(value, "__dict__", None)
        if isinstance(inner, Mapping):
            flat.update({key: number for key, number in inner.items() if whole_number(number) is not None})
        elif whole_number(value) is not None:
            flat[name] = value
    return flat


def _first_count(flat: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    for name in names:
        if (count := whole_number(flat.get(name))) is not None:
            return count
    return None


def whole_number(value: Any) -> int | None:
    """A count as it was reported: a number, or digits in a text; None for anything else, also below zero."""
    if type(value) is int:
        return value if value >> 63 == 0 else None
    if isinstance(value, bool) or not isinstance(value, float | str):
        return None
    try:
        count = int(value)
    except (ValueError, OverflowError):
        return None
    return count if 0 <= count < 2**63 else None
