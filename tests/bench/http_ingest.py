"""Spans a second through HTTP, until acknowledged and readable: `python -m tests.bench.http_ingest`.

Four connections send batches of 100 ended spans. Beside ours stands the floor (`http_floor`): one typed decode and one
insert a batch, without runs, merging, numbers, owners or keys. One server at a time, taken in turns.
"""

import argparse
import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

import trodo_cli
from tests.bench.pairs import rounds
from trodo_cli.client.base import RunFilter
from trodo_cli.model import ids
from trodo_cli.model.event import RunStart, SpanEnd
from trodo_cli.model.run import Run
from trodo_cli.model.span import Span, Usage

CONNECTIONS, BATCH, RUN_SPANS = 4, 100, 1_000

ATTRIBUTES = {"http.route": "/v1/chat", "gen_ai.request.temperature": 0.2, "note": "x" * 120}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--spans", type=int, default=20_000)
    options = parser.parse_args()
    contenders = {
        "floor": lambda: floor(options.spans),
        "trodo serve": lambda: ours(options.spans),
    }
    values = rounds(contenders, options.rounds)
    for name, found in values.items():
        shown = " ".join(f"{value:9,.0f}" for value in sorted(found))
        print(f"{name:12} spans/s {shown}")
    ratios = sorted(mine / base for mine, base in zip(values["trodo serve"], values["floor"], strict=True))
    print(f"trodo serve / floor: {ratios[len(ratios) // 2]:.2f} (median of pairs)")


def floor(count: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        path = str(Path(folder) / "floor.db")
        with process([sys.executable, "-m", "tests.bench.http_floor", path, str(port)]):
            wait_for(port)
            bodies = [json.dumps(batch).encode() for batch in flat_batches(count)]
            return driven(port, "/spans", {}, bodies, count)


def ours(count: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        settings = {**os.environ, "TRODO_HOME": folder}
        command = [sys.executable, "-m", "trodo_cli", "serve", "--port", "0"]
        with process(command, env=settings) as server:
            assert server.stdout is not None
            port = int(server.stdout.readline().decode().rpartition(":")[2])
            (key,) = (Path(folder) / "servers").iterdir()
            headers = {"authorization": f"Bearer {key.read_text().strip()}"}
            bodies = [b"\n".join(batch) for batch in event_batches(count)]
            rate = driven(port, "/v1/events", headers, bodies, count)
            check(str(Path(folder) / "trodo.db"), count)
            return rate


def driven(port: int, path: str, headers: dict[str, str], bodies: list[bytes], count: int) -> float:
    """Spans a second until every batch is acknowledged."""
    waiting, lock = iter(bodies), threading.Lock()
    failures: list[int] = []

    def send() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        while True:
            with lock:
                body = next(waiting, None)
            if body is None:
                return connection.close()
            connection.request("POST", path, body, headers)
            response = connection.getresponse()
            response.read()
            if response.status >= 300:
                failures.append(response.status)

    threads = [threading.Thread(target=send) for _ in range(CONNECTIONS)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - began
    assert not failures, failures
    return count / took


def check(path: str, count: int) -> None:
    """Every acknowledged span is there."""
    client = trodo_cli.connect(path)
    rows = client.runs.list(limit=1_000, wanted=RunFilter(roots_only=False)).rows
    assert sum(run.totals.spans for run in rows) == count
    client.close()


def spans(count: int) -> Iterator[tuple[str, Span]]:
    payload = msgspec.Raw(msgspec.json.encode({"attributes": ATTRIBUTES}))
    for number in range(count):
        now_ns = ids.now_ns()
        yield (
            f"{number // RUN_SPANS:032x}",
            Span(
                id=f"{number:016x}", name="chat", kind="model", status="ok", started_ns=now_ns, ended_ns=now_ns + 10**6,
                version=2, model="m-1", usage=Usage(input=812, output=95), payload=payload,
            ),
        )  # fmt: skip


def event_batches(count: int) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    for number, (run_id, span) in enumerate(spans(count)):
        if number % RUN_SPANS == 0:
            run = Run(id=run_id, agent="bench", started_ns=span.started_ns)
            batch.append(msgspec.json.encode(RunStart(run_id=run_id, run=run)))
        batch.append(msgspec.json.encode(SpanEnd(run_id=run_id, span=span)))
        if number % BATCH == BATCH - 1:
            yield batch
            batch = []


def flat_batches(count: int) -> Iterator[list[dict[str, object]]]:
    batch: list[dict[str, object]] = []
    for run_id, span in spans(count):
        batch.append({
            "id": span.id, "run": run_id, "parent": None, "kind": span.kind, "name": span.name, "status": span.status,
            "started_ns": span.started_ns, "ended_ns": span.ended_ns, "model": span.model, "tokens_in": 812,
            "tokens_out": 95, "attributes": ATTRIBUTES,
        })  # fmt: skip
        if len(batch) == BATCH:
            yield batch
            batch = []


@contextmanager
def process(
    command: list[str], env: dict[str, str] | None = None, stdout: int = subprocess.PIPE
) -> Iterator["subprocess.Popen[bytes]"]:
    running = subprocess.Popen(command, stdout=stdout, stderr=subprocess.DEVNULL, env=env)
    try:
        yield running
    finally:
        running.terminate()
        running.wait(30)
        if running.stdout is not None:
            running.stdout.close()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def wait_for(port: int) -> None:
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.02)


if __name__ == "__main__":
    main()
