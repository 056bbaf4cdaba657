"""How long a piece of work was busy itself, and not waiting for what it had started."""

from collections.abc import Iterable

from trodo_cli.model.run import Run
from trodo_cli.model.span import Span


def own_ns(of: Span | Run, below: Iterable[Span | Run], now_ns: int) -> int:
    """Nanoseconds of its time during which nothing right below it was at work; what is open lasts until now."""
    start, end = of.started_ns, _end(of, now_ns)
    own, free_from = 0, start
    for child in sorted(below, key=lambda child: child.started_ns):
        own += max(min(child.started_ns, end) - free_from, 0)
        free_from = max(free_from, _end(child, now_ns))
    return own + max(end - free_from, 0)


def _end(of: Span | Run, now_ns: int) -> int:
    ended_ns = now_ns if of.ended_ns is None else of.ended_ns
    return max(ended_ns, of.started_ns)
