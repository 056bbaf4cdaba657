"""The SQLite store: a file, or an in-memory database for tests and short-lived programs."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import apsw
import msgspec

from trodo_cli.model.event import CancelRequested, Event
from trodo_cli.model.payload import NO_PAYLOAD
from trodo_cli.model.run import Cancel, Run
from trodo_cli.model.span import Span
from trodo_cli.query.plan import Cursor, RunFilter
from trodo_cli.stores import log
from trodo_cli.stores.base import Appended, Page, batches
from trodo_cli.stores.conditions import condition
from trodo_cli.stores.database import Database, fetched
from trodo_cli.stores.ledger import Ledger, RunRow, SpanRow, stored_payload
from trodo_cli.stores.rows import (
    FIRST_SEQ_MASK,
    RUN_COLUMNS,
    SPAN_COLUMNS,
    json_text,
    light_run,
    read_cancel,
    run_row,
    run_values,
    seen_run,
    span_key,
    span_row,
    span_values,
)

_SAVE_RUN = f"INSERT OR REPLACE INTO runs (owner, announced, {RUN_COLUMNS}) VALUES (?, ?{', ?' * 25})"
_SAVE_SPAN = f"INSERT OR REPLACE INTO spans (owner, run, {SPAN_COLUMNS}) VALUES (?, ?{', ?' * 23})"


class SqliteStore:
    """See `stores.base.Store`."""

    def __init__(self, path: Path | None, *, create: bool = True, synchronous: str = "NORMAL") -> None:
        self._database = Database(path, create=create, synchronous=synchronous)

    # -- writing ---------------------------------------------------------------------------------

    def append(self, owner: str, events: Sequence[Event], now_ns: int, *, alive: bool) -> Appended:
        def work(connection: apsw.Connection) -> Appended:
            stored = 0
            for run_id, batch in batches(events).items():
                stored += _append_run(connection, owner, run_id, batch, now_ns, alive)
            return Appended(stored, len(events) - stored)

        return self._database.write(work)

    def heartbeat(self, owner: str, run_ids: Sequence[str], now_ns: int) -> dict[str, Cancel]:
        def work(connection: apsw.Connection) -> dict[str, Cancel]:
            connection.execute(
                "UPDATE runs SET heartbeat_ns = ? WHERE owner = ? AND id IN (SELECT value FROM json_each(?))",
                (now_ns, owner, json_text(run_ids)),
            )
            found = dict(_cancels(connection, owner, run_ids))
            for run_id, cancel in found.items():
                _deliver(connection, owner, run_id, cancel, now_ns)
            return found

        return self._database.write(work)

    def delete_run(self, owner: str, run_id: str) -> bool:
        def work(connection: apsw.Connection) -> bool:
            key = _run_key(connection, owner, run_id)
            if key:
                _delete(connection, owner, key)
            return bool(key)

        return self._database.write(work)

    def record_drops(self, owner: str, counts: dict[str, int], now_ns: int) -> None:
        def work(connection: apsw.Connection) -> None:
            connection.executemany(
                "INSERT INTO drops (owner, reason, count, last_ns) VALUES (?, ?, ?, ?) ON CONFLICT (owner, reason)"
                " DO UPDATE SET count = count + excluded.count, last_ns = excluded.last_ns",
                [(owner, reason, count, now_ns) for reason, count in counts.items()],
            )

        self._database.write(work)

    def sweep(self, before_ns: int) -> int:
        def work(connection: apsw.Connection) -> int:
            rows = fetched(
                connection,
                "SELECT owner, key FROM runs WHERE announced = 0 AND received_ns < ?",
                (before_ns,),
            )
            for owner, key in rows:
                _delete(connection, owner, key)
            return len(rows)

        return self._database.write(work)

    # -- reading ---------------------------------------------------------------------------------

    def asked_to_stop(self, owner: str, run_ids: Sequence[str]) -> list[str]:
        with self._database.read() as connection:
            return [
                run_id for run_id, cancel in _cancels(connection, owner, run_ids) if not cancel.delivered_ns
            ]

    def list_runs(self, owner: str, wanted: RunFilter, limit: int, after: Cursor | None, now_ns: int) -> Page:
        where, values = condition(owner, wanted, after, now_ns)
        with self._database.read() as connection:
            rows = fetched(
                connection,
                f"SELECT {RUN_COLUMNS} FROM runs WHERE {where} ORDER BY started_ns DESC, id DESC LIMIT ?",
                (*values, limit + 1),
            )
        runs = [light_run(seen_run(run_row(row), owner, now_ns)) for row in rows[:limit]]
        cursor = Cursor(runs[-1].started_ns, runs[-1].id).text() if len(rows) > limit else None
        return Page(runs, cursor)

    def run(self, owner: str, run_id: str, now_ns: int) -> Run | None:
        with self._database.read() as connection:
            row = _load_run(connection, owner, run_id)
        return seen_run(row, owner, now_ns) if row is not None and row.is_announced else None

    def find_runs(self, owner: str, fragment: str, limit: int) -> list[str]:
        pattern = fragment.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        with self._database.read() as connection:
            rows = fetched(
                connection,
                "SELECT id FROM runs WHERE owner = ? AND announced = 1"
                " AND (id LIKE ? ESCAPE '\\' OR id LIKE ? ESCAPE '\\') ORDER BY id = ? DESC, started_ns DESC LIMIT ?",
                (owner, f"{pattern}%", f"%{pattern}", fragment, limit),
            )
        found = [str(row[0]) for row in rows]
        return found[:1] if fragment in found else found

    def spans(self, owner: str, run_id: str, *, payload: bool) -> list[Span]:
        with self._database.read() as connection:
            key = _run_key(connection, owner, run_id)
            return [row.span for row in _span_rows(connection, owner, key, payload=payload)]

    def span(self, owner: str, run_id: str, span_id: str) -> Span | None:
        with self._database.read() as connection:
            key = _run_key(connection, owner, run_id)
            rows = _span_rows(connection, owner, key, "AND id = ?", (span_id,), payload=True)
        return rows[0].span if rows else None

    def events_after(
        self, owner: str, run_id: str, seq: int, limit: int, now_ns: int, *, payload: bool
    ) -> list[Event]:
        with self._database.read() as connection:
            row = _load_run(connection, owner, run_id)
            if row is None or seq >= row.last_seq:
                return []
            last = min(seq + limit, row.last_seq)
            opened = _span_rows(
                connection,
                owner,
                row.key,
                "AND key BETWEEN ? AND ?",
                (span_key(row.key, seq + 1), span_key(row.key, last)),
                payload=payload,
            )
            changed = _span_rows(
                connection,
                owner,
                row.key,
                f"AND changed_seq BETWEEN ? AND ? AND changed_seq > key & {FIRST_SEQ_MASK}",
                (seq + 1, last),
                payload=payload,
            )
            replaced = _replaced(connection, owner, row.key, seq, last, payload=payload)
        return log.events_between(seen_run(row, owner, now_ns), row, opened, changed, replaced, seq, last)

    def drops(self, owner: str) -> dict[str, int]:
        with self._database.read() as connection:
            return dict(fetched(connection, "SELECT reason, count FROM drops WHERE owner = ?", (owner,)))

    def change_mark(self) -> object:
        return self._database.change_mark()

    def close(self) -> None:
        self._database.close()


# -- one run of a batch ------------------------------------------------------------------------------


def _append_run(
    connection: apsw.Connection, owner: str, run_id: str, events: list[Event], now_ns: int, alive: bool
) -> int:
    """Fold the events in and save what changed; how many changed something."""
    row = _load_run(connection, owner, run_id) or RunRow(_next_key(connection), run_id, now_ns)
    known = _known_spans(connection, owner, row.key, events) if row.last_seq else {}
    ledger = Ledger(row, known, lambda first_seq: _payload(connection, owner, span_key(row.key, first_seq)))
    was_announced = row.is_announced
    stored = sum([ledger.take(event) for event in events])
    if not row.last_seq:
        return stored
    if row.is_announced and not was_announced:
        _inherit_cancel(connection, owner, ledger)
    if alive:
        row.heartbeat_ns = now_ns
    elif row.heartbeat_ns is None:
        row.heartbeat_ns = 0
    _save(connection, owner, ledger)
    if any(isinstance(event, CancelRequested) for event in events):
        _cascade_cancel(connection, owner, row, now_ns)
    return stored


def _inherit_cancel(connection: apsw.Connection, owner: str, ledger: Ledger) -> None:
    """A run that begins below a cancelled one is cancelled too."""
    parent_id = ledger.row.view.parent_id
    parent = _load_run(connection, owner, parent_id) if parent_id else None
    if parent is not None and parent.cancel is not None:
        ledger.take(CancelRequested(run_id=ledger.row.id, cancel=_undelivered(parent.cancel)))


def _cascade_cancel(connection: apsw.Connection, owner: str, row: RunRow, now_ns: int) -> None:
    """Ask every open run below to stop as well."""
    if row.cancel is None:
        return
    request = _undelivered(row.cancel)
    for (child_id,) in fetched(
        connection,
        "SELECT id FROM runs WHERE owner = ? AND parent = ? AND ended_ns IS NULL AND id <> ? AND cancel IS NULL",
        (owner, row.id, row.id),
    ):
        child = _load_run(connection, owner, child_id)
        assert child is not None
        ledger = Ledger(child, {}, lambda _: NO_PAYLOAD)
        ledger.take(CancelRequested(run_id=child_id, cancel=request))
        _save(connection, owner, ledger)
        _cascade_cancel(connection, owner, child, now_ns)


def _undelivered(cancel: Cancel) -> Cancel:
    return msgspec.structs.replace(cancel, delivered_ns=None)


def _cancels(connection: apsw.Connection, owner: str, run_ids: Sequence[str]) -> list[tuple[str, Cancel]]:
    rows = fetched(
        connection,
        "SELECT id, cancel FROM runs WHERE owner = ? AND cancel IS NOT NULL AND id IN (SELECT value FROM json_each(?))",
        (owner, json_text(run_ids)),
    )
    return [(run_id, read_cancel(data)) for run_id, data in rows]


def _deliver(connection: apsw.Connection, owner: str, run_id: str, cancel: Cancel, now_ns: int) -> None:
    if cancel.delivered_ns is None:
        cancel.delivered_ns = now_ns
        connection.execute(
            "UPDATE runs SET cancel = ? WHERE owner = ? AND id = ?",
            (msgspec.json.encode(cancel), owner, run_id),
        )


def _save(connection: apsw.Connection, owner: str, ledger: Ledger) -> None:
    row = ledger.row
    connection.execute(_SAVE_RUN, run_values(owner, row))
    changed = ledger.changed.values()
    connection.executemany(_SAVE_SPAN, [span_values(owner, row.key, span) for span in changed])
    payloads = [(span_key(row.key, span.first_seq), owner, bytes(span.span.payload)) for span in changed]
    connection.executemany("INSERT OR REPLACE INTO payloads (key, owner, data) VALUES (?, ?, ?)", payloads)
    connection.executemany(
        "INSERT INTO replaced (owner, run, seq, first_seq) VALUES (?, ?, ?, ?)",
        [(owner, row.key, seq, first_seq) for seq, first_seq in ledger.replaced],
    )


def _delete(connection: apsw.Connection, owner: str, key: int) -> None:
    span_keys = (owner, span_key(key, 0), span_key(key, FIRST_SEQ_MASK))
    connection.execute("DELETE FROM payloads WHERE owner = ? AND key BETWEEN ? AND ?", span_keys)
    connection.execute("DELETE FROM spans WHERE owner = ? AND key BETWEEN ? AND ?", span_keys)
    connection.execute("DELETE FROM replaced WHERE owner = ? AND run = ?", (owner, key))
    connection.execute("DELETE FROM runs WHERE owner = ? AND key = ?", (owner, key))


# -- rows --------------------------------------------------------------------------------------------


def _next_key(connection: apsw.Connection) -> int:
    return int(fetched(connection, "SELECT coalesce(max(key), 0) + 1 FROM runs")[0][0])


def _run_key(connection: apsw.Connection, owner: str, run_id: str) -> int:
    """The key of a run, 0 for none."""
    rows = fetched(connection, "SELECT key FROM runs WHERE owner = ? AND id = ?", (owner, run_id))
    return rows[0][0] if rows else 0


def _load_run(connection: apsw.Connection, owner: str, run_id: str) -> RunRow | None:
    rows = fetched(connection, f"SELECT {RUN_COLUMNS} FROM runs WHERE owner = ? AND id = ?", (owner, run_id))
    return run_row(rows[0]) if rows else None


def _known_spans(
    connection: apsw.Connection, owner: str, key: int, events: Iterable[Event]
) -> dict[str, SpanRow]:
    ids = [event.span.id for event in events if hasattr(event, "span")]
    if not ids:
        return {}
    rows = _span_rows(connection, owner, key, "AND id IN (SELECT value FROM json_each(?))", (json_text(ids),))
    return {row.span.id: row for row in rows}


def _span_rows(
    connection: apsw.Connection,
    owner: str,
    key: int,
    extra: str = "",
    values: tuple[Any, ...] = (),
    *,
    payload: bool = False,
) -> list[SpanRow]:
    rows = fetched(
        connection,
        f"SELECT {SPAN_COLUMNS} FROM spans WHERE owner = ? AND run = ? {extra} ORDER BY key",
        (owner, key, *values),
    )
    found = [span_row(row) for row in rows]
    if payload:
        for row in found:
            row.span.payload = _payload(connection, owner, span_key(key, row.first_seq))
    return found


def _payload(connection: apsw.Connection, owner: str, span_key: int) -> msgspec.Raw:
    rows = fetched(connection, "SELECT data FROM payloads WHERE owner = ? AND key = ?", (owner, span_key))
    return stored_payload(rows[0][0] if rows else None)


def _replaced(
    connection: apsw.Connection, owner: str, key: int, seq: int, last: int, *, payload: bool
) -> list[tuple[int, Span | None]]:
    """The numbers in the range that a later change took over, with the span they are about."""
    found: list[tuple[int, Span | None]] = []
    for number, first_seq in fetched(
        connection,
        "SELECT seq, first_seq FROM replaced WHERE owner = ? AND run = ? AND seq BETWEEN ? AND ?",
        (owner, key, seq + 1, last),
    ):
        rows = _span_rows(connection, owner, key, "AND key = ?", (span_key(key, first_seq),), payload=payload)
        found.append((number, rows[0].span if rows else None))
    return found
