"""Streams: what they tell and in which order, how they are resumed, and how they end."""

import json
import socket
from contextlib import ExitStack, closing
from pathlib import Path
from unittest.mock import patch

import pytest

from tests.cli.program import eventually
from tests.contract.events import payload, run_end, run_start, span_end, span_start, span_update
from tests.server.running import Raw
from tests.server.served import NATIVE, SOUTH, Frame, Served, finished_run, live_run, program, request
from trodo_cli.client.local import LocalClient
from trodo_cli.model import ids
from trodo_cli.server import service, stream
from trodo_cli.stores.sqlite import SqliteStore

KINDS = pytest.mark.parametrize("kind", ["runs", "traces", "native"])


def target(kind: str, run_id: str) -> str:
    return f"/{'runs' if kind == 'runs' else 'traces'}/{run_id}/stream"


def wanted(kind: str) -> tuple[str, ...]:
    return (NATIVE,) if kind == "native" else ()


def names(frames: list[Frame]) -> list[str]:
    return [frame["event"] for frame in frames]


def seqs(frames: list[Frame]) -> list[int]:
    return [int(frame["id"]) for frame in frames if "id" in frame]


@pytest.fixture
def busy(server: Served) -> str:
    """A finished run of 500 tool calls, each started, changed and ended."""
    run_id = ids.new_run_id()
    server.publish(*live_run(run_id))
    for number in range(500):
        said = {"name": f"call {number}", "kind": "tool", "tool": f"call {number}"}
        server.publish(span_start(run_id, str(number), **said), span_update(run_id, str(number), **said))
        server.publish(span_end(run_id, str(number), **said))
    server.publish(run_end(run_id))
    return run_id


@KINDS
def test_the_numbers_of_a_long_run_rise_and_none_is_told_twice(server: Served, busy: str, kind: str) -> None:
    found = seqs(server.frames(f"{target(kind, busy)}?since=0", *wanted(kind)))
    assert found == sorted(set(found))
    assert found[0] == 1
    if kind == "native":
        assert found == list(range(1, found[-1] + 1))
        assert len(found) > 1_000


@KINDS
def test_a_stream_goes_on_after_any_number_without_a_gap_or_a_repeat(server: Served, kind: str) -> None:
    run_id = ids.new_run_id()
    server.publish(*finished_run(run_id))
    whole = server.frames(f"{target(kind, run_id)}?since=0", *wanted(kind))
    for after in range(5):
        rest = [frame for frame in whole if int(frame.get("id", 5)) > after]
        told = server.frames(f"{target(kind, run_id)}?since={after}", *wanted(kind))
        assert seqs(told) == seqs(rest)
        by_header = server.frames(target(kind, run_id), f"last-event-id: {after}", *wanted(kind))
        assert by_header == told
        if kind != "traces":
            assert told == rest


def test_since_goes_before_last_event_id(server: Served, busy: str) -> None:
    told = server.frames(f"{target('runs', busy)}?since=100", "last-event-id: 5")
    assert seqs(told)[0] > 100


@KINDS
@pytest.mark.parametrize("last", ["x", "-1", "", "1.5", "0x10", "1, 2", "9" * 40, "\xb2"])
def test_a_last_event_id_that_is_no_number_is_ignored(server: Served, kind: str, last: str) -> None:
    run_id = ids.new_run_id()
    server.publish(*finished_run(run_id))
    told = server.frames(target(kind, run_id), f"last-event-id: {last}", *wanted(kind))
    assert told == server.frames(target(kind, run_id), *wanted(kind))


@KINDS
@pytest.mark.parametrize("since", ["x", "-1", "1.5", "NaN", "1e3", "%D9%A1", "9" * 40, "1,2", "%00"])
def test_a_since_that_is_no_number_is_refused_before_the_stream_begins(
    server: Served, kind: str, since: str
) -> None:
    run_id = ids.new_run_id()
    server.publish(*finished_run(run_id))
    answer = server.ask("GET", f"{target(kind, run_id)}?since={since}", *wanted(kind))
    assert (answer.status, answer.json["error"]) == (400, "Invalid `since` query param")
    assert answer["content-type"] == "application/json"


@KINDS
def test_an_empty_since_is_none(server: Served, kind: str) -> None:
    run_id = ids.new_run_id()
    server.publish(*finished_run(run_id))
    assert server.frames(f"{target(kind, run_id)}?since=", *wanted(kind)) == server.frames(
        target(kind, run_id), *wanted(kind)
    )


@pytest.mark.parametrize("since", ["4", "5", str(2**63), "9" * 30])
def test_beyond_the_last_number_a_finished_stream_only_ends(server: Served, since: str) -> None:
    run_id = ids.new_run_id()
    server.publish(*finished_run(run_id))
    assert server.frames(f"{target('runs', run_id)}?since={since}") == []
    assert names(server.frames(f"{target('traces', run_id)}?since={since}")) == ["trace-done"]
    assert names(server.frames(f"{target('native', run_id)}?since={since}", NATIVE)) == ["trace-done"]


