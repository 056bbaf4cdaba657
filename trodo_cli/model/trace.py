"""The span tree of one run, folded from events in any order."""

from collections.abc import Iterable

import msgspec

from trodo_cli.model.event import (
    CancelRequested,
    Event,
    FeedbackGiven,
    RunEnd,
    RunStart,
    SpanEnd,
    SpanStart,
    SpanUpdate,
    TraceDone,
)
from trodo_cli.model.ids import is_run_id, root_span_id
from trodo_cli.model.registers import first_cancel, first_end, folded_run, joined_feedback, newer_start
from trodo_cli.model.run import Cancel, Feedback, Run, produced_run, root_span
from trodo_cli.model.span import Span, newer_span, settled_span
from trodo_cli.model.totals import totals_of


class Trace:
    """One run with its spans; `apply` takes events, `from_rows` what a store holds."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self.children: list[Run] = []
        """Runs that were started below this one; each is a trace of its own."""
        self._spans: dict[str, Span] = {}
        self._start: Run | None = None
        self._end: Run | None = None
        self._cancel: Cancel | None = None
        self._feedback: tuple[Feedback, ...] = ()
        self._known: Run | None = None
        """The run as its store saw it last: sign of life, delivery of a cancel request, `lost`."""

    @classmethod
    def from_rows(cls, run: Run, spans: Iterable[Span], children: Iterable[Run] = ()) -> "Trace":
        """A trace as a store holds it."""
        trace = cls(run.id)
        trace._spans = {span.id: span for span in spans}
        said = produced_run(run)
        trace._start, trace._end = said, said if run.is_terminal else None
        trace._cancel, trace._feedback, trace._known = run.cancel, run.feedback, run
        trace.children = list(children)
        return trace

    def rows(self) -> tuple[Run, list[Span], list[Run]]:
        """What `from_rows` makes this trace of."""
        return self.summary, list(self._spans.values()), self.children

    def apply(self, event: Event) -> None:
        """Take one event in; repeated and late ones change nothing that they should not."""
        self._known = None
        match event:
            case SpanStart() | SpanUpdate() | SpanEnd():
                span, known = settled_span(event.span), self._spans.get(event.span.id)
                self._spans[span.id] = newer_span(known, span) if known else span
            case RunStart():
                self._start = newer_start(self._start, produced_run(event.run))
            case RunEnd():
                self._end = first_end(self._end, produced_run(event.run))
            case CancelRequested():
                self._cancel = first_cancel(self._cancel, event.cancel)
            case FeedbackGiven():
                self._feedback = joined_feedback(self._feedback, event.feedback)
            case TraceDone():
                self._known = event.run

    @property
    def summary(self) -> Run:
        """The run itself, with totals over the spans at hand."""
        run = folded_run(self.run_id, self._start, self._end)
        run = msgspec.structs.replace(
            run, totals=totals_of(self._spans), cancel=self._cancel, feedback=self._feedback
        )
        if self._known is not None:
            run.heartbeat_ns, run.cancel = (
                self._known.heartbeat_ns,
                first_cancel(self._cancel, self._known.cancel),
            )
            run.feedback = joined_feedback(self._feedback, self._known.feedback)
            run.status = "lost" if self._known.status == "lost" and not run.is_terminal else run.status
        return run

    @property
    def spans(self) -> list[Span]:
        """All spans in order of their starts; the first is the run itself, and the parent of those right below it."""
        root = root_span(self.summary)
        nested = (
            msgspec.structs.replace(span, parent_id=root.id) if span.parent_id is None else span
            for span in self.own
        )
        return [root, *nested]

    @property
    def own(self) -> list[Span]:
        """The spans of the run as they were sent, in order of their starts."""
        return sorted(self._spans.values(), key=_by_start)

    def span(self, span_id: str) -> Span | None:
        """One span as it stands now."""
        return self._spans.get(span_id)

    def tree(self) -> "Tree":
        """Who is below whom, as the spans stand now."""
        return Tree(self.run_id, self._spans)


class Tree:
    """The spans of a run by parent. Every span is in it exactly once.

    A parent that is not known hangs its spans below the run (`orphans` holds their ids); a circle of
    parents is cut at its smallest id (`cut`), which hangs below the run too.
    """

    def __init__(self, run_id: str, spans: dict[str, Span]) -> None:
        self.spans = spans
        self.orphans: set[str] = set()
        self.cut = _circle_heads(spans)
        self._below: dict[str | None, list[Span]] = {}
        root = root_span_id(run_id)
        for span in sorted(spans.values(), key=_by_start):
            self._below.setdefault(self._parent(span, root), []).append(span)

    def below(self, span_id: str | None) -> list[Span]:
        """The direct children of a span, in order of their starts; of the run itself for None."""
        return self._below.get(span_id, [])

    def path(self, span_id: str) -> list[Span]:
        """From the topmost span down to this one."""
        found: list[Span] = []
        at: str | None = span_id
        while at is not None and (span := self.spans.get(at)) is not None:
            found.append(span)
            at = None if at in self.cut else span.parent_id
        return found[::-1]

    def _parent(self, span: Span, root: str) -> str | None:
        if span.parent_id is None or span.parent_id == root or span.id in self.cut:
            return None
        if span.parent_id in self.spans:
            return span.parent_id
        self.orphans.add(span.id)
        return None


def stands_for_run(parent_id: str | None) -> bool:
    """Whether an unknown parent is the run itself: Trodo's own SDK calls it by an id of a run's form, never sent."""
    return parent_id is not None and is_run_id(parent_id)


def _by_start(span: Span) -> tuple[int, str]:
    return (span.started_ns, span.id)


def _circle_heads(spans: dict[str, Span]) -> set[str]:
    """The smallest id of every circle of parents."""
    heads: set[str] = set()
    settled: set[str] = set()
    for start in spans:
        path: dict[str, int] = {}
        at: str | None = start
        while at in spans and at not in settled and at not in path:
            path[at] = len(path)
            at = spans[at].parent_id
        if at in path:
            heads.add(min(list(path)[path[at] :]))
        settled.update(path)
    return heads
