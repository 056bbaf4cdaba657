"""Following a run on an agntz worker, whose stream has no numbers, repeats nothing and breaks when it likes."""

import threading
from typing import Any

import pytest

from tests.client.fake_worker import FakeWorker
from tests.client.listener import Listener, folded, words
from tests.server.running import DEADLINE_SECONDS, eventually
from trodo_cli.client import backoff, http, worker_api, worker_stream
from trodo_cli.client.base import Client
from trodo_cli.errors import InvalidInput, NotFound
from trodo_cli.model.event import Event, RunEnd, SpanEnd, SpanStart, TraceDone
from trodo_cli.model.payload import NO_PAYLOAD
from trodo_cli.model.trace import Trace

STREAM, LOOK = "GET /traces/run_a/stream", "GET /runs/run_a"


def listening(worker: FakeWorker, client: Client, **said: Any) -> Listener:
    """A listener who has joined the stream."""
    since = len(worker.asked)
    listener = Listener(client, "run_a", **said)
    eventually(lambda: joined(worker, since))
    return listener


def again(worker: FakeWorker, *, broken: bool = False) -> None:
    """Hang up, and wait until the listener is back."""
    since = len(worker.asked)
    worker.hang_up("run_a", broken=broken)
    eventually(lambda: joined(worker, since))


def joined(worker: FakeWorker, since: int) -> bool:
    """Whether somebody joined the stream and then saw that the run goes on."""
    asked = worker.asked[since:]
    return STREAM in asked and LOOK in asked[asked.index(STREAM) :]


def heard(listener: Listener, what: str) -> None:
    eventually(lambda: what in listener.told())


def assert_whole(events: list[Event], client: Client) -> None:
    """The events are numbered, each span is opened and ended once, and together they make the trace."""
    assert [event.seq for event in events] == [*range(1, len(events)), 0]
    kinds = [type(event) for event in events]
    assert (events[0].type, kinds[-2:]) == ("run-start", [RunEnd, TraceDone])
    for kind in (SpanStart, SpanEnd):
        told = [event.span.id for event in events if isinstance(event, kind)]
        assert len(told) == len(set(told))
    assert plain(folded(events)) == plain(client.traces.get(events[0].run_id))


def plain(trace: Trace) -> list[tuple[Any, ...]]:
    """A trace by what it says."""
    found = [
        (s.id, s.parent_id, s.name, s.kind, s.status, s.started_ns, s.ended_ns, s.details)
        for s in trace.spans
    ]
    run = trace.summary
    return [
        *found,
        (run.id, run.agent, run.status, run.started_ns, run.ended_ns, run.error, run.totals, run.details),
    ]


def test_a_finished_run_is_told_from_its_trace_in_order_of_time(worker: FakeWorker, client: Client) -> None:
    worker.begin("run_a")
    worker.open("run_a", "outer")
    worker.open("run_a", "inner", parent_id="outer")
    worker.close("run_a", "inner")
    worker.open("run_a", "last", parent_id="outer")
    worker.end("run_a")
    spans = worker.spans["run_a"]
    spans["last"]["endedAt"] = spans["outer"]["endedAt"]
    states: list[str] = []
    events = list(client.traces.stream("run_a", on_state=states.append))
    assert [words(event) for event in events] == [
        "run-start",
        "span-start outer",
        "span-start inner",
        "span-end inner",
        "span-start last",
        "span-end last",
        "span-end outer",
        "run-end",
        "trace-done",
    ]
    assert_whole(events, client)
    assert states == ["live", "ended"]
    assert events[0].run.status == "running"


def test_spans_are_told_as_they_happen(worker: FakeWorker, client: Client) -> None:
    worker.begin("run_a")
    listener = listening(worker, client)
    for number in range(3):
        worker.open("run_a", f"{number}")
        heard(listener, f"span-start {number}")
        worker.close("run_a", f"{number}")
        heard(listener, f"span-end {number}")
    worker.end("run_a", late=2)
    assert_whole(listener.end(), client)
    happened = [f"span-{what} {number}" for number in range(3) for what in ("start", "end")]
    assert listener.told()[1:7] == happened
    assert listener.told()[7:-2] == [f"span-update {number}" for number in range(3)], (
        "the run's own is their parent"
    )
    assert listener.states == ["live", "ended"]


