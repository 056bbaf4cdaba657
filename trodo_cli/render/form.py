"""What a person is asked before an agent starts: fields made from a JSON Schema, and the value that they stand for.

Nothing is judged here: what does not fit is said by the check that every start goes through.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from trodo_cli.errors import InvalidInput
from trodo_cli.render.safe import is_safe

Schema = Mapping[str, Any]

MAX_FIELDS = 12
"""An object with more of them is typed as JSON."""

_SCALARS = {"string": "text", "integer": "integer", "number": "number", "boolean": "true or false"}
_EMPTY: dict[str, Any] = {"string": "", "integer": 0, "number": 0, "boolean": False, "array": []}

_DEPTH = 3
"""So deep a skeleton goes."""


class Field(NamedTuple):
    """One line to type in."""

    name: str
    """Of the property; empty when the input is this value."""
    kind: str
    """What may be typed, in a word or two that a person reads."""
    is_required: bool = False
    begin: str = ""
    """What stands in it before anything is typed."""
    choices: tuple[Any, ...] = ()
    """The values of which it is one."""

    def read(self, text: str) -> Any:
        """The value that was typed; text that is none of this kind stays text. Raises `InvalidInput` for bad JSON."""
        for choice in self.choices:
            if text == _typed(choice):
                return choice
        if self.kind == "text":
            return text
        try:
            return msgspec.json.decode(text.encode())
        except (msgspec.MsgspecError, RecursionError, ValueError) as error:
            if self.kind == "JSON":
                raise InvalidInput(f"this is no JSON: {error}", 'a text stands in quotes: "words"') from None
            return text


class Form:
    """The fields of one input: of an object one a property, else a single one."""

    def __init__(self, schema: Schema) -> None:
        self.is_object = False
        self.fields = self._read(schema)
        self.example = "" if "default" in schema else _skeleton_text(schema)
        """The least JSON that may fit; empty where anything does, nothing too."""

    def value(self, texts: Sequence[str]) -> Any:
        """The input that was typed, a text a field; an empty one says nothing. Raises `InvalidInput` for bad JSON."""
        said = {field.name: field.read(text) for field, text in zip(self.fields, texts, strict=True) if text}
        return said if self.is_object else said.get("", msgspec.UNSET)

    def _read(self, schema: Schema) -> list[Field]:
        shape = _resolved(schema, schema)
        if (field := _scalar("", shape, schema, True)) is not None:
            return [field]
        properties = shape.get("properties")
        if shape.get("type") == "object" and isinstance(properties, dict) and len(properties) <= MAX_FIELDS:
            required = shape.get("required", [])
            if all(properties):
                self.is_object = True
                return [_field(name, part, schema, name in required) for name, part in properties.items()]
        return [Field("", "JSON", "default" not in schema, _skeleton_text(schema))]


def _field(name: str, part: Any, schema: Schema, is_required: bool) -> Field:
    """The field of one property; what is no scalar is typed as JSON."""
    if (field := _scalar(name, part, schema, is_required)) is not None:
        return field
    begin = _resolved(part, schema).get("default", _skeleton(part, schema, _DEPTH) if is_required else None)
    return Field(name, "JSON", is_required, "" if begin is None else _ascii(begin))


def _scalar(name: str, part: Any, schema: Schema, is_required: bool) -> Field | None:
    """The field of one scalar; None for anything more."""
    shape = _resolved(part, schema)
    begin = _begin(shape.get("default"))
    is_required = is_required and "default" not in shape
    options = [_resolved(option, schema) for option in shape.get("anyOf", [])]
    if len(options) == 2 and {"type": "null"} in options:
        shape = options[0] if options[1] == {"type": "null"} else options[1]
    choices = shape.get("enum")
    if isinstance(choices, list) and all(isinstance(choice, str | int | float) for choice in choices):
        return Field(name, " | ".join(map(_typed, choices)), is_required, begin, tuple(choices))
    kind = shape.get("type")
    if not isinstance(kind, str) or kind not in _SCALARS:
        return None
    return Field(name, _SCALARS[kind], is_required, begin)


def _resolved(part: Any, schema: Schema) -> Schema:
    """A part of the schema, or what it refers to, with what is said beside that."""
    if not isinstance(part, dict):
        return {}
    name = str(part.get("$ref", "")).removeprefix("#/$defs/")
    meant = schema.get("$defs", {}).get(name) if name else None
    return {**meant, **part} if isinstance(meant, dict) else part


def _begin(default: Any) -> str:
    """What a default looks like when it is typed; nothing for one that could not be shown as it is."""
    if not isinstance(default, str | int | float):
        return ""
    text = _typed(default)
    return text if is_safe(text) and "\n" not in text else ""


def _typed(value: str | int | float) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _skeleton_text(schema: Schema) -> str:
    """The least JSON that may fit, in ASCII: nothing of it can drive a terminal."""
    if not _resolved(schema, schema).keys() - {"default", "title", "description"}:
        return ""
    return _ascii(_skeleton(schema, schema, _DEPTH))


def _ascii(value: Any) -> str:
    return json.dumps(value).replace("\x7f", "\\u007f")


def _skeleton(part: Any, schema: Schema, depth: int) -> Any:
    shape = _resolved(part, schema)
    if "default" in shape:
        return shape["default"]
    if isinstance(choices := shape.get("enum"), list) and choices:
        return choices[0]
    options = shape.get("anyOf") or shape.get("oneOf")
    if depth and isinstance(options, list):
        return _skeleton(options[0], schema, depth - 1)
    if shape.get("type") != "object":
        return _EMPTY.get(str(shape.get("type")))
    properties, required = shape.get("properties", {}), shape.get("required", [])
    if not depth or not isinstance(properties, dict):
        return {}
    wanted = [name for name in properties if name in required]
    return {name: _skeleton(properties[name], schema, depth - 1) for name in wanted}
