"""Who may do what with whose runs: a policy for every operation, and an oracle that tries everybody on everything."""

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

import apsw
import pytest
from starlette.routing import Route

from tests.cli.program import eventually
from tests.contract.events import cancel_request, span_start
from tests.server.running import Answer, Raw
from tests.server.served import NATIVE, NORTH, SOUTH, Served, finished_run, live_run, request, served
from trodo_cli.model import ids
from trodo_cli.model.key import SCOPES, new_secret
from trodo_cli.server.app import OPERATIONS, create_app


class Policy(NamedTuple):
    """What an operation needs, and what it answers for an object of the key's owner and for any other."""

    scope: str
    own: int
    other: int
    target: str
    """`{run}` names the object, `{part}` is the begin of its id."""
    body: str = ""
    is_live: bool = False
    """Whether the object is a run at work that is asked to stop; otherwise one that has ended."""
    tells: bool = True
    """Whether the answer shows that there is such an object."""
    native: int | None = None
    """`other` as our own client is answered, where it is not the same."""


SPAN = '{{"type":"span-start","run_id":"{run}","span":{{"id":"more","started_ns":1}}}}'

OTLP = (
    '{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"traceId":"{run}","spanId":"00000000000000aa",'
    '"startTimeUnixNano":"1"}}]}}]}}]}}'
)

POLICY = {
    "GET /runs": Policy("read", 200, 200, "/runs?agentId={run}"),
    "POST /runs": Policy(
        "control", 201, 201, "/runs", '{{"agentId":"x","sessionId":"{run}"}}', tells=False, native=404
    ),
    "GET /runs/{run}": Policy("read", 200, 404, "/runs/{run}"),
    "DELETE /runs/{run}": Policy("control", 204, 404, "/runs/{run}"),
    "POST /runs/{run}/cancel": Policy("control", 200, 404, "/runs/{run}/cancel", is_live=True),
    "GET /runs/{run}/stream": Policy("read", 200, 404, "/runs/{run}/stream"),
    "GET /find": Policy("read", 200, 404, "/find?run={part}"),
    "GET /traces": Policy("read", 200, 200, "/traces?agentId={run}"),
    "GET /traces/{run}": Policy("read", 200, 404, "/traces/{run}"),
    "DELETE /traces/{run}": Policy("control", 204, 404, "/traces/{run}"),
    "GET /traces/{run}/spans": Policy("read", 200, 404, "/traces/{run}/spans"),
    "GET /traces/{run}/spans/{span}": Policy("read", 200, 404, "/traces/{run}/spans/{run}.s"),
    "GET /traces/{run}/stream": Policy("read", 200, 404, "/traces/{run}/stream?since=1"),
    "GET /agents": Policy("read", 200, 200, "/agents", tells=False),
    "POST /v1/events": Policy("ingest", 200, 200, "/v1/events", SPAN, is_live=True),
    "POST /v1/traces": Policy("ingest", 200, 200, "/v1/traces", OTLP, tells=False),
    "POST /api/sdk/otel/v1/traces": Policy("ingest", 200, 200, "/api/sdk/otel/v1/traces", OTLP, tells=False),
    "POST /v1/heartbeats": Policy("ingest", 200, 200, "/v1/heartbeats", '{{"runs":["{run}"]}}', is_live=True),
    "POST /v1/asked": Policy("ingest", 200, 200, "/v1/asked", '{{"runs":["{run}"]}}', is_live=True),
    "POST /v1/drops": Policy("ingest", 204, 204, "/v1/drops", '{{"dropped":{{"full":1}}}}', tells=False),
    "GET /v1/drops": Policy("read", 200, 200, "/v1/drops", tells=False),
}

SDK = "/api/sdk"
RUN_BODY = '{{"run":{{"run_id":"{run}","agent_name":"x","started_at":"2026-11-22T01:42:29Z"}}}}'
SPANS_BODY = '{{"spans":[{{"span_id":"more","run_id":"{run}","started_at":"2026-11-22T01:42:29Z"}}]}}'

