"""From a socket to the last answer: where a server listens, and how it ends at a signal."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

import trodo_cli
from tests.server.running import DEADLINE_SECONDS, Raw, ask, eventually, hello, running
from trodo_cli.errors import InvalidInput, Unavailable
from trodo_cli.server.serving import is_loopback, listen, shown_url

PROJECT = Path(trodo_cli.__file__).parents[1]
GET = b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n"

PROGRAM = dedent("""
    import asyncio, resource, sys
    from trodo_cli.server import serving

    sys.modules.update(dict.fromkeys(sys.argv[2].split(), None))
    exec(sys.argv[1])
    stopping = asyncio.Event()
    stuck = asyncio.Event()

    async def app(scope, receive, send):
        path = scope["path"]
        if path == "/fail":
            raise RuntimeError("a secret")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"begun\\n", "more_body": True})
        if path == "/stuck":
            await stuck.wait()
        if path == "/stream":
            await stopping.wait()
        await send({"type": "http.response.body", "body": b"ended\\n"})

    def on_stopping():
        asyncio.get_running_loop()
        stopping.set()
        print("stopping", flush=True)

    sock = serving.listen("127.0.0.1", 0)
    print(sock.getsockname()[1], flush=True)
    serving.serve(app, [sock], on_started=lambda: print("started", flush=True), on_stopping=on_stopping)
    print("returned", flush=True)
""")


class Program:
    """`serve` in a process of its own."""

    def __init__(self, *, before: str = "", without: str = "") -> None:
        environment = {**os.environ, "PYTHONPATH": str(PROJECT), "PYTHONWARNINGS": "error"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, before, without],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        assert self.process.stdout is not None
        self._lines = iter(self.process.stdout.readline, "")
        self.port = int(self.line())
        assert self.line() == "started"

    def line(self) -> str:
        return next(self._lines).strip()

    def open(self, path: bytes) -> Raw:
        """A request whose answer has begun."""
        raw = Raw(self.port).send(GET % path)
        while raw.line() != b"begun\n":
            pass
        return raw

    def end(self) -> tuple[int, list[str], str]:
        """Wait until it has ended: exit code, the lines it still wrote, and what it said on stderr."""
        code = self.process.wait(DEADLINE_SECONDS)
        assert self.process.stderr is not None
        return code, [line.strip() for line in self._lines], self.process.stderr.read()

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


Start = Callable[..., Program]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts programs; what still runs at the end is ended."""
    programs: list[Program] = []

    def started(**options: str) -> Program:
        programs.append(Program(**options))
        return programs[-1]

    yield started
    for program in programs:
        program.close()


