"""Colours, glyphs and lines."""

from hypothesis import given
from hypothesis import strategies as st

from trodo_cli.model.run import RUN_STATUSES
from trodo_cli.model.span import KINDS, SPAN_STATUSES
from trodo_cli.render.format import cells
from trodo_cli.render.theme import (
    ASCII,
    ROLES,
    STYLES,
    UNICODE,
    ansi,
    fitted_line,
    line_cells,
    padded_line,
    plain,
    status_role,
)

lines = st.lists(st.tuples(st.text(max_size=12), st.sampled_from([None, *ROLES])), max_size=6)


def test_every_status_has_a_glyph_of_its_own_so_that_colour_is_never_alone() -> None:
    for glyphs in (UNICODE, ASCII):
        assert len({glyphs.status(status) for status in RUN_STATUSES}) == len(RUN_STATUSES)
        assert len({glyphs.kind(kind) for kind in KINDS}) == len(KINDS)


def test_a_span_status_looks_like_the_run_status_of_the_same_meaning() -> None:
    assert [status_role(status) for status in SPAN_STATUSES] == ["running", "ok", "error", "cancelled"]
    assert UNICODE.status("error") == UNICODE.status("failed")


def test_words_from_other_producers_have_a_glyph_too() -> None:
    assert UNICODE.status("exploded") == UNICODE.status("pending")
    assert UNICODE.kind("mcp.call") == UNICODE.kind("generic")


def test_the_ascii_glyphs_are_ascii_and_all_signs_take_one_cell() -> None:
    assert all(ASCII.status(s).isascii() for s in RUN_STATUSES)
    assert all(ASCII.kind(k).isascii() for k in KINDS)
    for glyphs in (UNICODE, ASCII):
        signs = [
            *(glyphs.status(s) for s in RUN_STATUSES),
            *(glyphs.kind(k) for k in KINDS),
            *glyphs.bar,
            glyphs.link,
        ]
        assert {cells(sign) for sign in signs} == {1}


def test_colour_is_the_terminals_own_and_can_be_left_out() -> None:
    line = [("✗ failed", "error"), ("  ", None), ("search", "name")]
    assert ansi(line, True) == "\x1b[31m✗ failed\x1b[0m  search"
    assert ansi(line, False) == plain(line) == "✗ failed  search"


def test_every_role_has_a_style() -> None:
    assert set(STYLES) == set(ROLES)


@given(lines, st.integers(0, 30), st.sampled_from(["…", "..."]))
def test_a_fitted_line_is_never_wider_and_shows_that_it_was_cut(line, width, ellipsis) -> None:
    fit = fitted_line(line, width, ellipsis)
    assert line_cells(fit) <= width
    if line_cells(line) <= width:
        assert fit == line
    else:
        assert plain(fit).endswith(ellipsis[:width])


@given(lines, st.integers(0, 30))
def test_a_padded_line_is_exactly_as_wide_as_asked_for(line, width) -> None:
    assert line_cells(padded_line(line, width)) == width or "\ufe0f" in plain(line)
