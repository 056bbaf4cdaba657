"""A trace in Chrome's trace event format, which Perfetto and chrome://tracing open.

Every span is a complete event on a lane. Lanes are what threads are elsewhere: of two events on one, either one
lies within the other or they do not meet. A span stands on its parent's lane where it fits there, so what ran side
by side has lanes of its own.
"""

from collections.abc import Iterator
from heapq import heappop, heappush
from typing import Any, NamedTuple

from trodo_cli.model.run import Run
from trodo_cli.model.span import Span
from trodo_cli.model.trace import Trace, Tree

PROCESS = 1

RUN_KEY = ""
"""The run itself among its spans."""


class Slice(NamedTuple):
    """What is drawn as one bar, in microseconds since the epoch."""

    start: int
    end: int
    depth: int
    key: str
    parent: str | None
    of: Span | Run


def chrome_trace(trace: Trace, now_ns: int) -> dict[str, Any]:
    """The whole document; what is still open ends at `now_ns`."""
    run = trace.summary
    slices = sorted(_slices(trace, now_ns), key=lambda one: (one.start, -one.end, one.depth, one.key))
    lanes = laid_out(slices)
    events = [_named("process_name", 0, f"{run.agent or 'run'} {run.id}")]
    for lane in range(1, max(lanes, default=0) + 1):
        events.append(_named("thread_name", lane, "main" if lane == 1 else f"beside {lane - 1}"))
        events.append(_metadata("thread_sort_index", lane, {"sort_index": lane}))
    events += [_event(one, lane) for one, lane in zip(slices, lanes, strict=True)]
    return {
        "traceEvents": events,
        "displayTimeUnit": "ms",
        "otherData": {"run": run.id, "status": run.status},
    }


def laid_out(slices: list[Slice]) -> list[int]:
    """The lane of each slice, from 1; they come by start, the longer first."""
    open_on: dict[int, list[Slice]] = {}
    """By lane what is open on it, the innermost last."""
    lane_of: dict[str, int] = {}
    free: list[int] = []
    busy: list[tuple[int, int]] = []
    """When a lane is free again, and which."""
    for one in slices:
        while busy and busy[0][0] <= one.start:
            _, lane = heappop(busy)
            open_on[lane].clear()
            heappush(free, lane)
        found = _below_parent(one, lane_of, open_on)
        if found is None:
            found = heappop(free) if free else len(open_on) + 1
            open_on[found] = []
            heappush(busy, (one.end, found))
        open_on[found].append(one)
        lane_of[one.key] = found
    return [lane_of[one.key] for one in slices]


def _below_parent(one: Slice, lane_of: dict[str, int], open_on: dict[int, list[Slice]]) -> int | None:
    """The lane of the parent, if it is the innermost there that goes on, and ends no sooner."""
    lane = lane_of.get(one.parent) if one.parent is not None else None
    if lane is None:
        return None
    stack = open_on[lane]
    while stack and stack[-1].end <= one.start:
        stack.pop()
    fits = stack and stack[-1].key == one.parent and one.end <= stack[-1].end
    return lane if fits else None


def _slices(trace: Trace, now_ns: int) -> Iterator[Slice]:
    """The run, its spans, and the runs that were started below it."""
    run, tree = trace.summary, trace.tree()
    yield _slice(run, RUN_KEY, None, 0, now_ns)
    depths: dict[str, int] = {}
    for span, parent, depth in _walk(tree):
        depths[span.id] = depth
        yield _slice(span, f"span {span.id}", parent, depth, now_ns)
    for child in trace.children:
        at = child.parent_span_id if child.parent_span_id in depths else None
        parent, depth = (RUN_KEY, 0) if at is None else (f"span {at}", depths[at])
        yield _slice(child, f"run {child.id}", parent, depth + 1, now_ns)


def _walk(tree: Tree) -> Iterator[tuple[Span, str, int]]:
    """Every span with the key of its parent and how deep it stands."""
    waiting = [(span, RUN_KEY, 1) for span in tree.below(None)]
    while waiting:
        span, parent, depth = waiting.pop()
        yield span, parent, depth
        waiting += [(child, f"span {span.id}", depth + 1) for child in tree.below(span.id)]


def _slice(of: Span | Run, key: str, parent: str | None, depth: int, now_ns: int) -> Slice:
    """Whole microseconds, rounded down at both ends: what lay within another still does."""
    ended_ns = now_ns if of.ended_ns is None else of.ended_ns
    return Slice(of.started_ns // 1_000, max(of.started_ns, ended_ns) // 1_000, depth, key, parent, of)


def _event(one: Slice, lane: int) -> dict[str, Any]:
    of = one.of
    name, kind = (of.name or of.kind, of.kind) if isinstance(of, Span) else (of.agent or "run", "run")
    return {
        "name": name,
        "cat": kind,
        "ph": "X",
        "ts": one.start,
        "dur": one.end - one.start,
        "pid": PROCESS,
        "tid": lane,
        "args": {name: value for name, value in _told(of).items() if value is not None},
    }


def _told(of: Span | Run) -> dict[str, Any]:
    said: dict[str, Any] = {"id": of.id, "status": of.status}
    if isinstance(of, Run):
        totals = of.totals
        said |= {"input_tokens": totals.input_tokens or None, "output_tokens": totals.output_tokens or None}
        said |= {"cost_usd": totals.cost}
    else:
        usage = of.usage
        said |= {"model": of.model, "provider": of.provider, "tool": of.tool}
        said |= {"input_tokens": usage and usage.input, "output_tokens": usage and usage.output}
        said |= {"cost_usd": of.cost}
    return {**said, "error": of.error, "error_type": of.error_type}


def _named(what: str, lane: int, name: str) -> dict[str, Any]:
    return _metadata(what, lane, {"name": name})


def _metadata(what: str, lane: int, args: dict[str, Any]) -> dict[str, Any]:
    return {"name": what, "ph": "M", "pid": PROCESS, "tid": lane, "args": args}
