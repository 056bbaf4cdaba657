"""A batch of events taken into a store, and how a cancel request goes down to the runs below."""

from collections.abc import Collection, Iterable, Iterator

import msgspec

from trodo_cli.model.conclusion import conclusion
from trodo_cli.model.event import CancelRequested, Event, RunEnd, RunStart, SpanEnd, SpanStart, SpanUpdate
from trodo_cli.model.registers import first_cancel
from trodo_cli.model.run import Cancel
from trodo_cli.model.span import Span
from trodo_cli.model.sums import Sums
from trodo_cli.stores.base import MAX_SEQ, Tables
from trodo_cli.stores.ledger import Ledger, RunRow, SpanRow


def append_run(
    tables: Tables, owner: str, run_id: str, events: list[Event], now_ns: int, *, alive: bool
) -> int:
    """Fold the events of one run in and save what changed; how many changed something."""
    ledger = _opened(tables, owner, run_id, events, now_ns)
    row = ledger.row
    before = (row.cancel, row.view.parent_id)
    above: Cancel | None = None
    stored = sum([ledger.take(event) for event in events])
    ledger.lengthen()
    if not row.last_seq:
        return stored
    ledger.sums.settle(lambda: _every_span(tables, owner, row))
    if row.view.parent_id != before[1]:
        above = _request_above(tables, owner, row.view.parent_id)
        _inherit(ledger, above)
    row.heartbeat_ns = now_ns if alive else row.heartbeat_ns or 0
    tables.save(owner, ledger)
    if (row.cancel, row.view.parent_id) != before:
        _hand_down(tables, owner, row, above)
    return stored


def conclude_run(tables: Tables, owner: str, run_id: str, until_ns: int, *, complete: bool) -> bool:
    """End a run that only its spans tell of, unless it was heard of since, or something of it is open."""
    row = tables.load_run(owner, run_id, payload=True, hold=True)
    if row is None or not row.is_heard or (row.heartbeat_ns or 0) > until_ns:
        return False
    end = conclusion(row.view, _every_span(tables, owner, row), complete=complete)
    if end is None:
        return False
    ledger = _ledger(tables, owner, row)
    ledger.take(end)
    tables.save(owner, ledger)
    return True


def deliver_cancel(tables: Tables, owner: str, run_id: str, cancel: Cancel, now_ns: int) -> Cancel:
    """Note that the run's process has heard of the request."""
    if cancel.delivered_ns is not None:
        return cancel
    delivered = msgspec.structs.replace(cancel, delivered_ns=now_ns)
    _take_cancel(tables, owner, run_id, delivered)
    return delivered


def _opened(tables: Tables, owner: str, run_id: str, events: list[Event], now_ns: int) -> Ledger:
    """The ledger of a run, with all the rows that these events are about."""
    payload = any(isinstance(event, RunStart | RunEnd) for event in events)
    row = tables.run_to_change(owner, run_id, now_ns, payload=payload)
    spans = [event.span for event in events if isinstance(event, SpanStart | SpanUpdate | SpanEnd)]
    if not row.last_seq or not spans:
        return _ledger(tables, owner, row)
    ledger = _ledger(tables, owner, row, tables.spans_by_id(owner, row, [span.id for span in spans]))
    ledger.sums.foresee(spans)
    return ledger


def _ledger(tables: Tables, owner: str, row: RunRow, known: Iterable[SpanRow] = ()) -> Ledger:
    """A ledger that reads more of the run's rows when it needs them."""
    is_stored = bool(row.last_seq)

    def find(span_ids: Collection[str]) -> dict[str, Span]:
        return _by_id(tables.spans_by_id(owner, row, [*span_ids])) if is_stored else {}

    def marked(span_ids: Collection[str]) -> set[str]:
        return tables.marked(owner, row, [*span_ids]) if is_stored else set()

    def load_payload(first_seq: int) -> msgspec.Raw:
        return tables.load_payload(owner, row, first_seq)

    by_id = {span_row.span.id: span_row for span_row in known}
    return Ledger(row, by_id, load_payload, Sums(row.totals, find, marked))


def _every_span(tables: Tables, owner: str, row: RunRow) -> dict[str, Span]:
    return _by_id(tables.spans_between(owner, row, 0, MAX_SEQ, payload=False))


def _by_id(rows: Iterable[SpanRow]) -> dict[str, Span]:
    return {row.span.id: row.span for row in rows}


def _request_above(tables: Tables, owner: str, parent_id: str | None) -> Cancel | None:
    """The request that goes down to a run of this parent, whoever lies between."""
    asked: Cancel | None = None
    for ancestor in _ancestors(tables, owner, parent_id):
        asked = first_cancel(asked, ancestor.cancel)
    return asked


def _inherit(ledger: Ledger, asked: Cancel | None) -> None:
    """A run below a cancelled one is cancelled too."""
    if asked is not None and not ledger.row.view.is_terminal:
        ledger.take(CancelRequested(run_id=ledger.row.id, cancel=_undelivered(asked)))


def _hand_down(tables: Tables, owner: str, row: RunRow, above: Cancel | None) -> None:
    """Ask every open run below to stop as well."""
    asked = first_cancel(above, row.cancel) if row.cancel is not None else above
    if asked is None:
        return
    for run_id in _descendants(tables, owner, row.id):
        _take_cancel(tables, owner, run_id, _undelivered(asked))


def _take_cancel(tables: Tables, owner: str, run_id: str, cancel: Cancel) -> None:
    row = tables.load_run(owner, run_id, hold=True)
    if row is None or row.view.is_terminal:
        return
    ledger = _ledger(tables, owner, row)
    if ledger.take(CancelRequested(run_id=run_id, cancel=cancel)):
        tables.save(owner, ledger)


def _ancestors(tables: Tables, owner: str, run_id: str | None) -> Iterator[RunRow]:
    """The run and those above it up to the first open one, of which was asked what was asked of those above it."""
    seen: set[str] = set()
    while run_id is not None and run_id not in seen:
        seen.add(run_id)
        row = tables.load_run(owner, run_id, hold=True)
        if row is None:
            return
        yield row
        run_id = row.view.parent_id if row.view.is_terminal else None


def _descendants(tables: Tables, owner: str, run_id: str) -> Iterator[str]:
    """The ids of all runs below, each once."""
    seen, waiting = {run_id}, [run_id]
    while waiting:
        for child_id in tables.children_of(owner, waiting.pop()):
            if child_id not in seen:
                seen.add(child_id)
                waiting.append(child_id)
                yield child_id


def _undelivered(cancel: Cancel) -> Cancel:
    return msgspec.structs.replace(cancel, delivered_ns=None)
