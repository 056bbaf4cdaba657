"""Batches of events: what is taken of them, how they may come, and what happens when the disk is full."""

import gzip
import json
import resource
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from tests.contract.events import cancel_request, payload, run_end, run_start, span_end, span_start
from tests.server.running import Answer, Raw, eventually
from tests.server.served import NORTH, SOUTH, Served, finished_run, lines, live_run, program, request
from trodo_cli.client import connect
from trodo_cli.errors import StorageFull
from trodo_cli.model import ids
from trodo_cli.server import limits

EVENTS = "/v1/events"

GOOD = lines(run_start("r"))

BAD_LINES = {
    "no JSON": (b"{", "truncated"),
    "no object": (b"[]", "object"),
    "no type": (b'{"run_id": "r"}', "type"),
    "an unknown type": (b'{"type": "run-paused", "run_id": "r"}', "run-paused"),
    "no run": (b'{"type": "run-start", "run": {"id": "r"}}', "run_id"),
    "an empty run id": (b'{"type": "run-start", "run_id": "", "run": {"id": "r"}}', "id is empty"),
    "a long run id": (
        b'{"type": "run-start", "run_id": "%b", "run": {"id": "r"}}' % (b"x" * 201),
        "201 characters",
    ),
    "a number as run id": (b'{"type": "run-start", "run_id": 5, "run": {"id": "r"}}', "run_id"),
    "an unknown status": (b'{"type":"run-end","run_id":"r","run":{"id":"r","status":"x"}}', "status"),
    "a time of text": (
        b'{"type":"run-start","run_id":"r","run":{"id":"r","started_ns":"now"}}',
        "started_ns",
    ),
    "a time of 65 bits": (
        b'{"type":"run-start","run_id":"r","run":{"id":"r","started_ns":9223372036854775808}}',
        "64 bits",
    ),
    "too deep": (
        b'{"type":"run-start","run_id":"r","run":{"id":"r","payload":{"input":%b%b}}}'
        % (b"[" * 101, b"]" * 101),
        "deep",
    ),
    "too many keys": (
        b'{"type":"run-start","run_id":"r","run":{"id":"r","payload":{"input":{%b}}}}'
        % b",".join(b'"%d":1' % number for number in range(10_001)),
        "10,000 keys",
    ),
    "too many digits": (
        b'{"type":"run-start","run_id":"r","run":{"id":"r","payload":{"input":%b}}}' % (b"1" * 401),
        "400 digits",
    ),
    "not UTF-8": (b'{"type":"run-start","run_id":"\xff","run":{"id":"r"}}', "utf"),
    "a payload that is a list": (
        b'{"type":"run-start","run_id":"r","run":{"id":"r","payload":[1]}}',
        "payload",
    ),
}


@pytest.mark.parametrize("name", BAD_LINES)
def test_a_bad_line_is_named_and_does_not_spoil_the_others(server: Served, name: str) -> None:
    line, reason = BAD_LINES[name]
    before, after = ids.new_run_id(), ids.new_run_id()
    body = b"\n".join([lines(run_start(before)), b"", line, lines(*finished_run(after))])
    receipt = sent(server, body).json
    assert (receipt["stored"], receipt["known"], receipt["refused"]) == (5, 0, 1)
    (refusal,) = receipt["refusals"]
    assert (refusal["line"], reason in refusal["error"]) == (3, True), refusal
    for run_id, status in ((before, "running"), (after, "completed")):
        assert server.ask("GET", f"/runs/{run_id}").json["status"] == status


def test_the_first_hundred_refusals_are_spelled_out_and_all_are_counted(server: Served) -> None:
    receipt = sent(server, b"x\n" * 250).json
    assert (receipt["stored"], receipt["refused"], len(receipt["refusals"])) == (0, 250, 100)


@pytest.mark.parametrize("body", [b"", b"\n", b" \r\n\t\n"])
def test_an_empty_batch_is_taken(server: Served, body: bytes) -> None:
    assert sent(server, body).json == {"stored": 0, "known": 0, "refused": 0, "refusals": [], "asked": []}


