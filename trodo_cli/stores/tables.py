"""The rows of a SQLite store inside one transaction."""

from collections.abc import Collection, Sequence
from typing import Any

import apsw
import msgspec

from trodo_cli.model.run import Cancel
from trodo_cli.model.sums import Sums
from trodo_cli.query.plan import Cursor, RunFilter
from trodo_cli.stores.base import MAX_SEQ, TableSize
from trodo_cli.stores.conditions import Dialect, condition
from trodo_cli.stores.key_tables import KeyTables
from trodo_cli.stores.ledger import Ledger, Replaced, RunRow, SpanRow, stored_payload
from trodo_cli.stores.opening import fetched
from trodo_cli.stores.rows import (
    RUN_COLUMNS,
    SPAN_COLUMNS,
    json_text,
    read_cancel,
    run_row,
    run_values,
    span_key,
    span_row,
    span_values,
    uncounted,
)

INDEXED_ENDING = 8
"""How many last characters of an id an index holds."""

_SAVE_RUN = f"INSERT OR REPLACE INTO runs (owner, announced, {RUN_COLUMNS}) VALUES (?, ?{', ?' * 32})"
_SAVE_SPAN = f"INSERT OR REPLACE INTO spans (owner, run, key, {SPAN_COLUMNS}) VALUES (?, ?, ?{', ?' * 22})"

_KEY_RANGE = "NOT INDEXED WHERE owner = ? AND key BETWEEN ? AND ? ORDER BY key"
_CHANGED = (
    "INDEXED BY spans_by_change WHERE owner = ? AND run = ? AND changed_seq BETWEEN ? AND ?"
    f" AND changed_seq > key & {MAX_SEQ}"
)
_BY_ID = "WHERE owner = ? AND run = ? AND id IN (SELECT value FROM json_each(?))"

_DIALECT = Dialect(
    # Few runs are open; without the hint SQLite reads every run of the owner to find them.
    is_open="unlikely(status IN ('pending', 'running'))",
    has_tag="EXISTS (SELECT 1 FROM json_each(tags) WHERE value = ?)",
    has_span="EXISTS (SELECT 1 FROM spans WHERE spans.owner = ? AND spans.run = runs.key AND spans.{} = ?)",
)


