"""The rows of a trace, kept up; `flatten` says what they must be."""

import random
from itertools import pairwise
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.render.made import NOON, RUN_ID, failed_trace, run, span, trace
from trodo_cli.model.ids import root_span_id
from trodo_cli.model.run import Run
from trodo_cli.model.span import Span
from trodo_cli.model.trace import Trace
from trodo_cli.render.rows import Row, ViewState, flatten
from trodo_cli.tui import branch
from trodo_cli.tui.outline import Outline

ROOT = root_span_id(RUN_ID)
NAMES = "abcdefgh"

keys = st.sampled_from([*NAMES, ROOT, "ghost"])
times = st.integers(NOON, NOON + 4)
spans = st.builds(
    Span,
    id=st.sampled_from([*NAMES, *NAMES, ROOT]),
    parent_id=st.none() | keys,
    status=st.sampled_from(["running", "ok", "ok", "error"]),
    started_ns=times,
)
links = st.builds(
    Run,
    id=st.sampled_from(["a", "link", "other"]),
    parent_span_id=st.none() | keys,
    status=st.sampled_from(["running", "failed"]),
    started_ns=times,
)
foldings = st.one_of(
    st.tuples(st.sampled_from(["toggle", "open", "close", "reveal", "zoom"]), keys | st.just("link")),
    st.tuples(st.just("zoom"), st.none()),
    st.tuples(st.just("set_levels"), st.none() | st.integers(0, 3)),
)
news = st.one_of(
    st.tuples(st.just("put"), spans),
    st.tuples(st.just("put"), spans),
    st.tuples(st.just("put_link"), links),
    st.tuples(st.just("set_run"), st.builds(run, st.sampled_from(["running", "failed"]))),
)
happenings = st.lists(st.one_of(news, news, foldings), max_size=60)
long_stories = st.lists(st.one_of(news, news, foldings), min_size=25, max_size=60)


class Story:
    """An outline and what it was told, of which a trace can be made at any moment."""

    def __init__(self) -> None:
        self.outline = Outline(run())
        self.run = run()
        self.spans: dict[str, Span] = {}
        self.links: dict[str, Run] = {}

    def happen(self, what: str, of: Any) -> None:
        match what:
            case "put":
                self.spans[of.id] = of
            case "put_link":
                self.links[of.id] = of
            case "set_run":
                self.run = of
        getattr(self.outline, what)(of)

    @property
    def trace(self) -> Trace:
        return trace(list(self.spans.values()), self.run, tuple(self.links.values()))

    def expected(self) -> list[Row]:
        self.outline.set_run(self.trace.summary)
        return flatten(self.trace, self.outline.view)

    def everything(self) -> list[Row]:
        """All rows of the zoom, folded away or not."""
        return flatten(self.trace, ViewState(levels=None, root=self.outline.zoomed))


def told(happened: list[tuple[str, Any]]) -> Story:
    story = Story()
    for what, of in happened:
        story.happen(what, of)
    return story


def made(spans: list[Span], levels: int | None = 2, of: Run | None = None) -> Outline:
    outline = Outline(of or run())
    outline.set_levels(levels)
    for one in spans:
        outline.put(one)
    return outline


def shown(outline: Outline) -> list[str]:
    return [row.key for row in outline.rows(0, outline.count)]


# -- against flatten -----------------------------------------------------------------------------


@given(long_stories)
@example([("put", span("a", "b")), ("put", span("b", "c")), ("put", span("c", "a")), ("put", span("c"))])
@example(
    [  # a circle is broken by a span that moves deep below another one
        *(("put", span(child, parent)) for child, parent in ("bg", "fc", "gf", "ag", "ee", "ca", "ge")),
        ("put", span("d", "b", status="error")),
    ]
)
@example([("put", span("a", ROOT)), ("put", span(ROOT, "a"))])
@example([("set_levels", None), ("put", span("b", "a")), ("put", span("c", "b")), ("put", span("a"))])
def test_whatever_happens_the_rows_are_those_of_the_whole_trace(happened: list[tuple[str, Any]]) -> None:
    story = Story()
    with patch.object(branch, "BLOCK", 2):
        for turn, (what, of) in enumerate(happened):
            story.happen(what, of)
            expected = story.expected()
            place = turn % len(expected)
            assert story.outline.count == len(expected)
            assert story.outline.row(place) == expected[place]
            assert story.outline.rows(0, len(expected)) == expected


