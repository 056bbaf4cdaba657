"""Requests that never come whole, very many at a time, while ordinary requests go on beside them.

Every one is closed by the server, each with an answer or at its own time, and the ordinary ones never notice.
"""

import argparse
import random
import selectors
import socket
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

from tests.harness.bombs import Healthy
from tests.server.served import Program, finished_run, lines, program, request
from trodo_cli.server.connection import HEADER_SECONDS
from trodo_cli.server.limits import BODY_SECONDS

GRACE_SECONDS = 10.0
"""How much later than promised a busy machine may close a connection."""

DRIP_SECONDS = 1.0

PLANTS = {
    "waits-for-headers": """
from trodo_cli.server import connection
connection.HEADER_SECONDS = 3600.0
""",
    "waits-for-bodies": """
from trodo_cli.server import limits
limits.BODY_SECONDS = 3600.0
""",
}
"""Bugs, as Python that the server's process runs first."""


class Half:
    """A request that is sent by halves; with a `drip`, a byte of the rest now and then."""

    def __init__(self, port: int, kind: str, begin: bytes, drip: bytes) -> None:
        self.kind, self._drip = kind, drip
        self.socket = socket.create_connection(("127.0.0.1", port), 30)
        self.socket.sendall(begin)
        self.socket.setblocking(False)
        self.began = time.monotonic()
        self.answer = b""

    def drip(self) -> None:
        """Send a byte, if it is of the kind that does."""
        with suppress(OSError):
            self.socket.send(self._drip)

    def read(self) -> bool:
        """Take what came; whether the connection has ended."""
        try:
            data = self.socket.recv(65_536)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        self.answer += data
        return not data

    @property
    def status(self) -> str:
        """What it was answered before it was closed."""
        return self.answer[9:12].decode() or "nothing"


def kinds(key: str) -> dict[str, tuple[bytes, bytes, float]]:
    """Beginnings of requests, what is dripped after them, and how many seconds they may take."""
    get = request("GET", "/runs", f"authorization: Bearer {key}").removesuffix(b"\r\n")
    post = request("POST", "/v1/events", f"authorization: Bearer {key}", "content-length: 1000000")
    chunks = request("POST", "/v1/events", f"authorization: Bearer {key}", "transfer-encoding: chunked")
    return {
        "nothing": (b"", b"", HEADER_SECONDS),
        "half a line": (b"GET /ru", b"", HEADER_SECONDS),
        "half the headers": (get, b"", HEADER_SECONDS),
        "dripping headers": (get, b"x-a: b\r\n", HEADER_SECONDS),
        "a second half": (get + b"\r\n" + get, b"", HEADER_SECONDS),
        "no body": (post, b"", BODY_SECONDS),
        "half a body": (post + b"{" * 100, b"", BODY_SECONDS),
        "a dripping body": (post, b" ", BODY_SECONDS),
        "dripping chunks": (chunks, b"1\r\n \r\n", BODY_SECONDS),
        "no key and no body": (post.replace(key.encode(), b"x"), b"", BODY_SECONDS),
    }


class Siege:
    """Many halves of requests, watched until the last of them is closed."""

    def __init__(self, serving: Program, number: int, chance: int) -> None:
        self._kinds = kinds(serving.key)
        dice = random.Random(chance)
        names = [dice.choice([*self._kinds]) for _ in range(number)]
        self._selector = selectors.DefaultSelector()
        self.open = {self._begin(serving.port, name) for name in names}
        self.closed: list[tuple[Half, float]] = []
        """Each with the seconds it was open."""

    def watch(self, seconds: float) -> None:
        """Until all are closed, or for so long."""
        over = time.monotonic() + seconds
        while self.open and time.monotonic() < over:
            tick = time.monotonic() + DRIP_SECONDS
            while self.open and time.monotonic() < tick:
                for key, _ in self._selector.select(max(tick - time.monotonic(), 0)):
                    if key.data.read():
                        self._close(key.data)
            for half in self.open:
                half.drip()

    def end(self) -> None:
        """Close what is still open."""
        for half in [*self.open]:
            self._close(half)
        self._selector.close()

    def late(self) -> list[str]:
        """What was open for too long, or was not closed at all."""
        found = [f"{half.kind} is still open" for half in self.open]
        for half, seconds in self.closed:
            if seconds > self._kinds[half.kind][2] + GRACE_SECONDS:
                found.append(f"{half.kind} was open for {seconds:.1f} s")
        return found

    def figures(self) -> list[str]:
        """By kind: how many, what they were answered, and how long the longest was open."""
        found = []
        for kind in self._kinds:
            halves = [(half, seconds) for half, seconds in self.closed if half.kind == kind]
            answers = dict(Counter(half.status for half, _ in halves))
            longest = max((seconds for _, seconds in halves), default=0.0)
            found.append(f"{kind:20} {len(halves):5} closed, {answers}, longest {longest:.1f} s")
        return found

    def _begin(self, port: int, name: str) -> Half:
        begin, drip, _ = self._kinds[name]
        half = Half(port, name, begin, drip)
        self._selector.register(half.socket, selectors.EVENT_READ, half)
        return half

    def _close(self, half: Half) -> None:
        self._selector.unregister(half.socket)
        half.socket.close()
        self.open.discard(half)
        self.closed.append((half, time.monotonic() - half.began))


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.harness slowloris", description=__doc__)
    parser.add_argument("--conns", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--max-seconds", "--seconds", type=float, default=60, help="more is a failure")
    parser.add_argument("--plant", choices=PLANTS, help="a bug to put in; the gate must fail")
    asked = parser.parse_args(arguments)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="trodo-harness-") as folder:
        problems = _played(asked, Path(folder))
    for problem in problems[:5]:
        print(f"slowloris FAILED: {problem}")
    print(f"  {time.monotonic() - began:.1f} s, seed {asked.seed}")
    return 1 if problems else 0


def _played(asked: argparse.Namespace, folder: Path) -> list[str]:
    with program(folder, plant=PLANTS.get(asked.plant, "")) as serving:
        serving.ask("POST", "/v1/events", body=lines(*finished_run("r0")))
        before = serving.memory()
        with Healthy(serving) as healthy:
            siege = Siege(serving, asked.conns, asked.seed)
            siege.watch(asked.max_seconds)
        problems = [*siege.late(), *healthy.problems]
        grown = serving.memory("VmHWM") - before
        siege.end()
    print(f"slowloris: {asked.conns} halves of requests; memory +{grown >> 20} MiB at most")
    for figure in siege.figures():
        print(f"  {figure}")
    print(f"  GET /runs beside them: {healthy.figures}")
    return problems


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
