"""Following a run: what happened first, then what happens, until it has ended."""

import threading
from pathlib import Path

import pytest

from tests.contract.conftest import Clock
from tests.contract.events import (
    NOW,
    SECOND,
    cancel_request,
    payload,
    run_end,
    run_start,
    span_end,
    span_start,
)
from tests.contract.reading import OWNER, append, events_of, run_of
from trodo_cli.client.base import Client
from trodo_cli.client.local import LocalClient
from trodo_cli.errors import NotFound
from trodo_cli.model.event import Event, TraceDone
from trodo_cli.stores.base import Store
from trodo_cli.stores.sqlite import SqliteStore

PATIENCE_SECONDS = 30
"""How long a test waits for a thread that hangs; nothing is decided by it when it does not."""


class Follower:
    """Follows a run in a thread of its own."""

    def __init__(self, client: Client, run_id: str, after: int = 0) -> None:
        self.events: list[Event] = []
        self._heard = threading.Condition()
        self._stream = client.traces.stream(run_id, after=after)
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def wait_for(self, count: int) -> None:
        with self._heard:
            assert self._heard.wait_for(lambda: len(self.events) >= count, PATIENCE_SECONDS)

    def finished(self) -> list[tuple[int, str]]:
        """All it heard, once the stream has ended."""
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive()
        return [(event.seq, event.type) for event in self.events]

    def _follow(self) -> None:
        for event in self._stream:
            with self._heard:
                self.events.append(event)
                self._heard.notify_all()


def test_a_finished_run_is_replayed_and_the_stream_ends(client: Client, store: Store) -> None:
    append(store, run_start("r"), span_start("r", "a"), span_end("r", "a"), run_end("r"))
    events = list(client.traces.stream("r"))
    assert events[:-1] == events_of(store, "r")
    assert events[-1] == TraceDone(run_id="r", run=run_of(store, "r"))


@pytest.mark.parametrize("after", range(6))
def test_a_stream_resumes_after_any_number_without_gap_or_repeat(
    client: Client, store: Store, after: int
) -> None:
    append(store, run_start("r"), span_start("r", "a"), span_end("r", "a"), run_end("r"))
    events = list(client.traces.stream("r", after=after))
    assert [event.seq for event in events[:-1]] == list(range(after + 1, 5))
    assert isinstance(events[-1], TraceDone)


def test_a_run_longer_than_a_page_is_told_whole(client: Client, store: Store) -> None:
    append(store, run_start("r"), *[span_end("r", str(number)) for number in range(2_500)], run_end("r"))
    assert [event.seq for event in client.traces.stream("r")] == [*range(1, 2_503), 0]


def test_a_missing_run_cannot_be_followed(client: Client) -> None:
    with pytest.raises(NotFound):
        next(client.traces.stream("missing"))


def test_a_lost_run_is_told_and_the_stream_ends_saying_so(client: Client, store: Store, clock: Clock) -> None:
    append(store, run_start("r"), span_start("r", "a"))
    clock.advance(60 * SECOND)
    *events, done = client.traces.stream("r")
    assert [event.seq for event in events] == [1, 2]
    assert isinstance(done, TraceDone)
    assert done.run.status == "lost"


def test_a_follower_hears_what_happens_while_it_follows(client: Client) -> None:
    client.publish([run_start("r")])
    follower = Follower(client, "r")
    follower.wait_for(1)
    client.publish([span_start("r", "a")])
    follower.wait_for(2)
    client.runs.cancel("r")
    follower.wait_for(3)
    client.publish([span_end("r", "a", payload=payload(output=1)), run_end("r", status="cancelled")])
    assert follower.finished() == [
        (1, "run-start"),
        (2, "span-start"),
        (3, "cancel-requested"),
        (4, "span-end"),
        (5, "run-end"),
        (0, "trace-done"),
    ]


def test_two_followers_hear_the_same(client: Client) -> None:
    client.publish([run_start("r"), cancel_request("r", NOW)])
    early = Follower(client, "r")
    early.wait_for(2)
    client.publish([span_end("r", "a")])
    late = Follower(client, "r", after=1)
    late.wait_for(2)
    client.publish([run_end("r")])
    assert early.finished()[1:] == late.finished()


def test_a_follower_hears_what_another_process_stores(tmp_path: Path, clock: Clock) -> None:
    ours, theirs = SqliteStore(tmp_path / "trodo.db"), SqliteStore(tmp_path / "trodo.db")
    append(theirs, run_start("r"))
    follower = Follower(LocalClient(ours, OWNER), "r")
    follower.wait_for(1)
    append(theirs, span_end("r", "a"))
    follower.wait_for(2)
    append(theirs, run_end("r"))
    assert [seq for seq, _ in follower.finished()] == [1, 2, 3, 0]
    ours.close()
    theirs.close()


def test_a_run_that_is_deleted_ends_its_streams_in_words(client: Client, store: Store) -> None:
    append(store, run_start("r"))
    stream = client.traces.stream("r")
    next(stream)
    client.runs.delete("r")
    with pytest.raises(NotFound):
        next(stream)
