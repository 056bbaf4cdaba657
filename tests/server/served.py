"""A store of several owners behind the real server: in a thread of the test, or as the program itself."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import httpx

from tests.cli.program import DEADLINE_SECONDS, Cli, Done
from tests.contract.events import payload, run_end, run_start, span_end, span_start
from tests.server.running import Answer, Raw, Running, running
from trodo_cli.client.local import LocalClient
from trodo_cli.model import ids
from trodo_cli.model.event import Event
from trodo_cli.model.key import SCOPES
from trodo_cli.server.app import create_app
from trodo_cli.server.service import Service
from trodo_cli.stores.base import Store
from trodo_cli.stores.sqlite import SqliteStore
from trodo_cli.wire.native import write_event

NORTH, SOUTH = "north", "south"
"""Two owners who must learn nothing of each other."""

NATIVE = "accept: application/vnd.trodo+json"

Frame = dict[str, str]
"""One server-sent event: `event`, `data`, and `id` when it has one; `{"": …}` is a comment."""


class Served:
    """A server in a thread, over a store that the test reaches directly too."""

    def __init__(self, path: Path, local: LocalClient, service: Service, server: Running) -> None:
        self.path, self.local, self.service, self.server = path, local, service, server
        self.url, self.port = server.url, server.port
        self.secret = cache(self.new_secret)
        """As `new_secret`, but the same one each time."""

    def of(self, owner: str) -> LocalClient:
        """The store as an owner sees it, not through the server."""
        return self.local.of(owner)

    def new_secret(self, owner: str = NORTH, *scopes: str) -> str:
        """A key for an owner, for everything unless told otherwise."""
        return self.local.keys.create(owner, scopes or SCOPES)[1]

    def ask(
        self, method: str, target: str, *headers: str, secret: str | None = None, body: bytes = b""
    ) -> Answer:
        """One request on a connection of its own, with a key of `NORTH` unless told another, or `""` for none."""
        return asked(self.port, method, target, *self._signed(headers, secret), body=body)

    def follow(self, target: str, *headers: str, secret: str | None = None) -> "Stream":
        """A stream, open until the block ends."""
        return Stream(self.port, target, *self._signed(headers, secret))

    def frames(self, target: str, *headers: str, secret: str | None = None) -> list[Frame]:
        """All that a stream tells which ends by itself."""
        with self.follow(target, *headers, secret=secret) as stream:
            assert stream.status == 200
            return stream.frames()

    def publish(self, *events: Event, owner: str = NORTH, alive: bool = False) -> None:
        """Store events, not through the server."""
        self.of(owner).publish(events, alive=alive)

    def send(self, *events: Event, secret: str | None = None) -> Any:
        """Store events through the server; its receipt."""
        answer = self.ask("POST", "/v1/events", secret=secret, body=lines(*events))
        assert answer.status == 200, answer
        return answer.json

    def _signed(self, headers: tuple[str, ...], secret: str | None) -> tuple[str, ...]:
        key = self.secret() if secret is None else secret
        return (*headers, f"authorization: Bearer {key}") if key else headers


@contextmanager
def served(
    kept: Path | Store, *, hosts: frozenset[str] | None = None, host: str = "127.0.0.1"
) -> Iterator[Served]:
    """A store, or the one at a path, made when it is missing; and a server over it."""
    path, store = (kept, SqliteStore(kept)) if isinstance(kept, Path) else (Path(), kept)
    local = LocalClient(store, NORTH)
    service = Service(local)
    try:
        with running(create_app(service, hosts=hosts), host, on_stopping=service.stop) as server:
            yield Served(path, local, service, server)
    finally:
        local.close()


class Stream:
    """Server-sent events as they come."""

    def __init__(self, port: int, target: str, *headers: str) -> None:
        named = [header.encode("latin-1").split(b": ", 1) for header in headers]
        self._client = httpx.Client(timeout=DEADLINE_SECONDS, trust_env=False, verify=False)
        asked = self._client.build_request(
            "GET", f"http://127.0.0.1:{port}{target}", headers=[(name, value) for name, value in named]
        )
        self._response = self._client.send(asked, stream=True)
        self._lines = self._split()
        self.status, self.headers = self._response.status_code, self._response.headers

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *_: object) -> None:
        self._response.close()
        self._client.close()

    def frame(self) -> Frame | None:
        """What comes next; None when the stream has ended as it should, an error when it was cut."""
        found: Frame = {}
        for line in self._lines:
            if not line:
                return found
            name, _, value = line.decode("ascii").partition(":")
            found[name] = value.removeprefix(" ")
        assert not found, f"the stream ended within a frame: {found}"
        return None

    def frames(self) -> list[Frame]:
        """All that comes until the stream ends."""
        return list(iter(self.frame, None))

    def _split(self) -> Iterator[bytes]:
        rest = b""
        for chunk in self._response.iter_raw():
            *whole, rest = (rest + chunk).split(b"\n")
            yield from whole
        assert not rest, f"the stream ended within a line: {rest!r}"


class Program:
    """`trodo serve` as a process of its own, below a home of its own."""

    def __init__(self, folder: Path, *arguments: str, plant: str = "") -> None:
        """`plant` is Python that the process runs before the program."""
        self.cli = Cli(folder)
        words = ("serve", "--port", "0", *arguments)
        main = "from trodo_cli.__main__ import main\nmain()\n"
        self.running = self.cli.agent(f"{plant}\n{main}", *words) if plant else self.cli.start(*words)
        self.url = self.running.line()
        self.port = int(self.url.rpartition(":")[2])
        (key_file,) = (self.cli.home / "servers").glob(f"*_{self.port}.key")
        self.key = key_file.read_text().strip()

    @property
    def pid(self) -> int:
        return self.running.process.pid

    def ask(self, method: str, target: str, *headers: str, body: bytes = b"") -> Answer:
        """One request of the machine's own user."""
        return asked(self.port, method, target, *headers, f"authorization: Bearer {self.key}", body=body)

    def follow(self, target: str) -> Stream:
        """A stream, open until the block ends."""
        return Stream(self.port, target, f"authorization: Bearer {self.key}")

    def memory(self, what: str = "VmRSS") -> int:
        """Bytes in use now, or, as `VmHWM`, at most so far."""
        found = re.search(rf"{what}:\s+(\d+) kB", Path(f"/proc/{self.pid}/status").read_text())
        assert found is not None
        return int(found[1]) * 1024

    def stop(self) -> Done:
        """End it as a system does; all that it said."""
        self.running.process.terminate()
        return self.running.end()


