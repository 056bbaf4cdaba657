"""Contenders measured in turns, so that a slow minute of the machine hits all of them alike."""

import statistics
import sys
from collections.abc import Callable, Mapping

Measure = Callable[[], float]


def rounds(contenders: Mapping[str, Measure], count: int) -> dict[str, list[float]]:
    """Every contender's values, one a round; the first of the mapping is the floor."""
    for measure in contenders.values():
        measure()
    values: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(count):
        print(f"round {number + 1} of {count}", file=sys.stderr)
        for name, measure in contenders.items():
            values[name].append(measure())
    return values


def show(values: Mapping[str, list[float]], unit: str) -> None:
    """A table: minimum, median, maximum, and the median of the ratios to the floor, taken round by round."""
    width = max(len(name) for name in values)
    floor = next(iter(values.values()))
    print(f"{'':{width}}  {'min':>9} {'median':>9} {'max':>9}  {'vs first':>9}   {unit}")
    for name, found in values.items():
        ratio = statistics.median(value / base for value, base in zip(found, floor, strict=True))
        middle = statistics.median(found)
        print(f"{name:{width}}  {min(found):9.2f} {middle:9.2f} {max(found):9.2f}  {ratio:8.2f}x")
