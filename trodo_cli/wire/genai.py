"""What the attributes of a span say, in our terms: kind, model, tool, agent, session, user.

The names are in `conventions`; here is only how a value is read.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from trodo_cli.model.span import canonical_kind
from trodo_cli.wire import conventions as names
from trodo_cli.wire.lenient import decoded
from trodo_cli.wire.tags import run_tags
from trodo_cli.wire.usage_names import USAGE_PREFIX

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
        keys = self._keys(attributes)
        return [_out_of_quotes(key, value) for key in keys if (value := attributes.get(key)) is not None]

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


MODEL, PROVIDER = Field.of(names.MODEL), Field.of(names.PROVIDER)
TOOL, AGENT = Field.of(names.TOOL), Field.of(names.AGENT)
TOOL_CALL, FINISH = Field.of(names.TOOL_CALL), Field.of(names.FINISH)
SESSION, USER = Field.of(names.SESSION), Field.of(names.USER)
INPUT, OUTPUT = Field.of(names.INPUT), Field.of(names.OUTPUT)
TOOL_INPUT, TOOL_OUTPUT = Field.of(names.TOOL_INPUT), Field.of(names.TOOL_OUTPUT)


def kind_of(attributes: Attributes) -> str:
    """The house word for what the span is; `step` for what no convention knows."""
    if "trodo.agent_name" in attributes:
        return "agent"
    if isinstance(own := attributes.get(names.KIND), str) and own:
        return canonical_kind(own)
    for key, words in names.KINDS:
        if isinstance(word := _out_of_quotes(key, attributes.get(key)), str) and word:
            return words.get(word) or words.get(word.lower(), "step")
    for kind, keys in names.KIND_MARKS:
        if any(key in attributes for key in keys):
            return kind
    if attributes.get("mcp.method.name") == "tools/call":
        return "tool"
    return "model" if any(key.startswith(USAGE_PREFIX) for key in attributes) else "step"


def model_of(attributes: Attributes) -> str | None:
    """The model that answered, or else the one that was asked."""
    return MODEL.text(attributes) or _noted(attributes, names.PARAMETERS, names.MODEL_PARAMETERS)


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
    return AGENT.text(attributes) or _noted(attributes, names.METADATA_TEXT, ("lc_agent_name",))


_SAID_OUTRIGHT = ("trodo.agent_name", "gen_ai.agent.name", "agent.name", "agent_name")


def _noted(attributes: Attributes, key: str, inner: tuple[str, ...]) -> str | None:
    """The first of these texts in a JSON object under the key."""
    told = opened(attributes.get(key))
    texts = [told.get(name) for name in inner] if isinstance(told, dict) else []
    return next((text for text in texts if isinstance(text, str) and text), None)


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


def _out_of_quotes(key: str, value: Any) -> Any:
    """The value, without the quotes in which texts under some names stand."""
    is_quoted = isinstance(value, str) and value.startswith('"') and key.startswith(names.JSON_TEXTS)
    return _decoded(value) if is_quoted else value


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
