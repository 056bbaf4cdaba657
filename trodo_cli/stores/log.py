"""Rows back into the events they hold the numbers of."""

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
)
from trodo_cli.model.run import Run
from trodo_cli.model.span import Span, opened_span
from trodo_cli.stores.ledger import CANCEL_PLACE, FEEDBACK_PLACE, RunRow, SpanRow


def events_between(
    row: RunRow,
    owner: str,
    opened: Iterable[SpanRow],
    changed: Iterable[SpanRow],
    replaced: Iterable[tuple[int, int, Span | None]],
    first: int,
    last: int,
) -> list[Event]:
    """The events numbered from `first` to `last`, in order.

    `opened` and `changed` are the span rows whose first or latest change falls into that range;
    `replaced` the numbers in it that a later change took over, which say what stands now.
    """
    found: list[Event] = [_first(row.id, span_row) for span_row in opened]
    found += [_latest(row.id, span_row.span, span_row.changed_seq) for span_row in changed]
    found += [_replaced(row, owner, *what) for what in replaced]
    found += [event for event in _run_events(row, owner) if first <= event.seq <= last]
    return sorted(found, key=lambda event: event.seq)


def _replaced(row: RunRow, owner: str, number: int, place: int, span: Span | None) -> Event:
    """What stands now in the place of a number that a later change took over."""
    if span is not None:
        then = span if span.is_open else opened_span(span)
        return SpanUpdate(run_id=row.id, seq=number, span=then)
    if place == CANCEL_PLACE and row.cancel is not None:
        asked = msgspec.structs.replace(row.cancel, delivered_ns=None)
        return CancelRequested(run_id=row.id, seq=number, cancel=asked)
    if place == FEEDBACK_PLACE:
        return FeedbackGiven(run_id=row.id, seq=number, feedback=row.feedback)
    return _announcement(row, owner, number)


def _announcement(row: RunRow, owner: str, seq: int) -> RunStart:
    run = msgspec.structs.replace(row.start or Run(id=row.id), owner=owner)
    return RunStart(run_id=row.id, seq=seq, run=run)


def _first(run_id: str, row: SpanRow) -> Event:
    if row.changed_seq == row.first_seq and not row.span.is_open:
        return SpanEnd(run_id=run_id, seq=row.first_seq, span=row.span)
    span = row.span if row.span.is_open else opened_span(row.span)
    return SpanStart(run_id=run_id, seq=row.first_seq, span=span)


def _latest(run_id: str, span: Span, seq: int) -> Event:
    kind = SpanUpdate if span.is_open else SpanEnd
    return kind(run_id=run_id, seq=seq, span=span)


def _run_events(row: RunRow, owner: str) -> list[Event]:
    found: list[Event] = []
    if row.start_seq is not None:
        found.append(_announcement(row, owner, row.start_seq))
    if row.cancel_seq is not None and row.cancel is not None:
        found.append(CancelRequested(run_id=row.id, seq=row.cancel_seq, cancel=row.cancel))
    if row.feedback_seq is not None:
        found.append(FeedbackGiven(run_id=row.id, seq=row.feedback_seq, feedback=row.feedback))
    if row.end_seq is not None and row.end is not None:
        end = row.view if row.end.heard else row.end
        run = msgspec.structs.replace(end, owner=owner, totals=row.totals)
        found.append(RunEnd(run_id=row.id, seq=row.end_seq, run=run))
    return found
