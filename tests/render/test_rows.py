"""A trace as flat rows."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tests.render.made import RUN_ID, failed_trace, run, span, trace
from trodo_cli.model.ids import root_span_id
from trodo_cli.model.span import Span
from trodo_cli.render.rows import GUIDE_LEVELS, Row, ViewState, flatten
from trodo_cli.render.text import guides
from trodo_cli.render.theme import UNICODE

ROOT = root_span_id(RUN_ID)
EVERYTHING = ViewState(levels=None)

names = st.sampled_from([*"abcdefgh", ROOT])
parent_maps = st.dictionaries(names, st.none() | names | st.just("ghost"), max_size=9)


def keys(rows: list[Row]) -> list[str]:
    return [row.key for row in rows]


def shape(rows: list[Row]) -> list[str]:
    return [guides(row, UNICODE) + (row.key if row.depth else "run") for row in rows]


@given(parent_maps)
def test_every_span_is_shown_exactly_once_whatever_its_parents(parents: dict[str, str | None]) -> None:
    spans = [span(name, parent) for name, parent in parents.items()]
    rows = flatten(trace(spans), EVERYTHING)
    assert keys(rows)[0] == ROOT
    assert sorted(keys(rows)[1:]) == sorted(parents)
    assert rows[0].below == len(parents)
    assert all(row.hidden == 0 for row in rows)


@given(parent_maps, st.integers(0, 4), st.sets(names), st.sets(names))
def test_every_span_is_shown_or_counted_as_hidden(parents, levels, opened, closed) -> None:
    rows = flatten(trace([span(n, p) for n, p in parents.items()]), ViewState(levels, opened, closed))
    assert len(rows) - 1 + sum(row.hidden for row in rows) == len(parents)
    for upper, lower in pairwise(rows):
        assert lower.depth <= upper.depth + 1


def test_the_first_row_is_the_run_itself() -> None:
    [row] = flatten(trace([]), EVERYTHING)
    assert (row.key, row.depth, row.span is not None, row.run is not None) == (ROOT, 0, True, True)
    assert row.link is None


def test_guides_connect_a_span_with_its_parent() -> None:
    spans = [span("a"), span("b", "a", 0.1), span("c", "b", 0.2), span("d", "a", 0.3), span("e", start=0.4)]
    assert shape(flatten(trace(spans), EVERYTHING)) == [
        "run",
        "├─ a",
        "│  ├─ b",
        "│  │  └─ c",
        "│  └─ d",
        "└─ e",
    ]


def test_two_levels_are_open_by_themselves() -> None:
    chain = [span("a"), span("b", "a"), span("c", "b"), span("d", "c")]
    rows = flatten(trace(chain), ViewState())
    assert keys(rows)[1:] == ["a", "b"]
    assert [row.hidden for row in rows] == [0, 0, 2]


def test_what_a_person_opens_and_closes_counts_more_than_levels() -> None:
    chain = [span("a"), span("b", "a"), span("c", "b"), span("d", "c")]
    assert keys(flatten(trace(chain), ViewState(opened={"b"})))[1:] == ["a", "b", "c"]
    assert keys(flatten(trace(chain), ViewState(opened={"b"}, closed={"a"})))[1:] == ["a"]
    assert flatten(trace(chain), ViewState(closed={ROOT}))[0].hidden == 4


def test_the_way_down_to_a_failure_is_open_by_itself() -> None:
    deep = [span("a"), span("b", "a"), span("c", "b"), span("d", "c", status="error"), span("e", "d")]
    rows = flatten(trace(deep), ViewState(levels=0))
    assert keys(rows)[1:] == ["a", "b", "c", "d"]
    assert rows[-1].hidden == 1


def test_a_person_can_close_the_failed_path() -> None:
    rows = flatten(failed_trace(), ViewState(closed={"research"}))
    assert "search" not in keys(rows)


def test_a_child_run_is_a_link_below_its_span_in_order_of_time() -> None:
    child = run(id="c" * 32, parent_span_id="a", started_ns=span("x", start=0.5).started_ns)
    rows = flatten(
        trace([span("a"), span("b", "a", 0.1), span("d", "a", 0.9)], children=(child,)), EVERYTHING
    )
    assert keys(rows)[1:] == ["a", "b", "c" * 32, "d"]
    assert rows[3].link is child
    assert rows[3].depth == 2


def test_a_child_run_without_a_known_span_is_a_link_below_the_run() -> None:
    children = (
        run(id="c" * 32, parent_span_id="ghost"),
        run(id="d" * 32),
        run(id="e" * 32, parent_span_id=ROOT),
    )
    rows = flatten(trace([], children=children), EVERYTHING)
    assert [(row.key[0], row.depth) for row in rows[1:]] == [("c", 1), ("d", 1), ("e", 1)]


def test_the_way_down_to_a_failed_child_run_is_open() -> None:
    child = run("failed", id="c" * 32, parent_span_id="c")
    rows = flatten(trace([span("a"), span("b", "a"), span("c", "b")], children=(child,)), ViewState(levels=0))
    assert rows[-1].link is child


def test_orphans_and_circles_are_marked() -> None:
    spans = [span("a", "ghost"), span("b", "c"), span("c", "b"), span("d", "d"), span("e")]
    marks = {row.key: row.mark for row in flatten(trace(spans), EVERYTHING)[1:]}
    assert marks == {"a": "orphan", "b": "cycle", "c": None, "d": "cycle", "e": None}


def test_zoom_shows_one_span_and_what_is_below_it() -> None:
    rows = flatten(failed_trace(), ViewState(levels=None, root="research"))
    assert shape(rows)[1:] == ["├─ store", "│  └─ lookup", "└─ search"]
    assert (rows[0].key, rows[0].depth, rows[0].run) == ("research", 0, None)


def test_zoom_into_a_span_that_is_not_there_shows_the_run() -> None:
    assert flatten(failed_trace(), ViewState(root="ghost"))[0].key == ROOT


def test_a_chain_of_ten_thousand_spans_is_neither_recursion_nor_a_square() -> None:
    chain = [span(f"{n:05}", f"{n - 1:05}" if n else None) for n in range(10_000)]
    rows = flatten(trace(chain), EVERYTHING)
    assert rows[-1].depth == len(rows) - 1 == 10_000
    assert rows[-1].guides < 1 << GUIDE_LEVELS
    assert guides(rows[-1], UNICODE, 4) == "⋯9996 " + " " * 9 + "└─ "


def test_a_hundred_thousand_spans_in_one_row_are_all_there() -> None:
    flat = [Span(id=str(n), started_ns=n) for n in range(100_000)]
    rows = flatten(trace(flat), ViewState())
    assert len(rows) == 100_001
    assert rows[0].below == 100_000
