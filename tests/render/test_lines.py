"""Lines that are made when somebody looks."""

from collections.abc import Iterator
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from trodo_cli.render import lines as lines_module
from trodo_cli.render.lines import LazyLines
from trodo_cli.render.theme import Line


class Counted:
    """So many numbered lines, and how many of them were made."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.made = 0

    def __call__(self) -> Iterator[Line]:
        for number in range(self.total):
            self.made += 1
            yield [(str(number), None)]


def numbers(lines: list[Line]) -> list[int]:
    return [int(text) for [(text, _)] in lines]


def test_no_more_lines_are_made_than_were_looked_at_and_one() -> None:
    source = Counted(1_000_000)
    lines = LazyLines(source)
    assert source.made == 0
    assert numbers(lines.lines(0, 3)) == [0, 1, 2]
    assert numbers(lines.lines(1, 3)) == [1, 2, 3]
    assert source.made == lines.known == 5
    assert not lines.is_whole


def test_it_is_known_whether_there_is_more_below_what_is_shown() -> None:
    lines = LazyLines(Counted(3))
    assert (lines.lines(0, 2), lines.is_whole, lines.known)[1:] == (False, 3)
    assert (lines.lines(0, 3), lines.is_whole, lines.known)[1:] == (True, 3)
    assert lines.lines(3, 5) == lines.lines(99, 5) == []


@given(st.integers(0, 200), st.lists(st.tuples(st.integers(0, 250), st.integers(0, 60)), max_size=12))
def test_wherever_one_looks_the_lines_are_the_same(total: int, looks: list[tuple[int, int]]) -> None:
    with patch.object(lines_module, "KEPT", 7):
        lines = LazyLines(Counted(total))
        for first, count in looks:
            assert numbers(lines.lines(first, count)) == list(range(total))[first : first + count]
        assert numbers(list(lines)) == list(range(total))
        assert lines.known <= total


def test_who_walks_through_all_of_it_holds_only_a_part() -> None:
    lines = LazyLines(Counted(2_000))
    with patch.object(lines_module, "KEPT", 50):
        for first in range(0, 2_000, 10):
            lines.lines(first, 10)
            assert len(lines._held) <= 50 + 11
        assert numbers(lines.lines(1_970, 2)) == [1_970, 1_971]
        assert numbers(lines.lines(5, 2)) == [5, 6]
    assert lines.known == 2_000