@given(st.lists(spans, max_size=30), st.randoms(use_true_random=False))
def test_the_order_in_which_spans_come_does_not_matter(some: list[Span], chance: random.Random) -> None:
    once = list({one.id: one for one in some}.values())
    story = told([("put", one) for one in once])
    chance.shuffle(once)
    for late in (*once, span("late", "ghost")):
        story.happen("put", late)
    assert story.expected() == story.outline.rows(0, story.outline.count)
    again = made(sorted(story.spans.values(), key=lambda one: one.id, reverse=True))
    assert again.rows(1, again.count) == story.expected()[1:]


@given(happenings, st.integers(0, 12), st.integers(0, 6))
def test_any_part_of_the_rows_can_be_read(happened: list[tuple[str, Any]], first: int, count: int) -> None:
    story = told(happened)
    expected = story.expected()
    assert story.outline.rows(first, count) == expected[first : first + count]
    assert [story.outline.row(place) for place in range(len(expected))] == expected
    with pytest.raises(IndexError):
        story.outline.row(len(expected))


@given(happenings)
def test_a_row_knows_its_place_and_what_it_hangs_on(happened: list[tuple[str, Any]]) -> None:
    story = told(
        [(what, of) for what, of in happened if of is not None and getattr(of, "id", "") not in (ROOT, "a")]
    )
    above: list[Row] = []
    for place, row in enumerate(story.expected()):
        del above[row.depth :]
        assert story.outline.place(row.key) == place
        assert story.outline.parents(row.key) == above
        assert story.outline.parents(row.key, 2) == above[-2:]
        above.append(row)
    hidden = {row.key for row in story.everything()} - set(shown(story.outline)) | {"nowhere"}
    assert all(story.outline.place(key) is None for key in hidden)


@given(happenings, keys)
def test_a_row_that_was_revealed_is_shown(happened: list[tuple[str, Any]], key: str) -> None:
    story = told(happened)
    story.outline.reveal(key)
    assert (story.outline.place(key) is None) == (key not in {*story.spans, *story.links, ROOT})


@given(happenings, keys, st.booleans())
def test_what_is_found_is_the_next_one_round_the_whole_tree(
    happened: list[tuple[str, Any]], key: str, forward: bool
) -> None:
    story = told([(what, of) for what, of in happened if getattr(of, "id", "") not in (ROOT, "a")])
    every = story.everything()
    at = next((place for place, row in enumerate(every) if row.key == key), 0)
    ring = [*every[at + 1 :], *every[: at + 1]] if forward else [*every[:at][::-1], *every[at:][::-1]]
    for wanted in NAMES[:4]:
        found, fits = story.outline.look(lambda subject: subject.id >= wanted, key, len(ring), forward)  # noqa: B023
        expected = next((row.key for row in ring if row.subject.id >= wanted), None)
        assert (found if fits else None) == expected
        assert fits or found == ring[-1].key
    failed = (row.key for row in ring if row.is_failed and row is not every[0])
    assert story.outline.next_failed(key, forward) == next(failed, None)


