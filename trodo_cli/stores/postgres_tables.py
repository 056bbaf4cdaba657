"""The rows of a PostgreSQL store inside one transaction."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from trodo_cli.model.run import Cancel
from trodo_cli.query.plan import Cursor, RunFilter
from trodo_cli.stores.base import TableSize
from trodo_cli.stores.conditions import Dialect, condition
from trodo_cli.stores.ledger import Ledger, RunRow
from trodo_cli.stores.postgres_schema import BUCKET_NS, bucket_of
from trodo_cli.stores.postgres_spans import SpanTables
from trodo_cli.stores.postgres_weeks import SILENT, Weeks
from trodo_cli.stores.rows import (
    RUN_COLUMNS,
    read_cancel,
    run_row,
    run_values,
    uncounted,
)
from trodo_cli.wire.values import storable_text

if TYPE_CHECKING:
    import psycopg

INDEXED_ENDING = 8
"""How many last characters of an id an index holds."""

_RUN_NAMES = ("owner, announced, " + RUN_COLUMNS).split(", ")
_SAVED = [name for name in _RUN_NAMES if name not in ("owner", "id", "key")]
_SAVE_RUN = (
    f"UPDATE runs SET {', '.join(f'{name} = %({name.strip(chr(34))})s' for name in _SAVED)}"
    " WHERE owner = %(owner)s AND id = %(id)s"
)
_DIALECT = Dialect(
    is_open="status IN ('pending', 'running')",
    has_tag="? IN (SELECT json_array_elements_text(tags::json))",
    has_span=(
        f"EXISTS (SELECT 1 FROM spans WHERE spans.owner = ? AND spans.bucket = runs.received_ns / {BUCKET_NS}"
        " AND spans.run = runs.key AND spans.{} = ?)"
    ),
)


class PostgresTables(SpanTables):
    """See `stores.base.Tables`."""

    def __init__(self, connection: "psycopg.Connection[Any]", made: set[int]) -> None:
        super().__init__(connection)
        self._weeks = Weeks(connection, made)

    # -- runs ------------------------------------------------------------------------------------

    def run_to_change(self, owner: str, run_id: str, now_ns: int, *, payload: bool) -> RunRow:
        row = self.load_run(owner, run_id, payload=payload, hold=True)
        while row is None:
            row = self._new_run(owner, run_id, now_ns, payload=payload)
            row = row or self.load_run(owner, run_id, payload=payload, hold=True)
        return row

    def load_run(
        self, owner: str, run_id: str, *, payload: bool = False, hold: bool = False
    ) -> RunRow | None:
        locked = " FOR UPDATE" if hold else ""
        rows = self._fetched(
            f"SELECT {RUN_COLUMNS} FROM runs WHERE owner = %s AND id = %s{locked}", owner, run_id
        )
        row = run_row(rows[0]) if rows else None
        if row is not None and payload:
            found = self._fetched(
                "SELECT started, ended FROM run_payloads WHERE owner = %s AND run = %s", owner, row.key
            )
            row.take_payloads(*(found[0] if found else (b"", b"")))
        return row

    def list_runs(
        self, owner: str, wanted: RunFilter, limit: int, after: Cursor | None, now_ns: int
    ) -> list[RunRow]:
        where, values = condition(_DIALECT, owner, wanted, after, now_ns)
        order = "ORDER BY started_ns DESC, id DESC LIMIT %s"
        rows = self._fetched(f"SELECT {RUN_COLUMNS} FROM runs WHERE {where} {order}", *values, limit)
        return [run_row(row) for row in rows]

    def find_ids(self, owner: str, fragment: str) -> list[tuple[str, int]]:
        select = "SELECT id, started_ns FROM runs WHERE owner = %s AND announced = 1 AND"
        begins = self._fetched(f"{select} id >= %s AND starts_with(id, %s)", owner, fragment, fragment)
        ending, values = "right(id, %s) = %s", [len(fragment), fragment]
        if len(fragment) >= INDEXED_ENDING:
            ending += f" AND right(id, {INDEXED_ENDING}) = %s"
            values.append(fragment[-INDEXED_ENDING:])
        return [*begins, *self._fetched(f"{select} {ending}", owner, *values)]

    def children_of(self, owner: str, run_id: str) -> list[str]:
        return [row[0] for row in self._fetched(
            "SELECT id FROM runs WHERE owner = %s AND parent = %s ORDER BY id", owner, run_id
        )]  # fmt: skip

    def cancels(self, owner: str, run_ids: Sequence[str]) -> list[tuple[str, Cancel]]:
        rows = self._fetched(
            "SELECT id, cancel FROM runs WHERE owner = %s AND cancel IS NOT NULL AND id = ANY(%s)",
            owner,
            list(run_ids),
        )
        return [(run_id, read_cancel(data)) for run_id, data in rows]

    def silent_runs(self, after_ns: int, until_ns: int) -> list[tuple[str, str]]:
        sql = (
            "SELECT owner, id FROM runs WHERE heard = 1 AND status = 'running'"
            " AND heartbeat_ns > %s AND heartbeat_ns <= %s ORDER BY heartbeat_ns"
        )
        return [(owner, run_id) for owner, run_id in self._fetched(sql, after_ns, until_ns)]

    def touch(self, owner: str, run_ids: Sequence[str], now_ns: int) -> None:
        self._connection.execute(
            "UPDATE runs SET heartbeat_ns = %s WHERE owner = %s AND id IN"
            " (SELECT id FROM runs WHERE owner = %s AND id = ANY(%s) ORDER BY id FOR UPDATE)",
            (now_ns, owner, owner, [storable_text(run_id) for run_id in run_ids]),
        )

    def save(self, owner: str, ledger: Ledger) -> None:
        row = ledger.row
        values = zip(_RUN_NAMES, run_values(owner, row), strict=True)
        self._connection.execute(_SAVE_RUN, {name.strip('"'): _number(value) for name, value in values})
        if row.has_payloads:
            payloads = [bytes(register.payload) if register else b"" for register in (row.start, row.end)]
            self._connection.execute(
                "INSERT INTO run_payloads (owner, run, started, ended) VALUES (%s, %s, %s, %s)"
                " ON CONFLICT (owner, run) DO UPDATE SET started = excluded.started, ended = excluded.ended",
                (owner, row.key, *payloads),
            )
        self._save_spans(owner, ledger)

    def delete_run(self, owner: str, row: RunRow) -> None:
        self._delete_spans(owner, row)
        for table in ("run_payloads WHERE owner = %s AND run", "runs WHERE owner = %s AND key"):
            self._connection.execute(f"DELETE FROM {table} = %s", (owner, row.key))

    def delete_trace(self, owner: str, row: RunRow) -> None:
        self._connection.execute(
            "UPDATE runs SET traceless = 1 WHERE owner = %s AND key = %s", (owner, row.key)
        )
        self._delete_spans(owner, row)

    def sweep(self, before_ns: int) -> int:
        found = self._fetched(
            "SELECT owner, id FROM runs WHERE announced = 0 AND received_ns < %s ORDER BY owner, id",
            before_ns,
        )
        swept = 0
        for owner, run_id in found:
            row = self.load_run(owner, run_id, hold=True)
            if row is not None and not row.is_announced:
                self.delete_run(owner, row)
                swept += 1
        return swept

    def prune(self, before_ns: int, owner: str | None, limit: int) -> int:
        weeks = self._weeks.spent(before_ns) if owner is None else set()
        found = self._fetched(
            f"DELETE FROM runs WHERE (owner, id) IN (SELECT owner, id FROM runs WHERE {SILENT}"
            " AND (%s::text IS NULL OR owner = %s) LIMIT %s FOR UPDATE SKIP LOCKED)"
            " RETURNING owner, id, key, received_ns",
            before_ns,
            before_ns,
            owner,
            owner,
            limit,
        )
        for whose, run_id, key, received_ns in found:
            row = RunRow(key, run_id, received_ns)
            self._connection.execute("DELETE FROM run_payloads WHERE owner = %s AND run = %s", (whose, key))
            if bucket_of(received_ns) not in weeks:
                self._delete_spans(whose, row)
        if not found:
            self._weeks.drop(weeks)
        return len(found)

    def sizes(self) -> list[TableSize]:
        return [
            TableSize(name, int(rows), int(size))
            for name, rows, size in self._fetched(
                "SELECT root.relname, sum("
                " CASE WHEN part.reltuples < 0 THEN pg_stat_get_live_tuples(part.oid) ELSE part.reltuples END),"
                " sum(pg_total_relation_size(part.oid)) FROM pg_class AS root"
                " JOIN LATERAL (SELECT relid FROM pg_partition_tree(root.oid)"
                " UNION SELECT root.oid WHERE root.relkind = 'r') AS tree ON true"
                " JOIN pg_class AS part ON part.oid = tree.relid"
                " WHERE root.relnamespace = current_schema()::regnamespace"
                " AND root.relkind IN ('r', 'p') AND NOT root.relispartition"
                " GROUP BY root.relname ORDER BY root.relname"
            )
        ]

    def check(self) -> list[str]:
        wrong = self._fetched(
            "SELECT owner, id FROM runs WHERE (traceless = 0 AND spans <> (SELECT count(*) FROM spans"
            f" WHERE spans.owner = runs.owner AND spans.bucket = runs.received_ns / {BUCKET_NS}"
            " AND spans.run = runs.key)) LIMIT 10"
        )
        return [uncounted(owner, run_id) for owner, run_id in wrong]

    # -- inside ------------------------------------------------------------------------------------

    def _new_run(self, owner: str, run_id: str, now_ns: int, *, payload: bool) -> RunRow | None:
        """A run that is made now; None when another transaction makes it."""
        self._weeks.make(bucket_of(now_ns))
        rows = self._fetched(
            "INSERT INTO runs (owner, id, received_ns) VALUES (%s, %s, %s)"
            f" ON CONFLICT (owner, id) DO NOTHING RETURNING {RUN_COLUMNS}",
            owner,
            run_id,
            now_ns,
        )
        row = run_row(rows[0]) if rows else None
        if row is not None:
            row.has_payloads = payload
        return row


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, bool) else value
