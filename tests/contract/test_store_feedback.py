"""Feedback: kept with its run in the order it came, each judgement once, also from before and after the run."""

import itertools

from tests.contract.events import NOW, SECOND, feedback, payload, run_end, run_start, span_end
from tests.contract.reading import append, events_of, listed, run_of, told
from trodo_cli.client.base import Client
from trodo_cli.model.event import FeedbackGiven
from trodo_cli.model.run import MAX_FEEDBACK
from trodo_cli.model.trace import Trace
from trodo_cli.stores.base import Appended, Store


def comments(store: Store, run_id: str = "r") -> list[str | None]:
    return [given.comment for given in run_of(store, run_id).feedback]


def test_feedback_is_kept_with_all_that_was_said(store: Store) -> None:
    given = feedback(
        "r", satisfaction="negative", rating=2.5, comment="no", user="ada", attributes={"page": [1]}
    )
    append(store, run_start("r", payload=payload(input=1)), run_end("r"), given)
    run = run_of(store, "r")
    assert run.feedback == given.feedback
    assert (run.status, run.details.input) == ("completed", 1)
    assert told(store, "r") == [(1, "run-start"), (2, "run-end"), (3, "feedback-given")]


def test_a_run_has_several_and_who_says_the_same_twice_has_said_it_once(store: Store) -> None:
    first, second = feedback("r", comment="one"), feedback("r", NOW + SECOND, comment="two")
    append(store, run_start("r"), first)
    assert append(store, second, first, feedback("r", NOW + 5 * SECOND, comment="one")) == Appended(
        stored=1, known=2
    )
    assert comments(store) == ["one", "two"]
    assert [event.type for event in events_of(store, "r")] == [
        "run-start",
        "feedback-given",
        "feedback-given",
    ]
    assert all(event.feedback == run_of(store, "r").feedback for event in events_of(store, "r")[1:])  # type: ignore[union-attr]


def test_feedback_from_before_its_run_announces_nothing_and_is_there_with_it(
    store: Store, client: Client
) -> None:
    append(store, feedback("r", comment="early"))
    assert listed(store) == []
    append(store, run_start("r"))
    assert comments(store) == ["early"]
    assert client.traces.get("r").summary.feedback == run_of(store, "r").feedback


def test_feedback_outlives_the_spans_of_its_run_and_goes_with_the_run(store: Store, client: Client) -> None:
    append(store, run_start("r"), span_end("r", "a"), run_end("r"), feedback("r", comment="late"))
    client.traces.delete("r")
    assert comments(store) == ["late"]
    client.runs.delete("r")
    append(store, run_start("r"))
    assert comments(store) == []


def test_the_first_hundred_are_kept_in_whatever_order_they_come(store: Store) -> None:
    given = [feedback("r", NOW + number, comment=str(number)) for number in range(MAX_FEEDBACK + 20)]
    append(store, run_start("r"), *given[::-1])
    assert comments(store) == [str(number) for number in range(MAX_FEEDBACK)]


def test_a_trace_folds_feedback_as_the_store_does(store: Store) -> None:
    given = [feedback("r", NOW + at, comment=comment) for at, comment in ((2, "b"), (1, "a"), (3, "a"))]
    append(store, run_start("r"), *given)
    for order in itertools.permutations(given):
        trace = Trace("r")
        for event in order:
            trace.apply(event)
        assert trace.summary.feedback == run_of(store, "r").feedback
    folded = Trace("r")
    for event in events_of(store, "r"):
        assert isinstance(event, FeedbackGiven) or event.type == "run-start"
        folded.apply(event)
    assert folded.summary.feedback == run_of(store, "r").feedback
