"""Rows of a SQLite connection: loaded, saved and deleted. Every statement names the owner."""

from collections.abc import Collection, Sequence
from typing import Any

import apsw
import msgspec

from trodo_cli.model.run import Cancel
from trodo_cli.model.span import Span
from trodo_cli.stores.ledger import Ledger, RunRow, SpanRow, stored_payload
from trodo_cli.stores.opening import fetched
from trodo_cli.stores.rows import (
    FIRST_SEQ_MASK,
    RUN_COLUMNS,
    SPAN_COLUMNS,
    json_text,
    read_cancel,
    run_row,
    run_values,
    span_key,
    span_row,
    span_values,
)

INDEXED_ENDING = 8
"""How many last characters of an id an index holds."""

_SAVE_RUN = f"INSERT OR REPLACE INTO runs (owner, announced, {RUN_COLUMNS}) VALUES (?, ?{', ?' * 31})"
_SAVE_SPAN = f"INSERT OR REPLACE INTO spans (owner, run, {SPAN_COLUMNS}) VALUES (?, ?{', ?' * 23})"

_KEY_RANGE = "NOT INDEXED WHERE owner = ? AND key BETWEEN ? AND ? ORDER BY key"
_CHANGED = (
    "INDEXED BY spans_by_change WHERE owner = ? AND run = ? AND changed_seq BETWEEN ? AND ?"
    f" AND changed_seq > key & {FIRST_SEQ_MASK}"
)


def next_run_key(connection: apsw.Connection) -> int:
    """A key that no run of any owner has."""
    return int(fetched(connection, "SELECT coalesce(max(key), 0) + 1 FROM runs")[0][0])


def load_run(connection: apsw.Connection, owner: str, run_id: str, *, payload: bool = False) -> RunRow | None:
    """One run, announced or not."""
    rows = fetched(connection, f"SELECT {RUN_COLUMNS} FROM runs WHERE owner = ? AND id = ?", (owner, run_id))
    row = run_row(rows[0]) if rows else None
    if row is not None and payload:
        _add_run_payloads(connection, owner, row)
    return row


def run_key(connection: apsw.Connection, owner: str, run_id: str) -> int:
    """The key of an announced run, 0 for none."""
    sql = "SELECT key FROM runs WHERE owner = ? AND id = ? AND announced = 1"
    rows = fetched(connection, sql, (owner, run_id))
    return rows[0][0] if rows else 0


def find_ids(connection: apsw.Connection, owner: str, fragment: str) -> list[tuple[str, int]]:
    """Announced runs whose id begins or ends with the text, as id and start."""
    select = "SELECT id, started_ns FROM runs WHERE owner = ?1 AND announced = 1 AND"
    ending = f"substr(id, -{len(fragment)}) = ?2"
    if len(fragment) >= INDEXED_ENDING:
        ending += f" AND substr(id, -{INDEXED_ENDING}) = substr(?2, -{INDEXED_ENDING})"
    begins = fetched(connection, f"{select} id >= ?2 AND id < ?2 || char(1114111)", (owner, fragment))
    return [*begins, *fetched(connection, f"{select} {ending}", (owner, fragment))]


def children_of(connection: apsw.Connection, owner: str, run_id: str) -> list[str]:
    """Ids of the runs directly below a run."""
    return [
        row[0]
        for row in fetched(connection, "SELECT id FROM runs WHERE owner = ? AND parent = ?", (owner, run_id))
    ]


def cancels(connection: apsw.Connection, owner: str, run_ids: Sequence[str]) -> list[tuple[str, Cancel]]:
    """The cancel requests among these runs."""
    rows = fetched(
        connection,
        "SELECT id, cancel FROM runs WHERE owner = ? AND cancel IS NOT NULL AND id IN (SELECT value FROM json_each(?))",
        (owner, json_text(run_ids)),
    )
    return [(run_id, read_cancel(data)) for run_id, data in rows]


def silent_runs(connection: apsw.Connection, after_ns: int, until_ns: int) -> list[tuple[str, str]]:
    """The runs of every owner that only their spans tell of, at work, with their last sign of life in that time."""
    sql = (
        "SELECT owner, id FROM runs INDEXED BY runs_heard WHERE heard = 1 AND status = 'running'"
        " AND heartbeat_ns > ? AND heartbeat_ns <= ? ORDER BY heartbeat_ns"
    )
    return [(owner, run_id) for owner, run_id in fetched(connection, sql, (after_ns, until_ns))]


def spans_between(
    connection: apsw.Connection, owner: str, key: int, first: int, last: int, *, payload: bool
) -> list[SpanRow]:
    """The spans of a run that first came under one of these numbers, in that order."""
    keys = (owner, span_key(key, first), span_key(key, last))
    return _span_rows(connection, owner, key, _KEY_RANGE, keys, payload=payload)


def spans_changed(
    connection: apsw.Connection, owner: str, key: int, first: int, last: int, *, payload: bool
) -> list[SpanRow]:
    """The spans of a run whose latest change, other than their first, has one of these numbers."""
    return _span_rows(connection, owner, key, _CHANGED, (owner, key, first, last), payload=payload)


def spans_by_id(
    connection: apsw.Connection, owner: str, key: int, span_ids: Collection[str], *, payload: bool = False
) -> dict[str, SpanRow]:
    """The spans of a run that have one of these ids."""
    where = "WHERE owner = ? AND run = ? AND id IN (SELECT value FROM json_each(?))"
    values = (owner, key, json_text([*span_ids]))
    return {row.span.id: row for row in _span_rows(connection, owner, key, where, values, payload=payload)}


