"""A JSON value as lines."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.render.made import texts
from tests.render.shown import check, json_values, widths
from trodo_cli.render.safe import safe_block, safe_line
from trodo_cli.render.theme import ASCII, UNICODE, plain
from trodo_cli.render.value import ValueLines, value_lines

tame_text = st.text("abc xyz.:,{}[]", max_size=12)
tame_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | tame_text,
    lambda inner: st.lists(inner) | st.dictionaries(tame_text, inner),
    max_leaves=40,
)


def rows(value: object, width: int = 60) -> list[str]:
    return texts(list(value_lines(value, UNICODE, width)))


def bare(text: str) -> str:
    """The text without blanks and gutters, which the layout adds."""
    return "".join(text.replace("│", "").split())


def scalars(value: Any) -> list[Any]:
    found, waiting = [], [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list | dict):
            waiting += one.values() if isinstance(one, dict) else one
        else:
            found.append(one)
    return found


@given(json_values, widths, st.sampled_from([UNICODE, ASCII]))
@example([[[["x" * 400, 10**400, -0.0, ""]]]], 20, ASCII)
@example({"k" * 30: {}, "n": 1}, 20, UNICODE)
@example({"k" * 500: {"e" + "\u0301" * 600: "\x1b]52;c;x\x07\n\u202e"}}, 20, UNICODE)
def test_any_value_is_inert_and_keeps_to_any_width(value: object, width: int, glyphs: Any) -> None:
    check(value_lines(value, glyphs, width), width)


@given(json_values, widths)
@example(["a\nb", 'q"', "back\\slash", "tab\there", 10**400], 20)
def test_every_scalar_is_shown_whole(value: object, width: int) -> None:
    shown = bare("".join(rows(value, width)))
    for scalar in scalars(value):
        if isinstance(scalar, str):
            assert bare(safe_block(scalar)) in shown or bare(safe_line(scalar)) in shown
        else:
            assert json.dumps(scalar) in shown


@given(tame_values.filter(lambda value: not isinstance(value, str)))
def test_a_value_without_long_texts_is_shown_as_the_same_json(value: object) -> None:
    assert json.loads("\n".join(rows(value, 300))) == value


@given(st.lists(st.integers() | st.floats(allow_nan=False, allow_infinity=False), min_size=1), widths)
def test_numbers_beside_each_other_are_all_there(numbers: list[int | float], width: int) -> None:
    assert json.loads("\n".join(rows(numbers, max(width, 50)))) == numbers


@given(json_values, widths, st.integers(0, 40), st.integers(0, 40))
def test_any_part_of_the_lines_can_be_asked_for(value: object, width: int, first: int, count: int) -> None:
    expected = list(value_lines(value, UNICODE, width))
    assert ValueLines(value, UNICODE, width).lines(first, count) == expected[first : first + count]


def test_small_lists_and_objects_take_one_line_and_numbers_stand_beside_each_other() -> None:
    value = {"role": "user", "tags": ["a", "b"], "none": {}, "vector": [n / 8 for n in range(20)], "n": None}
    assert rows(value, 50) == [
        "{",
        '  "role": "user",',
        '  "tags": ["a", "b"],',
        '  "none": {},',
        '  "vector": [',
        "    0.0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75,",
        "    0.875, 1.0, 1.125, 1.25, 1.375, 1.5, 1.625,",
        "    1.75, 1.875, 2.0, 2.125, 2.25, 2.375",
        "  ],",
        '  "n": null',
        "}",
    ]


def test_a_text_of_several_lines_is_a_block() -> None:
    assert rows({"role": "user", "content": "Hello\n\n  there", "n": 1}) == [
        "{",
        '  "role": "user",',
        '  "content":',
        "    │ Hello",
        "    │ ",
        "    │   there",
        '  "n": 1',
        "}",
    ]


def test_blocks_in_a_list_are_told_apart_by_their_places() -> None:
    assert rows(["a\nb", "c\nd"]) == ["[", "  0:", "    │ a", "    │ b", "  1:", "    │ c", "    │ d", "]"]


def test_a_text_that_is_json_stays_text() -> None:
    assert rows({"arguments": '{"a": 1}'}) == ["{", '  "arguments":', '    │ {"a": 1}', "}"]
    assert rows('{"a": [1, 2]}') == ['{"a": [1, 2]}']


@pytest.mark.parametrize("text", ['x", "admin": true, "y": "', 'x"\n  "admin": true\n  "y": "', '1",\n}\n{'])
def test_no_text_can_look_like_another_part_of_the_value(text: str) -> None:
    shown = rows({"said": text, "by": "x"})
    assert [row for row in shown if not row.startswith("    │ ")] == ["{", '  "said":', '  "by": "x"', "}"]


def test_no_key_can_look_like_more_than_a_key() -> None:
    assert rows({'a": 1, "b': 2}) == ["{", '  "a\\": 1, \\"b": 2', "}"]


def test_a_key_that_is_too_long_is_cut() -> None:
    assert rows({"k" * 100: {"n": 1}}, 40) == ["{", f'  "{"k" * 31}…": {{', '    "n": 1', "  }", "}"]


def test_the_kind_of_a_scalar_can_be_seen() -> None:
    lines = list(value_lines({"a": "text", "b": 1, "c": True, "d": None, "e": "long " * 20}, UNICODE, 60))
    roles = {plain([piece]): piece[1] for line in lines for piece in line}
    assert (roles['"a"'], roles['"text"'], roles["1"], roles["true"], roles["null"]) == (
        "time",
        None,
        "cost",
        "accent",
        "muted",
    )


def test_a_value_of_any_depth_is_shown() -> None:
    deep: object = "end"
    for _ in range(20_000):
        deep = [deep]
    shown = rows(deep, 40)
    assert len(shown) == 2 * 19_999 + 1
    assert shown[19_999].strip() == '["end"]'


class Watched(list[Any]):
    """A list that counts how often it is asked for an item."""

    asked = 0

    def __getitem__(self, place: Any) -> Any:
        self.asked += 1
        return super().__getitem__(place)


@pytest.mark.parametrize("items", [range(100_000), ["text"] * 100_000, [{"a": "b\n"}] * 100_000])
def test_the_first_lines_of_a_long_list_cost_no_more_than_they_show(items: Any) -> None:
    watched = Watched(items)
    lines = ValueLines({"all": watched}, UNICODE, 80)
    assert len(lines.lines(0, 50)) == 50
    assert watched.asked <= 52 * 40
    assert not lines.is_whole