POLICY |= {
    f"POST {SDK}{path}": Policy("ingest", 200, 200, SDK + path, body, is_live=True, tells=False)
    for path, body in {
        "/batch": '{{"items":[' + RUN_BODY + "]}}",
        "/runs/ingest": RUN_BODY,
        "/runs/start": RUN_BODY,
        "/runs/{run}/end": '{{"status":"ok","ended_at":"2026-11-22T01:42:29Z"}}',
        "/runs/{run}/spans": SPANS_BODY,
        "/runs/{run}/feedback": '{{"satisfaction":"positive"}}',
        "/spans/append": SPANS_BODY,
    }.items()
}
POLICY |= {
    f"POST {path}": Policy("ingest", 200, 200, path.replace("{method}", "set"), "{{}}", tells=False)
    for path in (
        f"{SDK}/track", "/api/events", "/api/events/bulk", f"{SDK}/identify", f"{SDK}/reset", f"{SDK}/wallet-address",
        f"{SDK}/users/upsert", f"{SDK}/people/{{method}}", f"{SDK}/groups/{{method}}",
        f"{SDK}/groups/profile/{{method}}",
    )
}  # fmt: skip

PUBLIC = {"GET /health", "GET /openapi.json"}
"""What needs no key and tells nothing of anybody."""

READS = [name for name in POLICY if name.startswith("GET ")]

MISSING, UNKNOWN = "missing authentication", "invalid or revoked API key"

EVERY = pytest.mark.parametrize(("name", "policy"), POLICY.items(), ids=POLICY)


def test_every_route_has_a_policy_and_every_policy_a_route(fresh: Served) -> None:
    app: Any = create_app(fresh.service)
    while hasattr(app, "_app"):
        app = app._app
    routes = [route for route in app.routes if isinstance(route, Route)]
    assert len(routes) == len(app.routes)
    served_here = {
        f"{method} {route.path}" for route in routes for method in (route.methods or {"any"}) - {"HEAD"}
    }
    assert served_here == {*POLICY, *PUBLIC, "GET /metrics"}, "for metrics see test_metrics"
    assert {f"{known.method} {known.path}": known.scope for known in OPERATIONS} == {
        name: policy.scope for name, policy in POLICY.items()
    }


@EVERY
def test_a_foreign_object_is_answered_exactly_like_a_missing_one(
    server: Served, name: str, policy: Policy
) -> None:
    mine, theirs, nowhere = made(server, SOUTH, policy), made(server, NORTH, policy), ids.new_run_id()
    before = dump(server, NORTH)
    for headers in ((), (NATIVE,)):
        missing = tried(server, name, nowhere, *headers, secret=server.secret(SOUTH))
        assert tried(server, name, theirs, *headers, secret=server.secret(SOUTH)) == missing
        assert missing[0] == (policy.native if headers and policy.native else policy.other)
    assert dump(server, NORTH) == before
    own = tried(server, name, mine, secret=server.secret(SOUTH))
    assert own[0] == policy.own
    assert (masked(own) != masked(tried(server, name, nowhere, secret=server.secret(SOUTH)))) == policy.tells
    assert dump(server, NORTH) == before


@EVERY
def test_the_scope_is_enough_and_no_other_scope_is(server: Served, name: str, policy: Policy) -> None:
    for scope in SCOPES:
        secret = server.secret(NORTH, scope)
        run_id = made(server, NORTH, policy)
        before = dump(server)
        answers = [tried(server, name, object_id, secret=secret) for object_id in (run_id, ids.new_run_id())]
        if scope == policy.scope:
            assert [status for status, *_ in answers] == [policy.own, policy.other]
        else:
            assert answers[0] == answers[1]
            assert answers[0][0] == 403
            assert f"`{policy.scope}`" in answers[0][2]
            assert dump(server) == before


