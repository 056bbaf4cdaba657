"""What a function takes and gives, by its type hints."""

import math
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
import pytest

from trodo_cli.errors import InvalidInput
from trodo_cli.model.agent import Agent
from trodo_cli.runner.performer import FunctionAgent
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


def anything(value: object) -> object:
    return value


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
    assert accepts(anything, [1, {"a": None}]) == {"value": [1, {"a": None}]}
    assert accepts(choice, "low") == {"level": "low"}


def test_the_input_of_several_parameters_is_an_object_with_their_names() -> None:
    assert accepts(several, {"a": 1}) == {"a": 1, "b": "x", "when": None}
    found = accepts(several, {"a": 1, "b": "y", "when": "2027-01-15"})
    assert found == {"a": 1, "b": "y", "when": date(2027, 1, 15)}


@pytest.mark.parametrize("empty", [msgspec.UNSET, None, {}])
@pytest.mark.parametrize("function", [nothing, optional])
def test_an_empty_input_leaves_every_parameter_at_its_default(
    function: Callable[..., Any], empty: Any
) -> None:
    assert accepts(function, empty) == {}


def test_null_and_an_empty_object_are_themselves_where_the_hint_takes_them() -> None:
    def texts(x: str | None = "dflt") -> None: ...
    def objects(x: dict[str, int] = {"a": 1}) -> None: ...  # noqa: B006
    def either(x: Point | dict[str, int] | None = None, y: int = 1) -> None: ...
    def unsaid(x=5): ...  # type: ignore[no-untyped-def]
    def needed(x: str | None) -> None: ...

    assert accepts(texts, None) == {"x": None}
    assert accepts(objects, {}) == {"x": {}}
    assert accepts(texts, {}) == accepts(objects, None) == accepts(texts, msgspec.UNSET) == {}
    assert accepts(unsaid, {}) == accepts(unsaid, None) == accepts(unsaid, msgspec.UNSET) == {}
    assert accepts(needed, None) == accepts(needed, msgspec.UNSET) == {"x": None}
    refuses(one, msgspec.UNSET, "string")
    refuses(several, msgspec.UNSET)


@dataclass
class Kept:
    when: datetime
    at: time
    lasts: timedelta
    by: UUID
    cost: Decimal
    image: bytes | None
    days: dict[date, list[datetime]]
    numbers: dict[int, str]


KEPT = {
    "when": "2027-01-15T12:00:00",
    "at": "12:00:00",
    "lasts": "PT1H",
    "by": "3b241101-e2bb-4255-8caf-4136c566a962",
    "cost": "1.50",
    "image": "aGk=",
    "days": {"2027-01-15": ["2027-01-15 12:00:00Z"]},
    "numbers": {"-1": "a"},
}


def test_a_text_that_stands_for_something_else_is_checked_before_the_run() -> None:
    def kept(value: Kept) -> None: ...
    def listed(days: list[date | None], by: str = "") -> None: ...

    accepts(kept, KEPT)
    accepts(listed, {"days": ["2027-01-15", None]})
    refuses(listed, {"days": ["2027-02-30"]}, "2027-02-30")
    for name, wrong in [
        ("when", "nope"), ("at", "noon"), ("lasts", "an hour"), ("by", "ada"), ("cost", "much"), ("image", "hi!"),
        ("days", {"today": []}), ("days", {"2027-01-15": ["noon"]}), ("numbers", {"first": "a"}),
    ]:  # fmt: skip
        refuses(kept, {**KEPT, name: wrong}, name)


def test_a_whole_number_may_be_written_with_a_point() -> None:
    def nested(counts: dict[str, list[int]]) -> None: ...

    assert accepts(several, {"a": 1.0}) == {"a": 1, "b": "x", "when": None}
    assert accepts(nested, {"a": [1.0, 2]}) == {"counts": {"a": [1, 2]}}
    refuses(several, {"a": 1.5}, "`a`", "integer")


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


def test_keys_that_json_writes_as_texts_are_read_as_what_they_are() -> None:
    def named(names: dict[int, str]) -> dict[int, str]: ...
    def dated(days: dict[date, int], by: str = "") -> None: ...

    assert accepts(named, {"1": "a"}) == {"names": {1: "a"}}
    assert accepts(dated, {"days": {"2027-01-15": 1}}) == {"days": {date(2027, 1, 15): 1}, "by": ""}
    assert Shape(named, "it").arguments({1: "a"}) == {"names": {1: "a"}}
    assert Shape(named, "it").checked({1: "a"}) == {"1": "a"}
    with pytest.raises(InvalidInput, match="the output of it does not fit"):
        Shape(named, "it").checked({"first": "a"})


def gives(function: Callable[..., Any]) -> Any:
    agent = FunctionAgent("it", "", function)
    return agent.checked(agent.call({}, lambda _items: None))


def test_what_a_generator_returns_is_its_output_where_it_says_so() -> None:
    def told() -> Generator[int, None, str]:
        yield 1
        return "done"

    def silent() -> Generator[int, None, None]:
        yield 1

    def none_today() -> Generator[int, None, str | None]:
        yield 1
        return None

    def unsaid():  # type: ignore[no-untyped-def]
        yield 1
        return {"sum": 1}

    def broken() -> Iterator[int]:
        yield 1
        return "done"

    assert (Shape(told, "it").output, gives(told)) == ({"type": "string"}, "done")
    assert (Shape(silent, "it").output["type"], gives(silent)) == ("array", [1])
    assert (gives(none_today), gives(unsaid)) == (None, {"sum": 1})
    with pytest.raises(InvalidInput, match="does not fit: Expected `array`, got `str`"):
        gives(broken)


def test_a_number_that_json_has_not_is_text_and_no_number() -> None:
    def number() -> float: ...

    result = {"best": math.inf, "worst": -math.inf, "mean": [math.nan, None, 1.5]}
    assert Shape(unhinted, "it").checked(result) == {
        "best": "Infinity",
        "worst": "-Infinity",
        "mean": ["NaN", None, 1.5],
    }
    with pytest.raises(InvalidInput, match="the output of it does not fit"):
        Shape(number, "it").checked(math.inf)


def test_a_type_without_a_json_form_is_named() -> None:
    class Model: ...

    def takes(model: Model) -> None: ...

    with pytest.raises(InvalidInput, match=r"no JSON form: type <class '.*Model'> is not supported$"):
        Shape(takes, "it")
