"""Microseconds an event of a stream, beside bare httpx-sse on the same one: `python -m tests.bench.sse_client`."""

import argparse
import os
import tempfile
import time
from unittest.mock import patch

import httpx
from httpx_sse import EventSource

import trodo_cli
from tests.bench.http_ingest import event_batches
from tests.bench.live_latency import serving
from tests.bench.pairs import rounds, show
from trodo_cli import config
from trodo_cli.model import ids
from trodo_cli.model.event import RunEnd
from trodo_cli.model.run import Run
from trodo_cli.wire.native import told_event, write_event

SPANS = 1_000
"""Of each run; every span is one event."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--runs", type=int, default=10)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        patch.dict(os.environ, {"TRODO_HOME": folder}),
        serving(dict(os.environ)) as url,
    ):
        run_ids = recorded(url, options.runs)
        contenders = {"httpx-sse": lambda: bare(url, run_ids), "trodo": lambda: ours(url, run_ids)}
        show(rounds(contenders, options.rounds), "µs an event")


def recorded(url: str, runs: int) -> list[str]:
    client = trodo_cli.connect(url)
    for batch in event_batches(runs * SPANS):
        client.publish_lines(batch)
    run_ids = [f"{number:032x}" for number in range(runs)]
    for run_id in run_ids:
        ended = Run(id=run_id, status="completed", ended_ns=ids.now_ns())
        client.publish_lines([write_event(RunEnd(run_id=run_id, run=ended))])
    client.close()
    return run_ids


def bare(url: str, run_ids: list[str]) -> float:
    key = config.local_server_key(url)
    headers = {"authorization": f"Bearer {key}", "accept": "application/vnd.trodo+json, text/event-stream"}
    began, count = time.perf_counter(), 0
    with httpx.Client(headers=headers, trust_env=False) as client:
        for run_id in run_ids:
            with client.stream("GET", f"{url}/traces/{run_id}/stream") as response:
                for frame in EventSource(response).iter_sse():
                    told_event(frame.data.encode())
                    count += 1
    return (time.perf_counter() - began) / count * 1e6


def ours(url: str, run_ids: list[str]) -> float:
    client = trodo_cli.connect(url)
    began = time.perf_counter()
    count = sum(1 for run_id in run_ids for _ in client.traces.stream(run_id))
    took = time.perf_counter() - began
    client.close()
    return took / count * 1e6


if __name__ == "__main__":
    main()
