"""`POST /v1/traces`: both encodings, what is answered, and what can be read afterwards."""

import gzip
import json
import random
import zlib
from collections import Counter
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tests.server.running import Answer
from tests.server.served import NORTH, Served, finished_run
from tests.wire.otlp_made import START, agent, body, model, span, span_id
from tests.wire.test_otlp_golden import CONVENTIONS, GOLDEN, as_protobuf
from trodo_cli.errors import StorageFull, Unavailable
from trodo_cli.model import ids
from trodo_cli.server.otlp import MAX_JSON_PARTS

PATHS = ("/v1/traces", "/api/sdk/otel/v1/traces")
JSON, PROTOBUF = "content-type: application/json", "content-type: application/x-protobuf"


def new_trace() -> str:
    return ids.new_run_id()


def post(
    server: Served, data: bytes, *headers: str, path: str = PATHS[0], secret: str | None = None
) -> Answer:
    return server.ask("POST", path, *(headers or (JSON,)), body=data, secret=secret)


def shown(server: Served, trace: str) -> dict[str, Any]:
    found: dict[str, Any] = server.ask("GET", f"/traces/{trace}").json
    return found


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("media", [JSON, PROTOBUF, "content-type: Application/JSON; charset=utf-8"])
@pytest.mark.parametrize("encoding", ["", "gzip", "deflate"])
def test_an_export_is_stored_and_answered_in_its_own_encoding(
    server: Served, path: str, media: str, encoding: str
) -> None:
    trace = new_trace()
    data = body(model(2, 1, trace=trace), agent(1, trace=trace))
    data = as_protobuf(data) if media == PROTOBUF else data
    packed = {"": data, "gzip": gzip.compress(data), "deflate": zlib.compress(data)}[encoding]
    headers = (media, f"content-encoding: {encoding}") if encoding else (media,)
    answer = post(server, packed, *headers, path=path)
    kind = "application/x-protobuf" if media == PROTOBUF else "application/json"
    assert (answer.status, answer["content-type"]) == (200, kind)
    assert answer.body == (b"" if media == PROTOBUF else b"{}")
    found = shown(server, trace)
    assert {one["name"] for one in found["spans"]} == {"agent", "span 1", "span 2"}
    assert found["summary"]["totalTokens"] == 10


def test_a_chunked_body_is_read(server: Served) -> None:
    trace = new_trace()
    data = body(agent(1, trace=trace))
    chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data)
    assert post(server, chunks, JSON, "transfer-encoding: chunked").status == 200
    assert shown(server, trace)["summary"]["spanCount"] == 2


@pytest.mark.parametrize("media", [JSON, PROTOBUF])
def test_part_of_an_export_is_taken_and_the_rest_is_counted(server: Served, media: str) -> None:
    trace = new_trace()
    spans = [agent(1, trace=trace), span(2, trace="0" * 32), span(3, trace=trace), span(4, spanId="ab")]
    if media == PROTOBUF:
        request = ExportTraceServiceRequest()
        request.ParseFromString(as_protobuf(body(*spans)))
        answer = post(server, request.SerializeToString(), media)
        partial = ExportTraceServiceResponse.FromString(answer.body).partial_success
        counted, reason = partial.rejected_spans, partial.error_message
    else:
        answer = post(server, body(*spans), media)
        told = answer.json["partialSuccess"]
        counted, reason = int(told["rejectedSpans"]), told["errorMessage"]
    assert (answer.status, counted, "hex digits" in reason) == (200, 2, True)
    assert shown(server, trace)["summary"]["spanCount"] == 3


def test_a_value_that_nests_too_deeply_costs_its_span_alone(server: Served) -> None:
    trace, deep = new_trace(), {}
    for _ in range(60):
        deep = {"a": deep}
    answer = post(server, body(agent(1, trace=trace), span(2, trace=trace, attributes={"deep": deep})))
    assert (answer.status, answer.json["partialSuccess"]["rejectedSpans"]) == (200, "1")
    assert shown(server, trace)["summary"]["spanCount"] == 2


@pytest.mark.parametrize("data", [b"", b"{}", b'{"resourceSpans": []}'])
def test_an_empty_export_is_a_success(server: Served, data: bytes) -> None:
    assert post(server, data).status == 200


@pytest.mark.parametrize(
    ("data", "headers", "status"),
    [
        (b"{", (JSON,), 400),
        (b"[]", (JSON,), 400),
        (b"\xff\xff", (PROTOBUF,), 400),
        (b"\x0a\xff", (PROTOBUF,), 400),
        (b"x", (JSON, "content-encoding: gzip"), 400),
        (b"{}", ("content-type: text/plain",), 415),
        (b"{}", ("accept: */*",), 415),
        (b"{}", (JSON, "content-encoding: br"), 415),
        (b"[" * 100_000 + b"]" * 100_000, (JSON,), 400),
        (b'{"a":[%b0]}' % (b"0," * MAX_JSON_PARTS), (JSON,), 400),
    ],
)
def test_what_cannot_be_read_is_never_sent_again(
    server: Served, data: bytes, headers: tuple[str, ...], status: int
) -> None:
    answer = post(server, data, *headers)
    assert answer.status == status
    assert answer.json["error"]
    assert not answer.all("retry-after")