@given(
    st.lists(st.integers(0, 200), unique=True, min_size=1),
    st.lists(st.integers(0, 66).map(lambda n: 3 * n)),
    st.integers(1, 9),
)
def test_many_siblings_that_come_in_any_order(starts: list[int], toggled: list[int], block: int) -> None:
    """Every third one has two children of its own; looking in between keeps sums of blocks known."""
    story = Story()
    with patch.object(branch, "BLOCK", block):
        for turn, start in enumerate(starts):
            if start % 3 == 0:
                story.happen("put", Span(id=f"{start}x", parent_id=str(start), started_ns=start))
                story.happen("put", Span(id=f"{start}y", parent_id=str(start), started_ns=start + 1))
            story.happen("put", Span(id=str(start), started_ns=start))
            if turn < len(toggled):
                story.happen("toggle", str(toggled[turn]))
            expected = story.expected()
            assert story.outline.row(len(expected) - 1) == expected[-1]
            assert story.outline.place(expected[-1].key) == len(expected) - 1
        assert [story.outline.row(place) for place in range(len(expected))] == expected
        assert [story.outline.place(row.key) for row in expected] == list(range(len(expected)))
        story.happen("set_levels", None)
        expected = story.expected()
        assert [story.outline.row(place) for place in range(len(expected))] == expected


# -- one thing at a time -------------------------------------------------------------------------


def test_a_new_outline_shows_the_run_alone() -> None:
    outline = Outline(run())
    assert (outline.count, outline.row(0).key, outline.zoomed) == (1, ROOT, None)
    assert outline.next_failed(ROOT) is None


def test_an_orphan_moves_below_its_parent_when_that_comes() -> None:
    outline = made([span("child", "parent", 0.1)])
    assert outline.row(1).mark == "orphan"
    outline.put(span("parent"))
    assert [(row.key, row.depth, row.mark) for row in outline.rows(1, 9)] == [
        ("parent", 1, None),
        ("child", 2, None),
    ]


def test_a_child_run_moves_below_its_span_when_that_comes() -> None:
    outline = Outline(run())
    outline.put_link(run(id="child", parent_span_id="a"))
    assert outline.row(1).depth == 1
    outline.put(span("a"))
    assert [(row.key, row.depth) for row in outline.rows(1, 9)] == [("a", 1), ("child", 2)]


def test_a_circle_is_cut_and_mended() -> None:
    outline = Outline(run())
    for made_span in (span("b", "c"), span("c", "a"), span("a", "b")):
        outline.put(made_span)
    outline.set_levels(None)
    assert [(row.key, row.mark) for row in outline.rows(1, 9)] == [("a", "cycle"), ("c", None), ("b", None)]
    outline.put(span("b", None))
    assert [(row.key, row.mark) for row in outline.rows(1, 9)] == [("b", None), ("a", None), ("c", None)]


def test_a_failure_opens_the_way_down_to_it_and_its_end_closes_it() -> None:
    chain = [span("a"), span("b", "a"), span("c", "b"), span("d", "c", end=None)]
    outline = made(chain, levels=0)
    assert shown(outline) == [ROOT]
    outline.put(span("d", "c", status="error"))
    assert shown(outline) == [ROOT, "a", "b", "c", "d"]
    outline.put(span("d", "c"))
    assert shown(outline) == [ROOT]


def test_closing_wins_over_the_failed_path_and_opening_undoes_it() -> None:
    outline = made([span("a"), span("b", "a", status="error")])
    outline.close("a")
    assert (shown(outline), outline.row(1).hidden) == ([ROOT, "a"], 1)
    outline.toggle("a")
    assert shown(outline) == [ROOT, "a", "b"]


def test_folding_a_leaf_does_not_hide_what_comes_below_it_later() -> None:
    outline = made([span("a")])
    outline.toggle("a")
    outline.close("a")
    outline.put(span("b", "a"))
    assert shown(outline) == [ROOT, "a", "b"]


def test_levels_forget_what_was_folded_by_hand() -> None:
    outline = made([span("a"), span("b", "a"), span("c", "b")])
    outline.close("a")
    outline.open("b")
    outline.set_levels(2)
    assert shown(outline) == [ROOT, "a", "b"]
    assert outline.view == ViewState()


