"""From a span's begin to its event in a follower, at 1,000 events a second: `python -m tests.bench.live_latency`.

A program with the SDK and a follower are two processes; the way between them is a file, or a server. The span's name
tells when it began, on the clock that all processes of a machine share.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from unittest.mock import patch

import trodo_cli
from tests.bench.http_ingest import process
from tests.bench.pairs import rounds
from trodo_cli.model.event import SpanStart

PROGRAM = """
import sys, time
import trodo_cli as trodo

with trodo.wrap_agent("bench") as run:
    print(run.run_id, flush=True)
    began = time.monotonic()
    for number in range(int(sys.argv[1])):
        with trodo.span(str(time.monotonic_ns())):
            pass
        if (ahead := began + number / 500 - time.monotonic()) > 0:
            time.sleep(ahead)
"""
"""500 spans a second, two events each."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--spans", type=int, default=2_500)
    options = parser.parse_args()
    found: dict[str, list[list[float]]] = {"through a file": [], "through a server": []}

    def measured(name: str, hosted: bool) -> float:
        found[name].append(latencies(options.spans, hosted=hosted))
        return found[name][-1][options.spans // 2]

    rounds({
        "through a file": lambda: measured("through a file", False),
        "through a server": lambda: measured("through a server", True),
    }, options.rounds)  # fmt: skip
    for name, runs in found.items():
        every = sorted(value for run in runs[1:] for value in run)
        print(f"{name:17} ms p50 {every[len(every) // 2]:7.1f}  p99 {every[len(every) * 99 // 100]:7.1f}")


def latencies(count: int, *, hosted: bool) -> list[float]:
    """Milliseconds from begin to follower, sorted."""
    with tempfile.TemporaryDirectory() as folder:
        settings = {**os.environ, "TRODO_HOME": folder}
        with (
            patch.dict(os.environ, {"TRODO_HOME": folder}),
            serving(settings) if hosted else nullcontext() as url,
        ):
            target = url or str(Path(folder) / "trodo.db")
            program = [sys.executable, "-c", PROGRAM, str(count)]
            with process(program, env={**settings, "TRODO_TARGET": target}) as agent:
                assert agent.stdout is not None
                run_id = agent.stdout.readline().decode().strip()
                return sorted(heard(target, run_id))


def heard(target: str, run_id: str) -> Iterator[float]:
    client = trodo_cli.connect(target)
    while not client.runs.list(limit=1).rows:
        time.sleep(0.01)
    for event in client.traces.stream(run_id, payload=False):
        if isinstance(event, SpanStart):
            yield (time.monotonic_ns() - int(event.span.name)) / 1e6
    client.close()


@contextmanager
def serving(settings: dict[str, str]) -> Iterator[str]:
    command = [sys.executable, "-m", "trodo_cli", "serve", "--port", "0"]
    with process(command, env=settings) as server:
        assert isinstance(server, subprocess.Popen)
        assert server.stdout is not None
        yield server.stdout.readline().decode().strip()


if __name__ == "__main__":
    main()
