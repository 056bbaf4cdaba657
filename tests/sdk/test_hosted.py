"""Programs that record to a server: what goes wrong on the way only delays."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.sdk.host import Host, eventually, finished, names, next_line, rest, tell
from tests.server.running import Running, running
from trodo_cli.client import LOCAL_OWNER
from trodo_cli.client.local import LocalClient
from trodo_cli.model.key import SCOPES
from trodo_cli.model.span import Span
from trodo_cli.server.app import create_app
from trodo_cli.server.service import Service
from trodo_cli.stores.sqlite import SqliteStore

PROGRAM = """
    import sys
    import trodo

    with trodo.wrap_agent("worker") as run:
        print(run.run_id, flush=True)
        for number in range(int(sys.argv[1])):
            with trodo.span(f"s{number}"):
                pass
        input()
        with trodo.span("last"):
            pass
    trodo.flush()
"""


class Unsteady:
    """The server behind trouble: the first requests of a kind meet it, the others get through."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.trouble = ""
        self.met = 0
        self.bodies = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.trouble and scope["path"].startswith("/v1/"):
            self.met += 1
            await getattr(self, f"_{self.trouble}")(receive, send)
        else:
            self.bodies += scope["path"] == "/v1/events"
            await self.app(scope, receive, send)

    async def _busy(self, receive: Receive, send: Send, status: int = 503) -> None:
        await send({"type": "http.response.start", "status": status, "headers": [(b"retry-after", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    async def _crowded(self, receive: Receive, send: Send) -> None:
        await self._busy(receive, send, 429)

    async def _full(self, receive: Receive, send: Send) -> None:
        await self._busy(receive, send, 507)

    async def _broken(self, receive: Receive, send: Send) -> None:
        await self._busy(receive, send, 500)

    async def _reset(self, receive: Receive, send: Send) -> None:
        raise ConnectionResetError

    async def _silent(self, receive: Receive, send: Send) -> None:
        while self.trouble and (await receive())["type"] != "http.disconnect":
            pass
        await asyncio.sleep(0)


class Place:
    """A server with one owner's key, and the store behind it."""

    def __init__(self, local: LocalClient, server: Running, unsteady: Unsteady, key: str) -> None:
        self.local, self.server, self.unsteady = local, server, unsteady
        self.settings = {"TRODO_TARGET": server.url, "TRODO_API_KEY": key}

    def spans(self, run_id: str) -> list[Span]:
        return self.local.traces.get(run_id).own


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    store = SqliteStore(tmp_path / "server.db")
    local = LocalClient(store, LOCAL_OWNER)
    service = Service(local)
    unsteady = Unsteady(create_app(service))
    _, key = local.keys.create(LOCAL_OWNER, SCOPES)
    with running(unsteady, on_stopping=service.stop) as server:
        yield Place(local, server, unsteady, key)
    store.close()


def test_a_program_records_to_a_server_and_leaves_nothing_behind(host: Host, place: Place) -> None:
    program = host.start(PROGRAM, "20", **place.settings)
    run_id = next_line(program)
    eventually(lambda: _is_there(place, run_id) and len(place.spans(run_id)) == 20)
    assert place.local.runs.get(run_id).status == "running"
    tell(program)
    assert finished(program) == []
    assert names(place.spans(run_id)) == [*(f"s{number}" for number in range(20)), "last"]
    assert place.local.runs.get(run_id).status == "completed"
    assert host.segments() == []
    assert not host.database.exists()


def test_a_target_and_key_given_in_the_program_are_used(host: Host, place: Place) -> None:
    url, key = place.settings.values()
    program = f"""
        import trodo
        trodo.init({url!r}, api_key={key!r})
        with trodo.wrap_agent("worker") as run:
            print(run.run_id)
        trodo.flush()
    """
    (run_id,) = host.run(program)
    assert place.local.runs.get(run_id).status == "completed"


@pytest.mark.parametrize("trouble", ["busy", "crowded", "full", "broken", "reset"])
def test_trouble_with_the_server_only_delays(host: Host, place: Place, trouble: str) -> None:
    place.unsteady.trouble = trouble
    program = host.start(PROGRAM, "50", **place.settings)
    run_id = next_line(program)
    eventually(lambda: place.unsteady.met >= 3)
    place.unsteady.trouble = ""
    tell(program)
    assert finished(program) == []
    assert names(place.spans(run_id)) == [*(f"s{number}" for number in range(50)), "last"]
    assert place.local.runs.get(run_id).last_seq == 2 * 51 + 2, "each event once"


def test_a_server_that_never_answers_does_not_hold_up_the_program(host: Host, place: Place) -> None:
    place.unsteady.trouble = "silent"
    program = host.start(PROGRAM.replace("trodo.flush()", ""), "5", **place.settings)
    run_id = next_line(program)
    eventually(lambda: place.unsteady.met)
    tell(program)
    assert finished(program) == []
    place.unsteady.trouble = ""
    assert host.segments(), "what the server did not acknowledge is on disk"
    _delivered_later(host, place, run_id)


def test_a_request_to_stop_is_heard_through_the_server(host: Host, place: Place) -> None:
    program = host.start(
        """
        import time
        import trodo
        try:
            with trodo.wrap_agent("worker") as run:
                print(run.run_id, flush=True)
                while True:
                    trodo.check_cancelled()
                    time.sleep(0.01)
        except trodo.RunCancelled as cancelled:
            print(cancelled)
        """,
        **place.settings,
    )
    run_id = next_line(program)
    eventually(lambda: _is_there(place, run_id))
    place.local.runs.cancel(run_id, reason="enough", by="somebody")
    assert finished(program) == [f"run {run_id} was cancelled by somebody: enough"]
    run = place.local.runs.get(run_id)
    assert run.status == "cancelled"
    assert run.cancel is not None
    assert run.cancel.delivered_ns is not None


def test_a_wrong_key_loses_nothing(host: Host, place: Place) -> None:
    program = host.start(
        PROGRAM.replace("trodo.flush()", ""), "3", **{**place.settings, "TRODO_API_KEY": "wrong"}
    )
    run_id = next_line(program)
    tell(program)
    assert finished(program) == []
    assert not _is_there(place, run_id)
    (segment,) = host.spool.glob("*.seg")
    finished(host.start(PROGRAM.replace("input()", "pass"), "0", **place.settings))
    assert segment.exists(), "a program with another key may be another owner's"
    assert not _is_there(place, run_id)
    drain = "from trodo_cli.cli.main import run\nrun(['spool', 'drain', '--any-key'])"
    assert rest(host.start(drain, **place.settings)) == ("", "shipped 10 events\n")
    assert names(place.spans(run_id)) == ["s0", "s1", "s2", "last"]


def _delivered_later(host: Host, place: Place, run_id: str) -> None:
    """The next program of that user brings what an earlier one could not."""
    later = host.start(PROGRAM, "0", **place.settings)
    next_line(later)
    eventually(lambda: _is_there(place, run_id))
    tell(later)
    finished(later)


def _is_there(place: Place, run_id: str) -> bool:
    return any(run.id == run_id for run in place.local.runs.list(limit=100).rows)
