"""What happens to a connection before, between and after requests."""

import asyncio
import threading
from collections.abc import Callable, Iterator

import pytest
from starlette.types import Receive, Scope, Send

from tests.server.running import DEADLINE_SECONDS, Raw, Running, answer, eventually, hello, running
from trodo_cli.server import connection

FOREVER = 3600.0
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HEADER_SECONDS", 0.2)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only sizes end a connection."""
    monkeypatch.setattr(connection, "HEADER_SECONDS", FOREVER)


@pytest.fixture
def server() -> Iterator[Running]:
    with running(echo) as server:
        yield server


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers the number of headers, the target's length and the body."""
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body, more = body + message["body"], message["more_body"]
    said = [len(scope["headers"]), len(scope["raw_path"]) + len(scope["query_string"])]
    await answer(send, 200, b"%d headers, %d bytes, " % tuple(said) + body)


class Held:
    """An app that answers when it is let go."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.may_go = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.entered.set()
        await self.may_go.wait()
        await answer(send, 200, b"at last")


class Beating:
    """An app that gives a sign of life until the client has left."""

    def __init__(self) -> None:
        self.left = threading.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        beating = asyncio.create_task(self._beat(send))
        while (await receive())["type"] != "http.disconnect":
            pass
        beating.cancel()
        self.left.set()

    async def _beat(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            await send({"type": "http.response.body", "body": b"beat\n", "more_body": True})
            await asyncio.sleep(0.02)


HALVES = {
    "nothing": b"",
    "one byte": b"G",
    "empty lines": b"\r\n\r\n",
    "half a request line": b"GET /runs",
    "half a header": b"GET / HTTP/1.1\r\nHost: loc",
    "all but the empty line": b"GET / HTTP/1.1\r\nHost: localhost\r\n",
}


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("sent", HALVES.values(), ids=HALVES)
def test_a_half_sent_request_is_told_408_and_closed(server: Running, sent: bytes) -> None:
    with Raw(server.port) as raw:
        told = raw.send(sent).answer()
        assert (told.status, told["connection"]) == (408, "close")
        assert told.json["error"] == "the headers were not complete after 0.2 s"
        assert raw.rest() == b""


@pytest.mark.parametrize("sent", [half for half in HALVES.values() if half], ids=[*HALVES][1:])
def test_a_later_request_has_as_much_time_and_no_more(
    server: Running, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    with Raw(server.port) as raw:
        assert raw.send(GET).answer().status == 200
        monkeypatch.setattr(connection, "HEADER_SECONDS", 0.2)
        assert raw.send(sent).answer().status == 408
        assert raw.rest() == b""


def test_200_half_sent_requests_are_all_closed_while_others_are_answered(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Raw(server.port) as raw:
        assert raw.send(GET).answer().status == 200
        monkeypatch.setattr(connection, "HEADER_SECONDS", 0.2)
        slow = [Raw(server.port).send([*HALVES.values()][number % len(HALVES)]) for number in range(200)]
        assert raw.send(GET).answer().status == 200
    assert [half.answer().status for half in slow] == [408] * 200
    assert [half.rest() for half in slow] == [b""] * 200
    for half in slow:
        half.close()
    eventually(lambda: server.connections == 0)


@pytest.mark.usefixtures("impatient")
def test_dripping_bytes_does_not_buy_time(server: Running) -> None:
    with Raw(server.port) as raw:
        drip = threading.Thread(
            target=lambda: [raw.send(b"X-A: b\r\n") for _ in iter(pause, None)], daemon=True
        )
        ended = threading.Event()

        def pause() -> bool | None:
            return None if ended.wait(0.05) else True

        raw.send(b"GET / HTTP/1.1\r\n")
        drip.start()
        assert raw.answer().status == 408
        ended.set()
        drip.join(DEADLINE_SECONDS)


def test_a_handler_may_take_longer_than_headers_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HEADER_SECONDS", 1.0)
    held = Held()
    with running(held) as server, Raw(server.port) as raw:
        raw.send(GET + b"\r\n")
        assert held.entered.wait(DEADLINE_SECONDS)
        after(server, 1.5, held.may_go.set)
        assert raw.answer().body == b"at last"


@pytest.mark.usefixtures("patient")
def test_an_idle_connection_is_kept_as_uvicorn_keeps_it(server: Running) -> None:
    server.server.config.timeout_keep_alive = FOREVER  # type: ignore[assignment]
    with Raw(server.port) as raw:
        for _ in range(3):
            assert raw.send(GET).answer().status == 200
        server.server.config.timeout_keep_alive = 0
    with Raw(server.port) as raw:
        assert raw.send(GET).answer().status == 200
        assert raw.rest() == b""


def headers(count: int, size: int = 1) -> bytes:
    return b"".join(b"x-%d: %s\r\n" % (number, b"v" * size) for number in range(count))


@pytest.mark.usefixtures("patient")
def test_100_headers_are_taken_and_101_are_not(server: Running) -> None:
    with Raw(server.port) as raw:
        assert (
            raw.send(b"GET / HTTP/1.1\r\n" + headers(100) + b"\r\n").answer().body.startswith(b"100 headers")
        )
        told = raw.send(b"GET / HTTP/1.1\r\n" + headers(101) + b"\r\n").answer()
        assert (told.status, told.json["error"]) == (431, "there are more than 100 headers")
        assert raw.rest() == b""


@pytest.mark.usefixtures("patient")
def test_a_target_of_16_kib_is_taken_and_a_longer_one_is_not(server: Running) -> None:
    with Raw(server.port) as raw:
        assert b" 16384 bytes" in raw.send(b"GET /" + b"a" * 16_383 + b" HTTP/1.1\r\n\r\n").answer().body
        told = raw.send(b"GET /?" + b"a" * 16_383 + b" HTTP/1.1\r\n\r\n").answer()
        assert (told.status, told.json["error"]) == (431, "the path and query have more than 16,384 bytes")


@pytest.mark.usefixtures("patient")
def test_headers_of_64_kib_are_taken_and_longer_ones_are_not(server: Running) -> None:
    with Raw(server.port) as raw:
        assert raw.send(b"GET / HTTP/1.1\r\n" + headers(64, 1000) + b"\r\n").answer().status == 200
    with Raw(server.port) as raw:
        told = raw.send(b"GET / HTTP/1.1\r\n" + headers(84, 1000) + b"\r\n").answer()
        assert (told.status, told.json["error"]) == (431, "the headers have more than 65,536 bytes")


FLOODS = {
    "headers": (b"GET / HTTP/1.1\r\n", headers(1000, 100)),
    "one header": (b"GET / HTTP/1.1\r\nx: ", b"a" * 100_000),
    "one name": (b"GET / HTTP/1.1\r\n", b"a" * 100_000),
    "target": (b"GET /", b"a" * 100_000),
    "empty lines": (b"", b"\r\n" * 50_000),
    "chunk extension": (POST + b"Transfer-Encoding: chunked\r\n\r\n1;", b"a" * 100_000),
    "trailers": (POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n", headers(1000, 100)),
    "one trailer": (POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nx: ", b"a" * 100_000),
}


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize(("begin", "more"), FLOODS.values(), ids=FLOODS)
def test_a_flood_without_end_is_stopped(server: Running, begin: bytes, more: bytes) -> None:
    with Raw(server.port) as raw:
        raw.send(begin)
        for _ in range(100):
            raw.send(more)
        assert raw.answer().status == 431
        assert raw.rest() == b""


@pytest.mark.usefixtures("patient")
def test_chunks_of_64_bytes_are_taken_and_single_bytes_by_the_thousand_are_not(server: Running) -> None:
    with Raw(server.port) as raw:
        raw.send(POST + b"Transfer-Encoding: chunked\r\n\r\n" + (b"40\r\n" + b"a" * 64 + b"\r\n") * 1_000)
        assert raw.send(b"0\r\n\r\n").answer().body == b"2 headers, 1 bytes, " + b"a" * 64_000
        raw.send(POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 50_000)
        told = raw.answer()
        assert (told.status, told.json["error"]) == (400, "the body comes in too many small chunks")
        assert raw.rest() == b""


def test_trailers_do_not_become_headers(server: Running) -> None:
    with Raw(server.port) as raw:
        raw.send(POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nAuthorization: Bearer x\r\n\r\n")
        assert raw.answer().body == b"2 headers, 1 bytes, a"
        assert raw.send(GET).answer().status == 200


def test_an_offer_to_upgrade_is_answered_as_if_it_had_not_been_made(server: Running) -> None:
    with Raw(server.port) as raw:
        for protocol in (b"websocket", b"h2c"):
            offer = b"Connection: Upgrade\r\nUpgrade: " + protocol + b"\r\n"
            assert raw.send(b"GET / HTTP/1.1\r\n" + offer + b"\r\n").answer().status == 200
        assert raw.send(GET).answer().status == 200


BROKEN = {
    "length and chunks": POST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "negative length": POST + b"Content-Length: -1\r\n\r\n",
    "huge length": POST + b"Content-Length: 99999999999999999999999\r\n\r\n",
    "no chunk size": POST + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
    "bare line feeds": b"GET / HTTP/1.1\nHost: localhost\n\n",
    "space before colon": b"GET / HTTP/1.1\r\nHost : localhost\r\n\r\n",
    "unknown method": b"HACK / HTTP/1.1\r\n\r\n",
    "authority form": b"CONNECT localhost:80 HTTP/1.1\r\n\r\n",
    "no path": b"GET http://localhost HTTP/1.1\r\n\r\n",
    "path beyond ASCII": b"GET /\xff HTTP/1.1\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "random bytes": bytes(range(256)),
}


@pytest.mark.parametrize("sent", BROKEN.values(), ids=BROKEN)
def test_what_is_no_http_is_told_400_and_closed(server: Running, sent: bytes) -> None:
    with Raw(server.port) as raw:
        told = raw.send(sent).answer()
        assert (told.status, told["x-content-type-options"]) == (400, "nosniff")
        assert set(told.json) == {"error", "code"}
        assert raw.rest() == b""


@pytest.mark.usefixtures("patient")
def test_a_body_longer_than_its_length_is_a_bad_next_request(server: Running) -> None:
    with Raw(server.port) as raw:
        assert raw.send(POST + b"Content-Length: 1\r\n\r\na").answer().body == b"2 headers, 1 bytes, a"
        assert raw.send(b"bc\r\n\r\n").answer().status == 400
    with Raw(server.port) as raw:
        assert b" 200 " not in raw.send(POST + b"Content-Length: 1\r\n\r\nabc\r\n\r\n").rest()


def test_a_client_that_leaves_in_its_body_is_noticed() -> None:
    beating = Beating()
    with running(beating) as server:
        with Raw(server.port) as raw:
            raw.send(b"POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\nabc").line()
        assert beating.left.wait(DEADLINE_SECONDS)


def test_a_client_that_leaves_with_another_request_in_the_pipeline_is_noticed() -> None:
    beating = Beating()
    with running(beating) as server:
        with Raw(server.port) as raw:
            raw.send(GET).line()
            raw.send(GET)
            eventually(
                lambda: server.call(lambda: any(c.pipeline for c in server.server.server_state.connections))
            )
        assert beating.left.wait(DEADLINE_SECONDS)


def test_requests_that_come_together_are_answered_in_order(server: Running) -> None:
    with Raw(server.port) as raw:
        raw.send(b"".join(POST + b"Content-Length: 1\r\n\r\n%d" % number for number in range(9)))
        assert [raw.answer().body[-1:] for _ in range(9)] == [b"%d" % number for number in range(9)]


def test_thousands_of_requests_that_come_together_are_not_piled_up(server: Running) -> None:
    with Raw(server.port) as raw:
        raw.send(GET * 5_000)
        assert raw.rest().count(b"HTTP/1.1 200") <= connection.MAX_PIPELINED


def test_nothing_is_written_into_an_answer_that_is_under_way() -> None:
    held = Held()
    with running(held) as server, Raw(server.port) as raw:
        raw.send(GET)
        assert held.entered.wait(DEADLINE_SECONDS)
        raw.send(b"this is no HTTP\r\n\r\n")
        assert raw.rest() == b""


def test_the_rest_of_a_body_that_was_answered_early_keeps_the_connection_usable() -> None:
    with running(hello) as server, Raw(server.port) as raw:
        assert raw.send(POST + b"Content-Length: 9\r\n\r\nhalf").answer().status == 200
        assert raw.send(b"again" + GET).answer().status == 200


@pytest.mark.usefixtures("patient")
def test_a_body_that_goes_on_after_its_answer_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "LINGER_SECONDS", 0.2)
    with running(hello) as server, Raw(server.port) as raw:
        assert raw.send(POST + b"Transfer-Encoding: chunked\r\n\r\n").answer().status == 200
        chunk = b"400\r\n" + b"a" * 1024 + b"\r\n"
        eventually(lambda: raw.send(chunk) and server.connections == 0)


@pytest.mark.usefixtures("patient")
def test_a_long_body_that_goes_on_after_its_answer_is_closed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "LINGER_SECONDS", FOREVER)
    with running(hello) as server, Raw(server.port) as raw:
        assert raw.send(POST + b"Content-Length: 1000000000\r\n\r\n").answer().status == 200
        raw.send(bytes(connection.LINGER_BYTES))
        assert server.connections == 1
        raw.send(b"1")
        assert raw.rest() == b""


def after(server: Running, seconds: float, work: Callable[[], None]) -> None:
    """Do something in the server's loop a little later."""
    server.call(lambda: asyncio.get_running_loop().call_later(seconds, work))