def every_span(connection: apsw.Connection, owner: str, key: int) -> dict[str, Span]:
    """All spans of a run by id."""
    rows = spans_between(connection, owner, key, 0, FIRST_SEQ_MASK, payload=False)
    return {row.span.id: row.span for row in rows}


def replaced_between(
    connection: apsw.Connection, owner: str, key: int, first: int, last: int, *, payload: bool
) -> list[tuple[int, int, Span | None]]:
    """The numbers in the range that a later change took over, each with its place and, if it is one, the span."""
    rows = fetched(
        connection,
        "SELECT seq, first_seq FROM replaced WHERE owner = ? AND run = ? AND seq BETWEEN ? AND ?",
        (owner, key, first, last),
    )
    found: list[tuple[int, int, Span | None]] = []
    for number, place in rows:
        spans = spans_between(connection, owner, key, place, place, payload=payload) if place > 0 else []
        found.append((number, place, spans[0].span if spans else None))
    return found


def load_payload(connection: apsw.Connection, owner: str, key: int, first_seq: int) -> msgspec.Raw:
    """The payload of one span."""
    sql = "SELECT data FROM payloads WHERE owner = ? AND key = ?"
    rows = fetched(connection, sql, (owner, span_key(key, first_seq)))
    return stored_payload(rows[0][0] if rows else None)


def marked(connection: apsw.Connection, owner: str, key: int, ids: Collection[str]) -> set[str]:
    """Which of these ids have a span with an amount below them."""
    sql = "SELECT id FROM wrapping WHERE owner = ? AND run = ? AND id IN (SELECT value FROM json_each(?))"
    return {row[0] for row in fetched(connection, sql, (owner, key, json_text([*ids])))}


def save(connection: apsw.Connection, owner: str, ledger: Ledger) -> None:
    """Write what a ledger has changed."""
    row = ledger.row
    connection.execute(_SAVE_RUN, run_values(owner, row))
    if row.has_payloads:
        payloads = [bytes(register.payload) if register else b"" for register in (row.start, row.end)]
        sql = "INSERT OR REPLACE INTO run_payloads (run, owner, started, ended) VALUES (?, ?, ?, ?)"
        connection.execute(sql, (row.key, owner, *payloads))
    changed = ledger.changed.values()
    connection.executemany(_SAVE_SPAN, [span_values(owner, row.key, span) for span in changed])
    connection.executemany(
        "INSERT OR REPLACE INTO payloads (key, owner, data) VALUES (?, ?, ?)",
        [(span_key(row.key, span.first_seq), owner, bytes(span.span.payload)) for span in changed],
    )
    connection.executemany(
        "INSERT INTO replaced (owner, run, seq, first_seq) VALUES (?, ?, ?, ?)",
        [(owner, row.key, seq, first_seq) for seq, first_seq in ledger.replaced],
    )
    if ledger.sums.is_recounted:
        connection.execute("DELETE FROM wrapping WHERE owner = ? AND run = ?", (owner, row.key))
    connection.executemany(
        "INSERT OR IGNORE INTO wrapping (owner, run, id) VALUES (?, ?, ?)",
        [(owner, row.key, span_id) for span_id in ledger.sums.added],
    )


def sweep(connection: apsw.Connection, before_ns: int) -> int:
    """Remove runs of every owner that nobody has announced and that first came before this time; how many."""
    sql = "SELECT owner, key FROM runs WHERE announced = 0 AND received_ns < ?"
    found = fetched(connection, sql, (before_ns,))
    for owner, key in found:
        delete(connection, owner, key)
    return len(found)


def delete(connection: apsw.Connection, owner: str, key: int) -> None:
    """Remove a run and everything about it."""
    _delete_spans(connection, owner, key)
    connection.execute("DELETE FROM run_payloads WHERE owner = ? AND run = ?", (owner, key))
    connection.execute("DELETE FROM runs WHERE owner = ? AND key = ?", (owner, key))


def delete_trace(connection: apsw.Connection, owner: str, key: int) -> bool:
    """Remove the spans of a run and take no more of them; False when that was done before."""
    sql = "UPDATE runs SET traceless = 1 WHERE owner = ? AND key = ? AND traceless = 0"
    connection.execute(sql, (owner, key))
    if not connection.changes():
        return False
    _delete_spans(connection, owner, key)
    return True


def _delete_spans(connection: apsw.Connection, owner: str, key: int) -> None:
    span_keys = (owner, span_key(key, 0), span_key(key, FIRST_SEQ_MASK))
    connection.execute("DELETE FROM payloads WHERE owner = ? AND key BETWEEN ? AND ?", span_keys)
    connection.execute("DELETE FROM spans WHERE owner = ? AND key BETWEEN ? AND ?", span_keys)
    connection.execute("DELETE FROM replaced WHERE owner = ? AND run = ?", (owner, key))
    connection.execute("DELETE FROM wrapping WHERE owner = ? AND run = ?", (owner, key))


def _add_run_payloads(connection: apsw.Connection, owner: str, row: RunRow) -> None:
    sql = "SELECT started, ended FROM run_payloads WHERE owner = ? AND run = ?"
    rows = fetched(connection, sql, (owner, row.key))
    for register, data in zip((row.start, row.end), rows[0] if rows else (b"", b""), strict=True):
        if register is not None:
            register.payload = stored_payload(data)
    row.has_payloads = True


def _span_rows(
    connection: apsw.Connection, owner: str, key: int, where: str, values: tuple[Any, ...], *, payload: bool
) -> list[SpanRow]:
    found = [
        span_row(row) for row in fetched(connection, f"SELECT {SPAN_COLUMNS} FROM spans {where}", values)
    ]
    if payload:
        for row in found:
            row.span.payload = load_payload(connection, owner, key, row.first_seq)
    return found
