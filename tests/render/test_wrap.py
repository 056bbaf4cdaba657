"""Long texts in rows."""

from unittest.mock import patch

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.render.shown import any_text, check
from trodo_cli.render import wrap
from trodo_cli.render.format import cells
from trodo_cli.render.safe import safe_block
from trodo_cli.render.wrap import wrapped

unmarked = st.text(st.characters(codec=None, exclude_categories=("Mn", "Me"), exclude_characters="\t"))
"""Tabs and heaps of marks depend on where a line begins."""


@given(unmarked, st.integers(2, 40), st.sampled_from([2, 3, 16, wrap.CHUNK]))
@example("a\r\nb\r\n\rc\r", 9, 2)
def test_nothing_but_line_breaks_is_lost_however_the_text_is_cut(text: str, width: int, chunk: int) -> None:
    with patch.object(wrap, "CHUNK", chunk):
        assert "".join(wrapped(text, width)) == safe_block(text).replace("\n", "")


@given(any_text, st.integers(2, 40), st.sampled_from([2, 16, wrap.CHUNK]))
def test_every_row_is_inert_and_within_the_width(text: str, width: int, chunk: int) -> None:
    with patch.object(wrap, "CHUNK", chunk):
        check(([(row, None)] for row in wrapped(text, width)), width)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("", [""]),
        ("a\n\nb\n", ["a", "", "b"]),
        ("a\r\nb\rc", ["a", "b␍c"]),
        ("\n", [""]),
        ("one two three four", ["one two ", "three four"]),
        ("onetwothreefour", ["onetwothre", "efour"]),
        ("固体電池固体電池", ["固体電池固", "体電池"]),
        ("    if x:\n        pass", ["    if x:", "        ", "pass"]),
    ],
)
def test_lines_stay_and_long_ones_break_at_words(text: str, rows: list[str]) -> None:
    assert list(wrapped(text, 10)) == rows


@pytest.mark.parametrize(
    "text", ["x" * 10**7, "x" * 10**7 + "\n", "word " * 10**6, "line\n" * 10**6, "電" * 10**6]
)
def test_the_first_rows_of_a_long_text_cost_a_few_chunks(text: str) -> None:
    looked_at: list[int] = []

    def watched(part: str) -> str:
        looked_at.append(len(part))
        return safe_block(part)

    with patch.object(wrap, "safe_block", watched):
        rows = wrapped(text, 100)
        assert all(cells(next(rows)) for _ in range(50))
    assert sum(looked_at) <= 50 * 100 + 2 * wrap.CHUNK