def test_what_began_before_we_came_is_told_at_its_end_and_what_ended_before_we_came_at_last(
    worker: FakeWorker, client: Client
) -> None:
    worker.begin("run_a")
    worker.open("run_a", "over")
    worker.close("run_a", "over")
    worker.open("run_a", "outer")
    worker.open("run_a", "early", "agent.tool.execute", "tool", parent_id="outer")
    listener = listening(worker, client)
    worker.close("run_a", "early", **{"agent.tool.name": "search"})
    heard(listener, "span-end early")
    worker.end("run_a")
    events = listener.end()
    assert_whole(events, client)
    assert listener.told() == [
        "run-start",
        "span-end early",
        "span-end outer",
        "span-start over",
        "span-end over",
        "span-update early",
        "span-update outer",
        "run-end",
        "trace-done",
    ]
    early = folded(events).spans[-1]
    assert (early.name, early.parent_id, early.tool) == ("agent.tool.execute", "outer", "search")


@pytest.mark.parametrize("broken", [False, True])
def test_a_stream_that_breaks_is_joined_again_and_what_was_missed_is_told_in_the_end(
    worker: FakeWorker, client: Client, broken: bool
) -> None:
    worker.begin("run_a")
    listener = listening(worker, client)
    worker.open("run_a", "long")
    heard(listener, "span-start long")
    again(worker, broken=broken)
    worker.open("run_a", "next")
    heard(listener, "span-start next")

    def missed() -> None:
        worker.open("run_a", "missed")
        worker.close("run_a", "missed")
        worker.close("run_a", "long")

    worker.before_stream = missed
    again(worker, broken=broken)
    worker.before_stream = lambda: None
    worker.end("run_a", "failed", error="boom")
    events = listener.end()
    assert_whole(events, client)
    assert {"span-start missed", "span-end missed", "span-end long"} <= set(listener.told())
    assert (events[-1].run.status, events[-1].run.error) == ("failed", "boom")
    assert listener.states == ["live", "ended"], "the server was there all the time"


def test_a_server_that_is_away_is_waited_for(worker: FakeWorker, client: Client) -> None:
    worker.begin("run_a")
    listener = listening(worker, client)
    worker.is_down = True
    worker.hang_up("run_a", broken=True)
    eventually(lambda: listener.states == ["live", "reconnecting"])
    since = len(worker.asked)
    worker.is_down = False
    eventually(lambda: joined(worker, since))
    eventually(lambda: listener.states == ["live", "reconnecting", "live"])
    worker.end("run_a")
    assert_whole(listener.end(), client)
    assert listener.states == ["live", "reconnecting", "live", "ended"]


def test_a_run_that_ends_while_nobody_listens_is_told_from_its_trace(
    worker: FakeWorker, client: Client
) -> None:
    worker.begin("run_a")
    listener = listening(worker, client)
    worker.is_down = True
    worker.hang_up("run_a")
    eventually(lambda: "reconnecting" in listener.states)
    worker.open("run_a", "missed")
    worker.end("run_a", late=2)
    worker.is_down = False
    assert_whole(listener.end(), client)
    assert "span-end missed" in listener.told()


def test_a_run_that_ends_just_before_we_listen_is_not_waited_for(
    worker: FakeWorker, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "SILENCE_SECONDS", 10 * DEADLINE_SECONDS)
    worker.begin("run_a")
    worker.before_stream = lambda: worker.end("run_a", late=3)
    assert_whole(Listener(client, "run_a").end(), client)
    assert worker.asked.count(STREAM) == 1


def test_a_worker_that_says_nothing_for_long_is_not_away(
    worker: FakeWorker, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "SILENCE_SECONDS", 0.05)
    monkeypatch.setattr(worker_stream, "STEADY_SECONDS", 0.01)
    monkeypatch.setattr(backoff, "FIRST_SECONDS", 10 * DEADLINE_SECONDS)
    monkeypatch.setattr(backoff, "LONGEST_SECONDS", 10 * DEADLINE_SECONDS)
    worker.begin("run_a")
    listener = listening(worker, client)
    eventually(lambda: worker.asked.count(STREAM) > 3)
    monkeypatch.undo()
    worker.end("run_a")
    assert_whole(listener.end(), client)
    assert listener.states == ["live", "ended"]


def test_a_run_without_a_stream_is_looked_at_until_it_has_one(
    worker: FakeWorker, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_stream, "LOOK_SECONDS", 0.02)
    worker.begin("run_a", status="pending")
    spans = worker.spans.pop("run_a")
    listener = Listener(client, "run_a")
    eventually(lambda: worker.asked.count(STREAM) > 3)
    worker.spans["run_a"] = spans
    worker.runs["run_a"]["status"] = "running"
    eventually(lambda: worker.viewers("run_a"))
    worker.end("run_a")
    assert_whole(listener.end(), client)


