"""The traces of a store in this process."""

from collections.abc import Iterator

from trodo_cli.client.base import (
    MAX_LIMIT,
    PAGE_SEQS,
    OnState,
    SpanPage,
    no_run,
    no_span,
    no_trace,
)
from trodo_cli.live import PAGE_EVENTS, Hub
from trodo_cli.model import ids
from trodo_cli.model.event import Event
from trodo_cli.model.payload import NO_PAYLOAD
from trodo_cli.model.run import Run
from trodo_cli.model.span import Span
from trodo_cli.model.trace import Trace
from trodo_cli.query.plan import Cursor, RunFilter, read_cursor
from trodo_cli.wire.pricing import price_span, price_spans


class LocalTraces:
    """See `client.base.Traces`."""

    def __init__(self, hub: Hub, owner: str) -> None:
        self._hub = hub
        self._owner = owner

    def get(self, run_id: str, *, payload: bool = True) -> Trace:
        run = self.traced(run_id)
        if not payload:
            run.payload = NO_PAYLOAD
        spans = self._hub.store.spans(self._owner, run.id, payload=payload)
        if not self._hub.prices:
            price_spans(spans, payload=payload)
        return Trace.from_rows(run, spans, self._below(run.id))

    def pages(self, run_id: str) -> Iterator[list[Span]]:
        after: int | None = 0
        while after is not None:
            page = self.page(run_id, after)
            yield page.rows
            after = page.after

    def page(self, run_id: str, after: int = 0) -> SpanPage:
        """The spans that were first stored under the next numbers above `after`. Raises `NotFound`."""
        run = self.traced(run_id)
        upto = after + PAGE_SEQS
        rows = self._hub.store.spans(self._owner, run.id, payload=False, after=after, upto=upto)
        return SpanPage(rows, upto if upto < run.last_seq else None)

    def traced(self, run_id: str) -> Run:
        """A run whose trace can be read."""
        run = self._hub.store.run(self._owner, ids.canonical_id(run_id), ids.now_ns())
        if run is None:
            raise no_run(run_id)
        if run.traceless:
            raise no_trace(run_id)
        return run

    def _below(self, run_id: str) -> list[Run]:
        """The runs directly below, in the order they began."""
        found: list[Run] = []
        cursor: Cursor | None = None
        while True:
            page = self._hub.store.list_runs(
                self._owner, RunFilter(parent_id=run_id), MAX_LIMIT, cursor, ids.now_ns()
            )
            found += page.rows
            if page.cursor is None:
                return found[::-1]
            cursor = read_cursor(page.cursor)

    def span(self, run_id: str, span_id: str) -> Span:
        span = self._hub.store.span(self._owner, ids.canonical_id(run_id), ids.canonical_id(span_id))
        if span is None:
            self.traced(run_id)
            raise no_span(run_id, span_id)
        if not self._hub.prices:
            price_span(span)
        return span

    def news(self, run_id: str, after: int, *, payload: bool = True, limit: int = PAGE_EVENTS) -> list[Event]:
        """What there is to tell now after a number; see `live.Hub.news`. Raises `NotFound`."""
        return self._hub.news(self._owner, ids.canonical_id(run_id), after, payload=payload, limit=limit)

    def stream(
        self, run_id: str, *, after: int = 0, payload: bool = True, on_state: OnState | None = None
    ) -> Iterator[Event]:
        self.traced(run_id)
        tell = on_state or (lambda _state: None)
        tell("live")
        yield from self._hub.follow(self._owner, ids.canonical_id(run_id), after, payload=payload)
        tell("ended")

    def delete(self, run_id: str) -> None:
        if not self._hub.store.delete_trace(self._owner, ids.canonical_id(run_id)):
            raise no_trace(run_id)