@EVERY
def test_without_a_good_key_nothing_is_told_or_done(server: Served, name: str, policy: Policy) -> None:
    mine, theirs, nowhere = made(server, NORTH, policy), made(server, SOUTH, policy), ids.new_run_id()
    before, good = dump(server), server.secret(NORTH)
    for kind, (status, reason, *headers) in bad_keys(good, revoked(server)).items():
        told = {str(tried(server, name, run_id, *headers, secret="")) for run_id in (mine, theirs, nowhere)}
        assert len(told) == 1, f"{kind}: {told}"
        answer = tried(server, name, mine, *headers, secret="")
        assert (answer[0], reason in answer[2]) == (status, True), (kind, answer)
        assert good not in answer[2]
    assert dump(server) == before


def test_malformed_keys_are_answered_401_and_nothing_else(server: Served) -> None:
    good = server.secret(NORTH)
    with Raw(server.port) as raw:
        for number in range(1_000):
            place, code = number % len(good), 0x21 + number * 7 % 0x5E
            broken = good[:place] + chr(code) + good[place + 1 :]
            raw.send(request("GET", "/agents", f"authorization: Bearer {broken}"))
            assert raw.answer().status == (200 if broken == good else 401), (place, code)
        raw.send(request("GET", "/agents", f"authorization: Bearer {good}"))
        assert raw.answer().status == 200


@pytest.mark.parametrize("path", [name.partition(" ")[2] for name in sorted(PUBLIC)])
def test_a_public_route_answers_everybody_the_same(server: Served, path: str) -> None:
    answers = [server.ask("GET", path, secret=secret) for secret in ("", server.secret(NORTH), "nonsense")]
    assert [answer.status for answer in answers] == [200] * 3
    assert len({answer.body for answer in answers}) == 1
    assert NORTH.encode() not in answers[0].body


@pytest.mark.parametrize("policy", [POLICY[name] for name in READS], ids=READS)
def test_head_is_as_closed_as_get(server: Served, policy: Policy) -> None:
    mine, theirs, nowhere = made(server, NORTH, policy), made(server, SOUTH, policy), ids.new_run_id()
    for secret in ("", server.secret(NORTH, "control"), server.secret(NORTH)):
        for run_id in (mine, theirs, nowhere):
            where = policy.target.format(run=run_id, part=run_id[:20])
            head, get = (server.ask(method, where, secret=secret) for method in ("HEAD", "GET"))
            assert (head.status, head.body) == (get.status, b"")
            assert without(head, "transfer-encoding") == without(get, "transfer-encoding")


def test_the_same_run_id_of_two_owners_is_two_runs(server: Served) -> None:
    run_id = ids.new_run_id()
    server.publish(*finished_run(run_id, "ours"))
    server.send(*live_run(run_id, "theirs"), secret=server.secret(SOUTH))
    assert server.ask("GET", f"/runs/{run_id}").json["agentId"] == "ours"
    assert server.ask("GET", f"/runs/{run_id}", secret=server.secret(SOUTH)).json["agentId"] == "theirs"
    assert server.ask("DELETE", f"/runs/{run_id}", secret=server.secret(SOUTH)).status == 204
    assert server.ask("GET", f"/traces/{run_id}").json["summary"]["spanCount"] == 2


def test_a_run_below_a_foreign_one_stays_with_its_owner(server: Served) -> None:
    above, below = ids.new_run_id(), ids.new_run_id()
    server.publish(*live_run(above))
    server.send(*live_run(below, parent_id=above), secret=server.secret(SOUTH))
    seen = server.ask("GET", f"/runs/{below}", secret=server.secret(SOUTH)).json
    assert (seen["rootId"], seen["depth"]) == (below, 0)
    assert below not in server.ask("GET", f"/traces/{above}").body.decode()
    server.ask("POST", f"/runs/{above}/cancel")
    assert server.of(SOUTH).runs.get(below).cancel is None


