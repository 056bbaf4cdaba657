"""The explorer beside `textual.widgets.Tree` and an empty Line API widget: `python -m tests.bench.explorer`.

First paint of a run from a SQLite file, until all of it is there, memory over the app before; then, while another
process stores 5,000 events a second in the same run, from a key to its frame. Interleaved rounds, a process each.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from trodo_cli.client import connect
from trodo_cli.model import ids
from trodo_cli.model.event import Event, RunStart, SpanEnd, SpanStart
from trodo_cli.model.run import Run
from trodo_cli.model.span import Span, Usage

RUN = "b" * 32
CONTENDERS = ("empty Line API", "trodo", "textual.Tree")
TREE_SPANS = 100_000
"""The most that Textual's tree is asked to show: beyond, it takes minutes."""

BATCH = 5_000
EVENTS_A_BATCH, BATCHES_A_SECOND = 100, 50


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--shape", choices=("tree", "chain"), default="tree")
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.write:
        write(options.write, options.seconds)
        return
    for size in options.sizes:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "trodo.db"
            fill(file, size, options.shape)
            found: dict[str, list[dict[str, Any]]] = defaultdict(list)
            for _ in range(options.rounds):
                for contender in CONTENDERS:
                    if contender != "textual.Tree" or (size <= TREE_SPANS and options.shape == "tree"):
                        found[contender].append(measured(contender, file, options.seconds))
            show(size, found)


def measured(contender: str, file: Path, seconds: float) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.bench.explorers", contender, str(file), RUN, str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        if seconds:
            assert process.stdout.readline() == "ready\n"
            writer = ["-m", "tests.bench.explorer", "--write", str(file), "--seconds", str(seconds + 0.5)]
            subprocess.run([sys.executable, *writer], check=True)
        found: dict[str, Any] = json.loads(process.stdout.read())
    return found


def show(size: int, found: dict[str, list[dict[str, Any]]]) -> None:
    print(f"\n{size:,} spans")
    print(
        f"{'':16} {'first paint':>12} {'all there':>10} {'memory':>8} {'key p50':>9} {'p99':>7} {'keys':>6}"
    )
    for name, runs in found.items():
        paint, whole, grown = (
            statistics.median(run[what] for run in runs) for what in ("paint_ms", "whole_ms", "rss_mb")
        )
        keys = sorted(ms for run in runs for ms in run.get("key_ms", ())) or [0.0]
        p50, p99 = keys[len(keys) // 2], keys[len(keys) * 99 // 100]
        print(
            f"{name:16} {paint:9.0f} ms {whole:7.0f} ms {grown:5.0f} MB {p50:6.1f} ms {p99:4.0f} ms {len(keys):6}"
        )


def fill(file: Path, size: int, shape: str) -> None:
    """A run of so many spans: eight below each, or each below the one before; one in 10,000 failed."""
    client = connect(str(file))
    began = ids.now_ns()
    client.publish([RunStart(run_id=RUN, run=Run(id=RUN, agent="bench", started_ns=began))])
    for first in range(0, size, BATCH):
        numbers = range(first, min(first + BATCH, size))
        client.publish(
            [SpanEnd(run_id=RUN, span=made(number, shape, began)) for number in numbers], alive=True
        )
    client.close()


def made(number: int, shape: str, began: int) -> Span:
    parent = (number - 8) // 8 if shape == "tree" else number - 1
    kind = ("model", "tool", "step", "retrieval")[number % 4]
    has_failed = number % 9_973 == 9_972
    return Span(
        id=f"{number:016x}",
        parent_id=f"{parent:016x}" if parent >= 0 else None,
        name=f"step {number % 50}",
        kind=kind,
        status="error" if has_failed else "ok",
        started_ns=began + number * 1_000,
        ended_ns=began + number * 1_000 + 5_000_000,
        usage=Usage(input=100, output=20) if kind == "model" else None,
        model="model-large" if kind == "model" else None,
        tool="search" if kind == "tool" else None,
        error="timeout after 3 s" if has_failed else None,
        version=2,
    )


def write(file: Path, seconds: float) -> None:
    """Begin and end spans below the first ones of the run, at an even pace."""
    client, began, stamp = connect(str(file)), time.monotonic(), time.time_ns()
    for batch in range(int(seconds * BATCHES_A_SECOND)):
        client.publish(
            [event for number in range(EVENTS_A_BATCH // 2) for event in lived(batch, number, stamp)]
        )
        if (ahead := began + (batch + 1) / BATCHES_A_SECOND - time.monotonic()) > 0:
            time.sleep(ahead)
    client.close()


def lived(batch: int, number: int, stamp: int) -> tuple[Event, Event]:
    span = Span(
        id=f"{stamp:x}-{batch}-{number}", parent_id=f"{(batch * 7 + number) % 1_000:016x}", name="live",
        started_ns=ids.now_ns(), version=1,
    )  # fmt: skip
    ended = Span(
        id=span.id, parent_id=span.parent_id, name="live", started_ns=span.started_ns,
        ended_ns=span.started_ns + 1_000_000, status="ok", version=2,
    )  # fmt: skip
    return SpanStart(run_id=RUN, span=span), SpanEnd(run_id=RUN, span=ended)


if __name__ == "__main__":
    main()
