"""The 40 hostile inputs, in every place that takes a text or a number: taken or refused with a reason, and readable.

A value that is an object with a `$` in its only or first key is a recipe; see `as_json`.
"""

import json
from contextlib import closing
from typing import Any
from urllib.parse import quote

import pytest

from tests.cli.hostile import HOSTILE, stored
from tests.contract.events import run_end
from tests.harness.api_fuzz import Reader
from tests.server.running import Answer, Raw
from tests.server.served import NATIVE, SOUTH, Served, live_run
from trodo_cli.client import connect
from trodo_cli.model import ids

EVENTS = "/v1/events"

OF_A_RUN = (
    "agent",
    "status",
    "parent_id",
    "parent_span_id",
    "session",
    "user",
    "error",
    "version",
    "tags",
    "payload",
)
OF_A_SPAN = (
    "parent_id", "name", "kind", "level", "model", "provider", "tool", "error", "error_type", "status_code",
    "started_ns", "ended_ns", "version", "cost", "usage", "status", "payload",
)  # fmt: skip
OF_A_PAYLOAD = ("input", "output", "attributes", "events", "stack")

PLACES = {
    "run id": '{"type":"run-start","run_id":HERE,"run":{"id":"x","started_ns":1}}',
    "run.id": '{"type":"run-start","run_id":"RUN","run":{"id":HERE,"started_ns":1}}',
    "run.started_ns": '{"type":"run-start","run_id":"RUN","run":{"id":"x","started_ns":HERE}}',
    "run.ended_ns": '{"type":"run-end","run_id":"RUN","run":{"id":"x","ended_ns":HERE}}',
    "type": '{"type":HERE,"run_id":"RUN","run":{"id":"x","started_ns":1}}',
    "seq": '{"type":"run-start","run_id":"RUN","seq":HERE,"run":{"id":"x","started_ns":1}}',
    "tag": '{"type":"run-start","run_id":"RUN","run":{"id":"x","started_ns":1,"tags":[HERE]}}',
    **{
        name: f'{{"type":"run-start","run_id":"RUN","run":{{"id":"x","started_ns":1,"{name}":HERE}}}}'
        for name in OF_A_RUN
    },
    "span.id": '{"type":"span-end","run_id":"RUN","span":{"id":HERE,"status":"ok"}}',
    **{
        f"span.{name}": f'{{"type":"span-end","run_id":"RUN","span":{{"id":"{name}","{name}":HERE}}}}'
        for name in OF_A_SPAN
    },
    **{
        name: f'{{"type":"span-end","run_id":"RUN","span":{{"id":"{name}","payload":{{"{name}":HERE}}}}}}'
        for name in OF_A_PAYLOAD
    },
    "tokens": '{"type":"span-end","run_id":"RUN","span":{"id":"t","usage":{"input":HERE,"output":HERE}}}',
    "attribute": '{"type":"span-end","run_id":"RUN","span":{"id":"a","payload":{"attributes":{"a":HERE}}}}',
    "attribute key": '{"type":"span-end","run_id":"RUN","span":{"id":"k","payload":{"attributes":{HERE:1}}}}',
    "moment": '{"type":"span-end","run_id":"RUN","span":{"id":"m","payload":{"events":[{"name":HERE,"at_ns":HERE}]}}}',
    "cancel.reason": '{"type":"cancel-requested","run_id":"RUN","cancel":{"requested_ns":5,"reason":HERE}}',
    "cancel.requested_ns": '{"type":"cancel-requested","run_id":"RUN","cancel":{"requested_ns":HERE}}',
    "an unknown field": '{"type":"span-end","run_id":"RUN","span":{"id":"u"},"more":HERE,HERE:1}',
}
"""A line of events for each place; HERE is the value."""