def test_a_finished_trace_is_one_snapshot_without_a_number(server: Served) -> None:
    run_id = ids.new_run_id()
    server.publish(*finished_run(run_id))
    (frame,) = server.frames(target("traces", run_id))
    assert (frame["event"], "id" in frame) == ("snapshot", False)
    assert json.loads(frame["data"]) == server.ask("GET", f"/traces/{run_id}").json


@KINDS
def test_a_stream_has_its_headers_and_lines(server: Served, kind: str) -> None:
    run_id = ids.new_run_id()
    server.publish(*finished_run(run_id))
    answer = server.ask("GET", f"{target(kind, run_id)}?since=0", *wanted(kind))
    assert answer["content-type"].partition(";")[0] == "text/event-stream"
    assert (answer["cache-control"], answer["x-accel-buffering"]) == ("no-cache", "no")
    assert answer.all("content-length") == []
    for frame in answer.body.decode("ascii").removesuffix("\n\n").split("\n\n"):
        assert [line.partition(": ")[0] for line in frame.split("\n")] in (
            ["event", "data", "id"],
            ["event", "data"],
        )


@KINDS
def test_a_stream_is_printable_ascii_whatever_it_tells(server: Served, kind: str) -> None:
    run_id, hostile = (
        ids.new_run_id(),
        "ä\u2028\u2029\x85\x0b\x0c\x1c\x1d\x1e\x1f\x7f\x9b\r\n\rid: 999\ndata: x\n\n",
    )
    noted = payload(
        input=hostile, attributes={hostile: hostile}, events=[{"name": hostile}], output=[hostile]
    )
    server.publish(
        run_start(run_id, agent=hostile, payload=noted),
        span_end(run_id, hostile, name=hostile, kind="tool", tool=hostile, error=hostile, payload=noted),
        run_end(run_id, status="failed", error=hostile, payload=noted),
    )
    for query in ("", "?since=0", "?payload=false"):
        body = server.ask("GET", target(kind, run_id) + query, *wanted(kind)).body
        assert set(body) <= {0x0A, *range(0x20, 0x7F)}
        lines = body.split(b"\n")
        assert any(hostile in texts_of(json.loads(line[5:])) for line in lines if line.startswith(b"data:"))
        assert b"id: 999" not in lines


def texts_of(value: object) -> list[str]:
    """Every text in a value."""
    if isinstance(value, dict):
        return [text for item in value.items() for part in item for text in texts_of(part)]
    if isinstance(value, list):
        return [text for part in value for text in texts_of(part)]
    return [value] if isinstance(value, str) else []


@KINDS
def test_light_streams_leave_out_what_is_heavy(server: Served, kind: str) -> None:
    run_id = ids.new_run_id()
    server.publish(run_start(run_id, payload=payload(input="heavy")))
    server.publish(span_start(run_id, "s", kind="tool", payload=payload(attributes={"note": "heavy"})))
    server.publish(span_end(run_id, "s", kind="tool", payload=payload(input="heavy", output="heavy")))
    server.publish(run_end(run_id, payload=payload(output="heavy")))
    for query in ("?payload=false", "?payload=false&since=0"):
        light = server.ask("GET", target(kind, run_id) + query, *wanted(kind)).body
        whole = server.ask("GET", target(kind, run_id) + query.replace("false", "true"), *wanted(kind)).body
        assert (b"heavy" in whole, b"heavy" in light) == (True, False)


@KINDS
def test_what_happens_is_told_as_it_happens_and_the_end_ends_it(server: Served, kind: str) -> None:
    run_id = ids.new_run_id()
    server.publish(*live_run(run_id), alive=True)
    with server.follow(target(kind, run_id), *wanted(kind)) as following:
        assert following.frame() is not None
        for number in range(5):
            server.send(span_start(run_id, f"call-{number}", kind="tool"))
            while f"call-{number}" not in (following.frame() or {"data": "ended"})["data"]:
                pass
        server.send(run_end(run_id, payload=payload(output="the end")))
        last = following.frames()[-1]
    assert last["event"] == ("run-complete" if kind == "runs" else "trace-done")


@KINDS
def test_what_another_process_stores_is_told_too(server: Served, kind: str) -> None:
    run_id = ids.new_run_id()
    server.publish(*live_run(run_id), alive=True)
    with (
        server.follow(target(kind, run_id), *wanted(kind)) as following,
        closing(LocalClient(SqliteStore(server.path), server.local.owner)) as other,
    ):
        assert following.frame() is not None
        other.publish([span_start(run_id, "from afar", kind="tool"), run_end(run_id)])
        assert any("from afar" in frame["data"] for frame in following.frames())


