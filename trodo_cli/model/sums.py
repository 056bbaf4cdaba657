"""The totals of a run while spans come in: which of them count, without looking at all of them each time."""

from collections.abc import Callable, Collection

from trodo_cli.model.span import Span
from trodo_cli.model.totals import (
    MAX_WRAPPED_SPANS,
    Totals,
    is_counted,
    parent_of,
    tells_amount,
    totals_of,
    wrapping_ids,
)

Find = Callable[[Collection[str]], dict[str, Span]]
"""The stored spans among these ids."""

Marked = Callable[[Collection[str]], set[str]]
"""Which of these ids a store knows to have a span with an amount below them."""


def nothing_marked(_ids: Collection[str]) -> set[str]:
    """For who has seen every span come in."""
    return set()


class Sums:
    """Keeps `totals` right; afterwards `added` are the ids that turned out to have an amount below them."""

    def __init__(self, totals: Totals, find: Find, marked: Marked = nothing_marked) -> None:
        self.totals = totals
        self.added: set[str] = set()
        self.is_recounted = False
        """Whether `added` are all such ids of the run."""
        self._find, self._marked = find, marked
        self._marks: set[str] = set()
        self._asked: set[str] = set()
        """What `marked` was asked about."""
        self._changed: dict[str, Span] = {}
        self._has_wrapper = totals.wrapped or totals.has_amounts
        """Whether there may be an agent that tells an amount; one that came earlier can be behind any sums."""
        self._is_spoilt = False

    def foresee(self, spans: Collection[Span]) -> None:
        """Look up at once what these spans will ask for."""
        ids = {span.id for span in spans} | {parent for span in spans if (parent := parent_of(span))}
        self._asked |= ids
        self._marks |= self._marked(ids)

    def replace(self, before: Span | None, span: Span) -> None:
        """A span came, or a better version of one."""
        is_marked = self._is_marked(span.id)
        if self.totals.wrapped:
            self.totals.clear_amounts()
        if before is not None:
            self.totals.add(before, -1, counts=not is_marked)
            is_moved = parent_of(before) != parent_of(span) and (is_marked or is_counted(before))
            self._is_spoilt |= is_moved or (is_counted(before) and not is_counted(span))
        self.totals.add(span, counts=not is_marked)
        self._changed[span.id] = span
        self._has_wrapper |= span.kind == "agent" and tells_amount(span)
        if is_marked or is_counted(span):
            self._mark(parent_of(span))

    def settle(self, everything: Callable[[], dict[str, Span]]) -> None:
        """Once all spans of a batch were taken: count anew where that is the only way to know."""
        is_small = self.totals.spans <= MAX_WRAPPED_SPANS
        stands_in = self._has_wrapper and not self.totals.has_amounts and is_small
        changed, self._changed = self._changed, {}
        if not changed or not (stands_in or self._is_spoilt):
            return
        spans = everything() | changed
        counted = totals_of(spans)
        for name in Totals.__struct_fields__:
            setattr(self.totals, name, getattr(counted, name))
        if self._is_spoilt:
            self._marks = wrapping_ids(spans)
            self.added = set(self._marks)
            self.is_recounted, self._is_spoilt = True, False

    def _mark(self, span_id: str | None) -> None:
        """Note that there is an amount below this id, and all that are above it."""
        while span_id is not None and not self._is_marked(span_id):
            self._marks.add(span_id)
            self.added.add(span_id)
            span = self._changed.get(span_id) or self._find((span_id,)).get(span_id)
            if span is None:
                return
            if is_counted(span):
                self.totals.add_amounts(span, -1)
            span_id = parent_of(span)

    def _is_marked(self, span_id: str) -> bool:
        if span_id in self._marks:
            return True
        if self._marked is nothing_marked or span_id in self._asked:
            return False
        self._asked.add(span_id)
        self._marks |= self._marked((span_id,))
        return span_id in self._marks