def test_lists_and_counts_are_those_of_the_owner(fresh: Served) -> None:
    north, south = ids.new_run_id(), ids.new_run_id()
    fresh.publish(*finished_run(north, "agent"))
    fresh.publish(*finished_run(south, "agent"), owner=SOUTH)
    for owner, run_id in ((NORTH, north), (SOUTH, south)):
        secret = fresh.secret(owner)
        fresh.of(owner).record_drops({owner: 1})
        assert [row["id"] for row in fresh.ask("GET", "/runs", secret=secret).json["rows"]] == [run_id]
        assert [row["traceId"] for row in fresh.ask("GET", "/traces", secret=secret).json["rows"]] == [run_id]
        assert fresh.ask("GET", "/find?run=latest", secret=secret).json == {"id": run_id}
        assert fresh.ask("GET", "/find?run=@2", secret=secret).status == 404
        assert fresh.ask("GET", "/v1/drops", secret=secret).json == {"dropped": {owner: 1}}


def test_the_cursor_of_another_owner_opens_nothing(fresh: Served) -> None:
    for owner in (NORTH, SOUTH):
        for _ in range(3):
            fresh.publish(*finished_run(ids.new_run_id(), owner), owner=owner)
    cursor = fresh.ask("GET", "/runs?limit=1").json["cursor"]
    rows = fresh.ask("GET", f"/runs?cursor={cursor}", secret=fresh.secret(SOUTH)).json["rows"]
    assert {row["agentId"] for row in rows} <= {SOUTH}


@pytest.mark.parametrize("kind", ["runs", "traces", "native"])
def test_a_revoked_key_is_refused_at_once_and_its_open_stream_ends(server: Served, kind: str) -> None:
    run_id = ids.new_run_id()
    server.publish(*live_run(run_id), alive=True)
    key, secret = server.local.keys.create(NORTH, SCOPES)
    headers = (NATIVE,) if kind == "native" else ()
    target = f"/{'runs' if kind == 'runs' else 'traces'}/{run_id}/stream"
    with server.follow(target, *headers, secret=secret) as ending, server.follow(target, *headers) as other:
        assert (ending.status, ending.frame() is None, other.frame() is None) == (200, False, False)
        server.local.keys.revoke(key.id)
        assert server.ask("GET", "/runs", secret=secret).status == 401
        assert "trace-done" not in [frame.get("event") for frame in ending.frames()]
        server.publish(span_start(run_id, "later", kind="tool", tool="later"), alive=True)
        assert any("later" in frame.get("data", "") for frame in iter(other.frame, None))


def test_a_key_revoked_while_its_question_waits_is_told_nothing(server: Served) -> None:
    run_id = ids.new_run_id()
    server.publish(*live_run(run_id), alive=True)
    key, secret = server.local.keys.create(NORTH, ("ingest",))
    answers: list[Answer] = []
    body = b'{"runs": ["%b"], "wait_seconds": 20}' % run_id.encode()
    waiting = Thread(
        target=lambda: answers.append(server.ask("POST", "/v1/asked", secret=secret, body=body)), daemon=True
    )
    waiting.start()
    eventually(lambda: server.service._viewers[key.id])
    server.local.keys.revoke(key.id)
    server.publish(cancel_request(run_id))
    waiting.join(60)
    assert [(answer.status, run_id.encode() in answer.body) for answer in answers] == [(401, False)]


def test_a_key_revoked_by_another_process_is_refused_too(tmp_path: Path) -> None:
    with served(tmp_path / "trodo.db") as one, served(tmp_path / "trodo.db") as other:
        key, secret = one.local.keys.create(NORTH, SCOPES)
        assert other.ask("GET", "/runs", secret=secret).status == 200
        one.local.keys.revoke(key.id)
        assert other.ask("GET", "/runs", secret=secret).status == 401


def made(server: Served, owner: str, policy: Policy) -> str:
    """A new object that the policy is tried on."""
    run_id = ids.new_run_id()
    if policy.is_live:
        server.publish(*live_run(run_id, run_id), cancel_request(run_id), owner=owner, alive=True)
    else:
        server.publish(*finished_run(run_id, run_id), owner=owner)
    return run_id


