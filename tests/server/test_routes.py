"""Rules of the wire that a client does not show: statuses, headers, queries, paths and bodies as they are sent."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.contract.events import cancel_request, payload, run_start, span_end, span_start
from tests.server.running import Raw
from tests.server.served import NATIVE, NORTH, Served, finished_run, lines, live_run, request, served
from trodo_cli.errors import StoreUnavailable
from trodo_cli.model import ids
from trodo_cli.query.plan import Cursor

SECOND = 10**9


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """210 runs that began a second apart, the last one 209 s after 2027-01-15T08:00:00Z."""
    with served(tmp_path_factory.mktemp("many") / "trodo.db") as server:
        begun = (1_800_000_000 * SECOND + number * SECOND for number in range(210))
        server.publish(*[run_start(f"r{number:03}", started_ns=at_ns) for number, at_ns in enumerate(begun)])
        yield server


@pytest.mark.parametrize("path", ["/runs", "/traces"])
@pytest.mark.parametrize(
    ("limit", "count"),
    [
        (None, 50),
        ("1", 1),
        ("1.5", 1),
        ("1e2", 100),
        ("200", 200),
        ("201", 200),
        ("99999999999999999999", 200),
        ("1e300", 200),
        ("%2B7", 7),
        ("%207%20", 7),
    ],
)
def test_a_limit_is_read_as_a_number(many: Served, path: str, limit: str | None, count: int) -> None:
    page = many.ask("GET", path + (f"?limit={limit}" if limit else "")).json
    assert len(page["rows"]) == count
    assert page["cursor"]


@pytest.mark.parametrize("path", ["/runs", "/traces"])
@pytest.mark.parametrize(
    "limit", ["0", "0.9", "-1", "", "x", "NaN", "Infinity", "1e999", "1_0", "0x10", "%D9%A1"]
)
def test_what_is_no_limit_is_refused(many: Served, path: str, limit: str) -> None:
    answer = many.ask("GET", f"{path}?limit={limit}")
    assert (answer.status, answer.json["error"]) == (400, "Invalid `limit` query param")


@pytest.mark.parametrize("path", ["/runs", "/traces"])
def test_the_last_page_has_no_cursor_and_pages_go_on_after_their_last_row(many: Served, path: str) -> None:
    found: list[str] = []
    cursor = ""
    while True:
        page = many.ask("GET", f"{path}?limit=100&cursor={cursor}").json
        found += [row.get("id") or row["traceId"] for row in page["rows"]]
        if "cursor" not in page:
            break
        cursor = page["cursor"]
    assert found == [f"r{number:03}" for number in reversed(range(210))]


@pytest.mark.parametrize("cursor", ["x", "%00", "e30", quote("é"), "A" * 5_000, Cursor(2**70, "r").text()])
def test_what_is_no_cursor_begins_again(many: Served, cursor: str) -> None:
    rows = many.ask("GET", f"/runs?limit=1&cursor={cursor}").json["rows"]
    assert [row["id"] for row in rows] == ["r209"]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("startedAfter=2027-01-15T08:03:00Z", 30),
        ("startedAfter=2027-01-15T08:03:00.000Z", 30),
        ("startedAfter=2027-01-15T08:03:00.001Z", 29),
        ("startedAfter=2027-01-15T10:03:00%2B02:00", 30),
        ("startedBefore=2027-01-15T08:00:00Z", 1),
        ("startedBefore=2027-01-15T07:59:59.999Z", 0),
        ("startedBefore=2027-01-15", 0),
        ("startedBefore=2027-01-16", 200),
        ("startedAfter=yesterday", 200),
        ("startedAfter=", 200),
        ("startedAfter=2027-99-99", 200),
        ("whatever=1", 200),
        ("rootsOnly=0", 200),
    ],
)
def test_times_are_instants_for_runs_and_unknown_parameters_are_ignored(
    many: Served, query: str, count: int
) -> None:
    assert len(many.ask("GET", f"/runs?limit=200&{query}").json["rows"]) == count


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("startedAfter=2027-01-15T08:03:00.000Z", 30),
        ("startedAfter=2027-01-15T08:03", 30),
        ("startedAfter=2027", 200),
        ("startedAfter=yesterday", 0),
        ("startedBefore=yesterday", 200),
        ("startedBefore=2027-01-15T08:00:00.000Z", 1),
        ("startedBefore=2027-01-15T08:00:00", 0),
        ("startedBefore=2027-01-15", 0),
    ],
)
def test_times_are_texts_for_traces(many: Served, query: str, count: int) -> None:
    assert len(many.ask("GET", f"/traces?limit=200&{query}").json["rows"]) == count


PATHS = [
    "/",
    "/nothing",
    "/runs/",
    "/traces/",
    "/runs/x/",
    "/runs/x/stream/",
    "/Runs",
    "/v1",
    "/v1/events/",
    "//runs",
]


@pytest.mark.parametrize("secret", ["", None])
@pytest.mark.parametrize("path", PATHS)
def test_an_unknown_path_is_404_in_plain_text(server: Served, path: str, secret: str | None) -> None:
    answer = server.ask("GET", path, secret=secret)
    assert (answer.status, answer.body) == (404, b"404 Not Found")
    assert answer["content-type"].startswith("text/plain")


@pytest.mark.parametrize(
    "wrong",
    [
        "PUT /runs",
        "PATCH /runs/x",
        "DELETE /runs",
        "POST /traces",
        "GET /v1/events",
        "OPTIONS /runs",
        "TRACE /runs",
    ],
)
def test_a_wrong_method_is_404_in_plain_text(server: Served, wrong: str) -> None:
    answer = server.ask(*wrong.split())
    assert (answer.status, answer.body, answer.all("allow")) == (404, b"404 Not Found", [])


@pytest.mark.parametrize(
    "path", ["/runs", "/runs/{run}", "/traces/{run}", "/health", "/openapi.json", "/agents"]
)
def test_head_is_get_without_a_body(server: Served, path: str) -> None:
    run_id = ids.new_run_id()
    server.publish(*finished_run(run_id))
    head, get = (server.ask(method, path.format(run=run_id)) for method in ("HEAD", "GET"))
    assert (head.status, head.headers, head.body) == (200, get.headers, b"")
    assert int(get["content-length"]) == len(get.body) > 0


@pytest.mark.parametrize("kind", ["runs", "traces"])
def test_head_of_a_stream_ends_at_once(server: Served, kind: str) -> None:
    run_id = ids.new_run_id()
    server.publish(*live_run(run_id), alive=True)
    head = server.ask("HEAD", f"/{kind}/{run_id}/stream")
    assert (head.status, head["content-type"], head.body) == (200, "text/event-stream", b"")


def test_json_has_its_type_and_every_answer_its_guards(server: Served) -> None:
    for path in ("/runs", "/runs/missing", "/health", "/nothing"):
        answer = server.ask("GET", path)
        if path != "/nothing":
            assert answer["content-type"] == "application/json"
            json.loads(answer.body)
        assert answer["x-content-type-options"] == "nosniff"
        assert answer["content-security-policy"].startswith("default-src 'none'")
        assert not answer.all("server")
        assert not answer.all("date")


def test_errors_have_one_shape(server: Served) -> None:
    for asked, status, error in [
        ("GET /runs/missing", 404, "Run not found"),
        ("DELETE /runs/missing", 404, "Run not found"),
        ("POST /runs/missing/cancel", 404, "Run not found"),
        ("GET /runs/missing/stream", 404, "Run not found"),
        ("GET /traces/missing", 404, "Trace not found"),
        ("DELETE /traces/missing", 404, "Trace not found"),
        ("GET /traces/missing/stream", 404, "Trace not found"),
        ("GET /traces/missing/spans/x", 404, "Span not found"),
        ("GET /runs?limit=x", 400, "Invalid `limit` query param"),
    ]:
        answer = server.ask(*asked.split())
        assert (answer.status, answer.json["error"]) == (status, error), asked
        assert set(answer.json) <= {"error", "code", "hint"}


def test_a_missing_key_and_an_unknown_one_are_told_apart(server: Served) -> None:
    for secret, error in (("", "missing authentication"), ("x", "invalid or revoked API key")):
        answer = server.ask("GET", "/runs", secret=secret)
        assert (answer.status, answer.json["error"], answer.all("www-authenticate")) == (401, error, [])


def test_the_scheme_may_be_in_any_case_and_the_other_header_serves_too(server: Served) -> None:
    secret = server.secret()
    for header in (
        f"authorization: bearer {secret}",
        f"AUTHORIZATION: BEARER {secret}",
        f"x-trodo-site-id: {secret}",
    ):
        assert server.ask("GET", "/runs", header, secret="").status == 200


def test_a_started_run_is_201_with_its_place(server: Served) -> None:
    answer = server.ask(
        "POST", "/runs", body=b'{"agentId": "nobody", "input": {"a": [1, "\xc3\xa9"]}, "more": 1}'
    )
    assert (answer.status, answer["location"]) == (201, f"/runs/{answer.json['id']}")
    assert answer.json["input"] == '{"a":[1,"é"]}'
    assert server.ask("GET", answer["location"]).json["error"] == 'Agent "nobody" not found'


def test_what_is_asked_for_as_it_is_done_anyway_is_taken(server: Served) -> None:
    body = b"""{"agentId": "nobody", "retention": {"mode": "session", "ttlSeconds": 60}, "content": [], "context": null,
        "callbackUrl": null}"""
    assert server.ask("POST", "/runs", body=body).status == 201


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "Missing required field: agentId"),
        (b"{}", "Missing required field: agentId"),
        (b'{"agentId": ""}', "Missing required field: agentId"),
        (b'{"agentId": null}', "agentId"),
        (b'{"agentId": 5}', "agentId"),
        (b"[]", "object"),
        (b'"x"', "object"),
        (b"{", "truncated"),
        (b"\xff\xfe{}", "malformed"),
        (b'{"agentId": "x", "sessionId": 5}', "sessionId"),
        (b'{"agentId": "x", "retention": {"mode": "none"}}', "retention.mode"),
        (b'{"agentId": "x", "retention": {"mode": "result"}}', "retention.mode"),
        (b'{"agentId": "x", "retention": {"ttlSeconds": 59}}', "retention.ttlSeconds"),
        (b'{"agentId": "x", "retention": {"ttlSeconds": 60.5}}', "retention.ttlSeconds"),
        (b'{"agentId": "x", "retention": {"artifactTtlSeconds": 31536001}}', "retention.artifactTtlSeconds"),
        (b'{"agentId": "x", "callbackUrl": "http://127.0.0.1/"}', "`callbackUrl`"),
        (b'{"agentId": "x", "webhookSecretName": "s"}', "`webhookSecretName`"),
        (b'{"agentId": "x", "content": [{"type": "text", "text": "hi"}]}', "`content`"),
        (b'{"agentId": "x", "context": ["hi"]}', "`context`"),
    ],
)
def test_a_bad_body_is_400_and_names_what_does_not_fit(server: Served, body: bytes, reason: str) -> None:
    answer = server.ask("POST", "/runs", body=body)
    assert (answer.status, reason in answer.json["error"]) == (400, True), answer
    assert answer.json["code"] == "BAD_REQUEST"


def test_a_cancel_takes_a_reason_or_nothing(server: Served) -> None:
    run_id = ids.new_run_id()
    server.publish(*live_run(run_id), alive=True)
    assert (
        server.ask("POST", f"/runs/{run_id}/cancel", body=b'{"reason": "enough", "by": "me"}').status == 200
    )
    assert server.ask("POST", f"/runs/{run_id}/cancel").json["status"] == "running"
    cancel = server.of(NORTH).runs.get(run_id).cancel
    assert cancel is not None
    assert (cancel.reason, cancel.by) == ("enough", "me")
    assert server.ask("POST", f"/runs/{run_id}/cancel", body=b"[]").status == 400


IDS = [
    "a/b",
    "../../outside",
    "..",
    ".",
    "a b",
    "%2e%2e",
    "ä\u2028",
    "x?y=1",
    "x#y",
    "-x_-",
    "a\\b:c*d",
    '"',
    "\u202e",
    "+",
    "a%00b",
]


@pytest.mark.parametrize("run_id", IDS)
def test_any_id_is_reached_under_its_encoded_path(server: Served, run_id: str) -> None:
    server.publish(run_start(run_id, agent="x"), span_end(run_id, run_id, name="s", payload=payload(input=1)))
    part = quote(run_id, safe="").replace(".", "%2E")
    assert server.ask("GET", f"/runs/{part}").json["id"] == run_id
    assert server.ask("GET", f"/traces/{part}/spans/{part}").json["spanId"] == run_id
    assert server.ask("GET", f"/find?run={part}", NATIVE).json == {"id": run_id}
    assert server.ask("DELETE", f"/runs/{part}").status == 204
    assert server.ask("GET", f"/runs/{part}").status == 404


def test_an_encoded_path_is_not_another_path(server: Served) -> None:
    run_id = ids.new_run_id()
    server.publish(*finished_run(run_id))
    for path in (
        f"/runs%2F{run_id}",
        f"/runs/{run_id}%2Fstream",
        f"/%72uns/{run_id}",
        f"/traces/../runs/{run_id}",
    ):
        assert server.ask("GET", path).status == 404, path


def test_one_span_has_its_payload_and_a_light_trace_none(server: Served) -> None:
    run_id = ids.new_run_id()
    server.publish(*finished_run(run_id))
    span = server.ask("GET", f"/traces/{run_id}/spans/{run_id}.s").json
    assert span["attributes"]["agent.tool.output"] == "found"
    light = server.ask("GET", f"/traces/{run_id}?payload=false").body
    assert b"found" not in light
    assert b"answer" not in light
    assert b"found" in server.ask("GET", f"/traces/{run_id}?payload=0").body


def test_spans_stand_by_start_and_then_by_id(server: Served) -> None:
    run_id = ids.new_run_id()
    starts = {"c": 5, "a": 5, "b": 4, "d": 6}
    server.publish(run_start(run_id, started_ns=SECOND))
    server.publish(*[span_start(run_id, name, started_ns=at * SECOND) for name, at in starts.items()])
    spans = server.ask("GET", f"/traces/{run_id}").json["spans"]
    assert [span["spanId"] for span in spans] == [run_id[-16:], "b", "a", "c", "d"]


def test_every_key_of_a_span_and_a_summary_is_there_and_numbers_are_whole(server: Served) -> None:
    run_id = ids.new_run_id()
    server.publish(*live_run(run_id), alive=True)
    trace = server.ask("GET", f"/traces/{run_id}").json
    for span in trace["spans"]:
        assert set(span) == SPAN_KEYS
    assert set(trace["summary"]) == SUMMARY_KEYS
    assert (trace["summary"]["totalTokens"], trace["summary"]["totalCostUsd"]) == (0, None)
    assert set(server.ask("GET", f"/runs/{run_id}").json) == {
        "id", "rootId", "agentId", "userId", "input", "status", "startedAt", "depth",
    }  # fmt: skip


SPAN_KEYS = {
    "spanId", "traceId", "parentId", "ownerId", "runId", "sessionId", "name", "kind", "startedAt", "endedAt",
    "durationMs", "status", "error", "attributes", "events", "scores", "costUsd",
}  # fmt: skip
SUMMARY_KEYS = {
    "traceId", "ownerId", "rootName", "agentId", "startedAt", "endedAt", "durationMs", "spanCount", "status",
    "totalTokens", "totalCostUsd",
}  # fmt: skip


STRICT = [
    "limit=0",
    "limit=1001",
    "limit=x",
    "cursor=x",
    "filter=x",
    "filter=[]",
    'filter={"limit":',
    'filter={"status":"x"}',
    'filter={"started_after_ns":1e400}',
    'filter={"min_cost":"x"}',
]


@pytest.mark.parametrize("query", STRICT)
def test_our_own_list_is_strict(server: Served, query: str) -> None:
    answer = server.ask("GET", f"/runs?{quote(query, safe='=&')}", NATIVE)
    assert (answer.status, answer["content-type"]) == (400, "application/json")


def test_long_questions_wait_only_for_their_own_runs(fresh: Served) -> None:
    run_id = ids.new_run_id()
    fresh.publish(*live_run(run_id), alive=True)
    ask: dict[str, Any] = {"runs": [run_id], "wait_seconds": 0}
    assert fresh.ask("POST", "/v1/asked", body=json.dumps(ask).encode()).json == {"asked": []}
    with Raw(fresh.port) as raw:
        key = f"authorization: Bearer {fresh.secret()}"
        raw.send(request("POST", "/v1/asked", key, body=json.dumps({**ask, "wait_seconds": 30}).encode()))
        fresh.publish(cancel_request(run_id), alive=False)
        assert raw.answer().json == {"asked": [run_id]}


def test_requests_on_one_connection_are_answered_in_order(server: Served) -> None:
    run_id = ids.new_run_id()
    key = f"authorization: Bearer {server.secret()}"
    sent = [
        request("POST", "/v1/events", key, body=lines(*finished_run(run_id))),
        request("GET", f"/runs/{run_id}", key),
        request("DELETE", f"/runs/{run_id}", key),
        request("GET", f"/runs/{run_id}", key),
    ]
    with Raw(server.port) as raw:
        raw.send(b"".join(sent))
        assert [raw.answer().status for _ in sent] == [200, 200, 204, 404]


def test_who_asks_learns_nothing_of_a_store_that_is_away(
    fresh: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(*_: object, **__: object) -> None:
        raise StoreUnavailable(
            "the PostgreSQL database secret at secret.host cannot be used now", "try again"
        )

    monkeypatch.setattr(fresh.local.hub.store, "describe", away)
    monkeypatch.setattr(fresh.local.hub.store, "list_runs", away)
    for path in ("/health", "/runs"):
        answer = fresh.ask("GET", path)
        assert (answer.status, answer["retry-after"], b"secret" in answer.body) == (503, "1", False)
    assert "secret.host" in caplog.text, "but whoever runs it does"