@contextmanager
def program(folder: Path, *arguments: str, plant: str = "") -> Iterator[Program]:
    """The program, until the block ends."""
    started = Program(folder, *arguments, plant=plant)
    try:
        yield started
    finally:
        started.cli.close()


def request(method: str, target: str, *headers: str, body: bytes = b"") -> bytes:
    """A request as bytes, with a host and a length unless it names its own; one byte for each character."""
    named = {header.partition(":")[0].lower() for header in headers}
    usual = [] if "host" in named else ["host: localhost"]
    if body and not named & {"content-length", "transfer-encoding"}:
        usual.append(f"content-length: {len(body)}")
    head = "".join(f"{line}\r\n" for line in (f"{method} {target} HTTP/1.1", *usual, *headers))
    return head.encode("latin-1") + b"\r\n" + body


def asked(
    port: int, method: str, target: str, *headers: str, body: bytes = b"", host: str = "127.0.0.1"
) -> Answer:
    """The answer to one request on a connection of its own."""
    with Raw(port, host) as raw:
        return raw.send(request(method, target, "connection: close", *headers, body=body)).answer()


def lines(*events: Event) -> bytes:
    """Events as a body."""
    return b"\n".join(write_event(event) for event in events)


def finished_run(run_id: str, agent: str = "agent", **said: Any) -> list[Event]:
    """A run that began a second ago and ended well, with a tool call in it."""
    now_ns = ids.now_ns()
    start, end = now_ns - 10**9, now_ns - 10**6
    return [
        run_start(run_id, agent=agent, started_ns=start, payload=payload(input="question"), **said),
        span_start(run_id, f"{run_id}.s", name="search", kind="tool", tool="search", started_ns=start),
        span_end(
            run_id,
            f"{run_id}.s",
            name="search",
            kind="tool",
            tool="search",
            started_ns=start,
            ended_ns=end,
            payload=payload(input={"q": 1}, output="found"),
        ),
        run_end(run_id, ended_ns=end, payload=payload(output="answer")),
    ]


def live_run(run_id: str, agent: str = "agent", **said: Any) -> list[Event]:
    """A run at work, with an open span in it."""
    now_ns = ids.now_ns()
    return [
        run_start(run_id, agent=agent, started_ns=now_ns, payload=payload(input="question"), **said),
        span_start(run_id, f"{run_id}.s", name="think", kind="model", started_ns=now_ns),
    ]
