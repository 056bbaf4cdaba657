"""An ASGI app behind the real server, in a thread; and a client that sends whatever it likes."""

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from trodo_cli.server.serving import Server, listen, shown_url

DEADLINE_SECONDS = 60.0
"""When a test gives up waiting; far above what anything here takes."""


@dataclass
class Running:
    """A server that answers; `state` is what uvicorn knows of its connections."""

    url: str
    port: int
    server: Server
    loop: asyncio.AbstractEventLoop

    def call(self, work: Callable[[], Any]) -> Any:
        """Run something in the server's loop."""

        async def wrapped() -> Any:
            return work()

        return asyncio.run_coroutine_threadsafe(wrapped(), self.loop).result(DEADLINE_SECONDS)

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return int(self.call(lambda: len(self.server.server_state.connections)))


@contextmanager
def running(
    app: ASGIApp, host: str = "127.0.0.1", *, on_stopping: Callable[[], None] = lambda: None
) -> Iterator[Running]:
    """Serve an app on a free port until the block ends."""
    sock = listen(host, 0)
    started = threading.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    def on_started() -> None:
        loops.append(asyncio.get_running_loop())
        started.set()

    server = Server(app, on_started=on_started, on_stopping=on_stopping)
    thread = threading.Thread(target=server.run, args=([sock],))
    url, port = shown_url(sock), sock.getsockname()[1]
    thread.start()
    assert started.wait(DEADLINE_SECONDS)
    try:
        yield Running(url, port, server, loops[0])
    finally:
        loops[0].call_soon_threadsafe(server.stop)
        thread.join(DEADLINE_SECONDS)
        assert not thread.is_alive()


@dataclass(frozen=True)
class Answer:
    """One HTTP answer as it came over the wire."""

    status: int
    headers: list[tuple[str, str]] = field(repr=False)
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def all(self, name: str) -> list[str]:
        """Every value of a header."""
        return [value for found, value in self.headers if found == name]

    def __getitem__(self, name: str) -> str:
        (value,) = self.all(name)
        return value


class Raw:
    """A connection that sends bytes as they are given."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self.socket = socket.create_connection((host, port), DEADLINE_SECONDS)
        self._reader = self.socket.makefile("rb")

    def __enter__(self) -> "Raw":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, data: bytes) -> "Raw":
        """Send, and do not mind when the other side no longer listens."""
        with suppress(BrokenPipeError, ConnectionResetError):
            self.socket.sendall(data)
        return self

    def answer(self) -> Answer:
        """The next answer."""
        status = int(self._reader.readline().split()[1])
        lines = [line.decode().rstrip("\r\n") for line in iter(self._reader.readline, b"\r\n")]
        headers = [(name.lower(), value) for name, _, value in (line.partition(": ") for line in lines)]
        return Answer(status, headers, self._body(dict(headers)))

    def rest(self) -> bytes:
        """Whatever still comes until the server closes the connection."""
        try:
            return self._reader.read()
        except ConnectionResetError:
            return b""

    def line(self) -> bytes:
        """The next line, of a body that goes on."""
        return self._reader.readline()

    def close(self) -> None:
        self._reader.close()
        self.socket.close()

    def _body(self, headers: Mapping[str, str]) -> bytes:
        if "transfer-encoding" not in headers:
            return self._reader.read(int(headers.get("content-length", 0)))
        body = b""
        while size := int(self._reader.readline(), 16):
            body += self._reader.read(size)
            self._reader.readline()
        self._reader.readline()
        return body


def ask(port: int, *lines: str, host: str = "127.0.0.1", body: bytes = b"") -> Answer:
    """Send a request line with headers, on a connection of its own."""
    head = "".join(f"{line}\r\n" for line in lines)
    with Raw(port, host) as raw:
        return raw.send(head.encode("latin-1") + b"\r\n" + body).answer()


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers at once, whatever was asked; reads no body."""
    await answer(send, 200, b"hello")


async def answer(send: Send, status: int, body: bytes) -> None:
    """Send a whole answer."""
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def eventually(is_so: Callable[[], object]) -> None:
    """Wait until something is so."""
    rest = threading.Event()
    for _ in range(int(DEADLINE_SECONDS / 0.02)):
        if is_so():
            return
        rest.wait(0.02)
    raise AssertionError("it never came to be")
