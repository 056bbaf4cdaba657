"""The rows of a PostgreSQL store inside one transaction."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from trodo_cli.model.key import Key
from trodo_cli.model.run import Cancel
from trodo_cli.model.sums import Sums
from trodo_cli.query.plan import Cursor, RunFilter
from trodo_cli.stores.base import MAX_COUNT, TableSize
from trodo_cli.stores.conditions import Dialect, condition
from trodo_cli.stores.ledger import Ledger, Replaced, RunRow, SpanRow, stored_payload
from trodo_cli.stores.postgres_schema import BUCKET_NS, PARTITIONED, bucket_of, partition
from trodo_cli.stores.rows import (
    KEY_COLUMNS,
    RUN_COLUMNS,
    SPAN_COLUMNS,
    key_row,
    key_values,
    read_cancel,
    run_row,
    run_values,
    span_row,
    span_values,
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
_SPAN_PLACE = "owner = %s AND bucket = %s AND run = %s"
_SPAN_NAMES = SPAN_COLUMNS.split(", ")
_SAVE_SPAN = (
    f"UPDATE spans SET {', '.join(f'{name} = %s' for name in _SPAN_NAMES)}"
    f" WHERE {_SPAN_PLACE} AND first_seq = %s"
)

_SILENT = "received_ns < %s AND coalesce(heartbeat_ns, 0) < %s"

_DIALECT = Dialect(
    is_open="status IN ('pending', 'running')",
    has_tag="? IN (SELECT json_array_elements_text(tags::json))",
    has_span=(
        f"EXISTS (SELECT 1 FROM spans WHERE spans.owner = ? AND spans.bucket = runs.received_ns / {BUCKET_NS}"
        " AND spans.run = runs.key AND spans.{} = ?)"
    ),
)


class PostgresTables:
    """See `stores.base.Tables`."""

    def __init__(self, connection: "psycopg.Connection[Any]", made: set[int]) -> None:
        self._connection = connection
        self._made = made
        """The weeks whose partitions are known to be there."""

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
        where = where.replace("?", "%s")
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
        changed, known_seq = ledger.changed.values(), ledger.known_seq
        self.add_spans(owner, row, [span for span in changed if span.first_seq > known_seq])
        self._change_spans(owner, row, [span for span in changed if span.first_seq <= known_seq])
        self._copy(
            "replaced (owner, bucket, run, seq, first_seq)",
            [(*_place(owner, row), seq, first_seq) for seq, first_seq in ledger.replaced],
        )
        self._save_marks(owner, row, ledger.sums)

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
        weeks = self._spent_weeks(before_ns) if owner is None else set()
        found = self._fetched(
            f"DELETE FROM runs WHERE (owner, id) IN (SELECT owner, id FROM runs WHERE {_SILENT}"
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
            self._drop(weeks)
        return len(found)

    def sizes(self) -> list[TableSize]:
        return [
            TableSize(name, max(int(rows), 0), int(size))
            for name, rows, size in self._fetched(
                "SELECT root.relname, sum(greatest(part.reltuples, 0)),"
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
        return [f"run {run_id} of {owner} has not the spans that it counts" for owner, run_id in wrong]

    # -- spans -----------------------------------------------------------------------------------

    def spans_between(
        self, owner: str, row: RunRow, first: int, last: int, *, payload: bool
    ) -> list[SpanRow]:
        where = "first_seq BETWEEN %s AND %s ORDER BY first_seq"
        return self._span_rows(owner, row, where, (first, last), payload=payload)

    def spans_changed(
        self, owner: str, row: RunRow, first: int, last: int, *, payload: bool
    ) -> list[SpanRow]:
        where = "changed_seq BETWEEN %s AND %s AND changed_seq > spans.first_seq"
        return self._span_rows(owner, row, where, (first, last), payload=payload)

    def spans_by_id(
        self, owner: str, row: RunRow, span_ids: Sequence[str], *, payload: bool = False
    ) -> list[SpanRow]:
        return self._span_rows(owner, row, "id = ANY(%s)", (list(span_ids),), payload=payload)

    def replaced_between(self, owner: str, row: RunRow, first: int, last: int) -> list[Replaced]:
        where = f"{_SPAN_PLACE} AND seq BETWEEN %s AND %s"
        return self._fetched(
            f"SELECT seq, first_seq FROM replaced WHERE {where}", *_place(owner, row), first, last
        )

    def load_payload(self, owner: str, row: RunRow, first_seq: int) -> msgspec.Raw:
        sql = f"SELECT data FROM payloads WHERE {_SPAN_PLACE} AND first_seq = %s"
        rows = self._fetched(sql, *_place(owner, row), first_seq)
        return stored_payload(rows[0][0] if rows else None)

    def marked(self, owner: str, row: RunRow, span_ids: Sequence[str]) -> set[str]:
        sql = f"SELECT id FROM wrapping WHERE {_SPAN_PLACE} AND id = ANY(%s)"
        return {found[0] for found in self._fetched(sql, *_place(owner, row), list(span_ids))}

    # -- what producers dropped, and keys ----------------------------------------------------------

    def add_drops(self, owner: str, counts: dict[str, int], now_ns: int) -> None:
        with self._connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO drops (owner, reason, count, last_ns) VALUES (%s, %s, %s, %s)"
                " ON CONFLICT (owner, reason) DO UPDATE"
                f" SET count = least(drops.count + excluded.count, {MAX_COUNT}), last_ns = excluded.last_ns",
                [(owner, storable_text(reason), count, now_ns) for reason, count in sorted(counts.items())],
            )

    def drops(self, owner: str) -> dict[str, int]:
        return dict(self._fetched("SELECT reason, count FROM drops WHERE owner = %s", owner))

    def add_key(self, key: Key, digest: bytes) -> None:
        sql = f"INSERT INTO keys (digest, {KEY_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s)"
        self._connection.execute(sql, (digest, *key_values(key)))

    def valid_key(self, digest: bytes) -> Key | None:
        rows = self._fetched(
            f"SELECT {KEY_COLUMNS} FROM keys WHERE digest = %s AND revoked_ns IS NULL", digest
        )
        return key_row(rows[0]) if rows else None

    def keys(self, owner: str | None) -> list[Key]:
        where, values = ("", ()) if owner is None else (" WHERE owner = %s", (owner,))
        rows = self._fetched(f"SELECT {KEY_COLUMNS} FROM keys{where} ORDER BY number DESC", *values)
        return [key_row(row) for row in rows]

    def revoke_key(self, key_id: str, now_ns: int) -> Key | None:
        self._connection.execute(
            "UPDATE keys SET revoked_ns = %s WHERE id = %s AND revoked_ns IS NULL",
            (now_ns, storable_text(key_id)),
        )
        rows = self._fetched(f"SELECT {KEY_COLUMNS} FROM keys WHERE id = %s", key_id)
        return key_row(rows[0]) if rows else None

    # -- inside ------------------------------------------------------------------------------------

    def _new_run(self, owner: str, run_id: str, now_ns: int, *, payload: bool) -> RunRow | None:
        """A run that is made now; None when another transaction makes it."""
        self._make_partitions(bucket_of(now_ns))
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

    def _make_partitions(self, bucket: int) -> None:
        """Make room for a week, and for the next one ahead of time."""
        for week in {bucket, bucket + 1} - self._made:
            if self._fetched("SELECT to_regclass(%s)", f'"{partition("spans", week)}"')[0][0] is not None:
                self._made.add(week)
                continue
            for table in PARTITIONED:
                self._connection.execute(
                    f'CREATE TABLE IF NOT EXISTS "{partition(table, week)}" PARTITION OF {table}'
                    f" FOR VALUES FROM ({week}) TO ({week + 1})"
                )

    def _spent_weeks(self, before_ns: int) -> set[int]:
        """The weeks that are over and of which nobody was heard since; their partitions go as a whole."""
        there = self._fetched(
            "SELECT relid::regclass::text FROM pg_partition_tree('spans') WHERE isleaf AND parentrelid IS NOT NULL"
        )
        weeks = {int(name.strip('"').rpartition("_w")[2]) for (name,) in there}
        return {
            week for week in weeks if week < bucket_of(before_ns) and not self._is_heard_of(week, before_ns)
        }

    def _is_heard_of(self, week: int, since_ns: int) -> bool:
        return bool(
            self._fetched(
                f"SELECT 1 FROM runs WHERE received_ns >= %s AND received_ns < %s AND NOT ({_SILENT}) LIMIT 1",
                week * BUCKET_NS,
                (week + 1) * BUCKET_NS,
                since_ns,
                since_ns,
            )
        )

    def _drop(self, weeks: set[int]) -> None:
        """Drop the partitions of these weeks, unless somebody holds on to a run of one."""
        for week in sorted(weeks):
            held = self._fetched(
                "SELECT 1 FROM runs WHERE received_ns >= %s AND received_ns < %s LIMIT 1",
                week * BUCKET_NS,
                (week + 1) * BUCKET_NS,
            )
            for table in PARTITIONED if not held else ():
                self._connection.execute(f'DROP TABLE IF EXISTS "{partition(table, week)}"')

    def _fetched(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql, [_askable(value) for value in values]).fetchall()

    def _span_rows(
        self, owner: str, row: RunRow, where: str, values: tuple[Any, ...], *, payload: bool
    ) -> list[SpanRow]:
        data = ", data" if payload else ""
        joined = " LEFT JOIN payloads USING (owner, bucket, run, first_seq)" if payload else ""
        found: list[SpanRow] = []
        for columns in self._fetched(
            f"SELECT first_seq, {SPAN_COLUMNS}{data} FROM spans{joined} WHERE {_SPAN_PLACE} AND {where}",
            *_place(owner, row),
            *values,
        ):
            found.append(span_row(columns))
            if payload:
                found[-1].span.payload = stored_payload(columns[-1])
        return found

    def add_spans(self, owner: str, row: RunRow, spans: Sequence[SpanRow]) -> None:
        """Put in rows that are new."""
        place = _place(owner, row)
        self._copy(
            f"spans (owner, bucket, run, first_seq, {SPAN_COLUMNS})",
            [(*place, span.first_seq, *span_values(span)) for span in spans],
        )
        self._copy(
            "payloads (owner, bucket, run, first_seq, data)",
            [(*place, span.first_seq, bytes(span.span.payload)) for span in spans],
        )

    def _change_spans(self, owner: str, row: RunRow, spans: Sequence[SpanRow]) -> None:
        if not spans:
            return
        place = _place(owner, row)
        with self._connection.cursor() as cursor:
            cursor.executemany(_SAVE_SPAN, [(*span_values(span), *place, span.first_seq) for span in spans])
            cursor.executemany(
                f"UPDATE payloads SET data = %s WHERE {_SPAN_PLACE} AND first_seq = %s",
                [(bytes(span.span.payload), *place, span.first_seq) for span in spans],
            )

    def _save_marks(self, owner: str, row: RunRow, sums: Sums) -> None:
        place = _place(owner, row)
        if sums.is_recounted:
            self._connection.execute(f"DELETE FROM wrapping WHERE {_SPAN_PLACE}", place)
        if sums.added:
            self._connection.execute(
                "INSERT INTO wrapping (owner, bucket, run, id) SELECT %s, %s, %s, unnest(%s::text[])"
                " ON CONFLICT DO NOTHING",
                (*place, [*sums.added]),
            )

    def _copy(self, into: str, rows: Sequence[tuple[Any, ...]]) -> None:
        if not rows:
            return
        with self._connection.cursor() as cursor, cursor.copy(f"COPY {into} FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)

    def _delete_spans(self, owner: str, row: RunRow) -> None:
        for table in PARTITIONED:
            self._connection.execute(f"DELETE FROM {table} WHERE {_SPAN_PLACE}", _place(owner, row))


def _place(owner: str, row: RunRow) -> tuple[str, int, int]:
    """Where the spans of a run lie."""
    return (owner, bucket_of(row.received_ns), row.key)


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, bool) else value


def _askable(value: Any) -> Any:
    """A text as the rows have it; what is asked for may be any."""
    if isinstance(value, list):
        return [_askable(part) for part in value]
    return storable_text(value) if isinstance(value, str) else value
