"""Bodies that cost a server far more than their sender, many at a time, while ordinary requests go on beside them.

The server's memory stays bounded, nothing is answered 5xx but 503 with `Retry-After`, and every ordinary request is
answered as if nothing happened.
"""

import argparse
import random
import select
import statistics
import sys
import tempfile
import threading
import time
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from pathlib import Path

from tests.server.running import Answer, Raw
from tests.server.served import Program, finished_run, lines, program, request

KIB, MIB = 1024, 1024 * 1024
MAX_GROWTH_BYTES = 200 * MIB
BLOCK = 64 * KIB
ENDLESS_BLOCKS = 4_096
"""How much is sent at most of what has no end: 256 MiB."""

TARGETS = ("/v1/events", "/runs", "/v1/heartbeats", "/v1/drops")
TARGET_OF = {
    "an input of lists": "/runs",
    "a beat of many runs": "/v1/heartbeats",
    "drops for many reasons": "/v1/drops",
}
"""What is made for one place; all else is thrown anywhere."""

PLANTS = {
    "holds-everything": """
from trodo_cli.server import limits
limits.MAX_WIRE_BYTES = limits.MAX_BODY_BYTES = 2**40
limits.BodyBudget.take_slot = lambda self: limits.asyncio.sleep(0)
""",
    "fails-on-large-bodies": """
from trodo_cli.server import limits
def broken():
    raise RuntimeError("too large")
limits._too_large_as_sent = broken
""",
    "asks-nobody-to-come-again": """
from trodo_cli.server import limits
begin = limits.Refused.__init__
limits.Refused.__init__ = lambda self, status, message, retry_after=None: begin(self, status, message)
limits.SLOT_SECONDS = 0.01
""",
}
"""Bugs, as Python that the server's process runs first."""


def gzipped(parts: Iterable[bytes]) -> bytes:
    """Parts compressed as they come, so that nobody holds them whole."""
    packer = zlib.compressobj(9, wbits=16 + zlib.MAX_WBITS)
    return b"".join([*map(packer.compress, parts), packer.flush()])


def event(value: Iterable[bytes]) -> list[bytes]:
    """A span's input, in parts."""
    head = b'{"type":"span-end","run_id":"r0","span":{"id":"b","status":"ok","payload":{"input":'
    return [head, *value, b"}}}"]


def keys(number: int) -> bytes:
    return b"{%b}" % b",".join(b'"k%d":%d' % (place, place) for place in range(number))


