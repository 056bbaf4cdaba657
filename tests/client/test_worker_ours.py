"""The client of an agntz worker against our own server, which says that it is one: both sides of the wire at once."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

import trodo_cli
from tests.client.listener import Listener, folded, words
from tests.contract.events import NOW, SECOND, payload, run_end, run_start, span_end, span_start
from tests.server.running import answer, eventually, running
from tests.server.served import finished_run, live_run
from trodo_cli.client.base import Client
from trodo_cli.client.local import LocalClient
from trodo_cli.client.worker import WorkerClient
from trodo_cli.errors import NotFound
from trodo_cli.model.key import SCOPES
from trodo_cli.query.plan import RunFilter
from trodo_cli.server.app import create_app
from trodo_cli.server.service import Service
from trodo_cli.stores.sqlite import SqliteStore


class Disguised:
    """A server of ours that does not say whose it is."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.accepted: set[bytes] = set()
        """The media types that were asked for."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/health":
            await answer(send, 200, b'{"status":"ok","service":"worker"}')
            return
        self.accepted |= {value for name, value in scope["headers"] if name == b"accept"}
        await self._app(scope, receive, send)


@pytest.fixture
def local() -> Iterator[LocalClient]:
    local = LocalClient(SqliteStore(None), "north")
    yield local
    local.close()


@pytest.fixture
def client(local: LocalClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.setenv("TRODO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TRODO_KEYRING", "0")
    service = Service(local)
    app = Disguised(create_app(service))
    _, secret = local.keys.create(local.owner, SCOPES)
    with running(app, on_stopping=service.stop) as server:
        client = trodo_cli.connect(server.url, api_key=secret)
        assert isinstance(client, WorkerClient)
        yield client
        client.close()
    assert app.accepted <= {b"application/json", b"text/event-stream"}, "it was asked in our own words"


def test_runs_are_listed_as_they_are(local: LocalClient, client: Client) -> None:
    for number in range(1, 6):
        run_id = f"run-{number}"
        local.publish([run_start(run_id, agent=f"agent-{number % 2}", started_ns=NOW + number * SECOND)])
        local.publish([run_end(run_id, status="failed" if number == 3 else "completed", error="boom")])
    local.publish([run_start("below", parent_id="run-1")])
    for said in (
        {},
        {"status": "error"},
        {"agent_id": "agent-1", "status": "ok"},
        {"wanted": RunFilter(roots_only=False)},
        {"wanted": RunFilter(started_after_ns=NOW + 2 * SECOND, started_before_ns=NOW + 3 * SECOND)},
        {"limit": 2},
    ):
        ours, theirs = local.runs.list(**said), client.runs.list(**said)
        assert [run.id for run in theirs.rows] == [run.id for run in ours.rows]
        assert [run.status for run in theirs.rows] == [run.status for run in ours.rows]
        assert (theirs.cursor is None) == (ours.cursor is None)
    page = client.runs.list(limit=2)
    assert [run.id for run in client.runs.list(limit=2, cursor=page.cursor).rows] == ["run-3", "run-2"]
    assert client.runs.find("latest:agent-0") == "run-4"
    assert client.runs.find("belo") == "below"


def test_a_run_and_its_trace_come_back_whole(local: LocalClient, client: Client) -> None:
    local.publish(finished_run("run-1"), alive=False)
    ours, theirs = local.runs.get("run-1"), client.runs.get("run-1")
    assert (theirs.agent, theirs.status, theirs.details) == (ours.agent, ours.status, ours.details)
    mine, told = local.traces.get("run-1"), client.traces.get("run-1")
    assert [(s.id, s.name, s.kind, s.status, s.details) for s in told.spans] == [
        (s.id, s.name, s.kind, s.status, s.details) for s in mine.spans
    ]
    assert told.summary.details == mine.summary.details


def test_a_finished_run_is_told_to_its_end(local: LocalClient, client: Client) -> None:
    local.publish(finished_run("run-1"), alive=False)
    events = list(client.traces.stream("run-1"))
    assert [event.seq for event in events] == [*range(1, len(events)), 0]
    assert [event.type for event in (events[0], *events[-2:])] == ["run-start", "run-end", "trace-done"]
    assert [span.id for span in folded(events).spans] == [span.id for span in local.traces.get("run-1").spans]


def test_a_live_run_is_followed(local: LocalClient, client: Client) -> None:
    local.publish(live_run("run-1"))
    assert client.traces.get("run-1").summary.status == "running"
    listener = Listener(client, "run-1")
    eventually(lambda: listener.told() == ["run-start", "span-start run-1.s"])
    local.publish([span_start("run-1", "second", name="later")])
    eventually(lambda: "span-start second" in listener.told())
    local.publish([span_end("run-1", "second", name="later"), span_end("run-1", "run-1.s", name="think")])
    local.publish([run_end("run-1", payload=payload(output="the end"))])
    events = listener.end()
    assert sorted(words(event) for event in events if event.type in ("span-start", "span-end")) == [
        "span-end run-1.s",
        "span-end second",
        "span-start run-1.s",
        "span-start second",
    ]
    assert (events[-1].run.status, events[-1].run.details.output) == ("completed", "the end")
    assert listener.states == ["live", "ended"]


def test_a_child_has_a_trace_of_its_own(local: LocalClient, client: Client) -> None:
    local.publish([run_start("root"), *finished_run("child", parent_id="root")])
    assert client.traces.get("child").summary.parent_id == "root"
    assert list(client.traces.stream("child"))[-1].run.status == "completed"


def test_a_lost_run_is_not_followed_for_ever(local: LocalClient, client: Client) -> None:
    local.publish(live_run("run-1"), alive=False)
    assert local.runs.get("run-1").status == "lost"
    events = Listener(client, "run-1").end()
    assert [words(event) for event in events] == ["run-start", "span-start run-1.s", "trace-done"]


def test_a_cancel_reaches_the_run(local: LocalClient, client: Client) -> None:
    local.publish(live_run("run-1"))
    assert client.runs.cancel("run-1", reason="enough", by="tester").status == "running"
    assert local.asked_to_stop(["run-1"]) == ["run-1"]
    local.publish([run_end("run-1", status="cancelled")])
    assert client.runs.get("run-1").status == "cancelled"


def test_a_trace_is_deleted_and_the_run_stays(local: LocalClient, client: Client) -> None:
    local.publish(finished_run("run-1"), alive=False)
    client.traces.delete("run-1")
    assert client.runs.get("run-1").status == "completed"
    with pytest.raises(NotFound, match="no trace run-1"):
        client.traces.get("run-1")