@pytest.mark.parametrize("without", ["", "uvloop"], ids=["uvloop", "asyncio"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_at_a_signal_50_streams_end_themselves_and_the_program_returns(
    start: Start, number: signal.Signals, without: str
) -> None:
    program = start(without=without)
    streams = [program.open(b"/stream") for _ in range(50)]
    program.process.send_signal(number)
    assert [stream.rest() for stream in streams] == [b"\r\n6\r\nended\n\r\n0\r\n\r\n"] * 50
    assert program.end() == (0, ["stopping", "returned"], "")
    for stream in streams:
        stream.close()


@pytest.mark.parametrize("without", ["", "uvloop"], ids=["uvloop", "asyncio"])
def test_what_does_not_end_is_cut_off(start: Start, without: str) -> None:
    program = start(before="serving.SHUTDOWN_SECONDS = 0.2", without=without)
    with (
        program.open(b"/stuck") as stuck,
        Raw(program.port) as idle,
        Raw(program.port).send(b"GET /ha") as half,
    ):
        program.process.terminate()
        assert stuck.rest() == b"\r\n"
        assert idle.rest() == half.rest() == b""
        assert program.end() == (0, ["stopping", "returned"], "")


@pytest.mark.parametrize("without", ["", "uvloop"], ids=["uvloop", "asyncio"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_does_not_wait(start: Start, number: signal.Signals, without: str) -> None:
    program = start(before="serving.SHUTDOWN_SECONDS = 3600", without=without)
    with program.open(b"/stuck"):
        program.process.terminate()
        assert program.line() == "stopping"
        program.process.send_signal(number)
        assert program.end() == (0, ["returned"], "")


def test_connections_on_which_nothing_happens_do_not_hold_up_the_end(start: Start) -> None:
    program = start(before="serving.SHUTDOWN_SECONDS = 3600")
    with (
        Raw(program.port) as new,
        Raw(program.port).send(GET % b"/") as kept,
        Raw(program.port).send(b"GET /ha") as half,
    ):
        assert kept.answer().status == 200
        program.process.terminate()
        assert new.rest() == kept.rest() == half.rest() == b""
        assert program.end() == (0, ["stopping", "returned"], "")


def test_who_has_connected_and_not_asked_yet_is_answered_although_the_server_ends(start: Start) -> None:
    program = start(before="from trodo_cli.server import connection; connection.FAREWELL_SECONDS = 3600")
    with Raw(program.port) as early:
        program.process.terminate()
        assert program.line() == "stopping"
        assert early.send(GET % b"/").answer().status == 200
        assert early.rest() == b""
    assert program.end() == (0, ["returned"], "")


def test_while_the_last_answers_are_given_nobody_else_is_let_in(start: Start) -> None:
    program = start(before="serving.SHUTDOWN_SECONDS = 3600")
    with program.open(b"/stuck"):
        program.process.terminate()
        eventually(lambda: not can_connect(program.port))
        assert program.process.poll() is None


def can_connect(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except (ConnectionRefusedError, ConnectionResetError):  # one that waited when the door was closed
        return False
    return True


def test_a_failing_application_writes_nothing_to_the_terminal(start: Start) -> None:
    program = start()
    assert ask(program.port, "GET /fail HTTP/1.1", "Host: localhost").status == 500
    program.process.terminate()
    assert program.end() == (0, ["stopping", "returned"], "")


def test_more_connections_are_taken_than_the_system_gives_files_unasked(start: Start) -> None:
    program = start(
        before="resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))"
    )
    streams = [program.open(b"/stream") for _ in range(100)]
    program.process.terminate()
    assert program.end()[0] == 0
    for stream in streams:
        stream.close()


def test_a_proxy_is_not_believed_about_the_client() -> None:
    clients = []

    async def app(scope, receive, send):  # type: ignore[no-untyped-def]
        clients.append((scope["client"][0], scope["scheme"]))
        await hello(scope, receive, send)

    with running(app) as server:
        ask(server.port, "GET / HTTP/1.1", "X-Forwarded-For: 6.6.6.6", "X-Forwarded-Proto: https")
    assert clients == [("127.0.0.1", "http")]


@pytest.mark.parametrize("without", ["", "uvloop"], ids=["uvloop", "asyncio"])
def test_the_end_of_an_answer_does_not_wait_for_the_client_to_confirm_its_beginning(
    monkeypatch: pytest.MonkeyPatch, without: str
) -> None:
    if without:
        monkeypatch.setitem(sys.modules, without, None)
    with running(hello) as server, Raw(server.port) as raw:
        assert raw.send(GET % b"/").answer().status == 200
        assert server.call(
            lambda: [sends_at_once(found) for found in server.server.server_state.connections]
        ) == [True]


def sends_at_once(connection: Any) -> bool:
    """Whether a connection sends small packets without a delay."""
    return bool(
        connection.transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    )


@pytest.mark.parametrize(
    ("host", "shown"), [("127.0.0.1", "127.0.0.1"), ("localhost", "127.0.0.1"), ("::1", "[::1]")]
)
def test_port_0_takes_a_free_port_and_the_url_shows_it(host: str, shown: str) -> None:
    with listen(host, 0) as sock:
        port = sock.getsockname()[1]
        assert port > 0
        assert shown_url(sock) == f"http://{shown}:{port}"


def test_of_several_addresses_the_old_kind_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET6, 1, 6, "", ("::1", 0, 0, 0)), (socket.AF_INET, 1, 6, "", ("127.0.0.1", 0))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments, **named: found)
    with listen("both.example", 0) as sock:
        assert shown_url(sock).startswith("http://127.0.0.1:")


def test_a_port_in_use_is_named_with_the_next_step() -> None:
    with listen("127.0.0.1", 0) as sock:
        port = sock.getsockname()[1]
        with pytest.raises(Unavailable) as caught:
            listen("127.0.0.1", port)
    assert caught.value.message == f"cannot listen on 127.0.0.1:{port}: another program listens there"
    assert "--port" in caught.value.hint


def test_a_port_is_free_again_as_soon_as_its_server_has_ended() -> None:
    with running(hello) as server:
        raw = Raw(server.port).send(GET % b"/")
        assert raw.answer().status == 200
    assert raw.rest() == b""
    raw.close()
    listen("127.0.0.1", server.port).close()


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("203.0.113.7", "cannot listen on 203.0.113.7:0: it is no address of this machine"),
        ("2001:db8::7", "cannot listen on [2001:db8::7]:0: it is no address of this machine"),
        ("no such host", "there is no host no such host"),
    ],
)
def test_an_address_that_is_not_ours_is_named(host: str, reason: str) -> None:
    with pytest.raises(Unavailable) as caught:
        listen(host, 0)
    assert caught.value.message == reason
    assert "--host" in caught.value.hint


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_port_that_is_not_permitted_is_named() -> None:
    with pytest.raises(Unavailable, match=r"cannot listen on 127\.0\.0\.1:1: the system does not permit it"):
        listen("127.0.0.1", 1)


@pytest.mark.parametrize("port", [-1, 65_536])
def test_what_is_no_port_is_said_so(port: int) -> None:
    with pytest.raises(InvalidInput, match=f"{port} is no port"):
        listen("127.0.0.1", port)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "::1", "localhost", "::ffff:127.0.0.1"])
def test_this_machine_alone_is_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.168.0.1", "::ffff:10.0.0.1", "203.0.113.7"])
def test_what_others_reach_is_not_loopback(host: str) -> None:
    assert not is_loopback(host)


def test_a_name_with_one_foreign_address_is_not_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET, 1, 6, "", ("127.0.0.1", 0)), (socket.AF_INET, 1, 6, "", ("192.168.0.1", 0))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments, **named: found)
    assert not is_loopback("mixed.example")
