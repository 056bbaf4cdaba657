"""The rows of spans, and of all that belongs to one, in a PostgreSQL store."""

from collections.abc import Sequence
from typing import Any

import msgspec

from trodo_cli.model.sums import Sums
from trodo_cli.stores.ledger import Ledger, Replaced, RunRow, SpanRow, stored_payload
from trodo_cli.stores.postgres_rows import PostgresRows
from trodo_cli.stores.postgres_schema import PARTITIONED, bucket_of
from trodo_cli.stores.rows import SPAN_COLUMNS, span_row, span_values

_PLACE = "owner = %s AND bucket = %s AND run = %s"
_SAVE = (
    f"UPDATE spans SET {', '.join(f'{name} = %s' for name in SPAN_COLUMNS.split(', '))}"
    f" WHERE {_PLACE} AND first_seq = %s"
)


class SpanTables(PostgresRows):
    """The part of `stores.base.Tables` about spans; the owner, a week and the run say where they lie."""

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
        where = f"{_PLACE} AND seq BETWEEN %s AND %s"
        return self._fetched(
            f"SELECT seq, first_seq FROM replaced WHERE {where}", *_place(owner, row), first, last
        )

    def load_payload(self, owner: str, row: RunRow, first_seq: int) -> msgspec.Raw:
        sql = f"SELECT data FROM payloads WHERE {_PLACE} AND first_seq = %s"
        rows = self._fetched(sql, *_place(owner, row), first_seq)
        return stored_payload(rows[0][0] if rows else None)

    def marked(self, owner: str, row: RunRow, span_ids: Sequence[str]) -> set[str]:
        sql = f"SELECT id FROM wrapping WHERE {_PLACE} AND id = ANY(%s)"
        return {found[0] for found in self._fetched(sql, *_place(owner, row), list(span_ids))}

    def _save_spans(self, owner: str, ledger: Ledger) -> None:
        """Write down what a batch has changed."""
        row = ledger.row
        changed, known_seq = ledger.changed.values(), ledger.known_seq
        self.add_spans(owner, row, [span for span in changed if span.first_seq > known_seq])
        self._change_spans(owner, row, [span for span in changed if span.first_seq <= known_seq])
        self._copy(
            "replaced (owner, bucket, run, seq, first_seq)",
            [(*_place(owner, row), seq, first_seq) for seq, first_seq in ledger.replaced],
        )
        self._save_marks(owner, row, ledger.sums)

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
            cursor.executemany(_SAVE, [(*span_values(span), *place, span.first_seq) for span in spans])
            cursor.executemany(
                f"UPDATE payloads SET data = %s WHERE {_PLACE} AND first_seq = %s",
                [(bytes(span.span.payload), *place, span.first_seq) for span in spans],
            )

    def _save_marks(self, owner: str, row: RunRow, sums: Sums) -> None:
        place = _place(owner, row)
        if sums.is_recounted:
            self._connection.execute(f"DELETE FROM wrapping WHERE {_PLACE}", place)
        if sums.added:
            self._connection.execute(
                "INSERT INTO wrapping (owner, bucket, run, id) SELECT %s, %s, %s, unnest(%s::text[])"
                " ON CONFLICT DO NOTHING",
                (*place, [*sums.added]),
            )

    def _delete_spans(self, owner: str, row: RunRow) -> None:
        for table in PARTITIONED:
            self._connection.execute(f"DELETE FROM {table} WHERE {_PLACE}", _place(owner, row))

    def _span_rows(
        self, owner: str, row: RunRow, where: str, values: tuple[Any, ...], *, payload: bool
    ) -> list[SpanRow]:
        data = ", data" if payload else ""
        joined = " LEFT JOIN payloads USING (owner, bucket, run, first_seq)" if payload else ""
        found: list[SpanRow] = []
        for columns in self._fetched(
            f"SELECT first_seq, {SPAN_COLUMNS}{data} FROM spans{joined} WHERE {_PLACE} AND {where}",
            *_place(owner, row),
            *values,
        ):
            found.append(span_row(columns))
            if payload:
                found[-1].span.payload = stored_payload(columns[-1])
        return found


def _place(owner: str, row: RunRow) -> tuple[str, int, int]:
    """Where the spans of a run lie."""
    return (owner, bucket_of(row.received_ns), row.key)
