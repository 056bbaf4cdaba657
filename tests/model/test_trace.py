"""Traces: events in any order folded into one tree, in which every span is found once."""

import pytest

from tests.contract.events import (
    NOW,
    cancel_request,
    payload,
    run_end,
    run_start,
    span_end,
    span_start,
    span_update,
)
from trodo_cli.model.event import Event, TraceDone
from trodo_cli.model.ids import root_span_id
from trodo_cli.model.run import Run, Totals
from trodo_cli.model.span import Span
from trodo_cli.model.trace import Trace, Tree

RUN_ID = "0123456789abcdef0123456789abcdef"


def folded(*events: Event, run_id: str = "r") -> Trace:
    trace = Trace(run_id)
    for event in events:
        trace.apply(event)
    return trace


def tree_of(parents: dict[str, str | None], run_id: str = RUN_ID) -> Tree:
    """A tree of spans that began in the order given."""
    return Tree(
        run_id,
        {name: Span(id=name, parent_id=up, started_ns=at) for at, (name, up) in enumerate(parents.items())},
    )


def below(tree: Tree, span_id: str | None = None) -> list[str]:
    return [span.id for span in tree.below(span_id)]


# -- folding -----------------------------------------------------------------------------------------


def test_a_trace_tells_its_run_and_its_spans_by_their_starts() -> None:
    trace = folded(
        run_start("r", agent="bot", started_ns=NOW),
        span_end("r", "second", started_ns=NOW + 2, cost=0.5),
        span_start("r", "first", started_ns=NOW + 1),
        span_start("r", "also first", started_ns=NOW + 1),
        run_end("r", status="failed"),
    )
    assert [span.id for span in trace.spans] == ["r", "also first", "first", "second"]
    assert (trace.spans[0].name, trace.spans[0].status) == ("bot", "error")
    assert trace.summary.status == "failed"
    assert trace.summary.totals == Totals(spans=3, cost_nanos=500_000_000, costed_spans=1)


def test_the_spans_hang_together() -> None:
    trace = folded(run_start("r"), span_end("r", "a"), span_end("r", "b", parent_id="a"))
    assert [(span.id, span.parent_id) for span in trace.spans] == [("r", None), ("a", "r"), ("b", "a")]
    assert [span.parent_id for span in trace.own] == [None, "a"]


def test_a_late_start_and_a_late_update_change_nothing_that_ended() -> None:
    ended = span_end("r", "a", name="whole", payload=payload(output=1))
    trace = folded(ended, span_start("r", "a"), span_update("r", "a", version=9), ended)
    assert trace.own == [ended.span]


def test_a_trace_without_any_event_is_an_empty_run() -> None:
    trace = Trace("r")
    assert trace.summary == Run(id="r")
    assert [span.id for span in trace.spans] == ["r"]
    assert trace.tree().below(None) == []


def test_the_end_of_a_stream_changes_nothing() -> None:
    trace = folded(run_start("r", agent="a"))
    before = trace.summary
    trace.apply(TraceDone(run_id="r", run=Run(id="r", status="failed")))
    assert trace.summary == before


def test_a_request_to_stop_is_part_of_the_summary() -> None:
    cancel = folded(run_start("r"), cancel_request("r", by="ada")).summary.cancel
    assert cancel is not None
    assert cancel.by == "ada"


def test_the_earliest_request_stands_in_either_order() -> None:
    early, late = cancel_request("r", NOW), cancel_request("r", NOW + 1)
    assert folded(early, late).summary.cancel == folded(late, early).summary.cancel == early.cancel


def test_a_tree_is_of_the_moment_it_was_asked_for() -> None:
    trace = folded(run_start("r"), span_start("r", "a"))
    before = trace.tree()
    trace.apply(span_start("r", "b", parent_id="a"))
    assert below(before) == ["a"]
    assert below(trace.tree(), "a") == ["b"]


# -- trees -------------------------------------------------------------------------------------------


def test_children_stand_in_the_order_they_began() -> None:
    tree = tree_of({"top": None, "z": "top", "a": "top", "deep": "z"})
    assert (below(tree), below(tree, "top"), below(tree, "z"), below(tree, "deep")) == (
        ["top"],
        ["z", "a"],
        ["deep"],
        [],
    )
    assert [span.id for span in tree.path("deep")] == ["top", "z", "deep"]


def test_a_span_whose_parent_is_the_run_is_a_topmost_one() -> None:
    tree = tree_of({"a": root_span_id(RUN_ID), "b": None})
    assert below(tree) == ["a", "b"]
    assert tree.orphans == set()


def test_an_orphan_hangs_below_the_run_until_its_parent_comes() -> None:
    trace = folded(span_start("r", "child", parent_id="parent"))
    assert (below(trace.tree()), trace.tree().orphans) == (["child"], {"child"})
    trace.apply(span_start("r", "parent"))
    assert (below(trace.tree()), below(trace.tree(), "parent")) == (["parent"], ["child"])
    assert trace.tree().orphans == set()


def test_the_path_of_an_orphan_begins_with_itself() -> None:
    assert [span.id for span in tree_of({"a": "gone", "b": "a"}).path("b")] == ["a", "b"]


def test_the_path_to_no_span_is_empty() -> None:
    assert tree_of({"a": None}).path("unknown") == []


def test_a_span_that_is_its_own_parent_hangs_below_the_run() -> None:
    tree = tree_of({"self": "self", "child": "self"})
    assert (below(tree), below(tree, "self"), tree.cut, tree.orphans) == (
        ["self"],
        ["child"],
        {"self"},
        set(),
    )


def test_a_circle_is_cut_at_its_smallest_id() -> None:
    tree = tree_of({"c": "b", "b": "a", "a": "c", "tail": "c"})
    assert (below(tree), tree.cut) == (["a"], {"a"})
    assert [below(tree, name) for name in ("a", "b", "c")] == [["b"], ["c"], ["tail"]]
    assert [span.id for span in tree.path("tail")] == ["a", "b", "c", "tail"]


def test_every_circle_is_cut_once() -> None:
    tree = tree_of({"a": "b", "b": "a", "x": "y", "y": "x", "into": "y", "alone": None})
    assert tree.cut == {"a", "x"}
    assert below(tree) == ["a", "x", "alone"]


@pytest.mark.parametrize("backwards", [False, True])
def test_a_chain_of_ten_thousand_spans_is_no_trouble(backwards: bool) -> None:
    names = [f"{number:05}" for number in range(10_000)]
    parents = dict(zip(names, [None, *names], strict=False))
    tree = tree_of(dict(reversed(parents.items())) if backwards else parents)
    assert [span.id for span in tree.path(names[-1])] == names
    at, depth = below(tree), 0
    while at:
        (name,) = at
        at, depth = below(tree, name), depth + 1
    assert depth == 10_000


def test_a_circle_of_ten_thousand_spans_is_cut_once() -> None:
    names = [f"{number:05}" for number in range(10_000)]
    tree = tree_of(dict(zip(names, [*names[1:], names[0]], strict=True)))
    assert tree.cut == {"00000"}
    assert len(tree.path("00001")) == 10_000
