"""A batch of events taken into a SQLite store, and how a cancel request goes down to the runs below."""

from collections.abc import Collection, Iterator

import apsw
import msgspec

from trodo_cli.model.event import CancelRequested, Event, RunEnd, RunStart, SpanEnd, SpanStart, SpanUpdate
from trodo_cli.model.hearsay import Claim
from trodo_cli.model.run import Cancel, Run, first_cancel
from trodo_cli.model.span import Span
from trodo_cli.model.sums import Sums
from trodo_cli.stores import tables
from trodo_cli.stores.ledger import Ledger, RunRow, SpanRow


def append_run(
    connection: apsw.Connection, owner: str, run_id: str, events: list[Event], now_ns: int, *, alive: bool
) -> int:
    """Fold the events of one run in and save what changed; how many changed something."""
    ledger = _opened(connection, owner, run_id, events, now_ns)
    row = ledger.row
    before = (row.cancel, row.view.parent_id)
    stored = sum([ledger.take(event) for event in events])
    if not row.last_seq:
        return stored
    ledger.sums.settle(lambda: tables.every_span(connection, owner, row.key))
    if row.view.parent_id != before[1]:
        _inherit(connection, owner, ledger)
    row.heartbeat_ns = now_ns if alive else row.heartbeat_ns or 0
    tables.save(connection, owner, ledger)
    if (row.cancel, row.view.parent_id) != before:
        _hand_down(connection, owner, row)
    return stored


def conclude_run(
    connection: apsw.Connection, owner: str, run_id: str, until_ns: int, *, complete: bool
) -> bool:
    """End a run that only its spans tell of, unless it was heard of since, or something of it is open."""
    row = tables.load_run(connection, owner, run_id, payload=True)
    if row is None or not row.is_heard or row.view.is_terminal or (row.heartbeat_ns or 0) > until_ns:
        return False
    spans = tables.every_span(connection, owner, row.key)
    if any(span.is_open or (complete and _is_orphan(span, spans)) for span in spans.values()):
        return False
    ended_ns = max((span.ended_ns or 0 for span in spans.values()), default=row.view.started_ns)
    ledger = _ledger(connection, owner, row, {})
    over = Run(id=run_id, ended_ns=ended_ns, heard={"over": Claim("")})
    ledger.take(RunEnd(run_id=run_id, run=over))
    tables.save(connection, owner, ledger)
    return True


def _is_orphan(span: Span, spans: dict[str, Span]) -> bool:
    return span.parent_id is not None and span.parent_id not in spans


def deliver_cancel(
    connection: apsw.Connection, owner: str, run_id: str, cancel: Cancel, now_ns: int
) -> Cancel:
    """Note that the run's process has heard of the request."""
    if cancel.delivered_ns is not None:
        return cancel
    delivered = msgspec.structs.replace(cancel, delivered_ns=now_ns)
    _take_cancel(connection, owner, run_id, delivered)
    return delivered


def _opened(connection: apsw.Connection, owner: str, run_id: str, events: list[Event], now_ns: int) -> Ledger:
    """The ledger of a run, with all the rows that these events are about."""
    payload = any(isinstance(event, RunStart | RunEnd) for event in events)
    row = tables.load_run(connection, owner, run_id, payload=payload)
    if row is None:
        row = RunRow(tables.next_run_key(connection), run_id, now_ns, has_payloads=payload)
    spans = [event.span for event in events if isinstance(event, SpanStart | SpanUpdate | SpanEnd)]
    span_ids = [span.id for span in spans]
    known = tables.spans_by_id(connection, owner, row.key, span_ids) if row.last_seq and span_ids else {}
    ledger = _ledger(connection, owner, row, known)
    if row.last_seq and spans:
        ledger.sums.foresee(spans)
    return ledger


def _ledger(connection: apsw.Connection, owner: str, row: RunRow, known: dict[str, SpanRow]) -> Ledger:
    """A ledger that reads more of the run's rows when it needs them."""
    is_stored = bool(row.last_seq)

    def find(span_ids: Collection[str]) -> dict[str, Span]:
        found = tables.spans_by_id(connection, owner, row.key, span_ids) if is_stored else {}
        return {span_id: span_row.span for span_id, span_row in found.items()}

    def marked(span_ids: Collection[str]) -> set[str]:
        return tables.marked(connection, owner, row.key, span_ids) if is_stored else set()

    def load_payload(first_seq: int) -> msgspec.Raw:
        return tables.load_payload(connection, owner, row.key, first_seq)

    return Ledger(row, known, load_payload, Sums(row.totals, find, marked))


def _inherit(connection: apsw.Connection, owner: str, ledger: Ledger) -> None:
    """A run below a cancelled one is cancelled too, whoever lies between."""
    asked: Cancel | None = None
    for ancestor in _ancestors(connection, owner, ledger.row.view.parent_id):
        asked = first_cancel(asked, ancestor.cancel)
    if asked is not None and not ledger.row.view.is_terminal:
        ledger.take(CancelRequested(run_id=ledger.row.id, cancel=_undelivered(asked)))


def _hand_down(connection: apsw.Connection, owner: str, row: RunRow) -> None:
    """Ask every open run below to stop as well."""
    asked = row.cancel
    for ancestor in _ancestors(connection, owner, row.view.parent_id):
        asked = first_cancel(asked, ancestor.cancel)
    if asked is None:
        return
    for run_id in _descendants(connection, owner, row.id):
        _take_cancel(connection, owner, run_id, _undelivered(asked))


def _take_cancel(connection: apsw.Connection, owner: str, run_id: str, cancel: Cancel) -> None:
    row = tables.load_run(connection, owner, run_id)
    if row is None or row.view.is_terminal:
        return
    ledger = _ledger(connection, owner, row, {})
    if ledger.take(CancelRequested(run_id=run_id, cancel=cancel)):
        tables.save(connection, owner, ledger)


def _ancestors(connection: apsw.Connection, owner: str, parent_id: str | None) -> Iterator[RunRow]:
    """The runs above, nearest first; a circle of parents ends it."""
    seen: set[str] = set()
    while parent_id is not None and parent_id not in seen:
        seen.add(parent_id)
        row = tables.load_run(connection, owner, parent_id)
        if row is None:
            return
        yield row
        parent_id = row.view.parent_id


def _descendants(connection: apsw.Connection, owner: str, run_id: str) -> Iterator[str]:
    """The ids of all runs below, each once."""
    seen, waiting = {run_id}, [run_id]
    while waiting:
        for child_id in tables.children_of(connection, owner, waiting.pop()):
            if child_id not in seen:
                seen.add(child_id)
                waiting.append(child_id)
                yield child_id


def _undelivered(cancel: Cancel) -> Cancel:
    return msgspec.structs.replace(cancel, delivered_ns=None)