def test_a_batch_that_comes_again_changes_nothing(server: Served) -> None:
    run_id = ids.new_run_id()
    body = lines(*finished_run(run_id))
    first, again = sent(server, body).json, sent(server, body).json
    assert (first["stored"], first["known"], again["stored"], again["known"]) == (4, 0, 0, 4)
    assert len(server.frames(f"/runs/{run_id}/stream")) == 4


ENCODINGS: dict[str, tuple[Callable[[bytes], bytes], tuple[str, ...]]] = {
    "plain": (lambda body: body, ()),
    "identity": (lambda body: body, ("content-encoding: identity",)),
    "gzip": (gzip.compress, ("content-encoding: gzip",)),
    "in capitals": (gzip.compress, ("Content-Encoding: GZIP",)),
    "x-gzip": (gzip.compress, ("content-encoding: x-gzip",)),
    "members": (
        lambda body: gzip.compress(body[:50]) + gzip.compress(body[50:]),
        ("content-encoding: gzip",),
    ),
    "as any type": (lambda body: body, ("content-type: image/png",)),
    "line ends of Windows": (lambda body: body.replace(b"\n", b"\r\n"), ()),
}


@pytest.mark.parametrize("name", ENCODINGS)
def test_a_batch_comes_plain_or_in_gzip(server: Served, name: str) -> None:
    encode, headers = ENCODINGS[name]
    run_id = ids.new_run_id()
    receipt = sent(server, encode(lines(*finished_run(run_id))), *headers).json
    assert (receipt["stored"], receipt["refused"]) == (4, 0)
    assert server.ask("GET", f"/runs/{run_id}").json["result"]["output"] == "answer"


def test_a_batch_comes_in_chunks(server: Served) -> None:
    run_id = ids.new_run_id()
    body = gzip.compress(lines(*finished_run(run_id)))
    parts = [body[start : start + 7] for start in range(0, len(body), 7)]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in [*parts, b""])
    receipt = sent(server, chunks, "transfer-encoding: chunked", "content-encoding: gzip").json
    assert receipt["stored"] == 4


