"""What a function takes and gives, by its type hints."""

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal

import msgspec
import pytest

from trodo_cli.errors import InvalidInput
from trodo_cli.model.agent import Agent
from trodo_cli.runner.registry import check_input
from trodo_cli.runner.shape import Shape, collected


class Order(msgspec.Struct):
    item: str
    count: Annotated[int, msgspec.Meta(ge=1)] = 1


@dataclass
class Point:
    x: int
    y: int


def nothing() -> None: ...
def one(topic: str) -> str: ...
def optional(seconds: float = 3.0) -> None: ...
def several(a: int, *, b: str = "x", when: date | None = None) -> dict[str, int]: ...
def struct(order: Order) -> Order: ...
def dataclassed(point: Point) -> list[Point]: ...
def unhinted(value): ...
def choice(level: Literal["low", "high"]) -> bool: ...
def items() -> Iterator[int]:
    yield 1


async def words() -> AsyncIterator[str]:
    yield ""


def accepts(function: Callable[..., Any], value: Any) -> dict[str, Any]:
    """The arguments for an input; the schema, which others check by, must say the same."""
    shape = Shape(function, "it")
    found = shape.arguments(value)
    check_input(Agent(id="agent", input=shape.input), value)
    return found


def refuses(function: Callable[..., Any], value: Any, *words: str) -> None:
    """Both the schema and the check refuse an input, in words that name what is wrong."""
    shape = Shape(function, "it")
    with pytest.raises(InvalidInput):
        shape.arguments(value)
    with pytest.raises(InvalidInput) as refusal:
        check_input(Agent(id="agent", input=shape.input), value)
    assert all(word in refusal.value.message for word in ("agent", *words)), refusal.value.message
    assert "trodo agents show agent" in refusal.value.hint


def test_the_input_of_one_parameter_is_its_value() -> None:
    assert accepts(one, "AI") == {"topic": "AI"}
    assert accepts(struct, {"item": "tea", "count": 2}) == {"order": Order("tea", 2)}
    assert accepts(dataclassed, {"x": 1, "y": 2}) == {"point": Point(1, 2)}
    assert accepts(unhinted, [1, {"a": None}]) == {"value": [1, {"a": None}]}
    assert accepts(choice, "low") == {"level": "low"}


def test_the_input_of_several_parameters_is_an_object_with_their_names() -> None:
    assert accepts(several, {"a": 1}) == {"a": 1, "b": "x", "when": None}
    found = accepts(several, {"a": 1, "b": "y", "when": "2027-01-15"})
    assert found == {"a": 1, "b": "y", "when": date(2027, 1, 15)}


@pytest.mark.parametrize("empty", [None, {}])
@pytest.mark.parametrize("function", [nothing, optional])
def test_an_empty_input_leaves_every_parameter_at_its_default(
    function: Callable[..., Any], empty: Any
) -> None:
    assert accepts(function, empty) == {}


def test_an_input_that_does_not_fit_is_refused_and_what_is_wrong_is_named() -> None:
    refuses(one, 3, "3", "string")
    refuses(one, None, "string")
    refuses(several, {}, '"a"')
    refuses(several, {"a": "1"}, "`a`", "integer")
    refuses(several, {"a": 1, "c": 2}, "c")
    refuses(several, None)
    refuses(struct, {"item": "tea", "count": 0}, "`count`")
    refuses(dataclassed, {"x": 1}, "y")
    refuses(choice, "medium", "medium")
    refuses(nothing, {"a": 1}, "a")
    refuses(optional, "soon", "number")


def test_the_schema_says_what_a_form_needs() -> None:
    assert Shape(optional, "it").input == {"type": "number", "default": 3.0}
    assert Shape(one, "it").input == {"type": "string"}
    properties = Shape(several, "it").input["$defs"]["Input"]["properties"]
    assert properties["a"] == {"type": "integer"}
    assert properties["b"] == {"type": "string", "default": "x"}


def test_the_output_is_checked_and_made_of_what_json_has() -> None:
    assert Shape(struct, "it").checked(Order("tea")) == {"item": "tea", "count": 1}
    assert Shape(dataclassed, "it").checked([Point(1, 2)]) == [{"x": 1, "y": 2}]
    assert Shape(words, "it").output == {"type": "string"}
    assert Shape(items, "it").output == {"type": "array", "items": {"type": "integer"}}
    with pytest.raises(InvalidInput, match="not JSON-serialisable"):
        Shape(unhinted, "it").checked(object())
    with pytest.raises(InvalidInput, match="the output of it does not fit"):
        Shape(one, "it").checked(3)


def test_hints_without_a_json_form_are_refused_in_words() -> None:
    def takes(connection: Callable[[], None]) -> None: ...
    def lost(value: "NoSuchThing") -> None: ...  # type: ignore[name-defined]  # noqa: F821
    def unnamed(value: int, /) -> None: ...

    for function, word in ((takes, "JSON form"), (lost, "NoSuchThing"), (unnamed, "value")):
        with pytest.raises(InvalidInput, match=word):
            Shape(function, "it")


def test_a_stream_of_texts_is_one_text_and_any_other_is_a_list() -> None:
    assert collected(["a", "b"]) == "ab"
    assert collected([1, "b"]) == [1, "b"]
    assert collected([]) == []
