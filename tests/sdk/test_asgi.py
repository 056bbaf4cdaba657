"""The ASGI middleware, called as a server calls it: what passes through it, and a run that was asked to stop."""

import asyncio
import contextlib
from typing import Any

import pytest

import trodo_cli
from tests.sdk.host import Recording, eventually
from trodo_cli.sdk.context import current
from trodo_cli.sdk.recorder import recorder

START = {"type": "http.response.start", "status": 200, "headers": []}


def body(data: bytes, *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": data, "more_body": more}


class Server:
    """Asks an application once, and notes what it sends."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def ask(self, app: Any, run_id: str | None = None, kind: str = "http", **scope: Any) -> None:
        headers = [(b"X-Trodo-Run-Id", run_id.encode())] if run_id else []
        said = {"type": kind, "path": "/x", "headers": headers, **scope}
        if kind == "http":
            said["method"] = "GET"
        asyncio.run(app(said, self._receive, self._send))
        assert current.get() is None, "nothing is left behind"

    async def _receive(self) -> Any:
        return {"type": "http.request", "body": b"asked", "more_body": False}

    async def _send(self, message: Any) -> None:
        self.sent.append(message)


@pytest.fixture
def server() -> Server:
    return Server()


def test_messages_and_the_scope_pass_as_they_are_one_by_one(recording: Recording, server: Server) -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope, await receive(), trodo_cli.current_run_id()))
        await send(START)
        seen.append(len(server.sent))
        await send(body(b"one", more=True))
        seen.append(len(server.sent))
        await send(body(b"two"))

    run_id = trodo_cli.start_run("a")
    server.ask(trodo_cli.asgi_middleware(app), run_id, root_path="/app")
    (scope, asked, inside), *lengths = seen
    assert (scope["root_path"], scope["path"], asked["body"], inside) == ("/app", "/x", b"asked", run_id)
    assert lengths == [1, 2], "what was sent is on its way before the next is made"
    assert server.sent == [START, body(b"one", more=True), body(b"two")]
    assert server.sent[0] is START
    trodo_cli.end_run(run_id)


@pytest.mark.parametrize("kind", ["lifespan", "websocket"])
def test_other_protocols_pass_too(recording: Recording, server: Server, kind: str) -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(trodo_cli.current_run_id())

    run_id = trodo_cli.start_run("a")
    server.ask(trodo_cli.asgi_middleware(app), run_id, kind)
    server.ask(trodo_cli.asgi_middleware(app), None, kind)
    trodo_cli.end_run(run_id)
    assert seen == [run_id if kind == "websocket" else None, None]


def asked_to_stop(recording: Recording) -> str:
    """A run whose process has heard that it is asked to stop."""
    run_id = trodo_cli.start_run("stopped")
    with recording.reading() as client:
        client.runs.cancel(run_id, reason="enough")
    eventually(lambda: not recorder().runs.unasked())
    return run_id


def test_a_request_of_a_run_that_was_asked_to_stop_is_answered_503(
    recording: Recording, server: Server
) -> None:
    async def app(*_: Any) -> None:
        raise AssertionError("nobody works for it any more")

    run_id = asked_to_stop(recording)
    server.ask(trodo_cli.asgi_middleware(app), run_id)
    start, rest = server.sent
    assert (start["status"], b"enough" in rest["body"]) == (503, True)


def test_a_response_that_is_complete_stays_as_it_is_when_the_run_is_stopped_meanwhile(
    recording: Recording, server: Server
) -> None:
    run_id = trodo_cli.start_run("stopped")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        with recording.reading() as client:
            client.runs.cancel(run_id)
        eventually(lambda: not recorder().runs.unasked())
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(0)
        await send(START)
        await send(body(b"done"))

    server.ask(trodo_cli.asgi_middleware(app), run_id)
    assert server.sent == [START, body(b"done")]


def test_an_error_reaches_the_server_and_marks_the_span(recording: Recording, server: Server) -> None:
    async def app(*_: Any) -> None:
        raise LookupError("no such thing")

    run_id = trodo_cli.start_run("a")
    with pytest.raises(LookupError):
        server.ask(trodo_cli.asgi_middleware(app), run_id)
    trodo_cli.end_run(run_id)
    (span,) = recording.spans(run_id)
    assert (span.status, span.error_type, span.name) == ("error", "LookupError", "http.GET./x")


@pytest.mark.parametrize(
    "scope", [{"headers": None}, {"path": None}, {"headers": [(b"x-trodo-run-id", None)]}]
)
def test_a_scope_that_cannot_be_read_is_served_as_without_us(
    recording: Recording, server: Server, scope: dict[str, Any]
) -> None:
    seen: list[Any] = []

    async def app(*_: Any) -> None:
        seen.append(trodo_cli.current_run_id())

    server.ask(trodo_cli.asgi_middleware(app), **scope)
    assert len(seen) == 1
