"""The time a span had for itself."""

from hypothesis import given
from hypothesis import strategies as st

from trodo_cli.insight.own_time import own_ns
from trodo_cli.model.span import Span

NOW = 100

times = st.integers(0, NOW)
pieces = st.builds(
    lambda start, took: Span(id="x", started_ns=start, ended_ns=None if took is None else start + took),
    times,
    st.none() | times,
)


@given(pieces, st.lists(pieces, max_size=6))
def test_every_moment_without_work_below_counts_once(of: Span, below: list[Span]) -> None:
    def at_work(span: Span, moment: int) -> bool:
        return span.started_ns <= moment < (NOW if span.ended_ns is None else span.ended_ns)

    free = [
        moment
        for moment in range(3 * NOW)
        if at_work(of, moment) and not any(at_work(child, moment) for child in below)
    ]
    assert own_ns(of, below, NOW) == len(free)


def test_a_span_that_ended_before_it_began_had_no_time() -> None:
    assert own_ns(Span(id="x", started_ns=9, ended_ns=1), [], NOW) == 0