@pytest.mark.parametrize("error", [Unavailable("held"), StorageFull("full")])
def test_what_can_be_stored_later_is_sent_again(
    fresh: Served, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(fresh.local.hub.store, "append", refuse)
    answer = post(fresh, body(agent(1)))
    assert answer.status == 503
    assert int(answer["retry-after"]) > 0


def test_damaged_exports_never_hurt_the_server(server: Served) -> None:
    dice = random.Random(5)
    seeds = [(GOLDEN / f"{name}.json").read_bytes() for name in CONVENTIONS]
    statuses: Counter[int] = Counter()
    for _ in range(300):
        seed = dice.choice(seeds)
        media, data = dice.choice([(JSON, bytearray(seed)), (PROTOBUF, bytearray(as_protobuf(seed)))])
        for _ in range(dice.randint(1, 6)):
            place = dice.randrange(len(data))
            data[place : place + dice.randint(0, 9)] = dice.randbytes(dice.randint(0, 9))
        packed = bytes(data)
        headers = (media,)
        if dice.randrange(4) == 0:
            packed, headers = gzip.compress(packed), (media, "content-encoding: gzip")
        statuses[post(server, packed, *headers).status] += 1
    assert set(statuses) == {200, 400}
    assert server.ask("GET", "/runs?limit=200").status == 200


def test_metrics_and_logs_are_not_taken(server: Served) -> None:
    for name in ("metrics", "logs"):
        assert server.ask("POST", f"/v1/{name}", JSON, body=b"{}").status == 404


def test_a_key_that_may_not_ingest_stores_nothing(server: Served) -> None:
    trace = new_trace()
    answer = post(server, body(agent(1, trace=trace)), secret=server.secret(NORTH, "read"))
    assert answer.status == 403
    assert server.ask("GET", f"/traces/{trace}").status == 404


def test_a_model_call_is_priced_when_it_is_stored(server: Served) -> None:
    trace, attributes = new_trace(), {"gen_ai.request.model": "gpt-4o", "gen_ai.provider.name": "openai"}
    told = {**attributes, "gen_ai.usage.input_tokens": 1_000, "gen_ai.usage.output_tokens": 100}
    unknown = {**told, "gen_ai.request.model": "nobody-knows-it"}
    sent = {**told, "gen_ai.usage.cost": 9.0}
    spans = [
        span(number, 1, trace=trace, attributes=said) for number, said in enumerate((told, unknown, sent), 2)
    ]
    post(server, body(agent(1, trace=trace), *spans))
    costs = {one.id: (one.cost, bool(one.details.priced)) for one in server.of(NORTH).traces.get(trace).own}
    assert costs == {
        span_id(1): (None, False), span_id(2): (0.0035, True), span_id(3): (None, False), span_id(4): (9.0, False),
    }  # fmt: skip
    assert server.of(NORTH).runs.get(trace).totals.cost == 9.0035


def test_spans_of_our_own_program_are_priced_by_the_server_too(server: Served) -> None:
    from tests.contract.events import span_end
    from trodo_cli.model.span import Usage

    run_id = ids.new_run_id()
    call = span_end(
        run_id, "c", kind="model", model="gpt-4o", provider="openai", usage=Usage(input=1_000, output=100)
    )
    server.send(*finished_run(run_id), call)
    assert server.of(NORTH).runs.get(run_id).totals.cost == 0.0035


def test_what_a_service_reports_hangs_below_the_span_that_called_it(server: Served) -> None:
    run_id = ids.new_run_id()
    events = finished_run(run_id)
    caller = events[1].span.id  # type: ignore[union-attr]
    post(server, body({**span(2, trace=run_id), "parentSpanId": "ab" * 8}, {**span(3, 2, trace=run_id)}))
    server.publish(*events)
    trace = server.of(NORTH).traces.get(run_id)
    assert (trace.summary.agent, trace.summary.status) == ("agent", "completed")
    assert {one.id for one in trace.own} == {caller, span_id(2), span_id(3)}
    assert [one.id for one in trace.tree().below(span_id(2))] == [span_id(3)]


def test_a_trace_is_found_by_either_spelling_of_its_id(server: Served) -> None:
    trace = new_trace()
    post(server, body(agent(1, trace=trace.upper())))
    dashed = f"{trace[:8]}-{trace[8:12]}-{trace[12:16]}-{trace[16:20]}-{trace[20:]}"
    assert server.ask("GET", f"/runs/{dashed}").json["id"] == trace


def test_numbers_beyond_those_of_javascript_keep_their_digits(server: Served) -> None:
    trace = new_trace()
    post(server, body(agent(1, trace=trace, attributes={"big": 2**63 - 1})))
    assert server.of(NORTH).traces.span(trace, span_id(1)).details.attributes["big"] == 2**63 - 1


def test_both_streams_of_such_a_run_tell_how_it_ended(fresh: Served) -> None:
    trace = new_trace()
    failed = agent(1, trace=trace, status={"code": 2, "message": "boom"})
    post(fresh, body(model(2, 1, trace=trace)))
    post(fresh, body(failed))
    fresh.local.hub.store.conclude(NORTH, trace, ids.now_ns(), complete=True)
    told = [json.loads(frame["data"]) for frame in fresh.frames(f"/runs/{trace}/stream?since=0")]
    assert told[-1]["type"] == "run-error"
    assert "boom" in json.dumps(told[-1])
    shown = fresh.frames(f"/traces/{trace}/stream?since=0")
    assert [frame["event"] for frame in shown[-2:]] == ["span-end", "trace-done"]
    ended = json.loads(shown[-2]["data"])
    assert ended["patch"]["status"] == "error"
    assert ended["patch"]["endedAt"]


def test_the_server_ends_such_a_run_by_itself(fresh: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.server.running import eventually
    from trodo_cli import live

    monkeypatch.setattr(live, "QUIET_NS", 1)
    fresh.service.begin()
    post(fresh, body(model(2, 1), agent(1)))
    trace = json.loads(body(agent(1)))["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["traceId"]
    eventually(lambda: fresh.of(NORTH).runs.get(trace).status == "completed")
    assert fresh.of(NORTH).runs.get(trace).ended_ns == START + 3 * 10**9
