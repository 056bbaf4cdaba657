"""Spans a second through OTLP protobuf, until queryable: `python -m tests.bench.otlp_ingest`.

Batches of 100 model calls with messages, ten batches a trace, all below the first one. Beside ours stand two floors
in one process without a server, parsing the bodies, and parsing them with one insert a batch; and other programs
where they are installed: `--peer phoenix=PROGRAM --peer trace-view=PROGRAM`.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import apsw
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.bench import http_ingest
from tests.bench.http_ingest import BATCH, RUN_SPANS, driven, process
from tests.bench.otlp_peers import PEERS, taken
from tests.bench.pairs import Measure, rounds
from trodo_cli.model import ids

PATH, HEADERS = "/v1/traces", {"content-type": "application/x-protobuf"}

PROMPT = '[{"role":"user","parts":[{"type":"text","content":"%s"}]}]' % ("What is the weather? " * 10)
ANSWER = '[{"role":"assistant","parts":[{"type":"text","content":"%s"}]}]' % ("Sunny. " * 10)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--spans", type=int, default=20_000)
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=PROGRAM", help=", ".join(PEERS))
    options = parser.parse_args()
    http_ingest.CONNECTIONS = options.connections
    contenders: dict[str, Measure] = {
        "decode": lambda: decoded(options.spans),
        "decode + insert": lambda: inserted(options.spans),
        "trodo serve": lambda: ours(options.spans),
        **dict(_peer(said, options.spans) for said in options.peer),
    }
    values = rounds(contenders, options.rounds)
    for name, found in values.items():
        shown = " ".join(f"{value:9,.0f}" for value in sorted(found))
        print(f"{name:16} spans/s {shown}")
    for other in values.keys() - {"trodo serve"}:
        pairs = zip(values["trodo serve"], values[other], strict=True)
        ratios = sorted(mine / base for mine, base in pairs)
        print(f"trodo serve / {other}: {ratios[len(ratios) // 2]:.2f} (median of pairs)")


def _peer(said: str, count: int) -> tuple[str, Measure]:
    name, _, program = said.partition("=")
    return name, lambda: taken(name, program, PATH, HEADERS, list(bodies(count)), count)


def decoded(count: int) -> float:
    """Parse every body and look at each span once."""
    made = list(bodies(count))
    began = ids.monotonic_ns()
    seen = sum(len(span.attributes) > 0 for body in made for span in _spans(body))
    took = (ids.monotonic_ns() - began) / 1e9
    assert seen == count
    return count / took


def inserted(count: int) -> float:
    """The same, and one transaction a batch into a table with one index."""
    made = list(bodies(count))
    with tempfile.TemporaryDirectory() as folder:
        database = apsw.Connection(str(Path(folder) / "floor.db"))
        database.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL")
        database.execute(
            "CREATE TABLE spans (key INTEGER PRIMARY KEY, run, id, parent, name, start, stop, data BLOB)"
        )
        database.execute("CREATE UNIQUE INDEX by_id ON spans (run, id)")
        insert = "INSERT INTO spans (run, id, parent, name, start, stop, data) VALUES (?, ?, ?, ?, ?, ?, ?)"
        began = ids.monotonic_ns()
        for body in made:
            rows = [
                (
                    span.trace_id, span.span_id, span.parent_span_id, span.name, span.start_time_unix_nano,
                    span.end_time_unix_nano, span.SerializeToString(),
                )
                for span in _spans(body)
            ]  # fmt: skip
            database.execute("BEGIN IMMEDIATE")
            database.executemany(insert, rows)
            database.execute("COMMIT")
        took = (ids.monotonic_ns() - began) / 1e9
        database.close()
    return count / took


def ours(count: int) -> float:
    """Until every batch is acknowledged, when all of it can be read."""
    with tempfile.TemporaryDirectory() as folder:
        settings = {**os.environ, "TRODO_HOME": folder}
        command = [sys.executable, "-m", "trodo_cli", "serve", "--port", "0"]
        with process(command, env=settings) as server:
            assert server.stdout is not None
            port = int(server.stdout.readline().decode().rpartition(":")[2])
            (key,) = (Path(folder) / "servers").iterdir()
            headers = {**HEADERS, "authorization": f"Bearer {key.read_text().strip()}"}
            rate = driven(port, PATH, headers, list(bodies(count)), count)
            http_ingest.check(str(Path(folder) / "trodo.db"), count)
            return rate


def bodies(count: int) -> Iterator[bytes]:
    for start in range(0, count, BATCH):
        request = ExportTraceServiceRequest()
        group = request.resource_spans.add()
        group.resource.attributes.add(key="service.name").value.string_value = "bench"
        part = group.scope_spans.add()
        part.scope.name = "bench"
        for number in range(start, start + BATCH):
            _add(part.spans.add(), number)
        yield request.SerializeToString()


def _add(span: object, number: int) -> None:
    now_ns, said = ids.now_ns(), _attributes()
    span.trace_id = (number // RUN_SPANS + 1).to_bytes(16, "big")  # type: ignore[attr-defined]
    span.span_id = (number + 1).to_bytes(8, "big")  # type: ignore[attr-defined]
    if number % RUN_SPANS:
        first = number - number % RUN_SPANS
        span.parent_span_id = (first + 1).to_bytes(8, "big")  # type: ignore[attr-defined]
    span.name, span.kind = "chat gpt-4o", 3  # type: ignore[attr-defined]
    span.start_time_unix_nano, span.end_time_unix_nano = now_ns, now_ns + 10**6  # type: ignore[attr-defined]
    for key, value in said.items():
        pair = span.attributes.add(key=key).value  # type: ignore[attr-defined]
        if isinstance(value, int):
            pair.int_value = value
        else:
            pair.string_value = value


def _attributes() -> dict[str, str | int]:
    return {
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o",
        "gen_ai.response.model": "gpt-4o-2024-08-06", "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.usage.input_tokens": 812, "gen_ai.usage.output_tokens": 95,
        "gen_ai.usage.cache_read.input_tokens": 400, "gen_ai.input.messages": PROMPT,
        "gen_ai.output.messages": ANSWER, "server.address": "api.example", "server.port": 443,
    }  # fmt: skip


def _spans(body: bytes) -> Iterator[object]:
    for group in ExportTraceServiceRequest.FromString(body).resource_spans:
        for part in group.scope_spans:
            yield from part.spans


if __name__ == "__main__":
    main()
