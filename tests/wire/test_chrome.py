"""Chrome's trace events: what is on one lane nests, whatever the spans' times and parents are."""

import itertools
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contract.events import NOW, SECOND, run_end, run_start, span_end, span_start
from trodo_cli.model.event import Event
from trodo_cli.model.run import Run
from trodo_cli.model.span import Usage
from trodo_cli.model.trace import Trace
from trodo_cli.wire.chrome import chrome_trace

bounded = settings(max_examples=300, deadline=None)


def traced(*events: Event, children: tuple[Run, ...] = ()) -> Trace:
    trace = Trace("r")
    for event in events:
        trace.apply(event)
    trace.children = list(children)
    return trace


def slices(trace: Trace, now_ns: int = NOW + 60 * SECOND) -> dict[str, dict[str, Any]]:
    """The complete events by name."""
    events = chrome_trace(trace, now_ns)["traceEvents"]
    return {event["name"]: event for event in events if event["ph"] == "X"}


def lane(trace: Trace, name: str) -> int:
    return int(slices(trace)[name]["tid"])


def times(at: float, length: float) -> dict[str, int]:
    started_ns = NOW + int(at * SECOND)
    return {"started_ns": started_ns, "ended_ns": started_ns + int(length * SECOND)}


IDS = [f"s{number}" for number in range(9)]
SPANS = st.lists(
    st.tuples(
        st.sampled_from(IDS),
        st.none() | st.sampled_from([*IDS, "nowhere"]),
        st.integers(0, 12_000),
        st.integers(-2_000, 12_000),
    ),
    max_size=9,
)


@given(SPANS, st.integers(0, 12_000))
@bounded
def test_events_of_one_lane_lie_within_each_other_or_apart(spans: list[Any], length: int) -> None:
    ended = [
        span_end("r", id, name=id, parent_id=parent, started_ns=NOW + start, ended_ns=NOW + start + took)
        for id, parent, start, took in spans
    ]
    trace = traced(run_start("r"), *ended, run_end("r", ended_ns=NOW + length))
    document = chrome_trace(trace, NOW)
    complete = [event for event in document["traceEvents"] if event["ph"] == "X"]
    assert len(complete) == 1 + len({id for id, *_ in spans})
    for one, other in itertools.combinations(complete, 2):
        if one["tid"] == other["tid"]:
            assert within(one, other) or within(other, one) or apart(one, other) or apart(other, one)
    named = {event["tid"] for event in document["traceEvents"] if event["name"] == "thread_name"}
    assert {event["tid"] for event in complete} == named


def within(one: Any, other: Any) -> bool:
    return bool(other["ts"] <= one["ts"] and one["ts"] + one["dur"] <= other["ts"] + other["dur"])


def apart(one: Any, other: Any) -> bool:
    return bool(one["ts"] + one["dur"] <= other["ts"])


def test_a_span_stands_below_its_parent_and_what_ran_beside_it_on_a_lane_of_its_own() -> None:
    trace = traced(
        run_start("r", agent="run"),
        span_end("r", "a", name="a", **times(0, 4)),
        span_end("r", "b", name="b", **times(1, 4)),
        span_end("r", "a1", name="a1", parent_id="a", **times(1, 1)),
        span_end("r", "b1", name="b1", parent_id="b", **times(2, 1)),
        span_end("r", "c", name="c", **times(6, 1)),
        run_end("r", ended_ns=NOW + 8 * SECOND),
    )
    names = ("run", "a", "a1", "c", "b", "b1")
    assert [lane(trace, name) for name in names] == [1, 1, 1, 1, 2, 2]


def test_what_ran_while_another_did_is_not_drawn_below_it() -> None:
    trace = traced(
        run_start("r"),
        span_end("r", "a", name="a", **times(0, 4)),
        span_end("r", "b", name="b", **times(1, 1)),
        run_end("r", ended_ns=NOW + 8 * SECOND),
    )
    assert (lane(trace, "a"), lane(trace, "b")) == (1, 2)


def test_a_span_that_outlives_its_parent_leaves_its_lane() -> None:
    trace = traced(
        run_start("r"),
        span_end("r", "a", name="a", **times(0, 1)),
        span_end("r", "late", name="late", parent_id="a", **times(0.5, 3)),
        run_end("r", ended_ns=NOW + 8 * SECOND),
    )
    assert (lane(trace, "a"), lane(trace, "late")) == (1, 2)


def test_a_slice_tells_times_in_microseconds_and_what_it_used() -> None:
    said = {"model": "m", "provider": "p", "cost": 0.5, "usage": Usage(input=3, output=2), "kind": "model"}
    failed = {"status": "error", "error": "boom", "error_type": "E"}
    trace = traced(run_start("r"), span_end("r", "a", name="ask", **times(1, 2), **said, **failed))
    slice = slices(trace)["ask"]
    assert (slice["ts"], slice["dur"], slice["cat"]) == ((NOW + SECOND) // 1_000, 2_000_000, "model")
    assert slice["args"] == {
        "id": "a", "status": "error", "model": "m", "provider": "p", "input_tokens": 3, "output_tokens": 2,
        "cost_usd": 0.5, "error": "boom", "error_type": "E",
    }  # fmt: skip


def test_what_is_still_open_ends_now() -> None:
    trace = traced(run_start("r", agent="run"), span_start("r", "a", name="open"))
    found = slices(trace, NOW + 5 * SECOND)
    assert (found["run"]["dur"], found["open"]["dur"]) == (5_000_000, 5_000_000)


def test_the_process_is_the_run_and_a_run_below_is_a_slice_too() -> None:
    child = Run(id="c", agent="child", parent_id="r", parent_span_id="a", status="completed", **times(1, 1))
    trace = traced(
        run_start("r", agent="worker"), span_end("r", "a", name="a", **times(0, 3)), children=(child,)
    )
    (process,) = [one for one in chrome_trace(trace, NOW)["traceEvents"] if one["name"] == "process_name"]
    assert process["args"]["name"] == "worker r"
    assert (slices(trace)["child"]["cat"], lane(trace, "child")) == ("run", 1)
