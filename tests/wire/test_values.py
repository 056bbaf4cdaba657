"""Any Python value becomes strict JSON: nothing raises, nothing is silently lost."""

import dataclasses
import datetime
import decimal
import enum
import json
import math
import uuid
from collections import OrderedDict, deque, namedtuple
from types import MappingProxyType, SimpleNamespace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trodo_cli.wire.values import KEPT_BYTES, MAX_VALUE_BYTES, json_value, storable_text


class Mute:
    """Cannot be printed."""

    def __str__(self) -> str:
        raise ValueError("no words")

    def __repr__(self) -> str:
        return "Mute()"


@dataclasses.dataclass
class Point:
    x: Any
    y: Any


class Record(msgspec.Struct):
    field: Any


class Colour(enum.Enum):
    RED = "red"


Pair = namedtuple("Pair", "left right")

texts = st.text(st.characters(), max_size=12)
"""Lone surrogates and NUL included."""

numbers = st.one_of(
    st.integers(), st.floats(), st.integers(-(2**70), 2**70), st.decimals(), st.complex_numbers()
)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    numbers,
    texts,
    st.binary(max_size=12),
    st.datetimes(),
    st.dates(),
    st.timedeltas(),
    st.uuids(),
    st.sampled_from([object(), Mute(), Colour.RED, Colour, len, json, NotImplemented, ...]),
)
keys = st.one_of(
    texts,
    st.integers(),
    st.booleans(),
    st.none(),
    st.floats(),
    st.tuples(st.integers()),
    st.binary(max_size=4),
)


def _containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(keys, inner, max_size=4),
        st.dictionaries(keys, inner, max_size=4).map(MappingProxyType),
        st.lists(inner, max_size=3).map(deque),
        st.sets(texts, max_size=3),
        inner.map(lambda value: Point(value, 1)),
        inner.map(Record),
        inner.map(lambda value: Pair(value, 2)),
        inner.map(lambda value: SimpleNamespace(value=value)),
    )


values = st.recursive(scalars, _containers, max_leaves=15)


def _no_constant(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")


def strict(data: bytes) -> Any:
    """The value behind strict JSON: valid UTF-8, no NaN, no halves of surrogate pairs."""
    value = json.loads(data.decode("utf-8"), parse_constant=_no_constant)
    json.dumps(value, ensure_ascii=False).encode("utf-8")
    return value


@given(values)
def test_any_value_is_written_as_strict_json_that_our_reader_takes(value: object) -> None:
    data = json_value(value)
    strict(data)
    msgspec.json.decode(data)


without_nul = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)

plain = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**64 - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        without_nul,
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(without_nul, inner, max_size=4)),
    max_leaves=20,
)


@given(plain)
def test_what_json_can_hold_comes_back_equal(value: object) -> None:
    assert msgspec.json.decode(json_value(value)) == value


@given(st.lists(st.one_of(st.floats(), st.none()), max_size=6))
def test_numbers_that_json_cannot_hold_are_written_as_words_and_none_stays_none(
    floats: list[float | None],
) -> None:
    def word(number: float | None) -> object:
        if number is None or math.isfinite(number):
            return number
        return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"

    assert strict(json_value(floats)) == [word(number) for number in floats]


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (2**64, 2**64),
        (-(2**70), -(2**70)),
        (b"\xff\0", "/wA="),
        ((1, 2), [1, 2]),
        ({3}, [3]),
        (frozenset({4}), [4]),
        (Pair(6, 7), [6, 7]),
        (OrderedDict(a=1), {"a": 1}),
        (Point(1, float("nan")), {"x": 1, "y": "NaN"}),
        (Record({"deep": float("inf")}), {"field": {"deep": "Infinity"}}),
        (Colour.RED, "red"),
        (decimal.Decimal("1.10"), "1.10"),
        (datetime.date(2026, 11, 22), "2026-11-22"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ({1: "a", None: "b"}, {"1": "a", "None": "b"}),
        ({(1, 2): "a"}, {"(1, 2)": "a"}),
        ("null", "null"),
        ({"null": float("nan")}, {"null": "NaN"}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_of_the_standard_library_have_one_form(value: object, stored: object) -> None:
    assert strict(json_value(value)) == stored


@pytest.mark.parametrize("depth", [50, 150, 500, 990, 1_000, 5_000, 100_000])
def test_a_value_of_any_depth_is_written_and_can_be_read(depth: int) -> None:
    value: object = "bottom"
    for _ in range(depth):
        value = {"in": [value]}
    assert isinstance(msgspec.json.decode(json_value(value)), dict)


def test_a_value_that_contains_itself_is_written() -> None:
    circle: dict[str, object] = {"name": "circle"}
    circle["self"] = circle
    assert strict(json_value(circle))["name"] == "circle"
    point = Point(1, None)
    point.y = [point]
    assert json_value(point)


@pytest.mark.parametrize("length", [MAX_VALUE_BYTES - 2, MAX_VALUE_BYTES - 1])
def test_the_longest_value_is_kept_whole_and_a_longer_one_is_cut(length: int) -> None:
    stored = strict(json_value("x" * length))
    if length + 2 <= MAX_VALUE_BYTES:
        assert stored == "x" * length
    else:
        assert (stored["cut"], stored["bytes"], len(stored["text"])) == (True, length + 2, KEPT_BYTES)


def test_a_cut_value_ends_at_a_whole_character() -> None:
    stored = strict(json_value("a" + "é" * MAX_VALUE_BYTES))
    assert set(stored["text"]) == {'"', "a", "é"}


class Raises:
    """An object that raises wherever it is touched."""

    def __getattr__(self, name: str) -> object:
        raise RuntimeError(name)

    def __str__(self) -> str:
        raise RuntimeError("str")

    __repr__ = __str__


class Dumped:
    def model_dump(self) -> object:
        return {"nan": float("nan"), "more": Raises()}


class Unlisted(list[object]):
    def __iter__(self) -> Any:
        raise RuntimeError("iter")


class Locked(dict[str, object]):
    def items(self) -> Any:
        raise OSError("locked")


@pytest.mark.parametrize(
    "value",
    [
        Raises(),
        [Raises()],
        {"a": Raises()},
        Dumped(),
        Unlisted([float("nan")]),
        Locked(a=float("nan")),
        10**5_000,
        {"n": [10**5_000]},
    ],
    ids=["raises", "in-a-list", "in-a-dict", "dump", "list", "dict", "huge", "huge-inside"],
)
def test_an_object_that_resists_is_written_all_the_same(value: object) -> None:
    strict(json_value(value))


@given(st.text(st.characters()))
def test_storable_text_can_be_encoded_and_settles_at_once(text: str) -> None:
    stored = storable_text(text)
    stored.encode("utf-8")
    assert "\0" not in stored
    assert storable_text(stored) == stored


@given(st.text())
def test_text_that_every_store_can_hold_stays_as_it_is(text: str) -> None:
    assert storable_text(text) == text.replace("\0", "\u2400")


def test_halves_of_a_surrogate_pair_are_joined_and_lone_ones_marked() -> None:
    assert storable_text("\ud83d\ude00 \ud83d \ude00") == "😀 \ufffd \ufffd"
