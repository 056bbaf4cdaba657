"""What the attributes of a span say, in our terms: kind, model, tokens, cost, tool, agent, session, user.

The names are in `conventions`; here is only how a value is read.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from trodo_cli.model.span import Usage
from trodo_cli.wire import conventions as names
from trodo_cli.wire.lenient import decoded
from trodo_cli.wire.semconv import usage_of, whole_number
from trodo_cli.wire.tags import run_tags

Attributes = Mapping[str, Any]


class Field(NamedTuple):
    """The attributes of one field in the order in which they win."""

    plain: tuple[str, ...]
    marked: tuple[str, ...]
    """On a span of OpenInference."""
    known: frozenset[str]
    """All of them."""

    @classmethod
    def of(cls, table: names.Table) -> "Field":
        late = [name for name in names.CONVENTIONS if name != "openinference"] + ["openinference"]
        plain = _joined(table, late)
        return cls(plain, _joined(table, names.CONVENTIONS), frozenset(plain))

    def values(self, attributes: Attributes) -> list[Any]:
        """What is there, the winning value first."""
        if self.known.isdisjoint(attributes):
            return []
        return [value for key in self._keys(attributes) if (value := attributes.get(key)) is not None]

    def opened(self, attributes: Attributes) -> Any:
        """The winning value, opened where it is a JSON text; None for none."""
        if self.known.isdisjoint(attributes):
            return None
        key = next((key for key in self._keys(attributes) if attributes.get(key) is not None), None)
        return None if key is None else _opened_at(key, attributes[key])

    def _keys(self, attributes: Attributes) -> tuple[str, ...]:
        return self.marked if names.OPENINFERENCE_MARK in attributes else self.plain

    def text(self, attributes: Attributes) -> str | None:
        """The first one that is a text with something in it."""
        for value in self.values(attributes):
            if isinstance(value, str) and value:
                return value
        return None


def _joined(table: names.Table, order: "list[str] | tuple[str, ...]") -> tuple[str, ...]:
    return tuple(key for convention in order for key in table.get(convention, ()))


MODEL, PROVIDER, COST = Field.of(names.MODEL), Field.of(names.PROVIDER), Field.of(names.COST)
TOOL, AGENT = Field.of(names.TOOL), Field.of(names.AGENT)
TOOL_CALL, FINISH = Field.of(names.TOOL_CALL), Field.of(names.FINISH)
SESSION, USER = Field.of(names.SESSION), Field.of(names.USER)
INPUT, OUTPUT = Field.of(names.INPUT), Field.of(names.OUTPUT)
TOOL_INPUT, TOOL_OUTPUT = Field.of(names.TOOL_INPUT), Field.of(names.TOOL_OUTPUT)

_USAGE = {name: Field.of(table) for name, table in names.USAGE.items()}


def kind_of(attributes: Attributes) -> str:
    """The house word for what the span is; `step` for what no convention knows."""
    if "trodo.agent_name" in attributes:
        return "agent"
    for key, words in names.KINDS:
        if isinstance(word := attributes.get(key), str) and word:
            return words.get(word) or words.get(word.lower(), "step")
    for kind, keys in names.KIND_MARKS:
        if any(key in attributes for key in keys):
            return kind
    if attributes.get("mcp.method.name") == "tools/call":
        return "tool"
    return "model" if any(key.startswith(names.USAGE_PREFIX) for key in attributes) else "step"


def provider_of(attributes: Attributes) -> str | None:
    """The provider in OpenTelemetry's spelling: `openai.chat` is `openai`, `xai` is `x_ai`."""
    told = (PROVIDER.text(attributes) or "").lower()
    if not told:
        return None
    base, _, end = told.rpartition(".")
    told = base if base and end in names.API_ENDS else told
    return names.PROVIDER_SPELLINGS.get(told, told)


def tool_of(attributes: Attributes, name: str) -> str | None:
    """The tool of a span of kind `tool`."""
    if told := TOOL.text(attributes):
        return told
    entity = attributes.get("traceloop.entity.name")
    if isinstance(entity, str) and entity:
        return entity
    return name.removeprefix("execute_tool ") or None


