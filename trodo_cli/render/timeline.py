"""When a span ran, as a bar in a row of terminal cells.

Every bar is exactly as wide as asked for and never empty: work too short to see is one thin mark.
"""

from typing import NamedTuple

from trodo_cli.model.trace import Trace
from trodo_cli.render.theme import Glyphs


class Window(NamedTuple):
    """The stretch of time that a row of cells stands for."""

    start_ns: int
    end_ns: int


def trace_window(trace: Trace, now_ns: int) -> Window:
    """From the first start to the last end in a trace; open work reaches to now."""
    spans = trace.spans
    starts = [span.started_ns for span in spans if span.started_ns]
    ends = [span.ended_ns if span.ended_ns is not None else now_ns for span in spans if span.started_ns]
    return Window(min(starts), max(ends)) if starts else Window(0, 0)


def bar(window: Window, started_ns: int, ended_ns: int | None, width: int, glyphs: Glyphs) -> str:
    """The cells of one bar; its length is drawn to half a cell."""
    if width <= 0:
        return ""
    parts = len(glyphs.bar)
    start = _position(window, started_ns, width * parts)
    end = _position(window, window.end_ns if ended_ns is None else ended_ns, width * parts)
    first = min(start // parts, width - 1)
    return (" " * first + _cells(start, end, glyphs.bar)).ljust(width)


def _position(window: Window, at_ns: int, steps: int) -> int:
    """Which of so many steps through the window a moment falls on."""
    length = window.end_ns - window.start_ns
    if length <= 0:
        return 0
    inside = min(max(at_ns - window.start_ns, 0), length)
    return inside * steps // length


def _cells(start: int, end: int, signs: str) -> str:
    """As long as the time it stands for, from the cell in which that begins."""
    full, part = divmod(max(end - start, 1), len(signs))
    return signs[0] * full + (signs[part] if part else "")