WHOLE = (
    '{"type":"run-start","run_id":"RUN","run":{"id":"x","started_ns":1,"agent":HERE,"session":HERE,"user":HERE,'
    '"tags":[HERE],"payload":{"input":HERE,"attributes":{HERE:HERE}}}}',
    '{"type":"span-end","run_id":"RUN","span":{"id":"s","status":"ok","name":HERE,"model":HERE,"provider":HERE,'
    '"tool":HERE,"error":HERE,"error_type":HERE,"status_code":HERE,"level":HERE,"payload":{"input":HERE,"output":'
    '[HERE],"attributes":{HERE:HERE},"events":[{"name":HERE}],"stack":HERE}}}',
)
"""A run and a span that are one text all over."""

PARTS = [[*PLACES.values()][start : start + 5] for start in range(0, len(PLACES), 5)]
"""The same in parts that are not too large for one body, whatever the value is."""

BODIES = {
    EVENTS: "HERE",
    "/runs": '{"agentId":HERE,"input":HERE,"sessionId":HERE}',
    "/runs/RUN/cancel": '{"reason":HERE,"by":HERE}',
    "/v1/heartbeats": '{"runs":[HERE]}',
    "/v1/asked": '{"runs":[HERE]}',
    "/v1/drops": '{"dropped":{HERE:1}}',
}

WRONG: list[Any] = [None, True, 0, -1, 1.5, "", [], {}, [[]], "x" * 201, [None]]

VALUES: dict[str, Any] = {
    **{
        f"31 {text}": {"$raw": text}
        for text in ("NaN", "Infinity", "-Infinity", "1e400", "-1e400", "-0.0", "5e-324")
    },
    **{
        f"32 {text}": {"$raw": text}
        for text in ("9223372036854775807", "9223372036854775808", "18446744073709551616")
    },
    **{
        f"32 {text}": {"$raw": text}
        for text in ("-9223372036854775808", "-9223372036854775809", "1e18", "1.5e300")
    },
    "32 400 digits": {"$repeat": ["7", 400], "$as": "number"},
    "32 5,000 digits": {"$repeat": ["7", 5_000], "$as": "number"},
    "33 depth 99": {"$nest": ["[", "]", 99]},
    "33 depth 100,000": {"$nest": ["[", "]", 100_000]},
    "33 depth 100,000 of objects": {"$nest": ['{"a":', "}", 100_000]},
    "33 depth 100,000 without an end": {"$nest": ["[", "", 100_000]},
    "33 9,000 keys": {"$keys": 9_000},
    "33 11,000 keys": {"$keys": 11_000},
    "33 duplicate keys": {"$raw": '{"a":1,"a":2,"input":3,"input":4}'},
    "33 an empty key": {"": {"": ""}},
    "33 __proto__": {"__proto__": {"constructor": {"prototype": 1}}},
    "34 a lone surrogate": {"$raw": r'"\ud800"'},
    "34 surrogates the wrong way round": {"$raw": r'"\udc00\ud800"'},
    "34 a surrogate as bytes": {"$bytes_hex": "eda080"},
    "34 FF FE": {"$bytes_hex": "fffe"},
    "34 C0 80": {"$bytes_hex": "c080"},
    "34 beyond Unicode": {"$bytes_hex": "f4908080"},
    "34 a BOM": {"$bytes_hex": "efbbbf"},
    "34 NUL": {"$raw": r'"a\u0000b"'},
    **{f"35 {json.dumps(wrong)}": wrong for wrong in WRONG},
    "37 traversal": "../../../../outside/canary",
    "37 a path": "a/b\\c:d*?\0%2e%2e",
    "38 a forged frame": "r\nid: 999999\ndata: forged\n\n",
    "40 secrets": 'Bearer sk-live-0123456789 {"password":"hunter2"} https://u:p@host.invalid/?token=x',
    "40 mail": {"$repeat": ["a@a.", 16_384]},
    **HOSTILE,
}

