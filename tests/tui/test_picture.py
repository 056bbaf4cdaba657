"""What the explorer knows of a run, against what the store says of it."""

import random

from hypothesis import given
from hypothesis import strategies as st

from tests.contract.events import NOW, SECOND, cancel_request, run_end, run_start, span_end, span_start
from tests.render.made import RUN_ID, failed_trace, run
from trodo_cli.client.local import LocalClient
from trodo_cli.insight.failure import failure
from trodo_cli.model.event import Event
from trodo_cli.model.run import Run
from trodo_cli.model.span import Span, Usage
from trodo_cli.render.rows import ViewState, flatten
from trodo_cli.stores.sqlite import SqliteStore
from trodo_cli.tui.picture import MOST_BELOW, Picture

span_ids = st.sampled_from("abcdef")
happenings = st.lists(
    st.one_of(
        st.builds(
            lambda name, parent: span_start("r", name, parent_id=parent), span_ids, st.none() | span_ids
        ),
        st.builds(
            lambda name, parent, status, cost, tokens: span_end(
                "r", name, parent_id=parent, status=status, cost=cost, usage=Usage(input=tokens), kind="model"
            ),
            span_ids,
            st.none() | span_ids,
            st.sampled_from(["ok", "error"]),
            st.none() | st.sampled_from([0.5, 0.25]),
            st.integers(1, 3),
        ),
        st.just(run_start("r", agent="later", version=1)),
        st.just(run_end("r", status="failed", error="no")),
        st.just(cancel_request("r", reason="why")),
    ),
    max_size=12,
)


@given(happenings, happenings, st.randoms(use_true_random=False))
def test_pages_and_then_events_make_what_the_store_has(
    before: list[Event], after: list[Event], chance: random.Random
) -> None:
    """Also when a page is newer than the run was, and when the connection was lost and all is told again."""
    client = LocalClient(SqliteStore(None), "local")
    client.publish([run_start("r"), *before])
    opened = client.runs.get("r")
    picture = Picture(opened)
    if chance.random() < 0.5:
        client.publish(after[:3])
    pages = [*client.traces.pages("r")]
    if chance.random() < 0.5:
        picture.add(spans for page in pages for spans in page)
        picture.reopen(opened)
    for page in pages:
        picture.add(page)
    picture.complete()
    client.publish(after)
    for event in client.traces.news("r", opened.last_seq):
        picture.apply(event)
    trace = client.traces.get("r", payload=False)
    seen = (picture.run.status, picture.run.error, picture.run.cancel, picture.run.agent)
    stored = trace.summary
    assert seen == (stored.status, stored.error, stored.cancel, stored.agent)
    if not trace.tree().cut:  # in a circle of parents it is open whose tokens are counted in whose
        assert picture.run.totals == stored.totals
    first, *expected = flatten(trace, ViewState(levels=2))
    top, *rows = picture.outline.rows(0, picture.outline.count)
    assert (top.span, rows) == (first.span, expected)
    picture.release()
    client.close()


def test_what_moves_below_a_span_that_is_yet_to_come_counts_for_both() -> None:
    picture = Picture(run())
    picture.complete()
    told = {"kind": "model", "usage": Usage(input=1)}
    for number, (name, parent) in enumerate([("call", None), ("call", "wrapper"), ("wrapper", None)]):
        picture.apply(span_end("r", name, parent_id=parent, version=number, **told))
    assert (picture.run.totals.spans, picture.run.totals.input_tokens) == (2, 1)


def test_until_all_spans_have_come_the_totals_are_those_of_the_store() -> None:
    client = LocalClient(SqliteStore(None), "local")
    client.publish([run_start("r"), *(span_end("r", str(number)) for number in range(9))])
    picture = Picture(client.runs.get("r"))
    picture.add([Span(id="0", started_ns=NOW)])
    assert picture.run.totals.spans == 9
    client.close()


def test_the_root_cause_is_that_of_the_whole_trace() -> None:
    trace = failed_trace()
    picture = Picture(trace.summary)
    _, spans, children = trace.rows()
    picture.add(spans)
    picture.link(children)
    picture.complete()
    whole, found = failure(trace), picture.cause()
    assert whole is not None
    assert found is not None
    assert ([span.id for span in found.path], found.error) == ([span.id for span in whole.path], whole.error)


def test_a_run_below_is_a_link_as_it_stands_now() -> None:
    picture = Picture(run())
    picture.link([Run(id="child", agent="one", started_ns=NOW, parent_id=RUN_ID)])
    picture.link([Run(id="child", agent="one", started_ns=NOW, parent_id=RUN_ID, status="failed")])
    assert [(row.key, row.subject.status) for row in picture.outline.rows(1, 9)] == [("child", "failed")]


def test_the_time_a_span_had_for_itself_is_not_told_where_too_much_is_below() -> None:
    picture = Picture(run())
    picture.add([Span(id="top", started_ns=NOW, ended_ns=NOW + SECOND)])
    row = picture.outline.row(1)
    assert picture.seen(row).own_ns == SECOND
    picture.add([Span(id="half", parent_id="top", started_ns=NOW, ended_ns=NOW + SECOND // 2)])
    assert picture.seen(row).own_ns == SECOND // 2
    picture.add(Span(id=str(number), parent_id="top", started_ns=NOW) for number in range(MOST_BELOW))
    assert picture.seen(row).own_ns is None