def finish_of(attributes: Attributes) -> str | None:
    """Why the model stopped; several reasons with commas between them."""
    for value in map(opened, FINISH.values(attributes)):
        reasons = value if isinstance(value, list) else [value]
        if told := [reason for reason in reasons if isinstance(reason, str) and reason]:
            return ", ".join(told)
    return None


def first_token_of(attributes: Attributes) -> int | None:
    """Nanoseconds until the first token."""
    for key, unit in names.FIRST_TOKEN.items():
        if (told := amount(attributes.get(key))) is not None:
            return round(told * unit)
    return None


def agent_of(attributes: Attributes) -> str | None:
    """The agent that the span names, whoever's work the span is."""
    entity = attributes.get("traceloop.entity.name")
    if attributes.get("traceloop.span.kind") in ("agent", "workflow") and isinstance(entity, str) and entity:
        return next((told for key in _SAID_OUTRIGHT if isinstance(told := attributes.get(key), str)), entity)
    return AGENT.text(attributes) or _langchain_agent(attributes)


_SAID_OUTRIGHT = ("trodo.agent_name", "gen_ai.agent.name", "agent.name", "agent_name")


def _langchain_agent(attributes: Attributes) -> str | None:
    noted = opened(attributes.get(names.METADATA_TEXT))
    agent = noted.get("lc_agent_name") if isinstance(noted, dict) else None
    return agent if isinstance(agent, str) and agent else None


def tokens_of(attributes: Attributes) -> Usage | None:
    """The tokens; cached ones are part of the input then, and reasoning part of the output, whoever reports."""
    details = opened(attributes.get(names.LANGFUSE_USAGE))
    if isinstance(details, dict) and (usage := _apart(details)) is not None:
        return usage
    counts = {name: _count(field, attributes) for name, field in _USAGE.items()}
    total = counts.pop("total")
    if all(count is None for count in counts.values()) and total is None:
        return None
    usage = Usage(**counts)
    cached = (usage.cache_read or 0) + (usage.cache_write or 0)
    if cached and usage.input is not None and _is_beside(usage, cached, total):
        usage.input += cached
    return _filled(usage, total)


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


def amount(value: Any) -> float | None:
    """A finite number from zero up, or digits in a text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and number >= 0 else None


def tags_of(attributes: Attributes) -> tuple[str, ...]:
    """The tags of the run that a span names."""
    prefix = names.TAGGED_METADATA
    noted = {
        key.removeprefix(prefix): _unquoted(v) for key, v in attributes.items() if key.startswith(prefix)
    }
    lists = (told for key in names.TAGS if isinstance(told := opened(attributes.get(key)), list))
    listed = [tag for tag in next(lists, []) if isinstance(tag, str) and tag]
    return tuple(sorted({*listed, *run_tags(noted)}))


def metadata_of(attributes: Attributes) -> dict[str, Any]:
    """What was noted about the run as a whole, by name."""
    noted = opened(attributes.get(names.METADATA_TEXT))
    found: dict[str, Any] = dict(noted) if isinstance(noted, dict) else {}
    for key, value in attributes.items():
        if key.startswith(names.METADATA_PREFIXES):
            prefix = next(prefix for prefix in names.METADATA_PREFIXES if key.startswith(prefix))
            if (name := key.removeprefix(prefix)) not in names.NO_METADATA:
                found[name] = _unquoted(value)
    return found


def _unquoted(value: Any) -> Any:
    """A value that may stand in JSON's quotes."""
    return _decoded(value) if isinstance(value, str) and value[:1] in ('"', "{", "[") else value


def _opened_at(key: str, value: Any) -> Any:
    """What a value under this name holds."""
    if not key.startswith(names.JSON_TEXTS):
        return opened(value)
    return [_unquoted(item) for item in value] if isinstance(value, list | tuple) else _unquoted(value)


def opened(value: Any) -> Any:
    """What a text holds that is a JSON object or list; anything else as it is."""
    return _decoded(value) if isinstance(value, str) and value.lstrip()[:1] in ("{", "[") else value


def _decoded(text: str) -> Any:
    try:
        return decoded(msgspec.json.decode, text.encode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError):
        return text