RAW_BODIES: dict[str, bytes] = {
    "empty": b"",
    "one NUL": b"\0",
    "UTF-16": '{"type":"run-start","run_id":"r","run":{"id":"r"}}'.encode("utf-16"),
    "UTF-32": '{"type":"run-start","run_id":"r","run":{"id":"r"}}'.encode("utf-32"),
    "a BOM": b'\xef\xbb\xbf{"type":"run-start","run_id":"r","run":{"id":"r"}}',
    "FF FE": b"\xff\xfe",
    "C0 80": b'{"type":"run-start","run_id":"\xc0\x80","run":{"id":"r"}}',
    "ED A0 80": b'{"type":"run-start","run_id":"\xed\xa0\x80","run":{"id":"r"}}',
    "100,000 brackets": b"[" * 100_000,
    "100,000 quotes": b'"' * 100_000,
    "100,000 backslashes": b'"' + b"\\" * 100_000,
    "100,000 lines": b"{}\n" * 100_000,
    "100,000 line ends": b"\n" * 100_000,
    "100,000 keys": json.dumps({f"k{number}": number for number in range(100_000)}).encode(),
    "a long number": b"1" * 1_000_000,
    "a long line": b'{"type":"run-start","run_id":"r","run":{"id":"r","agent":"' + b"x" * 2**20 + b'"}}',
    "line separators": '{"type":\u2028"run-start"}\u2029\x85\x0b\x0c\x1c'.encode(),
    "form data": b"--x\r\ncontent-disposition: form-data; name=a\r\n\r\nb\r\n--x--",
    "XML": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
}

HEADERS = {
    "39 not ASCII": "authorization: Bearer \xe9\xff",
    "39 empty": "authorization:",
    "38 beyond 64 bits": f"last-event-id: {2**64}",
    "38 negative": "last-event-id: -1",
    "38 of another run": "last-event-id: 0192.5",
    "19 content type": "content-type: \x1b]0;owned\x07",
    "an accept of escapes": "accept: \x1b[2J application/vnd.trodo+json",
    "a long accept": "accept: " + "application/json," * 2_000,
    "a range": "range: bytes=0-",
    "an upgrade": "upgrade: websocket",
    "an expectation": "expect: 100-continue",
    "another method": "x-http-method-override: DELETE",
    "a proxy": "x-forwarded-for: ../../x",
}

SENT = pytest.mark.parametrize("value", [pytest.param(value, id=name) for name, value in VALUES.items()])


@SENT
def test_a_value_in_every_place_of_an_event_is_taken_or_refused_with_a_reason(
    server: Served, value: Any
) -> None:
    run_id = ids.new_run_id()
    server.publish(*live_run(run_id), alive=True)
    for templates in PARTS:
        receipt = sent(server, EVENTS, *templates, value=value, run_id=run_id).json
        assert receipt["stored"] + receipt["known"] + receipt["refused"] == len(templates)
        assert all(refusal["error"] for refusal in receipt["refusals"])
    check_readable(server, run_id)


@SENT
def test_a_value_in_every_body_is_taken_or_refused_with_a_reason(server: Served, value: Any) -> None:
    run_id = ids.new_run_id()
    server.publish(*live_run(run_id), alive=True)
    for target, template in BODIES.items():
        sent(server, target, template, value=value, run_id=run_id)
    check_readable(server, run_id)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_text_comes_back_as_it_was_from_every_place(server: Served, name: str) -> None:
    run_id, text = ids.new_run_id(), stored(name)
    assert sent(server, EVENTS, *WHOLE, value=HOSTILE[name], run_id=run_id).json["stored"] == 2
    server.publish(run_end(run_id))
    run = server.ask("GET", f"/runs/{run_id}", NATIVE).json
    assert [run["agent"], run["session"], run["user"], *run["tags"]] == [text] * 4
    (span,) = server.ask("GET", f"/traces/{run_id}", NATIVE).json["spans"]
    texts = ("name", "model", "provider", "tool", "error", "error_type", "status_code", "level")
    assert {span[field] for field in texts} == {text}
    kept = span["payload"]
    assert [kept["input"], *kept["output"], *kept["attributes"], kept["stack"]] == [kept["input"]] * 4
    assert kept["input"].replace("\0", "\u2400") == text
    shown = server.ask("GET", f"/traces/{run_id}").json["spans"]
    assert [one["name"] for one in shown if one["spanId"] == "s"] == [text]
    told = server.frames(f"/traces/{run_id}/stream", NATIVE)
    (ended,) = [json.loads(frame["data"]) for frame in told if frame["event"] == "span-end"]
    assert ended["span"] == span


