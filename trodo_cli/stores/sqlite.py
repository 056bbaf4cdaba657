"""The SQLite store: a file, or an in-memory database for tests and short-lived programs."""

from collections.abc import Sequence
from pathlib import Path

import apsw

from trodo_cli.model.event import Event
from trodo_cli.model.key import Key
from trodo_cli.model.run import Cancel, Run
from trodo_cli.model.span import Span
from trodo_cli.query.plan import Cursor, RunFilter
from trodo_cli.stores import keys, log, tables
from trodo_cli.stores.base import MAX_SEQ, Appended, Page, batches
from trodo_cli.stores.batch import append_run, conclude_run, deliver_cancel
from trodo_cli.stores.conditions import condition
from trodo_cli.stores.database import Database
from trodo_cli.stores.opening import fetched
from trodo_cli.stores.rows import RUN_COLUMNS, json_text, run_row, seen_run

MAX_COUNT = 2**53
"""A count goes no further; every reader still has it as a whole number."""

UNANNOUNCED_NS = 24 * 3600 * 10**9
"""How long spans wait for their run to be announced."""


class SqliteStore:
    """See `stores.base.Store`."""

    def __init__(self, path: Path | None, *, create: bool = True, synchronous: str = "NORMAL") -> None:
        self._database = Database(path, create=create, synchronous=synchronous)

    # -- writing ---------------------------------------------------------------------------------

    def append(self, owner: str, events: Sequence[Event], now_ns: int, *, alive: bool) -> Appended:
        def work(connection: apsw.Connection) -> Appended:
            stored = 0
            for run_id, batch in batches(events).items():
                stored += append_run(connection, owner, run_id, batch, now_ns, alive=alive)
            tables.sweep(connection, now_ns - UNANNOUNCED_NS)
            return Appended(stored, len(events) - stored)

        return self._database.write(work)

    def heartbeat(self, owner: str, run_ids: Sequence[str], now_ns: int) -> dict[str, Cancel]:
        def work(connection: apsw.Connection) -> dict[str, Cancel]:
            connection.execute(
                "UPDATE runs SET heartbeat_ns = ? WHERE owner = ? AND id IN (SELECT value FROM json_each(?))",
                (now_ns, owner, json_text(run_ids)),
            )
            return {
                run_id: deliver_cancel(connection, owner, run_id, cancel, now_ns)
                for run_id, cancel in tables.cancels(connection, owner, run_ids)
            }

        return self._database.write(work)

    def delete_run(self, owner: str, run_id: str) -> bool:
        def work(connection: apsw.Connection) -> bool:
            key = tables.run_key(connection, owner, run_id)
            if key:
                tables.delete(connection, owner, key)
            return bool(key)

        return self._database.write(work)

    def delete_trace(self, owner: str, run_id: str) -> bool:
        def work(connection: apsw.Connection) -> bool:
            key = tables.run_key(connection, owner, run_id)
            return bool(key) and tables.delete_trace(connection, owner, key)

        return self._database.write(work)

    def record_drops(self, owner: str, counts: dict[str, int], now_ns: int) -> None:
        def work(connection: apsw.Connection) -> None:
            connection.executemany(
                "INSERT INTO drops (owner, reason, count, last_ns) VALUES (?, ?, ?, ?) ON CONFLICT (owner, reason)"
                f" DO UPDATE SET count = min(count + excluded.count, {MAX_COUNT}), last_ns = excluded.last_ns",
                [(owner, reason, count, now_ns) for reason, count in counts.items()],
            )

        self._database.write(work)

    def sweep(self, before_ns: int) -> int:
        def work(connection: apsw.Connection) -> int:
            return tables.sweep(connection, before_ns)

        return self._database.write(work)

    def conclude(self, owner: str, run_id: str, until_ns: int, *, complete: bool) -> bool:
        def work(connection: apsw.Connection) -> bool:
            return conclude_run(connection, owner, run_id, until_ns, complete=complete)

        return self._database.write(work)

    def add_key(self, key: Key, digest: bytes) -> None:
        self._database.write(lambda connection: keys.add(connection, key, digest))

    def revoke_key(self, key_id: str, now_ns: int) -> Key | None:
        return self._database.write(lambda connection: keys.revoke(connection, key_id, now_ns))

    # -- reading ---------------------------------------------------------------------------------

    def asked_to_stop(self, owner: str, run_ids: Sequence[str]) -> list[str]:
        if not run_ids:
            return []
        with self._database.read() as connection:
            return [run_id for run_id, _ in tables.cancels(connection, owner, run_ids)]

    def list_runs(self, owner: str, wanted: RunFilter, limit: int, after: Cursor | None, now_ns: int) -> Page:
        where, values = condition(owner, wanted, after, now_ns)
        with self._database.read() as connection:
            rows = fetched(
                connection,
                f"SELECT {RUN_COLUMNS} FROM runs WHERE {where} ORDER BY started_ns DESC, id DESC LIMIT ?",
                (*values, limit + 1),
            )
        runs = [seen_run(run_row(row), owner, now_ns) for row in rows[:limit]]
        cursor = Cursor(runs[-1].started_ns, runs[-1].id).text() if len(rows) > limit else None
        return Page(runs, cursor)

    def run(self, owner: str, run_id: str, now_ns: int) -> Run | None:
        with self._database.read() as connection:
            row = tables.load_run(connection, owner, run_id, payload=True)
        return seen_run(row, owner, now_ns) if row is not None and row.is_announced else None

    def find_runs(self, owner: str, fragment: str, limit: int) -> list[str]:
        with self._database.read() as connection:
            found = {*tables.find_ids(connection, owner, fragment)}
        if any(run_id == fragment for run_id, _ in found):
            return [fragment]
        newest_first = sorted(found, key=lambda row: (row[1], row[0]), reverse=True)
        return [run_id for run_id, _ in newest_first[:limit]]

    def spans(
        self, owner: str, run_id: str, *, payload: bool, after: int = 0, upto: int = MAX_SEQ
    ) -> list[Span]:
        with self._database.read() as connection:
            key = tables.run_key(connection, owner, run_id)
            if not key or after >= MAX_SEQ:
                return []
            rows = tables.spans_between(
                connection, owner, key, after + 1, min(upto, MAX_SEQ), payload=payload
            )
        return [row.span for row in rows]

    def span(self, owner: str, run_id: str, span_id: str) -> Span | None:
        with self._database.read() as connection:
            key = tables.run_key(connection, owner, run_id)
            rows = tables.spans_by_id(connection, owner, key, [span_id], payload=True) if key else {}
        return rows[span_id].span if rows else None

    def events_after(self, owner: str, run_id: str, seq: int, limit: int, *, payload: bool) -> list[Event]:
        with self._database.read() as connection:
            row = tables.load_run(connection, owner, run_id, payload=payload)
            if row is None or not row.is_announced or seq >= row.last_told_seq:
                return []
            first, last = max(seq, 0) + 1, row.last_told_seq
            if not row.traceless:
                last = min(last, max(seq, 0) + limit)
            opened = tables.spans_between(connection, owner, row.key, first, last, payload=payload)
            changed = tables.spans_changed(connection, owner, row.key, first, last, payload=payload)
            replaced = tables.replaced_between(connection, owner, row.key, first, last, payload=payload)
        return log.events_between(row, owner, opened, changed, replaced, first, last)[:limit]

    def silent_runs(self, after_ns: int, until_ns: int) -> list[tuple[str, str]]:
        with self._database.read() as connection:
            return tables.silent_runs(connection, after_ns, until_ns)

    def drops(self, owner: str) -> dict[str, int]:
        with self._database.read() as connection:
            return dict(fetched(connection, "SELECT reason, count FROM drops WHERE owner = ?", (owner,)))

    def key(self, digest: bytes) -> Key | None:
        with self._database.read() as connection:
            return keys.valid(connection, digest)

    def keys(self, owner: str | None) -> list[Key]:
        with self._database.read() as connection:
            return keys.listed(connection, owner)

    def change_mark(self) -> object:
        return self._database.change_mark()

    def describe(self) -> str:
        return f"SQLite {apsw.sqlite_lib_version()}"

    def close(self) -> None:
        self._database.close()
