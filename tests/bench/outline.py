"""The explorer's outline beside `flatten`: `python -m tests.bench.outline [--sizes 1000 10000] [--rounds 7]`.

Three shapes of trace, all rows shown: `tree` (eight children each), `flat` (all below the run) and
`pairs` (one below each of half of them, so that sums over siblings are needed). `flatten` has to be
done again after every change; times of one operation are means of many at random places.
"""

import argparse
import gc
import random
import statistics
import time
import tracemalloc
from collections.abc import Callable
from itertools import count

from tests.bench.pairs import Measure, rounds
from trodo_cli.model.run import Run
from trodo_cli.model.span import Span
from trodo_cli.model.trace import Trace
from trodo_cli.render.rows import ViewState, flatten
from trodo_cli.tui.outline import Outline

SCREEN = 40
REPEATED = 500

RUN = Run(id="f" * 32, started_ns=1)

PARENTS: dict[str, Callable[[int], int | None]] = {
    "tree": lambda number: (number - 1) // 8 if number else None,
    "flat": lambda number: None,
    "pairs": lambda number: number - 1 if number % 2 else None,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--shapes", choices=list(PARENTS), nargs="+", default=list(PARENTS))
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    for size in asked.sizes:
        for shape in asked.shapes:
            trace = made(size, shape)
            values = rounds(contenders(trace, size), asked.rounds)
            print(
                f"\n{shape}, {size:,} spans, {asked.rounds} interleaved rounds, {memory(trace, size):.0f} bytes a span"
            )
            show(values)


def made(size: int, shape: str) -> Trace:
    def span(number: int) -> Span:
        parent = PARENTS[shape](number)
        parent_id = None if parent is None else f"{parent:016x}"
        return Span(id=f"{number:016x}", parent_id=parent_id, started_ns=number + 1, status="ok")

    return Trace.from_rows(RUN, map(span, range(size)))


def contenders(trace: Trace, size: int) -> dict[str, Measure]:
    outline = loaded(trace)
    chance = random.Random(size)
    top = outline.row(0).key

    def key() -> str:
        return f"{chance.randrange(size):016x}"

    def place() -> int:
        return chance.randrange(outline.count)

    def close_and_open(key: str) -> None:
        outline.toggle(key)
        outline.toggle(key)

    return {
        "flatten": each(lambda: flatten(trace, ViewState(levels=None)), 1),
        "load": each(lambda: loaded(trace), 1),
        "put, last of the run": puts(trace, lambda: 1 << 62),
        "put, anywhere in the run": puts(trace, lambda: chance.randrange(size)),
        "put, a newer version": each(lambda: outline.put(trace.span(key()) or Span(id=""))),
        "close and open the run": each(lambda: close_and_open(top)),
        "close and open a span": each(lambda: close_and_open(key())),
        "row": each(lambda: outline.row(place())),
        f"{SCREEN} rows": each(lambda: outline.rows(place(), SCREEN)),
        "place": each(lambda: outline.place(key())),
        "find the next one": each(lambda: outline.find(lambda subject: True, key())),
    }


def puts(trace: Trace, started_ns: Callable[[], int]) -> Measure:
    """New spans right below the run, in an outline of their own."""

    def measure() -> float:
        outline, new = loaded(trace), count()
        return each(lambda: outline.put(Span(id=f"new{next(new)}", started_ns=started_ns(), status="ok")))()

    return measure


def loaded(trace: Trace) -> Outline:
    outline = Outline(RUN)
    outline.set_levels(None)
    outline.load(trace)
    return outline


def each(work: Callable[[], object], times: int = REPEATED) -> Measure:
    """Microseconds of processor time for one time; other processes do not count."""

    def measure() -> float:
        before = time.process_time()
        for _ in range(times):
            work()
        return (time.process_time() - before) / times * 1e6

    return measure


def memory(trace: Trace, size: int) -> float:
    """Bytes that an outline takes beside the trace, for each span."""
    tracemalloc.start()
    outline = loaded(trace)
    gc.collect()
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return taken / size if outline.count else 0


def show(values: dict[str, list[float]]) -> None:
    """A table, with how many times of each would take as long as `flatten`, by the median of the pairs."""
    width = max(map(len, values))
    print(f"{'µs':{width}}  {'min':>12} {'median':>12} {'max':>12}  {'in one flatten':>14}")
    for name, found in values.items():
        times = statistics.median(
            floor / value for floor, value in zip(values["flatten"], found, strict=True)
        )
        middle = statistics.median(found)
        print(f"{name:{width}}  {min(found):12.1f} {middle:12.1f} {max(found):12.1f}  {times:13,.1f}x")


if __name__ == "__main__":
    main()
