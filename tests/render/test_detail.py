"""What `trodo runs show` and `trodo agents show` print."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.render.made import RUN_ID, at, payload, run, texts
from trodo_cli.model.agent import Agent
from trodo_cli.model.run import Totals
from trodo_cli.render.detail import agent_detail, run_detail
from trodo_cli.render.safe import is_safe
from trodo_cli.render.theme import ASCII, UNICODE, line_cells


def test_each_thing_that_is_known_has_a_line() -> None:
    totals = Totals(spans=12, errors=1, input_tokens=1_200, output_tokens=300)
    one = run("failed", error="no", user="u1", totals=totals, payload=payload(input={"n": 1}, output="a\nb"))
    assert texts(run_detail(one, UNICODE, at(9))) == [
        f"run          {RUN_ID}",
        "status       ✗ failed",
        "error        error: no",
        "agent        article-pipeline",
        "user         u1",
        "started      2026-09-21T14:13:20.000Z (9s ago)",
        "ended        2026-09-21T14:13:23.200Z (5s ago)",
        "time         3.2s",
        "spans        12 (1 error)",
        "tokens       1.2k→300",
        'input        {"n": 1}',
        "output       a",
        "             b",
    ]


def test_a_long_value_goes_on_below_itself() -> None:
    lines = texts(run_detail(run(payload=payload(output="word " * 30)), UNICODE, at(9), width=60))
    assert [line[:18] for line in lines[-4:]] == ["output       word ", *["             word "] * 3]


@given(st.text(), st.integers(40, 100), st.sampled_from([UNICODE, ASCII]))
def test_the_details_are_inert_and_keep_to_the_width_whatever_the_run_says(text, width, glyphs) -> None:
    said = payload(input=text, output={text: text})
    one = run("failed", agent=text, error=text, session=text, tags=(text, text), payload=said)
    for line in run_detail(one, glyphs, at(9), width=width):
        [shown] = texts([line])
        assert is_safe(shown)
        assert "\n" not in shown
        assert line_cells(line) <= width


def an_agent(**parts: object) -> Agent:
    """What an order takes, besides what is said here."""
    takes = {
        "type": "object", "required": ["item", "options"],
        "properties": {
            "item": {"type": "string"}, "count": {"type": "integer", "default": 1},
            "options": {"type": "object", "properties": {"gift": {"type": "boolean"}}, "required": ["gift"]},
        },
    }  # fmt: skip
    said = {"id": "order", "description": "Buys it.\nOnce.", "source": "agents/shop.py", "input": takes}
    return Agent(**{**said, "output": {"type": "array", "items": {"type": "string"}}, **parts})


def test_an_agent_says_what_it_takes_and_how_it_is_started() -> None:
    assert texts(agent_detail(an_agent(), UNICODE)) == [
        "agent        order",
        "kind         function",
        "source       agents/shop.py",
        "description  Buys it.",
        "             Once.",
        "takes        item     text, required",
        "             count    integer, else 1",
        "             options  JSON, required",
        "gives        {",
        '               "type": "array",',
        '               "items": {"type": "string"}',
        "             }",
        'start it     trodo runs start order --input \'{"item": "", "options": {"gift": false}}\'',
    ]


@pytest.mark.parametrize(
    ("takes", "told", "words"),
    [
        ({}, "anything", ""),
        ({"type": "object", "properties": {}, "default": {}}, "nothing", ""),
        ({"type": "object"}, '{"type": "object"}', " --input '{}'"),
        ({"type": "integer"}, "integer", " --input 0"),
        ({"type": "integer", "default": 3}, "integer, else 3", ""),
        ({"type": "array"}, '{"type": "array"}', " --input '[]'"),
    ],
)
def test_an_agent_that_takes_a_single_value_or_none(takes: dict[str, Any], told: str, words: str) -> None:
    lines = texts(agent_detail(an_agent(input=takes, description="", output={}), UNICODE))
    assert lines[3:] == [
        f"takes        {told}",
        "gives        anything",
        f"start it     trodo runs start order{words}",
    ]


@given(st.text(), st.integers(40, 100), st.sampled_from([UNICODE, ASCII]))
def test_an_agent_is_inert_and_keeps_to_the_width_whatever_its_server_says(text, width, glyphs) -> None:
    takes = {
        "type": "object",
        "properties": {text: {"enum": [text]}, "x": {"default": text, "type": "string"}},
    }
    said = an_agent(id=text, kind=text, source=text, description=text, input=takes, output={text: text})
    *lines, start = agent_detail(said, glyphs, width=width)
    for line in lines:
        assert line_cells(line) <= width
    for shown in texts([*lines, start]):
        assert is_safe(shown)
        assert "\n" not in shown
