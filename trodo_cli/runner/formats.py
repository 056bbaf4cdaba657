"""Texts that stand for something else: which format a schema says that they have, and whether a text has it.

msgspec leaves out some that it reads: times that may have no zone, bytes, and the keys of a dict.
"""

import datetime
import decimal
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import msgspec
from msgspec import inspect

_KINDS: dict[str, type] = {
    "byte": bytes,
    "date": datetime.date,
    "date-time": datetime.datetime,
    "decimal": decimal.Decimal,
    "duration": datetime.timedelta,
    "integer": int,
    "number": float,
    "partial-time": datetime.time,
    "time": datetime.time,
    "uuid": uuid.UUID,
}

_VALUES: dict[type[inspect.Type], str] = {
    inspect.ByteArrayType: "byte",
    inspect.BytesType: "byte",
    inspect.DateTimeType: "date-time",
    inspect.MemoryViewType: "byte",
    inspect.TimeType: "time",
}
"""Of values; those that msgspec names itself are left out."""

_KEYS: dict[type[inspect.Type], str] = {
    inspect.DateTimeType: "date-time",
    inspect.DateType: "date",
    inspect.DecimalType: "decimal",
    inspect.FloatType: "number",
    inspect.IntType: "integer",
    inspect.TimeDeltaType: "duration",
    inspect.TimeType: "time",
    inspect.UUIDType: "uuid",
}
"""Of the keys of a dict."""


def _has(kind: type, text: str) -> bool:
    try:
        msgspec.convert(text, kind, strict=False)
    except msgspec.ValidationError:
        return False
    return True


FORMATS: dict[str, Callable[[str], bool]] = {name: partial(_has, kind) for name, kind in _KINDS.items()}
"""Whether a text has a format: as a run reads it."""


def name_formats(kind: Any, schema: dict[str, Any]) -> None:
    """Write into the schema of a type the formats that it leaves out."""
    _Naming(schema.get("$defs", {})).visit(inspect.type_info(kind), schema)


class _Naming:
    """One walk through a type and its schema, side by side."""

    def __init__(self, definitions: dict[str, dict[str, Any]]) -> None:
        self._definitions = definitions
        self._seen: set[str] = set()

    def visit(self, kind: inspect.Type, schema: dict[str, Any]) -> None:
        kind = _bare(kind)
        if reference := schema.get("$ref"):
            name = reference.rpartition("/")[2]
            if name in self._seen:
                return
            self._seen.add(name)
            schema = self._definitions[name]
        if name := _VALUES.get(type(kind)):
            schema.setdefault("format", name)
        for inner, its_schema in _inside(kind, schema):
            if isinstance(its_schema, dict):
                self.visit(inner, its_schema)


def _bare(kind: inspect.Type) -> inspect.Type:
    while isinstance(kind, inspect.Metadata):
        kind = kind.type
    return kind


def _inside(kind: inspect.Type, schema: dict[str, Any]) -> Iterator[tuple[inspect.Type, Any]]:
    """The types inside of one, each with its schema."""
    if isinstance(kind, inspect.UnionType):
        yield from zip(_in_order(kind.types), _options(schema), strict=True)
    elif isinstance(kind, inspect.TupleType):
        yield from zip(kind.item_types, schema.get("prefixItems", ()), strict=True)
    elif isinstance(kind, inspect.CollectionType):
        yield kind.item_type, schema.get("items")
    elif isinstance(kind, inspect.DictType):
        if name := _KEYS.get(type(_bare(kind.key_type))):
            schema.setdefault("propertyNames", {"format": name})
        yield kind.value_type, schema.get("additionalProperties")
    elif fields := getattr(kind, "fields", ()):
        items = schema.get("prefixItems", ())[-len(fields) :]
        named = schema.get("properties", {})
        yield from zip(
            [field.type for field in fields],
            items or [named[field.encode_name] for field in fields],
            strict=True,
        )


def _in_order(kinds: tuple[inspect.Type, ...]) -> list[inspect.Type]:
    """The members of a union as its schema lists them: structs after the others, None at the end."""

    def place(kind: inspect.Type) -> int:
        bare = _bare(kind)
        if isinstance(bare, inspect.NoneType):
            return 2
        return int(isinstance(bare, inspect.StructType) and not bare.array_like)

    return sorted(kinds, key=place)


def _options(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for option in schema["anyOf"]:
        if "anyOf" in option:
            yield from _options(option)
        else:
            yield option
