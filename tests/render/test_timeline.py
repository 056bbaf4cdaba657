"""Bars of a waterfall."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.render.made import at, run, span, trace
from trodo_cli.render.theme import ASCII, UNICODE
from trodo_cli.render.timeline import Window, bar, trace_window

TEN = Window(0, 1_000)
moments = st.integers(-(10**20), 10**20)


@pytest.mark.parametrize(
    ("start", "end", "drawn"),
    [
        (0, 1_000, "━━━━━━━━━━"),
        (0, 500, "━━━━━     "),
        (500, 1_000, "     ━━━━━"),
        (0, 250, "━━╸       "),
        (300, 300, "   ╸      "),
        (300, 200, "   ╸      "),
        (1_000, 1_000, "         ╸"),
        (520, 550, "     ╸    "),
        (-900, 200, "━━        "),
        (800, 9_000, "        ━━"),
        (5_000, 9_000, "         ╸"),
        (400, None, "    ━━━━━━"),
    ],
)
def test_a_bar_shows_when_work_began_and_ended(start: int, end: int | None, drawn: str) -> None:
    assert bar(TEN, start, end, 10, UNICODE) == drawn


def test_ascii_bars_are_ascii() -> None:
    assert bar(TEN, 0, 550, 10, ASCII) == "=====-    "
    assert bar(TEN, 300, 300, 10, ASCII) == "   -      "


@given(moments, moments, moments, moments | st.none(), st.integers(1, 200), st.sampled_from([UNICODE, ASCII]))
def test_a_bar_fills_its_width_and_is_never_empty(begin, finish, start, end, width, glyphs) -> None:
    drawn = bar(Window(begin, finish), start, end, width, glyphs)
    assert len(drawn) == width
    assert drawn.strip()
    assert set(drawn) <= {" ", *glyphs.bar}


def test_there_is_no_bar_without_room() -> None:
    assert bar(TEN, 0, 500, 0, UNICODE) == ""


def test_the_window_reaches_from_the_first_start_to_the_last_end() -> None:
    spans = [span("a", start=-1, end=2), span("b", start=1, end=9)]
    assert trace_window(trace(spans), at(99)) == (at(-1), at(9))


def test_the_window_of_open_work_reaches_to_now() -> None:
    assert trace_window(trace([span("a", start=1, end=None)], run("running")), at(7)) == (at(0), at(7))


def test_a_moment_that_nobody_told_does_not_stretch_the_window() -> None:
    unknown = run("running", started_ns=0)
    assert trace_window(trace([span("a", start=1, end=2)], unknown), at(7)) == (at(1), at(2))
    assert trace_window(trace([], unknown), at(7)) == (0, 0)
