"""What a span costs the program that is traced: microseconds of the caller's thread, five attributes a span.

    python -m tests.bench.sdk_overhead [--rounds 7] [--spans 900] [--runs 20]

The floor writes a span's start and end to a file, one `write()` each, and does nothing else. Ours does so and
ships them to a SQLite store in the background; OpenTelemetry keeps spans in memory, with a batch processor
and an exporter that does nothing. Every contender is a process of its own.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.bench.pairs import Measure, rounds, show

PAUSE_SECONDS = 0.05
"""Between runs, not timed, so that whoever works in the background keeps up."""

Work = Callable[[int], float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--spans", type=int, default=900)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--only", choices=list(CONTENDERS), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.only:
        print(_per_span(CONTENDERS[asked.only](), asked.runs, asked.spans))
        return
    measures = {name: _process(name, asked.runs, asked.spans) for name in CONTENDERS}
    values = rounds(measures, asked.rounds)
    print(f"{asked.runs} runs of {asked.spans} spans, {asked.rounds} interleaved rounds")
    show(values, "µs a span")


def _per_span(work: Work, runs: int, spans: int) -> float:
    work(spans)
    total = 0.0
    for _ in range(runs):
        time.sleep(PAUSE_SECONDS)
        total += work(spans)
    return total / (runs * spans) * 1e6


def _process(name: str, runs: int, spans: int) -> Measure:
    command = [sys.executable, "-m", "tests.bench.sdk_overhead", "--only", name, "--runs", str(runs)]

    def measure() -> float:
        with tempfile.TemporaryDirectory() as home:
            done = subprocess.run(
                [*command, "--spans", str(spans)],
                env={**os.environ, "TRODO_HOME": home, "TRODO_TARGET": ""},
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
        return float(done.stdout)

    return measure


def _floor() -> Work:
    """A span as a slots object with a context variable and random ids, both ends encoded and written."""
    from contextvars import ContextVar

    import msgspec

    current: ContextVar[object] = ContextVar("current", default=None)
    encode = msgspec.json.Encoder().encode
    folder = Path(os.environ["TRODO_HOME"])
    file = os.open(folder / "floor", os.O_CREAT | os.O_WRONLY | os.O_APPEND)

    class Span:
        __slots__ = ("attributes", "id", "name", "started", "token")

        def __init__(self, name: str, **attributes: object) -> None:
            self.name, self.attributes = name, attributes

        def __enter__(self) -> "Span":
            self.id = os.urandom(8).hex()
            self.token = current.set(self)
            self.started = time.perf_counter_ns()
            os.write(file, encode((1, self.id, self.name, self.started)) + b"\n")
            return self

        def __exit__(self, *_: object) -> None:
            current.reset(self.token)
            os.write(file, encode((2, self.id, time.perf_counter_ns(), self.attributes)) + b"\n")

    def work(spans: int) -> float:
        with Span("agent"):
            before = time.perf_counter()
            for _ in range(spans):
                with Span("step", model="m", input_tokens=812, output_tokens=95, temperature=0.2) as span:
                    span.attributes["tool"] = "search"
            return time.perf_counter() - before

    return work


def _trodo() -> Work:
    import trodo

    def work(spans: int) -> float:
        with trodo.wrap_agent("bench"):
            before = time.perf_counter()
            for _ in range(spans):
                with trodo.span("step", kind="llm") as span:
                    span.set_llm(model="m", input_tokens=812, output_tokens=95, temperature=0.2)
                    span.set_tool("search")
            return time.perf_counter() - before

    return work


def _opentelemetry() -> Work:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

    class Nowhere(SpanExporter):
        def export(self, spans: object) -> SpanExportResult:
            return SpanExportResult.SUCCESS

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(Nowhere()))
    tracer = provider.get_tracer("bench")
    attributes = {
        "model": "m",
        "input_tokens": 812,
        "output_tokens": 95,
        "temperature": 0.2,
        "tool": "search",
    }

    def work(spans: int) -> float:
        with tracer.start_as_current_span("agent"):
            before = time.perf_counter()
            for _ in range(spans):
                with tracer.start_as_current_span("step") as span:
                    for key, value in attributes.items():
                        span.set_attribute(key, value)
            return time.perf_counter() - before

    return work


CONTENDERS: dict[str, Callable[[], Work]] = {
    "floor: two writes a span": _floor,
    "trodo": _trodo,
    "opentelemetry": _opentelemetry,
}

if __name__ == "__main__":
    main()