def many(text: bytes, size: int) -> Iterator[bytes]:
    """A text again and again, so many bytes of it."""
    return repeat(text * (BLOCK // len(text)), size // BLOCK)


GZIP = "content-encoding: gzip"
ENDLESS = ("chunks without an end", "a body longer than it says", "a length that is too long")


class Bombs:
    """What is thrown; made once, for it takes longer to make than to throw."""

    def __init__(self) -> None:
        once = gzipped(many(b"\0", 256 * MIB))
        plain: dict[str, bytes] = {
            "100,000 keys": b"".join(event([keys(100_000)])),
            "depth 100,000": b"".join(event([b"[" * 100_000, b"]" * 100_000])),
            "depth without an end": b"[" * 10 * MIB,
            "a list of lists": b"".join(event([b"[", *many(b"[],", 12 * MIB), b"0]"])),
            "a long number": b"".join(event([b"7" * 8 * MIB])),
            "many lines": b"{}\n" * 100_000,
        }
        packed: dict[str, bytes] = {
            "gzip 1000:1": once,
            "gzip in gzip": gzipped([once]),
            "members of gzip": gzipped(many(b"\0", MIB)) * 64,
            "spaces": gzipped(many(b" ", 31 * MIB)),
            "a text as large as a body": gzipped(event([b'"', *many(b"x", 31 * MIB), b'"'])),
            "texts as large as a body": gzipped(event([b"[", *many(b'"",', 31 * MIB), b"0]"])),
            "keys as large as a body": gzipped(event([b"{", *many(b'"":1,', 31 * MIB), b'"":1}'])),
            "an input of lists": gzipped([b'{"agentId":"x","input":[', *many(b"[],", 6 * MIB), b"0]}"]),
            "a beat of many runs": gzipped([b'{"runs":[', *many(b'"",', 20 * MIB), b'""]}']),
            "drops for many reasons": gzipped([b'{"dropped":', keys(200_000), b"}"]),
        }
        self._whole: dict[str, tuple[bytes, tuple[str, ...]]] = {
            **{name: (body, ()) for name, body in plain.items()},
            **{name: (body, (GZIP,)) for name, body in packed.items()},
            "gzip in gzip, both said": (packed["gzip in gzip"], ("content-encoding: gzip, gzip",)),
        }
        self.names = [*self._whole, *ENDLESS]

    def throw(self, name: str, target: str, port: int, key: str) -> Answer:
        """Send one, and what it is answered. Raises `OSError` when the connection is cut instead."""
        body, headers = self._whole.get(name, (b"", ()))
        signed = (f"authorization: Bearer {key}", *headers)
        with Raw(port) as raw:
            if name == "chunks without an end":
                raw.send(request("POST", target, *signed, "transfer-encoding: chunked"))
                send(raw, repeat(b"%x\r\n%b\r\n" % (BLOCK, bytes(BLOCK)), ENDLESS_BLOCKS))
            elif name == "a body longer than it says":
                raw.send(request("POST", target, *signed, "content-length: 10"))
                send(raw, repeat(bytes(BLOCK), ENDLESS_BLOCKS))
            elif name == "a length that is too long":
                raw.send(request("POST", target, *signed, f"content-length: {10**12}"))
            else:
                whole = request("POST", target, *signed, body=body)
                send(raw, (whole[start : start + BLOCK] for start in range(0, len(whole), BLOCK)))
            return raw.answer()


def send(raw: Raw, blocks: Iterable[bytes]) -> None:
    """Send until everything is sent or the other side has something to say."""
    for block in blocks:
        if select.select([raw.socket], [], [], 0)[0]:
            return
        raw.socket.sendall(block)


class Healthy:
    """Ordinary requests, one after the other, while the others do what they do."""

    def __init__(self, serving: Program) -> None:
        self._serving = serving
        self.seconds: list[float] = []
        self.problems: list[str] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> "Healthy":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _ask(self) -> None:
        while not self._ended.wait(0.02):
            began = time.monotonic()
            try:
                status = str(self._serving.ask("GET", "/runs?limit=20").status)
            except (OSError, IndexError) as error:
                status = type(error).__name__
            if status != "200":
                self.problems.append(f"an ordinary request was answered {status}")
            self.seconds.append(time.monotonic() - began)

    @property
    def figures(self) -> str:
        """`p50 3 ms, p99 80 ms of 500`."""
        cuts = statistics.quantiles(self.seconds, n=100)
        return f"p50 {cuts[49] * 1000:.0f} ms, p99 {cuts[98] * 1000:.0f} ms of {len(self.seconds)}"


class Attack:
    """Many who throw bombs, for a while."""

    def __init__(self, serving: Program, over: float, chance: int) -> None:
        self._port, self._key, self._over, self._chance = serving.port, serving.key, over, chance
        self._bombs = Bombs()
        self.answers: Counter[str] = Counter()
        """By status; `cut` when the connection ended without an answer."""
        self.problems: list[str] = []

    def run(self, concurrency: int) -> None:
        with ThreadPoolExecutor(concurrency) as throwers:
            list(throwers.map(self._throw, range(concurrency)))

    def _throw(self, number: int) -> None:
        dice = random.Random(f"{self._chance} {number}")
        while time.monotonic() < self._over and not self.problems:
            name = dice.choice(self._bombs.names)
            target = TARGET_OF.get(name) or dice.choice(TARGETS)
            try:
                answer = self._bombs.throw(name, target, self._port, self._key)
            except (OSError, IndexError):
                self.answers["cut"] += 1
                continue
            self.answers[str(answer.status)] += 1
            if answer.status >= 500 and (answer.status != 503 or not answer.all("retry-after")):
                self.problems.append(f"{name} to {target} was answered {answer.status} {answer.body[:200]!r}")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.harness bombs", description=__doc__)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--max-seconds", type=float, default=300, help="more is a failure")
    parser.add_argument("--plant", choices=PLANTS, help="a bug to put in; the gate must fail")
    asked = parser.parse_args(arguments)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="trodo-harness-") as folder:
        problems = _played(asked, Path(folder))
    if time.monotonic() - began > asked.max_seconds:
        problems.append(f"it took more than {asked.max_seconds:g} s")
    for problem in problems[:5]:
        print(f"bombs FAILED: {problem}")
    print(f"  {time.monotonic() - began:.1f} s, seed {asked.seed}")
    return 1 if problems else 0


def _played(asked: argparse.Namespace, folder: Path) -> list[str]:
    with program(folder, plant=PLANTS.get(asked.plant, "")) as serving:
        for number in range(20):
            serving.ask("POST", "/v1/events", body=lines(*finished_run(f"r{number}")))
            serving.ask("GET", "/runs")
        attack = Attack(serving, time.monotonic() + asked.seconds, asked.seed)
        before = serving.memory()
        Path(f"/proc/{serving.pid}/clear_refs").write_text("5")
        with Healthy(serving) as healthy:
            attack.run(asked.concurrency)
        peak, after = serving.memory("VmHWM"), serving.memory()
        problems = [*attack.problems, *healthy.problems]
        if serving.ask("GET", "/traces/r0").status != 200:
            problems.append("what was stored before cannot be read any more")
    print(f"bombs: {attack.answers.total()} thrown by {asked.concurrency}; answers {dict(attack.answers)}")
    print(
        f"  memory before {before >> 20} MiB, peak +{peak - before >> 20} MiB, after +{after - before >> 20} MiB"
    )
    print(f"  GET /runs beside them: {healthy.figures}")
    if peak - before > MAX_GROWTH_BYTES:
        problems.append(f"memory grew by {peak - before >> 20} MiB, more than {MAX_GROWTH_BYTES >> 20}")
    return problems


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