REFUSED: dict[str, tuple[int, bytes, tuple[str, ...]]] = {
    "another encoding": (415, GOOD, ("content-encoding: br",)),
    "two encodings": (415, gzip.compress(gzip.compress(GOOD)), ("content-encoding: gzip, gzip",)),
    "two headers": (415, gzip.compress(GOOD), ("content-encoding: gzip", "content-encoding: gzip")),
    "no gzip": (400, GOOD, ("content-encoding: gzip",)),
    "half a gzip": (400, gzip.compress(GOOD)[:-4], ("content-encoding: gzip",)),
    "a damaged gzip": (400, gzip.compress(GOOD)[:-8] + b"\0" * 8, ("content-encoding: gzip",)),
    "too long as it says": (413, b"", (f"content-length: {limits.MAX_WIRE_BYTES + 1}",)),
    "a length that is none": (400, b"", ("content-length: x",)),
    "a negative length": (400, b"", ("content-length: -1",)),
    "two lengths": (400, GOOD, (f"content-length: {len(GOOD)}", "content-length: 5")),
    "a length and chunks": (400, b"0\r\n\r\n", ("content-length: 5", "transfer-encoding: chunked")),
    "a bomb": (413, gzip.compress(b"\0" * (limits.MAX_BODY_BYTES + 1), 1), ("content-encoding: gzip",)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_body_that_cannot_be_read_is_refused_with_a_reason(server: Served, name: str) -> None:
    status, body, headers = REFUSED[name]
    answer = sent(server, body, *headers)
    assert answer.status == status, answer
    assert answer.json["error"]


def test_a_line_that_is_too_much_is_refused_before_it_is_parsed(server: Served) -> None:
    line = b'{"type":"run-start","run_id":"r","run":{"payload":{"input":%b}}}' % (
        b"[" * 100_000 + b"]" * 100_000
    )
    (refusal,) = sent(server, line).json["refusals"]
    assert "deeper than 100 levels" in refusal["error"]


TOO_MUCH = {
    "/runs": {
        "keys": b'{"agentId":"x","input":{%b}}' % b",".join(b'"%d":1' % number for number in range(10_001)),
        "values": b'{"agentId":"x","input":[%b0]}' % (b"[]," * 1_000_001),
        "levels": b'{"agentId":"x","input":%b%b}' % (b"[" * 101, b"]" * 101),
        "digits": b'{"agentId":"x","input":%b}' % (b"1" * 401),
    },
    "/v1/drops": {"keys": b'{"dropped":{%b}}' % b",".join(b'"%d":1' % number for number in range(10_001))},
    "/v1/heartbeats": {"values": b'{"runs":[%b""]}' % (b'"",' * 1_000_001)},
}
"""Bodies beyond a bound, by target and by the word that says which."""


@pytest.mark.parametrize(
    ("target", "word"), [(target, word) for target in TOO_MUCH for word in TOO_MUCH[target]]
)
def test_every_body_has_the_bounds_that_a_line_of_events_has(server: Served, target: str, word: str) -> None:
    answer = server.ask("POST", target, body=TOO_MUCH[target][word])
    assert (answer.status, word in answer.json.get("error", "")) == (400, True)


def test_a_question_that_waits_may_not_be_large(server: Served) -> None:
    answer = server.ask("POST", "/v1/asked", body=b'{"runs":[%b""]}' % (b'"",' * limits.SMALL_BYTES))
    assert answer.status == 413


def test_a_few_slow_senders_do_not_keep_others_from_sending(
    fresh: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SLOT_SECONDS", 0.2)
    slow = request("POST", EVENTS, f"authorization: Bearer {fresh.secret(SOUTH)}", "content-length: 300000")
    body = lines(run_start("r"), span_end("r", "s", payload=payload(input="x" * limits.SMALL_BYTES)))
    with ExitStack() as stack:
        for _ in range(limits.LARGE_SLOTS):
            stack.enter_context(Raw(fresh.port)).send(slow + b"{")
        eventually(lambda: fresh.server.connections == limits.LARGE_SLOTS)
        assert fresh.ask("POST", EVENTS, body=body).status == 200


def test_a_gzip_in_a_gzip_is_no_event(server: Served) -> None:
    receipt = sent(server, gzip.compress(gzip.compress(GOOD)), "content-encoding: gzip").json
    assert (receipt["stored"], receipt["refused"] > 0) == (0, True)


def test_a_cancel_through_ingest_needs_the_scope_control(server: Served) -> None:
    run_id = ids.new_run_id()
    server.publish(*live_run(run_id), alive=True)
    body = lines(cancel_request(run_id, reason="enough"), span_start(run_id, "next"))
    receipt = sent(server, body, secret=server.secret(NORTH, "ingest")).json
    assert (receipt["stored"], receipt["refused"], receipt["asked"]) == (1, 1, [])
    assert "`control`" in receipt["refusals"][0]["error"]
    assert server.of(NORTH).runs.get(run_id).cancel is None
    receipt = sent(server, body, secret=server.secret(NORTH, "ingest", "control")).json
    assert (receipt["stored"], receipt["refused"], receipt["asked"]) == (1, 0, [run_id])


def test_a_producer_cannot_say_whose_run_it_is_or_what_the_store_knows(server: Served) -> None:
    run_id = ids.new_run_id()
    said = {
        "id": "other",
        "started_ns": 1,
        "owner": "south",
        "last_seq": 99,
        "traceless": True,
        "heartbeat_ns": 1,
    }
    said |= {"totals": {"spans": 5}, "cancel": {"requested_ns": 1}}
    body = json.dumps({"type": "run-start", "run_id": run_id, "seq": 77, "run": said}).encode()
    assert sent(server, body, query="?alive=false").json["stored"] == 1
    run = server.of(NORTH).runs.get(run_id)
    assert (run.id, run.owner, run.last_seq, run.traceless) == (run_id, NORTH, 1, False)
    assert (run.totals.spans, run.cancel, run.heartbeat_ns) == (0, None, 0)


def test_trace_done_is_no_event_of_a_producer(server: Served) -> None:
    run_id = ids.new_run_id()
    body = b'{"type":"trace-done","run_id":"%b","run":{"id":"x","status":"completed"}}' % run_id.encode()
    assert sent(server, body).status == 200
    assert server.ask("GET", f"/runs/{run_id}").status == 404


def test_a_sign_of_life_counts_only_from_producers_that_are_alive(server: Served) -> None:
    dead, alive = ids.new_run_id(), ids.new_run_id()
    sent(server, lines(run_start(dead)), query="?alive=false")
    sent(server, lines(run_start(alive)))
    assert not server.of(NORTH).runs.get(dead).heartbeat_ns
    assert server.of(NORTH).runs.get(alive).heartbeat_ns


def test_heartbeats_tell_what_is_asked_and_count_as_delivered(server: Served) -> None:
    asked, other = ids.new_run_id(), ids.new_run_id()
    server.publish(*live_run(asked), *live_run(other), cancel_request(asked, reason="enough"))
    body = json.dumps({"runs": [asked, other, "missing"]}).encode()
    answer = server.ask("POST", "/v1/heartbeats", secret=server.secret(NORTH, "ingest"), body=body)
    assert {run: cancel["reason"] for run, cancel in answer.json["cancels"].items()} == {asked: "enough"}
    cancel = server.of(NORTH).runs.get(asked).cancel
    assert cancel is not None
    assert cancel.delivered_ns


@pytest.mark.parametrize("count", [-1, 2**53, 1.5, "1", None, True])
def test_a_count_of_drops_is_a_whole_number(server: Served, count: Any) -> None:
    body = json.dumps({"dropped": {"good": 1, "bad": count}}).encode()
    before = server.ask("GET", "/v1/drops").json
    assert server.ask("POST", "/v1/drops", body=body).status == 400
    assert server.ask("GET", "/v1/drops").json == before


def test_counts_of_drops_stay_whole_numbers_however_many_there_are(fresh: Served) -> None:
    for _ in range(1_030):
        fresh.local.record_drops({"full": 2**53 - 1})
    assert fresh.ask("POST", "/v1/drops", body=b'{"dropped": {"full": 1}}').status == 204
    assert isinstance(fresh.ask("GET", "/v1/drops").json["dropped"]["full"], int)


def test_a_full_disk_is_507_reads_go_on_and_it_recovers_by_itself(tmp_path: Path) -> None:
    with program(tmp_path) as serving:
        assert serving.ask("POST", EVENTS, body=lines(*live_run("before"))).status == 200
        with serving.follow("/traces/before/stream") as following:
            assert following.frame() is not None
            largest = max(file.stat().st_size for file in serving.cli.home.iterdir() if file.is_file())
            big = lines(run_start("big"), span_end("big", "s", payload=payload(input="x" * 2_000_000)))
            resource.prlimit(serving.pid, resource.RLIMIT_FSIZE, (largest + 100_000, resource.RLIM_INFINITY))
            for _ in range(3):
                answer = serving.ask("POST", EVENTS, body=big)
                assert (answer.status, answer.json["code"], answer["retry-after"]) == (
                    507,
                    "STORAGE_FULL",
                    "5",
                )
                assert serving.ask("GET", "/runs/before").json["status"] == "running"
                assert serving.ask("GET", "/runs/big").status == 404
            resource.prlimit(
                serving.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
            )
            assert serving.ask("POST", EVENTS, body=big).json["stored"] == 2
            assert serving.ask("POST", EVENTS, body=lines(run_end("before"))).json["stored"] == 1
            assert [frame["event"] for frame in following.frames()][-1] == "trace-done"
        assert len(serving.ask("GET", "/traces/big").json["spans"]) == 2
        done = serving.stop()
    assert (done.code, "Traceback" in done.err) == (0, False)


def test_the_hosted_client_says_that_the_disk_is_full_and_goes_on_when_it_is_not(tmp_path: Path) -> None:
    with program(tmp_path) as serving, closing(connect(serving.url, key_of=lambda: serving.key)) as client:
        resource.prlimit(serving.pid, resource.RLIMIT_FSIZE, (1_000, resource.RLIM_INFINITY))
        with pytest.raises(StorageFull, match="the store has no room"):
            client.publish(live_run("r"))
        assert client.runs.list().rows == []
        resource.prlimit(serving.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        assert client.publish(live_run("r")).stored == 2


def sent(server: Served, body: bytes, *headers: str, secret: str | None = None, query: str = "") -> Answer:
    answer = server.ask("POST", EVENTS + query, *headers, secret=secret, body=body)
    assert answer.status < 500
    return answer
