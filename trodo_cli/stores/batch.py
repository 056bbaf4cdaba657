"""A batch of events taken into a store, and how a cancel request goes down to the runs below."""

from collections.abc import Iterable, Iterator

import msgspec

from trodo_cli.model.event import CancelRequested, Event, RunEnd, RunStart, SpanEnd, SpanStart, SpanUpdate
from trodo_cli.model.run import Cancel, first_cancel
from trodo_cli.stores.base import Tables
from trodo_cli.stores.ledger import Ledger, RunRow, SpanRow


def append_run(
    tables: Tables, owner: str, run_id: str, events: list[Event], now_ns: int, *, alive: bool
) -> int:
    """Fold the events of one run in and save what changed; how many changed something."""
    ledger = _opened(tables, owner, run_id, events, now_ns)
    row = ledger.row
    before = (row.cancel, row.view.parent_id)
    stored = sum([ledger.take(event) for event in events])
    if not row.last_seq:
        return stored
    if row.view.parent_id != before[1]:
        _inherit(tables, owner, ledger)
    row.heartbeat_ns = now_ns if alive else row.heartbeat_ns or 0
    tables.save(owner, ledger)
    if (row.cancel, row.view.parent_id) != before:
        _hand_down(tables, owner, row)
    return stored


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
    span_ids = [event.span.id for event in events if isinstance(event, SpanStart | SpanUpdate | SpanEnd)]
    known = tables.spans_by_id(owner, row, span_ids) if row.last_seq and span_ids else []
    return _ledger(tables, owner, row, known)


def _ledger(tables: Tables, owner: str, row: RunRow, known: Iterable[SpanRow] = ()) -> Ledger:
    by_id = {span.span.id: span for span in known}
    return Ledger(row, by_id, lambda first_seq: tables.load_payload(owner, row, first_seq))


def _inherit(tables: Tables, owner: str, ledger: Ledger) -> None:
    """A run below a cancelled one is cancelled too, whoever lies between."""
    asked: Cancel | None = None
    for ancestor in _ancestors(tables, owner, ledger.row.view.parent_id):
        asked = first_cancel(asked, ancestor.cancel)
    if asked is not None and not ledger.row.view.is_terminal:
        ledger.take(CancelRequested(run_id=ledger.row.id, cancel=_undelivered(asked)))


def _hand_down(tables: Tables, owner: str, row: RunRow) -> None:
    """Ask every open run below to stop as well."""
    asked = row.cancel
    for ancestor in _ancestors(tables, owner, row.view.parent_id):
        asked = first_cancel(asked, ancestor.cancel)
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


def _ancestors(tables: Tables, owner: str, parent_id: str | None) -> Iterator[RunRow]:
    """The runs above, nearest first; a circle of parents ends it."""
    seen: set[str] = set()
    while parent_id is not None and parent_id not in seen:
        seen.add(parent_id)
        row = tables.load_run(owner, parent_id, hold=True)
        if row is None:
            return
        yield row
        parent_id = row.view.parent_id


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
