"""One run as the explorer knows it, kept up by what its feed hears."""

from collections.abc import Collection, Iterable

import msgspec

from trodo_cli.insight.failure import Failure, failure
from trodo_cli.insight.own_time import own_ns
from trodo_cli.model import ids
from trodo_cli.model.event import Event, SpanEnd, SpanStart, SpanUpdate
from trodo_cli.model.payload import NO_PAYLOAD
from trodo_cli.model.run import Run
from trodo_cli.model.span import Span, newer_span, settled_span
from trodo_cli.model.sums import Sums
from trodo_cli.model.totals import Totals
from trodo_cli.model.trace import Trace
from trodo_cli.render.facts import as_of
from trodo_cli.render.overview import Seen
from trodo_cli.render.rows import Row
from trodo_cli.tui.outline import Outline

MOST_BELOW = 2_000
"""From more children on nobody waits to learn what time a span had for itself."""


class Picture:
    """The run, its totals, the runs below it and its rows. Of a large run the rows come bit by bit."""

    def __init__(self, run: Run) -> None:
        self._said = Trace.from_rows(_light(run), [])
        self._stored = run.totals
        self._sums = Sums(Totals(), self._known)
        self._children: dict[str, Run] = {}
        self.is_whole = False
        """Whether all spans that were there at first have come."""
        self.newest: str | None = None
        """The span that began last, as far as was heard."""
        self.outline = Outline(self.run)

    @property
    def run(self) -> Run:
        """The run as it stands now."""
        totals = self._sums.totals if self.is_whole else self._stored
        return msgspec.structs.replace(self._said.summary, totals=msgspec.structs.replace(totals))

    def reopen(self, run: Run) -> None:
        """Take the run as its store has it now, after the connection was lost; its spans come again."""
        self._said = Trace.from_rows(_light(run), [])
        self.outline.set_run(self.run)

    def add(self, spans: Iterable[Span]) -> None:
        """Some of the spans that were there at first."""
        for span in spans:
            self._put(span)

    def complete(self) -> None:
        """All of them have come."""
        self.is_whole = True
        self.outline.set_run(self.run)

    def link(self, runs: Iterable[Run]) -> None:
        """Runs started below this one, as they stand now."""
        for run in runs:
            if self._children.get(run.id) != run:
                self._children[run.id] = run
                self.outline.put_link(run)

    def apply(self, event: Event) -> None:
        """What has happened since."""
        match event:
            case SpanStart() | SpanUpdate() | SpanEnd():
                self._put(settled_span(event.span))
            case _:
                self._said.apply(event)
                self.outline.set_run(self.run)

    def cause(self) -> Failure | None:
        """Where it first went wrong."""
        spans = self.outline.failed_paths()
        return failure(Trace.from_rows(self.run, spans, self._children.values()))

    def seen(self, row: Row) -> Seen:
        """How a row stands at this moment; what has too much below it does not tell the time it had for itself."""
        now_ns, run = ids.now_ns(), self.run
        until_ns = as_of(run, now_ns)
        below = None if row.run is not None else self.outline.below(row.key, MOST_BELOW)
        own = None if below is None else own_ns(row.subject, below, until_ns)
        return Seen(now_ns, until_ns, row.status, own)

    def release(self) -> None:
        """Give back what it holds; it is not asked afterwards."""
        self.outline.release()

    def _put(self, span: Span) -> None:
        known = self.outline.span(span.id)
        if known is not None:
            span = newer_span(known, span)
            if span is known:
                return
        else:
            self.newest = span.id
        self._sums.replace(known, span)
        self.outline.put(span)
        self._sums.settle(self.outline.spans)
        self._sums.added.clear()  # nobody here keeps them elsewhere

    def _known(self, span_ids: Collection[str]) -> dict[str, Span]:
        """Those of these spans that have come."""
        found = {span_id: self.outline.span(span_id) for span_id in span_ids}
        return {span_id: span for span_id, span in found.items() if span is not None}


def _light(run: Run) -> Run:
    return msgspec.structs.replace(run, payload=NO_PAYLOAD)