def test_what_is_open_is_opened_before_it_ends(server: Served) -> None:
    run_id = ids.new_run_id()
    server.publish(*live_run(run_id), span_start(run_id, "late", kind="tool"), alive=True)
    with server.follow(f"{target('traces', run_id)}?since=3") as following:
        server.send(span_end(run_id, "late", kind="tool"), run_end(run_id))
        told = [(frame["event"], json.loads(frame["data"])) for frame in following.frames()]
    opened = [data["span"]["spanId"] for name, data in told if name == "span-start"]
    ended = [data["spanId"] for name, data in told if name == "span-end"]
    assert opened == ended == ["late", run_id[-16:]]


@KINDS
def test_a_lost_run_ends_its_stream(server: Served, kind: str) -> None:
    run_id = ids.new_run_id()
    hour_ago = ids.now_ns() - 3600 * 10**9
    with patch.object(ids, "now_ns", lambda: hour_ago):
        server.publish(*live_run(run_id), alive=True)
    told = server.frames(target(kind, run_id), *wanted(kind))
    assert names(told)[-1] == ("run-spawn" if kind == "runs" else "trace-done")


@KINDS
@pytest.mark.parametrize("what", ["runs", "traces"])
def test_a_run_that_is_deleted_while_it_is_followed_ends_its_stream(
    server: Served, kind: str, what: str
) -> None:
    run_id = ids.new_run_id()
    server.publish(*live_run(run_id), alive=True)
    with server.follow(target(kind, run_id), *wanted(kind)) as following:
        assert following.frame() is not None
        assert server.ask("DELETE", f"/{what}/{run_id}").status == 204
        if what == "traces":
            server.send(run_end(run_id))
        rest = names(following.frames())
    assert ("trace-done" in rest) == (what == "traces" and kind != "runs")
    assert server.ask("GET", f"/{what}/{run_id}").status == 404


@KINDS
def test_silence_is_broken_by_comments(server: Served, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(stream, "HEARTBEAT_NS", 0)
    run_id = ids.new_run_id()
    server.publish(run_start(run_id), alive=True)
    with server.follow(target(kind, run_id), *wanted(kind)) as following:
        assert following.frame() is not None
        for _ in range(2):
            assert following.frame() == {"": ""}
        server.send(run_end(run_id))
        assert [frame for frame in following.frames() if "event" in frame]


@pytest.fixture
def few(fresh: Served, monkeypatch: pytest.MonkeyPatch) -> Served:
    """A server that takes two viewers of a key and three of all, with a run to look at."""
    monkeypatch.setattr(service, "MAX_VIEWERS_PER_KEY", 2)
    monkeypatch.setattr(service, "MAX_VIEWERS", 3)
    fresh.publish(*live_run("r"), alive=True)
    fresh.publish(*live_run("r"), owner=SOUTH, alive=True)
    return fresh


@KINDS
def test_a_key_has_so_many_streams_and_no_more(few: Served, kind: str) -> None:
    where = target(kind, "r")
    with ExitStack() as stack:
        for _ in range(2):
            assert stack.enter_context(few.follow(where, *wanted(kind))).frame() is not None
        question = few.ask("POST", "/v1/asked", body=b'{"runs": ["r"]}')
        for answer in (few.ask("GET", where, *wanted(kind)), question):
            assert (answer.status, answer["retry-after"]) == (429, "5")
        other = few.secret(SOUTH)
        assert stack.enter_context(few.follow(where, *wanted(kind), secret=other)).frame() is not None
        assert few.ask("GET", where, *wanted(kind), secret=few.secret(SOUTH, "read")).status == 429
        assert few.ask("GET", "/runs").status == 200
    eventually(lambda: not few.service._viewers)
    with few.follow(where, *wanted(kind)) as again:
        assert again.status == 200


def test_a_viewer_who_accepts_nothing_is_let_go_and_holds_up_nobody(
    few: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "SEND_SECONDS", 2)
    with Raw(few.port) as stalled, few.follow(target("native", "r"), NATIVE) as following:
        stalled.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stalled.send(request("GET", "/traces/r/stream", NATIVE, f"authorization: Bearer {few.secret()}"))
        eventually(lambda: few.service._viewers.total() == 2)
        for number in range(20):
            few.publish(span_end("r", f"s{number}", payload=payload(input="x" * 1_000_000)), alive=True)
            while f"s{number}" not in (following.frame() or {"data": "ended"})["data"][:200]:
                pass
        eventually(lambda: few.service._viewers.total() == 1)
        few.publish(run_end("r"))
        assert names(following.frames())[-1] == "trace-done"


def test_200_open_streams_end_cleanly_when_the_program_is_ended(tmp_path: Path) -> None:
    with program(tmp_path) as serving, ExitStack() as stack:
        serving.cli.publish(live_run("r"), alive=True)
        streams = [stack.enter_context(serving.follow("/traces/r/stream")) for _ in range(200)]
        assert all(stream.frame() for stream in streams)
        done = serving.stop()
        assert done.code == 0
        assert [name for stream in streams for name in names(stream.frames())] == ["span-start"] * 200
