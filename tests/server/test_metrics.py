"""What a server counts, read as Prometheus reads it."""

import json
import threading
from typing import Any, cast

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.server.served import NORTH, SOUTH, Served, finished_run, lines, live_run
from trodo_cli.model.key import SCOPES
from trodo_cli.server.app import ROUTES
from trodo_cli.server.board import BOUNDS, EVENTS, MAX_ROUTES, STATUSES, STORE_CALLS, UNCOUNTED, Board
from trodo_cli.server.exposition import exposition
from trodo_cli.server.metered import metered
from trodo_cli.stores.base import Appended, Store


class Counts:
    """All samples, by name and labels."""

    def __init__(self, text: str) -> None:
        self.families = {family.name: family for family in text_string_to_metric_families(text)}
        self.samples = [sample for family in self.families.values() for sample in family.samples]

    def __call__(self, name: str, **labels: str) -> float:
        """The sum of those that have these labels."""
        found = [
            sample.value
            for sample in self.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]
        return sum(found)


def counted(server: Served) -> Counts:
    answer = server.ask("GET", "/metrics", secret=server.secret(NORTH, "metrics"))
    assert answer.status == 200
    assert answer["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return Counts(answer.body.decode())


def test_only_a_key_for_it_may_read_the_counts(fresh: Served) -> None:
    assert fresh.ask("GET", "/metrics", secret="").status == 401
    assert fresh.ask("GET", "/metrics", secret="wrong").status == 401
    for scope in SCOPES:
        expected = 200 if scope == "metrics" else 403
        assert fresh.ask("GET", "/metrics", secret=fresh.secret(SOUTH, scope)).status == expected


def test_requests_are_counted_by_route_and_status_and_never_by_path(fresh: Served) -> None:
    fresh.publish(*finished_run("one"), *finished_run("two"))
    for path in ("/runs/one", "/runs/two", "/runs/three", "/canary/../x", "/%1b%5b2J"):
        fresh.ask("GET", path)
    fresh.ask("GET", "/runs/one", secret="")
    fresh.ask("GET", "/runs", "host: evil canary")
    found = counted(fresh)
    assert found("trodo_requests_total", method="GET", route="/runs/{run}", status="200") == 2
    assert found("trodo_requests_total", method="GET", route="/runs/{run}", status="404") == 1
    assert found("trodo_requests_total", method="GET", route="/runs/{run}", status="401") == 1
    assert found("trodo_requests_total", route="-", status="404") == 2
    assert found("trodo_requests_total", route="-", status="400") == 1
    assert found("trodo_request_seconds_count", route="/runs/{run}") == 4
    assert 0 < found("trodo_request_seconds_sum", route="/runs/{run}") < 60
    text = fresh.ask("GET", "/metrics", secret=fresh.secret(NORTH, "metrics")).body.decode()
    assert not [word for word in ("one", "canary", NORTH, "evil", "\x1b") if f'"{word}' in text]


def test_events_are_counted_by_type_and_by_what_became_of_them(fresh: Served) -> None:
    batch = finished_run("counted")
    fresh.send(*batch)
    fresh.send(*batch)
    fresh.ask("POST", "/v1/events", body=lines(*live_run("other")) + b"\nno event\n{}")
    export = {"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "1" * 32, "spanId": "x"}]}]}]}
    fresh.ask("POST", "/v1/traces", "content-type: application/json", body=json.dumps(export).encode())
    sdk = {"items": [{"run": {"agent_name": "nameless"}}, 7]}
    fresh.ask("POST", "/api/sdk/batch", body=json.dumps(sdk).encode())
    fresh.ask("POST", "/v1/drops", body=b'{"dropped": {"canary": 3, "full": 4}}')
    found = counted(fresh)
    assert found("trodo_events_received_total", type="span-end") == 2
    assert found("trodo_events_received_total", type="run-start") == 3
    assert found("trodo_events_taken_total", result="stored") == len(batch) + 2
    assert found("trodo_events_taken_total", result="known") == len(batch)
    assert found("trodo_events_taken_total", result="refused") == 2 + 1 + 2
    assert found("trodo_producer_drops_total") == 7
    assert found("trodo_store_seconds_count", call="append") == 5
    assert "canary" not in str(found.samples)


def test_streams_are_counted_while_they_are_open(fresh: Served) -> None:
    fresh.send(*live_run("long"))
    with fresh.follow("/traces/long/stream?since=0") as one, fresh.follow("/runs/long/stream") as other:
        assert one.frame()
        assert other.frame()
        assert counted(fresh)("trodo_streams") == 2
    while counted(fresh)("trodo_streams"):
        threading.Event().wait(0.01)
    assert counted(fresh)("trodo_request_seconds_count", route="/traces/{run}/stream") == 1


SDK_BATCH = b'{"items": [{"type": "canary"}]}'
START = b'{"agentId": "canary"}'


def test_what_others_send_and_start_is_counted_by_its_route(fresh: Served) -> None:
    json_type = "content-type: application/json"
    for target, body in (
        ("/v1/traces", b"{}"), ("/api/sdk/otel/v1/traces", b"{}"), ("/api/sdk/batch", SDK_BATCH),
        ("/api/sdk/runs/canary-1/spans", b'{"spans": []}'), ("/api/sdk/runs/canary-1/end", b"{}"),
        ("/api/sdk/people/canary", b"{}"), ("/runs", START),
    ):  # fmt: skip
        assert fresh.ask("POST", target, json_type, body=body).status < 500
    assert fresh.ask("GET", "/agents").status == 200
    found = counted(fresh)
    for method, route in (
        ("POST", "/v1/traces"), ("POST", "/api/sdk/otel/v1/traces"), ("POST", "/api/sdk/batch"),
        ("POST", "/api/sdk/runs/{run}/spans"), ("POST", "/api/sdk/runs/{run}/end"),
        ("POST", "/api/sdk/people/{method}"), ("POST", "/runs"), ("GET", "/agents"),
    ):  # fmt: skip
        assert found("trodo_requests_total", method=method, route=route) == 1, route
    assert not found("trodo_requests_total", route="-")
    assert "canary" not in str(found.samples)


def test_every_call_of_a_store_reaches_it_and_is_counted() -> None:
    board, kept = Board(), Kept()
    store = metered(cast(Store, kept), board)
    calls = [name for name in vars(Store) if not name.startswith("_")]
    assert {*calls} == {*STORE_CALLS, *UNCOUNTED}
    for name in calls:
        counts: Any = {"a reason": 1} if name == "record_drops" else ()
        named = {"alive": True} if name == "append" else {}
        assert getattr(store, name)("owner", counts, 7, **named) is kept.answers[name]
        assert kept.asked.pop() == (name, "owner", counts, 7, named)
    found = Counts(exposition(board, ROUTES))
    for name in calls:
        assert found("trodo_store_seconds_count", call=name) == (name not in UNCOUNTED), name


class Kept:
    """A store that notes what it is asked, whatever that is."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.answers: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            self.asked.append((name, *arguments, named))
            answer = None if name == "record_drops" else Appended(stored=0, known=0)
            return self.answers.setdefault(name, answer)

        return call


@pytest.fixture
def two() -> Board:
    return Board(2)


def test_the_counts_of_all_workers_are_added_and_outlive_them(two: Board) -> None:
    for place in (0, 1, 1):
        two.sit(place)
        two.request(1, 200, 3 * 10**6, 100)
        two.streams(1)
    found = Counts(exposition(two, ROUTES))
    assert found("trodo_requests_total", route="/health") == 3
    assert found("trodo_worker_starts_total") == 3
    assert found("trodo_sent_bytes_total") == 300
    assert found("trodo_streams") == 2, "those of a worker that was replaced are gone"


def test_a_duration_is_in_every_bucket_from_its_own_on(two: Board) -> None:
    for seconds in (0.001, 0.3, 100.0):
        two.request(1, 200, int(seconds * 1e9), 0)
    found = Counts(exposition(two, ROUTES))
    buckets = [found("trodo_request_seconds_bucket", le=str(bound)) for bound in (*BOUNDS, "+Inf")]
    assert buckets == [1] * 8 + [2] * 4 + [3]
    assert found("trodo_request_seconds_sum") == pytest.approx(100.301)


def test_a_status_that_nobody_thought_of_has_a_place(two: Board) -> None:
    two.request(2, 418, 1, 1)
    assert Counts(exposition(two, ROUTES))("trodo_requests_total", status="other") == 1


def test_every_route_and_every_status_of_ours_has_its_cells() -> None:
    assert len(ROUTES) == len(set(ROUTES)) <= MAX_ROUTES
    board = Board()
    for route in range(len(ROUTES)):
        for status in STATUSES:
            board.request(route, status, 10**6, 1)
    for number in range(len(STORE_CALLS)):
        board.store_call(number, 10**6)
    board.events(dict.fromkeys(EVENTS, 1))
    found = Counts(exposition(board, ROUTES))
    assert (
        found("trodo_requests_total") == found("trodo_request_seconds_count") == len(ROUTES) * len(STATUSES)
    )
    assert found("trodo_store_seconds_count") == len(STORE_CALLS)
    assert found("trodo_events_received_total") == len(EVENTS)
    assert len(found.samples) < 3_000, "there can never be more"
