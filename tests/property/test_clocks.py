"""Clocks of producers may be anything: times are kept as they were said, and nothing breaks."""

from hypothesis import given
from hypothesis import strategies as st

from tests.contract.events import NOW, SECOND, YEAR, run_end, run_start, span_end, span_start
from tests.contract.reading import OWNER, append, listed, numbers, run_of
from trodo_cli.client.local import LocalClient
from trodo_cli.model.run import LOST_AFTER_NS
from trodo_cli.query.plan import RunFilter
from trodo_cli.stores.sqlite import SqliteStore

skews = st.integers(-10 * YEAR, 10 * YEAR)


@given(st.lists(st.tuples(skews, skews), min_size=1, max_size=5), skews)
def test_skewed_times_are_kept_and_events_stay_in_the_order_they_came(
    span_skews: list[tuple[int, int]], run_skew: int
) -> None:
    store = SqliteStore(None)
    append(store, run_start("r", started_ns=NOW + run_skew))
    for number, (start, end) in enumerate(span_skews):
        append(store, span_start("r", str(number), started_ns=NOW + start))
        append(store, span_end("r", str(number), started_ns=NOW + start, ended_ns=NOW + end))
    trace = LocalClient(store, OWNER).traces.get("r")
    times = [
        (span.started_ns - NOW, (span.ended_ns or 0) - NOW) for span in store.spans(OWNER, "r", payload=False)
    ]
    assert times == span_skews
    assert [span.duration_ns for span in store.spans(OWNER, "r", payload=False)] == [
        b - a for a, b in span_skews
    ]
    assert trace.summary.started_ns == NOW + run_skew
    assert numbers(store, "r") == list(range(1, 2 * len(span_skews) + 2))
    assert len(trace.tree().below(None)) == len(span_skews)


@given(skews, skews, st.integers(0, 2 * LOST_AFTER_NS))
def test_only_the_clock_of_the_store_says_whether_a_run_is_lost(
    started: int, ended: int, silent_ns: int
) -> None:
    store = SqliteStore(None)
    append(store, run_start("r", started_ns=NOW + started), run_start("q", started_ns=NOW + started))
    append(store, run_end("q", ended_ns=NOW + ended))
    asked_ns = NOW + silent_ns
    assert (run_of(store, "r", now_ns=asked_ns).status == "lost") == (silent_ns > LOST_AFTER_NS)
    assert run_of(store, "q", now_ns=asked_ns + YEAR).status == "completed"
    long = RunFilter(min_duration_ns=SECOND)
    assert ("q" in listed(store, long, now_ns=asked_ns)) == (ended - started >= SECOND)