def test_a_run_whose_trace_is_not_kept_ends_with_what_was_told(worker: FakeWorker, client: Client) -> None:
    worker.begin("run_a")
    listener = listening(worker, client)
    worker.open("run_a", "s")
    worker.end("run_a", late=None)
    events = listener.end()
    assert [words(event) for event in events] == [
        "run-start",
        "span-start s",
        "span-end s",
        "run-end",
        "trace-done",
    ]
    assert (events[-1].run.status, events[-1].run.details.output) == ("completed", "answer")


def test_a_run_that_ends_a_moment_after_its_trace_is_told_with_its_end(
    worker: FakeWorker, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_api, "PAUSES_SECONDS", (0.02,) * 3_000)
    worker.begin("run_a")
    listener = listening(worker, client)
    looks = worker.asked.count(LOOK)
    worker.say("run_a", "trace-done", {"type": "trace-done", "summary": {"traceId": "run_a"}})
    eventually(lambda: worker.asked.count(LOOK) > looks + 2)
    worker.end("run_a")
    events = listener.end()
    assert_whole(events, client)
    assert events[-1].run.details.output == "answer"


def test_a_run_that_vanishes_is_not_found(worker: FakeWorker, client: Client) -> None:
    worker.begin("run_a")
    listener = listening(worker, client)
    del worker.runs["run_a"]
    worker.hang_up("run_a")
    with pytest.raises(NotFound, match="no run run_a"):
        listener.end()


def test_what_a_stream_repeats_is_told_once_and_what_it_makes_up_is_passed_over(
    worker: FakeWorker, client: Client
) -> None:
    worker.begin("run_a")
    listener = listening(worker, client)
    for _ in range(2):
        worker.open("run_a", "s")
    for _ in range(2):
        worker.close("run_a", "s")
    worker.say("run_a", "mood", {"type": "mood", "span": 7})
    worker.say("run_a", "ping", 1)
    worker.open("run_a", "name\u2028\x85", "a\u2028name")
    worker.end("run_a")
    events = listener.end()
    assert_whole(events, client)
    assert "a\u2028name" in [event.span.name for event in events if isinstance(event, SpanStart)]


def test_an_error_on_the_stream_breaks_only_the_connection(worker: FakeWorker, client: Client) -> None:
    worker.begin("run_a")
    listener = listening(worker, client)
    worker.say("run_a", "stream-error", {"error": "too many"})
    eventually(lambda: worker.asked.count(STREAM) == 2)
    worker.end("run_a")
    assert_whole(listener.end(), client)


@pytest.mark.parametrize("data", [{"type": "span-end"}, {"type": "span-start", "span": {}}])
def test_a_frame_that_cannot_be_read_is_an_error_in_words(
    worker: FakeWorker, client: Client, data: Any
) -> None:
    worker.begin("run_a")
    listener = listening(worker, client)
    worker.say("run_a", "span-end", data)
    with pytest.raises(InvalidInput, match="cannot read"):
        listener.end()


def test_without_payload_a_stream_is_light(worker: FakeWorker, client: Client) -> None:
    worker.begin("run_a")
    listener = listening(worker, client, payload=False)
    worker.open("run_a", "s", attributes={"note": "heavy"})
    worker.end("run_a")
    events = listener.end()
    assert all(event.run.payload == NO_PAYLOAD for event in (events[0], *events[-2:]))
    assert all(event.span.payload == NO_PAYLOAD for event in events[1:-2])


def test_there_are_no_numbers_to_go_on_from(worker: FakeWorker, client: Client) -> None:
    worker.finished("run_a")
    with pytest.raises(InvalidInput, match="keeps no event numbers"):
        list(client.traces.stream("run_a", after=1))


def test_who_leaves_leaves_no_connection(worker: FakeWorker, client: Client) -> None:
    worker.begin("run_a")
    stream = client.traces.stream("run_a")
    next(stream)
    teller = threading.Timer(0, _tell_when_heard, (worker,))
    teller.start()
    assert words(next(stream)) == "span-start s"
    teller.join()
    stream.close()
    eventually(lambda: worker.viewers("run_a") == 0)


def _tell_when_heard(worker: FakeWorker) -> None:
    eventually(lambda: worker.viewers("run_a"))
    worker.open("run_a", "s")
