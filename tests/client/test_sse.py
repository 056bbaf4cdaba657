"""A follower whose server, or the way to it, is not as it should be."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import pytest
from starlette.types import Receive, Scope, Send

from tests.sdk.host import eventually
from tests.server.running import running
from trodo_cli.client import connect
from trodo_cli.client.base import Client
from trodo_cli.errors import InvalidInput
from trodo_cli.model.event import Event, RunStart, SpanEnd, TraceDone
from trodo_cli.model.run import Run
from trodo_cli.model.span import Span
from trodo_cli.wire.native import write_event


def frame(event: Event) -> bytes:
    return b"event: x\ndata: " + write_event(event) + b"\nid: " + str(event.seq).encode() + b"\n\n"


START = frame(RunStart(run_id="r", seq=1, run=Run(id="r", started_ns=1)))
DONE = frame(TraceDone(run_id="r", run=Run(id="r", status="completed", last_seq=3)))


def end(number: int) -> bytes:
    return frame(SpanEnd(run_id="r", seq=number, span=Span(id=f"s{number}", status="ok")))


class Script:
    """A server whose streams say what they are told to, one connection after the other."""

    def __init__(self, *connections: bytes) -> None:
        self.connections = list(connections)
        self.asked: list[str] = []
        self.waiting = threading.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_stream = scope["path"].endswith("/stream")
        kind = b"text/event-stream" if is_stream else b"application/json"
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
        if not is_stream:
            await send({"type": "http.response.body", "body": b'{"service":"trodo","id":"r"}'})
            return
        self.asked.append(scope["query_string"].decode())
        if self.connections:
            await send({"type": "http.response.body", "body": self.connections.pop(0)})
            return
        await send({"type": "http.response.body", "body": b":\n\n", "more_body": True})
        self.waiting.set()
        while (await receive())["type"] != "http.disconnect":
            pass


@contextmanager
def following(script: Script) -> Iterator[Client]:
    with running(script) as server:
        client = connect(server.url)
        try:
            yield client
        finally:
            client.close()


def told(script: Script) -> list[int]:
    with following(script) as client:
        return [event.seq for event in client.traces.stream("r")]


def test_a_stream_that_breaks_off_is_asked_again_after_the_last_event() -> None:
    script = Script(START + end(2)[:20], START, end(2) + end(3) + DONE)
    assert told(script) == [1, 2, 3, 0]
    assert script.asked == ["since=0", "since=1", "since=1"]


def test_repeated_events_comments_and_a_byte_order_mark_change_nothing() -> None:
    noise = b"\xef\xbb\xbf" + START + b":\n\n" + START + b"retry: 1\n\n" + end(2) + end(2) + end(3) + DONE
    assert told(Script(noise)) == [1, 2, 3, 0]


@pytest.mark.parametrize(
    "short", [START + end(3), START + end(2) + DONE], ids=["in-the-middle", "at-the-end"]
)
def test_what_was_left_out_is_asked_for_once(short: bytes) -> None:
    assert told(Script(short, end(2) + end(3) + DONE if short == START + end(3) else end(3) + DONE)) == [
        1,
        2,
        3,
        0,
    ]
    with pytest.raises(InvalidInput, match="tells event"):
        told(Script(short, short))


def test_an_event_that_cannot_be_read_is_an_error_in_words() -> None:
    unknown = msgspec.json.encode({"type": "run-paused", "run_id": "r"})
    with pytest.raises(InvalidInput, match="cannot read"):
        told(Script(START + b"data: " + unknown + b"\n\n"))


def test_closing_the_client_ends_who_waits_at_a_stream() -> None:
    script = Script()
    with following(script) as client:
        follower = threading.Thread(target=lambda: list(client.traces.stream("r")))
        follower.start()
        assert script.waiting.wait(60)
        client.close()
        follower.join(60)
        assert not follower.is_alive()


def test_a_stream_of_a_closed_client_has_nothing_to_tell() -> None:
    with following(Script()) as client:
        client.close()
        assert list(client.traces.stream("r")) == []


def test_streams_do_not_hold_up_other_requests() -> None:
    script = Script()
    with following(script) as client:
        streams = [threading.Thread(target=lambda: list(client.traces.stream("r"))) for _ in range(120)]
        for stream in streams:
            stream.start()
        eventually(lambda: len(script.asked) == len(streams))
        assert client.runs.find("latest") == "r"
        client.close()
        for stream in streams:
            stream.join(60)