def test_a_zoom_stays_through_levels_and_ends_where_it_began() -> None:
    outline = made([span("a"), span("b", "a"), span("c", "b"), span("d", "c"), span("e", start=1)])
    before = shown(outline)
    outline.zoom("b")
    assert shown(outline) == ["b", "c", "d"]
    outline.zoom(None)
    assert shown(outline) == before == [ROOT, "a", "b", "e"]
    outline.zoom("b")
    outline.set_levels(1)
    assert (shown(outline), outline.zoomed) == (["b", "c"], "b")


def test_what_is_zoomed_into_stays_open_when_what_is_above_it_moves() -> None:
    outline = made([span("x"), span("a"), span("b", "a"), span("c", "b"), span("d", "c")])
    outline.zoom("b")
    outline.put(span("a", "x"))
    assert shown(outline) == ["b", "c", "d"]
    outline.zoom(None)
    assert shown(outline) == [ROOT, "x", "a"]


def test_a_span_that_waits_no_more_is_left_alone_when_its_old_parent_comes() -> None:
    deep = [span("e"), span("f", "e"), span("g", "f"), span("kept", "x"), span("z", "y")]
    outline = made([*deep, span("x", "late", 0.5), span("y", "late", 0.1)])
    outline.put(span("x", "g", 0.5))
    outline.put(span("y", "x", 0.1))
    outline.put(span("late"))
    outline.reveal("y")
    assert [outline.row(outline.place(key) or 0).hidden for key in ("x", "y")] == [0, 1]


def test_revealing_what_the_zoom_leaves_out_ends_the_zoom() -> None:
    outline = made(
        [span("a"), span("b", "a"), span("c", "b"), span("d", "c"), span("e", start=1), span("f", "e")]
    )
    outline.zoom("e")
    outline.reveal("d")
    assert (outline.zoomed, outline.place("d")) == (None, 4)


def test_errors_are_walked_through_in_order_and_round_again() -> None:
    outline = made(failed_trace().rows()[1])
    for key in ("research", "store"):
        outline.close(key)
    forward = ["research"]
    while len(forward) < 3:
        forward.append(outline.next_failed(forward[-1]) or "")
    assert forward == ["research", "search", "research"]
    assert outline.next_failed(ROOT, False) == "search"


def test_a_chain_of_ten_thousand_spans_can_be_loaded_folded_searched_and_left() -> None:
    chain = [span(f"{n:05}", f"{n - 1:05}" if n else None) for n in range(10_000)]
    chain += [span(f"beside {n}", f"{n:05}", start=1) for n in (9_000, 9_939, 9_940, 9_998)]
    outline = made(chain)
    assert outline.count == 3
    outline.reveal("09999")
    assert outline.count == 10_005
    assert outline.row(10_000).guides == (1 << 59) + (1 << 58) + 1
    assert outline.rows(9_995, 20) == flatten(trace(chain), ViewState(levels=None))[9_995:]
    assert [row.key for row in outline.parents("09999", 2)] == ["09997", "09998"]
    outline.put(span("late", "09999", status="error"))
    assert outline.next_failed(ROOT) == "late"
    outline.toggle("00000")
    assert (outline.count, outline.place("09999")) == (2, None)


def test_spans_of_a_chain_may_come_last_one_first() -> None:
    chain = [span(f"{n:03}", f"{n - 1:03}" if n else None) for n in range(400)]
    outline = Outline(run())
    for made_span in reversed(chain):
        outline.put(made_span)
    outline.set_levels(None)
    assert [row.depth for row in outline.rows(0, 401)] == list(range(401))


def test_a_hundred_thousand_siblings_are_found_by_row_and_by_key() -> None:
    siblings = [Span(id=str(n), started_ns=n) for n in range(100_000)]
    outline = made([*siblings, Span(id="x", parent_id="700"), Span(id="y", parent_id="90000")], levels=None)
    assert [row.key for row in outline.rows(70_000, 2)] == ["69998", "69999"]
    assert (outline.place("99999"), outline.count) == (100_002, 100_003)
    outline.close("700")
    assert (outline.place("99999"), outline.row(70_000).key) == (100_001, "69999")
    assert all(upper.guides == 1 for upper, _ in pairwise(outline.rows(5, 10)))
