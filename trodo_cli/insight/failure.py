"""Why a run failed: the failure at the bottom of the chain that brought it down.

A failed span without failed children is where something first went wrong. Of several, the one the
run's own error speaks of is meant, then one whose every ancestor failed too (an error further up was
not handled on the way), then the deepest, then the one that ended first.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from trodo_cli.model.run import Run, root_span
from trodo_cli.model.span import Span
from trodo_cli.model.trace import Trace, Tree


@dataclass(frozen=True, slots=True)
class Failure:
    """A root cause, and the way down to it."""

    path: list[Span]
    """From the run itself down to the span that failed; the run alone when no span did."""
    error: str | None
    error_type: str | None
    others: int
    """How many failed spans are not on the path."""
    child: Run | None = None
    """A failed run right below the end of the path: the cause is in its own trace."""

    @property
    def span(self) -> Span:
        """Where it happened."""
        return self.path[-1]


def failure(trace: Trace) -> Failure | None:
    """What first went wrong; None when neither the run nor any of its spans failed."""
    run, tree = trace.summary, trace.tree()
    if run.status != "failed" and not run.totals.errors:
        return None
    cause = _cause(tree, run)
    path = [root_span(run), *(tree.path(cause.id) if cause else ())]
    on_path = sum(span.status == "error" for span in path[1:])
    told = cause if cause and (cause.error or cause.error_type) else run
    others = run.totals.errors - on_path
    return Failure(path, told.error, told.error_type, others, _failed_child(trace, tree, cause))


def _cause(tree: Tree, run: Run) -> Span | None:
    blamed = {span.parent_id for span in tree.spans.values() if _failed(span) and span.id not in tree.cut}
    best: tuple[tuple[object, ...], Span] | None = None
    for span, depth, unbroken in _walk(tree):
        if not _failed(span) or span.id in blamed:
            continue
        told = bool(span.error) and (span.error or "") in (run.error or "")
        ended_ns = span.started_ns if span.ended_ns is None else span.ended_ns
        rank = (not told, not unbroken, -depth, ended_ns, span.id)
        if best is None or rank < best[0]:
            best = (rank, span)
    return best[1] if best else None


def _walk(tree: Tree) -> Iterator[tuple[Span, int, bool]]:
    """Every span with its depth and whether all above it, up to the run, failed."""
    waiting = [(span, 1, True) for span in tree.below(None)]
    while waiting:
        span, depth, unbroken = waiting.pop()
        yield span, depth, unbroken
        unbroken = unbroken and _failed(span)
        waiting += [(child, depth + 1, unbroken) for child in tree.below(span.id)]


def _failed(span: Span) -> bool:
    return span.status == "error"


def _failed_child(trace: Trace, tree: Tree, cause: Span | None) -> Run | None:
    for run in trace.children:
        parent = run.parent_span_id if run.parent_span_id in tree.spans else None
        if run.status == "failed" and parent == (cause.id if cause else None):
            return run
    return None