@pytest.mark.parametrize("name", HOSTILE)
def test_a_text_in_a_path_or_a_query_is_taken_or_refused_with_a_reason(server: Served, name: str) -> None:
    text = HOSTILE[name].encode("utf-8", "surrogatepass")
    for part in (quote(text, safe=""), text.decode("latin-1").translate(UNSENDABLE)):
        everything = "&".join(f"{key}={part}" for key in QUERY)
        for target in (
            f"/runs/{part}",
            f"/traces/{part}",
            f"/traces/{part}/spans/{part}",
            f"/runs?{everything}",
        ):
            well(server.ask("GET", target))
            well(server.ask("GET", target, NATIVE))
        for target in (
            f"/traces?{everything}",
            f"/find?run={part}",
            f"/runs?limit={part}",
            f"/runs?{part}={part}",
        ):
            well(server.ask("GET", target))
        for target in (f"/runs/{part}/stream", f"/traces/{part}/stream"):
            well(server.ask("GET", f"{target}?since={part}x"))
            assert server.ask("HEAD", target).status < 500


QUERY = ("agentId", "status", "startedAfter", "startedBefore", "cursor", "rootsOnly")

UNSENDABLE = dict.fromkeys((*range(33), 127))
"""Characters that end a request line or its parts."""


@pytest.mark.parametrize("name", RAW_BODIES)
def test_a_body_of_anything_is_taken_or_refused_with_a_reason(server: Served, name: str) -> None:
    for target in BODIES:
        for headers in ((), ("content-encoding: gzip",)):
            well(server.ask("POST", target.replace("RUN", "r"), *headers, body=RAW_BODIES[name]))


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_of_anything_is_taken_or_refused_with_a_reason(server: Served, name: str) -> None:
    server.publish(*live_run("headed"), owner=SOUTH)
    header = HEADERS[name]
    secret = "" if header.startswith("authorization") else None
    for method, target in (
        ("GET", "/runs"),
        ("GET", "/nothing"),
        ("POST", EVENTS),
        ("GET", "/runs/headed/stream"),
    ):
        well(server.ask(method, target, header, secret=secret, body=b"{}" if method == "POST" else b""))


LINES = [
    "GET http://evil.invalid/runs HTTP/1.1",
    "GET //evil.invalid/runs HTTP/1.1",
    "GET * HTTP/1.1",
    "OPTIONS * HTTP/1.1",
    "CONNECT evil.invalid:443 HTTP/1.1",
    "GET /runs HTTP/9.9",
    "GET /runs",
    "BREW /runs HTTP/1.1",
    "GET /runs#fragment HTTP/1.1",
    "GET /%00 HTTP/1.1",
    "GET /runs/%ff%fe HTTP/1.1",
    "GET /runs/%zz HTTP/1.1",
    f"GET /{'a' * 20_000} HTTP/1.1",
    f"GET /{'%2e%2e/' * 1_000} HTTP/1.1",
    "PRI * HTTP/2.0",
    "\x16\x03\x01",
]


@pytest.mark.parametrize("line", LINES, ids=[ascii(line[:40]) for line in LINES])
def test_a_request_line_of_anything_is_answered_or_closed(server: Served, line: str) -> None:
    head = (
        f"{line}\r\nhost: localhost\r\nauthorization: Bearer {server.secret()}\r\nconnection: close\r\n\r\n"
    )
    answer = whole_answer(server, head.encode("latin-1"))
    assert not answer.startswith(b"HTTP/1.1 5")
    assert b"evil.invalid" not in answer.partition(b"\r\n\r\n")[0]
    assert server.ask("GET", "/health").status == 200