class SqliteTables(KeyTables):
    """See `stores.base.Tables`."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    # -- runs ------------------------------------------------------------------------------------

    def run_to_change(self, owner: str, run_id: str, now_ns: int, *, payload: bool) -> RunRow:
        row = self.load_run(owner, run_id, payload=payload)
        if row is not None:
            return row
        key = self._fetched("SELECT coalesce(max(key), 0) + 1 FROM runs")[0][0]
        return RunRow(key, run_id, now_ns, has_payloads=payload)

    def load_run(
        self,
        owner: str,
        run_id: str,
        *,
        payload: bool = False,
        hold: bool = False,  # noqa: ARG002 - one writer at a time holds all
    ) -> RunRow | None:
        rows = self._fetched(f"SELECT {RUN_COLUMNS} FROM runs WHERE owner = ? AND id = ?", owner, run_id)
        row = run_row(rows[0]) if rows else None
        if row is not None and payload:
            self._add_run_payloads(owner, row)
        return row

    def list_runs(
        self, owner: str, wanted: RunFilter, limit: int, after: Cursor | None, now_ns: int
    ) -> list[RunRow]:
        where, values = condition(_DIALECT, owner, wanted, after, now_ns)
        order = "ORDER BY started_ns DESC, id DESC LIMIT ?"
        rows = self._fetched(f"SELECT {RUN_COLUMNS} FROM runs WHERE {where} {order}", *values, limit)
        return [run_row(row) for row in rows]

    def find_ids(self, owner: str, fragment: str) -> list[tuple[str, int]]:
        select = "SELECT id, started_ns FROM runs WHERE owner = ?1 AND announced = 1 AND"
        ending = f"substr(id, -{len(fragment)}) = ?2"
        if len(fragment) >= INDEXED_ENDING:
            ending += f" AND substr(id, -{INDEXED_ENDING}) = substr(?2, -{INDEXED_ENDING})"
        begins = self._fetched(f"{select} id >= ?2 AND id < ?2 || char(1114111)", owner, fragment)
        return [*begins, *self._fetched(f"{select} {ending}", owner, fragment)]

    def children_of(self, owner: str, run_id: str) -> list[str]:
        rows = self._fetched("SELECT id FROM runs WHERE owner = ? AND parent = ?", owner, run_id)
        return [row[0] for row in rows]

    def cancels(self, owner: str, run_ids: Sequence[str]) -> list[tuple[str, Cancel]]:
        rows = self._fetched(
            "SELECT id, cancel FROM runs WHERE owner = ? AND cancel IS NOT NULL"
            " AND id IN (SELECT value FROM json_each(?))",
            owner,
            json_text(run_ids),
        )
        return [(run_id, read_cancel(data)) for run_id, data in rows]

    def silent_runs(self, after_ns: int, until_ns: int) -> list[tuple[str, str]]:
        sql = (
            "SELECT owner, id FROM runs INDEXED BY runs_heard WHERE heard = 1 AND status = 'running'"
            " AND heartbeat_ns > ? AND heartbeat_ns <= ? ORDER BY heartbeat_ns"
        )
        return [(owner, run_id) for owner, run_id in self._fetched(sql, after_ns, until_ns)]

    def touch(self, owner: str, run_ids: Sequence[str], now_ns: int) -> None:
        self._connection.execute(
            "UPDATE runs SET heartbeat_ns = ? WHERE owner = ? AND id IN (SELECT value FROM json_each(?))",
            (now_ns, owner, json_text(run_ids)),
        )

    def save(self, owner: str, ledger: Ledger) -> None:
        row = ledger.row
        values = run_values(owner, row)
        self._connection.execute(_SAVE_RUN, values)
        if row.has_payloads:
            payloads = [bytes(register.payload) if register else b"" for register in (row.start, row.end)]
            sql = "INSERT OR REPLACE INTO run_payloads (run, owner, started, ended) VALUES (?, ?, ?, ?)"
            self._connection.execute(sql, (row.key, owner, *payloads))
        self.add_spans(owner, row, ledger.changed.values())
        self._connection.executemany(
            "INSERT INTO replaced (owner, run, seq, first_seq) VALUES (?, ?, ?, ?)",
            [(owner, row.key, seq, first_seq) for seq, first_seq in ledger.replaced],
        )
        self._save_marks(owner, row, ledger.sums)

    def delete_run(self, owner: str, row: RunRow) -> None:
        self._delete(owner, row.key)

    def delete_trace(self, owner: str, row: RunRow) -> None:
        self._connection.execute(
            "UPDATE runs SET traceless = 1 WHERE owner = ? AND key = ?", (owner, row.key)
        )
        self._delete_spans(owner, row.key)

    def sweep(self, before_ns: int) -> int:
        found = self._fetched(
            "SELECT owner, key FROM runs WHERE announced = 0 AND received_ns < ?", before_ns
        )
        for owner, key in found:
            self._delete(owner, key)
        return len(found)

    def prune(self, before_ns: int, owner: str | None, limit: int) -> int:
        found = self._fetched(
            "SELECT owner, key FROM runs WHERE received_ns < ?1 AND coalesce(heartbeat_ns, 0) < ?1"
            " AND (?2 IS NULL OR owner = ?2) LIMIT ?3",
            before_ns,
            owner,
            limit,
        )
        for whose, key in found:
            self._delete(whose, key)
        return len(found)

    def sizes(self) -> list[TableSize]:
        bytes_of = dict(
            self._fetched(
                "SELECT tbl_name, sum(pgsize) FROM dbstat JOIN sqlite_schema USING (name)"
                " WHERE aggregate = TRUE GROUP BY tbl_name"
            )
        )
        return [
            TableSize(name, self._fetched(f"SELECT count(*) FROM {name}")[0][0], size)
            for name, size in sorted(bytes_of.items())
        ]

    def check(self) -> list[str]:
        damage = [row[0] for row in self._fetched("PRAGMA integrity_check")]
        if damage != ["ok"]:
            return damage
        wrong = self._fetched(
            "SELECT owner, id FROM runs WHERE traceless = 0 AND spans <> (SELECT count(*) FROM spans"
            " WHERE spans.owner = runs.owner AND spans.run = runs.key) LIMIT 10"
        )
        return [uncounted(owner, run_id) for owner, run_id in wrong]

    # -- spans -----------------------------------------------------------------------------------

    def spans_between(
        self, owner: str, row: RunRow, first: int, last: int, *, payload: bool
    ) -> list[SpanRow]:
        keys = (owner, span_key(row.key, first), span_key(row.key, last))
        return self._span_rows(owner, row, _KEY_RANGE, keys, payload=payload)

    def spans_changed(
        self, owner: str, row: RunRow, first: int, last: int, *, payload: bool
    ) -> list[SpanRow]:
        return self._span_rows(owner, row, _CHANGED, (owner, row.key, first, last), payload=payload)

    def spans_by_id(
        self, owner: str, row: RunRow, span_ids: Sequence[str], *, payload: bool = False
    ) -> list[SpanRow]:
        return self._span_rows(owner, row, _BY_ID, (owner, row.key, json_text(span_ids)), payload=payload)

    def replaced_between(self, owner: str, row: RunRow, first: int, last: int) -> list[Replaced]:
        return self._fetched(
            "SELECT seq, first_seq FROM replaced WHERE owner = ? AND run = ? AND seq BETWEEN ? AND ?",
            owner,
            row.key,
            first,
            last,
        )

    def load_payload(self, owner: str, row: RunRow, first_seq: int) -> msgspec.Raw:
        sql = "SELECT data FROM payloads WHERE owner = ? AND key = ?"
        rows = self._fetched(sql, owner, span_key(row.key, first_seq))
        return stored_payload(rows[0][0] if rows else None)

    def marked(self, owner: str, row: RunRow, span_ids: Sequence[str]) -> set[str]:
        sql = "SELECT id FROM wrapping WHERE owner = ? AND run = ? AND id IN (SELECT value FROM json_each(?))"
        return {found[0] for found in self._fetched(sql, owner, row.key, json_text(span_ids))}

    # -- inside ------------------------------------------------------------------------------------

    def _fetched(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        return fetched(self._connection, sql, values)

    def _done(self, sql: str, *values: Any) -> None:
        self._connection.execute(sql, values)

    def _span_rows(
        self, owner: str, row: RunRow, where: str, values: tuple[Any, ...], *, payload: bool
    ) -> list[SpanRow]:
        select = f"SELECT key & {MAX_SEQ}, {SPAN_COLUMNS} FROM spans {where}"
        found = [span_row(columns) for columns in self._fetched(select, *values)]
        if payload:
            for span in found:
                span.span.payload = self.load_payload(owner, row, span.first_seq)
        return found

    def _add_run_payloads(self, owner: str, row: RunRow) -> None:
        sql = "SELECT started, ended FROM run_payloads WHERE owner = ? AND run = ?"
        rows = self._fetched(sql, owner, row.key)
        row.take_payloads(*(rows[0] if rows else (b"", b"")))

    def add_spans(self, owner: str, row: RunRow, spans: Collection[SpanRow]) -> None:
        """Put in rows, in place of those that are there."""
        self._connection.executemany(
            _SAVE_SPAN,
            [(owner, row.key, span_key(row.key, span.first_seq), *span_values(span)) for span in spans],
        )
        self._connection.executemany(
            "INSERT OR REPLACE INTO payloads (key, owner, data) VALUES (?, ?, ?)",
            [(span_key(row.key, span.first_seq), owner, bytes(span.span.payload)) for span in spans],
        )

    def _save_marks(self, owner: str, row: RunRow, sums: Sums) -> None:
        if sums.is_recounted:
            self._connection.execute("DELETE FROM wrapping WHERE owner = ? AND run = ?", (owner, row.key))
        self._connection.executemany(
            "INSERT OR IGNORE INTO wrapping (owner, run, id) VALUES (?, ?, ?)",
            [(owner, row.key, span_id) for span_id in sums.added],
        )

    def _delete(self, owner: str, key: int) -> None:
        self._delete_spans(owner, key)
        self._connection.execute("DELETE FROM run_payloads WHERE owner = ? AND run = ?", (owner, key))
        self._connection.execute("DELETE FROM runs WHERE owner = ? AND key = ?", (owner, key))

    def _delete_spans(self, owner: str, key: int) -> None:
        span_keys = (owner, span_key(key, 0), span_key(key, MAX_SEQ))
        self._connection.execute("DELETE FROM payloads WHERE owner = ? AND key BETWEEN ? AND ?", span_keys)
        self._connection.execute("DELETE FROM spans WHERE owner = ? AND key BETWEEN ? AND ?", span_keys)
        self._connection.execute("DELETE FROM replaced WHERE owner = ? AND run = ?", (owner, key))
        self._connection.execute("DELETE FROM wrapping WHERE owner = ? AND run = ?", (owner, key))