def tried(
    server: Served, name: str, run_id: str, *headers: str, secret: str
) -> tuple[int, dict[str, str], str]:
    """The operation on an object: status, headers and body of the answer, its own new values blanked."""
    policy = POLICY[name]
    target = policy.target.format(run=run_id, part=run_id[:20])
    body = policy.body.format(run=run_id).encode()
    media = ("content-type: application/json",) if policy.body == OTLP else ()
    answer = server.ask(name.partition(" ")[0], target, *media, *headers, secret=secret, body=body)
    text = answer.body.decode()
    for sought, blank in ((run_id, "RUN"), (run_id[:20], "PART"), (run_id[-16:], "ROOT")):
        text = text.replace(sought, blank)
    if name == "POST /runs" and answer.status == 201:
        text = re.sub(r'"(\w*[iI]d)":"[0-9a-f]{32}"|"(\w+(?:At|_ns))":\d+', r'"\1\2":NEW', text)
        return answer.status, without(answer, "location"), text
    return answer.status, without(answer), text


def masked(told: tuple[int, dict[str, str], str]) -> tuple[int, str]:
    return told[0], told[2]


def without(answer: Answer, *names: str) -> dict[str, str]:
    """The headers but for these."""
    return {name: value for name, value in answer.headers if name not in names}


def bad_keys(good: str, was_revoked: str) -> dict[str, tuple[int, str, *tuple[str, ...]]]:
    """Ways to show no good key: the status, a part of the reason, and the headers."""
    bearer = "authorization: Bearer "
    other = "A" if good[-1] != "A" else "B"
    return {
        "none": (401, MISSING),
        "revoked": (401, UNKNOWN, bearer + was_revoked),
        "never made": (401, UNKNOWN, bearer + new_secret()),
        "another scheme": (401, MISSING, f"authorization: Basic {good}"),
        "no scheme": (401, MISSING, f"authorization: {good}"),
        "no space": (401, MISSING, f"authorization: Bearer{good}"),
        "empty header": (401, MISSING, "authorization:"),
        "only the scheme": (401, MISSING, "authorization: Bearer"),
        "only spaces": (401, MISSING, "authorization: Bearer    "),
        "truncated": (401, UNKNOWN, bearer + good[:-1]),
        "too long": (401, UNKNOWN, bearer + good + "A"),
        "bad checksum": (401, UNKNOWN, bearer + good[:-1] + other),
        "two in one": (401, UNKNOWN, f"{bearer}{good} {good}"),
        "with a comma": (401, UNKNOWN, f"{bearer}{good}, Bearer {good}"),
        "in capitals": (401, UNKNOWN, bearer + good.upper()),
        "not ASCII": (401, UNKNOWN, f"{bearer}{good}\xe9"),
        "only not ASCII": (401, UNKNOWN, f"{bearer}\xff\xfe\x80"),
        "twice": (401, MISSING, bearer + good, bearer + good),
        "twice, one bad": (401, MISSING, bearer + good, "authorization: Bearer x"),
        "one bad, one in the other header": (401, UNKNOWN, f"{bearer}x", f"x-trodo-site-id: {good}"),
        "twice in the other header": (401, MISSING, f"x-trodo-site-id: {good}", f"x-trodo-site-id: {good}"),
        "in a cookie": (401, MISSING, f"cookie: key={good}"),
        "as a proxy": (401, MISSING, f"proxy-authorization: Bearer {good}"),
        "a megabyte": (431, "65,536 bytes", bearer + "a" * 2**20),
    }


def revoked(server: Served) -> str:
    """A key that was good once."""
    key, secret = server.local.keys.create(NORTH, SCOPES)
    server.local.keys.revoke(key.id)
    return secret


def dump(server: Served, owner: str = "%") -> list[str]:
    """Every row of every table that belongs to an owner, but for the keys."""
    with closing(apsw.Connection(str(server.path), flags=apsw.SQLITE_OPEN_READONLY)) as connection:
        return list(rows(connection, owner))


def rows(connection: apsw.Connection, owner: str) -> Iterator[str]:
    tables = connection.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name != 'keys'"
    ).fetchall()
    for (table,) in tables:
        for row in connection.execute(f"SELECT * FROM {table} WHERE owner LIKE ?", (owner,)):
            yield f"{table} {row!r}"