def test_a_chain_of_10000_spans_and_one_that_bites_its_tail_can_be_read(server: Served) -> None:
    run_id = ids.new_run_id()
    chain = [span_line(run_id, f"s{number}", f"s{number - 1}") for number in range(10_000)]
    well(server.ask("POST", EVENTS, body=b"\n".join([*chain, span_line(run_id, "s0", "s9999")])))
    server.publish(*live_run(run_id), alive=True)
    assert len(server.ask("GET", f"/traces/{run_id}?payload=false").json["spans"]) == 10_002
    with closing(connect(server.url, key_of=server.secret)) as client:
        assert len(client.traces.get(run_id).spans) == 10_002


def test_runs_that_are_below_each_other_can_be_read(server: Served) -> None:
    names = [ids.new_run_id() for _ in range(3)]
    for name, above in zip(names, (names[2], names[0], names[1]), strict=True):
        server.publish(*live_run(name, parent_id=above), alive=True)
    for name in names:
        check_readable(server, name)
        assert server.ask("POST", f"/runs/{name}/cancel").status == 200


def test_all_of_it_together_can_be_listed_and_shown(fresh: Served) -> None:
    values = [value for value in VALUES.values() if len(as_json(value)) < 10_000]
    for number, value in enumerate(values):
        sent(fresh, EVENTS, *PLACES.values(), value=value, run_id=f"r{number}")
    with closing(Reader(fresh.url, fresh.secret())) as reader:
        reader.read()
    assert reader.problems == []
    assert reader.shown["runs"] > len(values)


def well(answer: Answer) -> Answer:
    """An answer that is no failure, and a refusal with a reason."""
    assert answer.status < 500, answer
    if answer.status >= 400 and answer.body != b"404 Not Found":
        assert answer.json["error"]
    return answer


def check_readable(server: Served, run_id: str) -> None:
    """The run is there for both clients."""
    for headers in ((), (NATIVE,)):
        for target in (f"/runs/{run_id}", f"/traces/{run_id}", "/runs?limit=5&rootsOnly=false"):
            assert server.ask("GET", target, *headers).status == 200


def sent(server: Served, target: str, *templates: str, value: Any, run_id: str) -> Answer:
    """The answer to lines with a value in them."""
    template = "\n".join(templates).replace("RUN", run_id).encode()
    return well(
        server.ask("POST", target.replace("RUN", run_id), body=template.replace(b"HERE", as_json(value)))
    )


def as_json(value: Any) -> bytes:
    """A value as JSON text, which need not be valid: `$raw` text verbatim, `$bytes_hex` bytes in quotes, `$repeat` a
    text so often (`$as` a number: without quotes), `$nest` brackets, `$keys` so many keys."""
    match value:
        case {"$raw": str(text)}:
            return text.encode()
        case {"$bytes_hex": str(digits)}:
            return b'"' + bytes.fromhex(digits) + b'"'
        case {"$repeat": [text, times], "$as": "number"}:
            return str(text * times).encode()
        case {"$repeat": [text, times]}:
            return json.dumps(text * times).encode()
        case {"$nest": [begin, end, times]}:
            return str(begin * times + end * times).encode()
        case {"$keys": number}:
            return json.dumps({f"k{place}": place for place in range(number)}).encode()
        case _:
            return json.dumps(value).encode()


def span_line(run_id: str, span_id: str, parent_id: str) -> bytes:
    span = {"id": span_id, "parent_id": parent_id, "started_ns": 1}
    return json.dumps({"type": "span-start", "run_id": run_id, "span": span}).encode()


def whole_answer(server: Served, sent: bytes) -> bytes:
    """All that comes back for some bytes, until the server closes."""
    with Raw(server.port) as raw:
        return raw.send(sent).rest()
