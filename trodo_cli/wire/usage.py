"""What the attributes of a span say of tokens and cost. The names are in `usage_names`."""

from typing import Any

from trodo_cli.model.span import Usage
from trodo_cli.wire import usage_names as names
from trodo_cli.wire.genai import Attributes, Field, amount, opened
from trodo_cli.wire.semconv import usage_of, whole_number

COST = Field.of(names.COST)

_USAGE = {name: Field.of(table) for name, table in names.USAGE.items()}


def tokens_of(attributes: Attributes) -> Usage | None:
    """The tokens; cached ones are part of the input then, and reasoning part of the output, whoever reports."""
    details = opened(attributes.get(names.LANGFUSE_USAGE))
    if isinstance(details, dict) and (usage := _apart(details)) is not None:
        return usage
    counts = {name: _count(field, attributes) for name, field in _USAGE.items()}
    total = counts.pop("total")
    counts = _with_reported(counts, _reported(attributes))
    if all(count is None for count in counts.values()) and total is None:
        return None
    usage = Usage(**counts)
    cached = (usage.cache_read or 0) + (usage.cache_write or 0)
    if cached and usage.input is not None and _is_beside(usage, cached, total):
        usage.input += cached
    return _filled(usage, total)


def _reported(attributes: Attributes) -> Usage | None:
    """What a provider's own report says."""
    reports = (opened(attributes.get(key)) for key in names.USAGE_OBJECTS)
    return next((usage_of(report) for report in reports if isinstance(report, dict)), None)


def _with_reported(counts: dict[str, int | None], reported: Usage | None) -> dict[str, int | None]:
    """The larger count of two: it is the one that has everything in it."""
    if reported is None:
        return counts
    both = {name: (count, getattr(reported, name)) for name, count in counts.items()}
    return {name: max((c for c in told if c is not None), default=None) for name, told in both.items()}


def _is_beside(usage: Usage, cached: int, total: int | None) -> bool:
    """Whether the input was told without its cached tokens."""
    told = usage.input or 0
    return told < cached or (total is not None and total == told + (usage.output or 0) + cached)


def _filled(usage: Usage, total: int | None) -> Usage:
    """Where only a total was told, what follows from it; with nothing else it counts as input."""
    if total is not None and usage.input is None:
        usage.input = max(total - (usage.output or 0), 0)
    elif total is not None and usage.output is None and usage.input is not None and total > usage.input:
        usage.output = total - usage.input
    return usage


def _apart(details: dict[str, Any]) -> Usage | None:
    """Langfuse's usage, in which every category stands beside the others."""
    if whole_number(details.get("input")) is None and whole_number(details.get("output")) is None:
        return usage_of(details)
    counts = {
        name: next((count for key in keys if (count := whole_number(details.get(key))) is not None), None)
        for name, keys in names.APART_USAGE.items()
    }
    total = counts.pop("total")
    usage = Usage(**counts)
    if total is None or total != (usage.input or 0) + (usage.output or 0):
        usage.input = _sum(usage.input, usage.cache_read, usage.cache_write)
        usage.output = _sum(usage.output, usage.reasoning)
    return usage


def _sum(*counts: int | None) -> int | None:
    told = [count for count in counts if count is not None]
    return sum(told) if told else None


def _count(field: Field, attributes: Attributes) -> int | None:
    for value in field.values(attributes):
        if (count := whole_number(value)) is not None:
            return count
    return None


def cost_of(attributes: Attributes) -> float | None:
    """The cost in USD as the span tells it."""
    details = opened(attributes.get(names.LANGFUSE_COST))
    if isinstance(details, dict):
        parts = [amount(value) for value in details.values()]
        if (total := amount(details.get("total"))) is not None or any(part is not None for part in parts):
            return total if total is not None else sum(filter(None, parts))
    for value in COST.values(attributes):
        if (told := amount(value)) is not None:
            return told
    halves = [amount(attributes.get(key)) for key in names.COST_PARTS]
    return sum(filter(None, halves)) if any(half is not None for half in halves) else None
