"""Beginnings of long texts."""

import json

from hypothesis import given
from hypothesis import strategies as st

from tests.render.made import payload, span, texts
from trodo_cli.render.excerpt import details_of, excerpt, first_line, message, pretty, short_line
from trodo_cli.render.format import cells
from trodo_cli.render.safe import is_safe
from trodo_cli.render.theme import UNICODE

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)


@given(values.filter(lambda value: not isinstance(value, str)))
def test_a_pretty_value_is_still_the_same_json(value: object) -> None:
    assert json.loads(pretty(value)) == value


def test_short_lists_and_objects_stay_on_one_line() -> None:
    value = {"a": [1, 2], "b": {"c": "[x, y]"}, "d": ["long" * 10] * 3, "e": [], "f": "{\n"}
    assert pretty(value).splitlines() == [
        "{",
        '  "a": [1, 2],',
        '  "b": {"c": "[x, y]"},',
        '  "d": [',
        *[f'    "{"long" * 10}",'] * 2,
        f'    "{"long" * 10}"',
        "  ],",
        '  "e": [],',
        '  "f": "{\\n"',
        "}",
    ]


def test_text_is_shown_as_text() -> None:
    assert pretty("one\ntwo") == "one\ntwo"


def test_what_cannot_be_written_as_json_does_not_raise() -> None:
    deep: object = None
    for _ in range(100_000):
        deep = [deep]
    assert "too deeply" in pretty(deep)
    assert details_of(span("a", payload=payload(attributes="not an object"))).input is None


def test_an_excerpt_tells_how_much_it_leaves_out() -> None:
    text = "\n".join(f"line {n}" for n in range(52))
    assert texts(excerpt(text, UNICODE, 80, 12))[-2:] == ["line 11", "… 40 more lines"]
    assert texts(excerpt("a\nb\n", UNICODE, 80, 1)) == ["a", "… 1 more line"]
    assert texts(excerpt("a\r\nb\n\n", UNICODE, 80, 12)) == ["a", "b"]


def test_an_excerpt_of_one_enormous_line_is_cut_to_the_width() -> None:
    [line] = texts(excerpt("x" * 50_000_000, UNICODE, 80, 12))
    assert line == "x" * 79 + "…"


@given(st.text(), st.integers(20, 80), st.none() | st.integers(1, 12))
def test_a_message_keeps_to_the_width_and_loses_no_word(text: str, width: int, limit: int | None) -> None:
    lines = texts(message(text, "error", UNICODE, width, limit))
    assert all(cells(line) <= width and is_safe(line) for line in lines)


def test_a_message_is_broken_between_words() -> None:
    assert texts(message("upstream search timed out", None, UNICODE, 20, None)) == [
        "upstream search",
        "timed out",
    ]
    assert texts(message("x" * 45, None, UNICODE, 20, None)) == ["x" * 20, "x" * 20, "x" * 5]


def test_a_short_line_shows_that_it_was_cut() -> None:
    assert short_line("abc", UNICODE, 3) == "abc"
    assert short_line("abcd", UNICODE, 3) == "abc…"
    assert short_line("OK\nforged", UNICODE) == "OK␊forged"
    assert short_line(None, UNICODE) == ""


def test_the_first_line_of_an_error_shows_that_more_follows() -> None:
    assert first_line("\nboom\r\nTraceback", UNICODE) == "boom…"
    assert first_line("boom\n", UNICODE) == "boom"
    assert first_line(None, UNICODE) == ""
