"""The SQLite store: a file, or an in-memory database for tests and short-lived programs."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import apsw
import msgspec

from trodo_cli.model.event import CancelRequested, Event
from trodo_cli.model.payload import NO_PAYLOAD
from trodo_cli.model.run import LOST_AFTER_NS, Cancel, Run, Totals
from trodo_cli.model.span import Span, Usage
from trodo_cli.query.plan import Cursor, RunFilter
from trodo_cli.stores import log
from trodo_cli.stores.base import Appended, Page, batches
from trodo_cli.stores.database import Database
from trodo_cli.stores.ledger import Ledger, RunRow, SpanRow, stored_payload

_FIRST_SEQ = (1 << 32) - 1

_RUN_COLUMNS = (
    "key, id, agent, status, parent, session, user, tags, started_ns, ended_ns, spans, errors, input_tokens,"
    " output_tokens, cost_nanos, costed_spans, last_seq, start_seq, end_seq, cancel_seq, cancel, heartbeat_ns,"
    " received_ns, started, ended"
)
_SPAN_COLUMNS = (
    "key, id, parent, name, kind, status, level, version, started_ns, ended_ns, changed_seq, input_tokens,"
    " output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost, model, provider, tool,"
    " error, error_type, status_code"
)
_SAVE_RUN = (
    f"INSERT OR REPLACE INTO runs (owner, announced, {_RUN_COLUMNS}) VALUES (?, ?{', ?' * 25})"
)
_SAVE_SPAN = (
    f"INSERT OR REPLACE INTO spans (owner, run, {_SPAN_COLUMNS}) VALUES (?, ?{', ?' * 23})"
)

_run_register = msgspec.json.Decoder(Run)
_cancel = msgspec.json.Decoder(Cancel)


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
                (now_ns, owner, _json_text(run_ids)),
            )
            found = dict(_cancels(connection, owner, run_ids))
            for run_id, cancel in found.items():
                _deliver(connection, owner, run_id, cancel, now_ns)
            return found

        return self._database.write(work)

    def delete_run(self, owner: str, run_id: str) -> bool:
        def work(connection: apsw.Connection) -> bool:
            row = connection.execute("SELECT key FROM runs WHERE owner = ? AND id = ?", (owner, run_id)).fetchone()
            if row is not None:
                _delete(connection, owner, row[0])
            return row is not None

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
            rows = connection.execute(
                "SELECT owner, key FROM runs WHERE announced = 0 AND received_ns < ?", (before_ns,)
            ).fetchall()
            for owner, key in rows:
                _delete(connection, owner, key)
            return len(rows)

        return self._database.write(work)

    # -- reading ---------------------------------------------------------------------------------

    def asked_to_stop(self, owner: str, run_ids: Sequence[str]) -> list[str]:
        with self._database.read() as connection:
            return [run_id for run_id, cancel in _cancels(connection, owner, run_ids) if not cancel.delivered_ns]

    def list_runs(
        self, owner: str, wanted: RunFilter, limit: int, after: Cursor | None, now_ns: int
    ) -> Page:
        where, values = _compiled(owner, wanted, after, now_ns)
        with self._database.read() as connection:
            rows = connection.execute(
                f"SELECT {_RUN_COLUMNS} FROM runs WHERE {where} ORDER BY started_ns DESC, id DESC LIMIT ?",
                (*values, limit + 1),
            ).fetchall()
        runs = [_light(_seen(_run_row(row), owner, now_ns)) for row in rows[:limit]]
        cursor = Cursor(runs[-1].started_ns, runs[-1].id).text() if len(rows) > limit else None
        return Page(runs, cursor)

    def run(self, owner: str, run_id: str, now_ns: int) -> Run | None:
        with self._database.read() as connection:
            row = _load_run(connection, owner, run_id)
        return _seen(row, owner, now_ns) if row is not None and row.is_announced else None

    def find_runs(self, owner: str, fragment: str, limit: int) -> list[str]:
        pattern = fragment.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT id FROM runs WHERE owner = ? AND announced = 1"
                " AND (id LIKE ? ESCAPE '\\' OR id LIKE ? ESCAPE '\\') ORDER BY id = ? DESC, started_ns DESC LIMIT ?",
                (owner, f"{pattern}%", f"%{pattern}", fragment, limit),
            ).fetchall()
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
            base = row.key << 32
            opened = _span_rows(
                connection, owner, row.key, "AND key BETWEEN ? AND ?", (base | seq + 1, base | last), payload=payload
            )
            changed = _span_rows(
                connection,
                owner,
                row.key,
                f"AND changed_seq BETWEEN ? AND ? AND changed_seq > key & {_FIRST_SEQ}",
                (seq + 1, last),
                payload=payload,
            )
            replaced = _replaced(connection, owner, row.key, seq, last, payload=payload)
        return log.events_between(_seen(row, owner, now_ns), row, opened, changed, replaced, seq, last)

    def drops(self, owner: str) -> dict[str, int]:
        with self._database.read() as connection:
            return dict(connection.execute("SELECT reason, count FROM drops WHERE owner = ?", (owner,)).fetchall())

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
    ledger = Ledger(row, known, lambda first_seq: _payload(connection, owner, row.key << 32 | first_seq))
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
    for (child_id,) in connection.execute(
        "SELECT id FROM runs WHERE owner = ? AND parent = ? AND ended_ns IS NULL AND id <> ? AND cancel IS NULL",
        (owner, row.id, row.id),
    ).fetchall():
        child = _load_run(connection, owner, child_id)
        assert child is not None
        ledger = Ledger(child, {}, lambda first_seq: NO_PAYLOAD)
        ledger.take(CancelRequested(run_id=child_id, cancel=request))
        _save(connection, owner, ledger)
        _cascade_cancel(connection, owner, child, now_ns)


def _undelivered(cancel: Cancel) -> Cancel:
    return msgspec.structs.replace(cancel, delivered_ns=None)


def _cancels(connection: apsw.Connection, owner: str, run_ids: Sequence[str]) -> list[tuple[str, Cancel]]:
    rows = connection.execute(
        "SELECT id, cancel FROM runs WHERE owner = ? AND cancel IS NOT NULL AND id IN (SELECT value FROM json_each(?))",
        (owner, _json_text(run_ids)),
    )
    return [(run_id, _cancel.decode(data)) for run_id, data in rows]


def _deliver(connection: apsw.Connection, owner: str, run_id: str, cancel: Cancel, now_ns: int) -> None:
    if cancel.delivered_ns is None:
        cancel.delivered_ns = now_ns
        connection.execute(
            "UPDATE runs SET cancel = ? WHERE owner = ? AND id = ?", (msgspec.json.encode(cancel), owner, run_id)
        )


def _json_text(value: Sequence[str]) -> str:
    """A list as JSON text: one bound value however long it is."""
    return msgspec.json.encode(value).decode()


def _save(connection: apsw.Connection, owner: str, ledger: Ledger) -> None:
    row, base = ledger.row, ledger.row.key << 32
    connection.execute(_SAVE_RUN, _run_values(owner, row))
    changed = ledger.changed.values()
    connection.executemany(_SAVE_SPAN, [_span_values(owner, row.key, span) for span in changed])
    payloads = [(base | span.first_seq, owner, bytes(span.span.payload)) for span in changed]
    connection.executemany("INSERT OR REPLACE INTO payloads (key, owner, data) VALUES (?, ?, ?)", payloads)
    connection.executemany(
        "INSERT INTO replaced (owner, run, seq, first_seq) VALUES (?, ?, ?, ?)",
        [(owner, row.key, seq, first_seq) for seq, first_seq in ledger.replaced],
    )


def _delete(connection: apsw.Connection, owner: str, key: int) -> None:
    span_keys = (owner, key << 32, key << 32 | _FIRST_SEQ)
    connection.execute("DELETE FROM payloads WHERE owner = ? AND key BETWEEN ? AND ?", span_keys)
    connection.execute("DELETE FROM spans WHERE owner = ? AND key BETWEEN ? AND ?", span_keys)
    connection.execute("DELETE FROM replaced WHERE owner = ? AND run = ?", (owner, key))
    connection.execute("DELETE FROM runs WHERE owner = ? AND key = ?", (owner, key))


# -- rows --------------------------------------------------------------------------------------------


def _next_key(connection: apsw.Connection) -> int:
    return int(connection.execute("SELECT coalesce(max(key), 0) + 1 FROM runs").get)


def _run_key(connection: apsw.Connection, owner: str, run_id: str) -> int:
    """The key of a run, 0 for none."""
    row = connection.execute("SELECT key FROM runs WHERE owner = ? AND id = ?", (owner, run_id)).fetchone()
    return row[0] if row else 0


def _load_run(connection: apsw.Connection, owner: str, run_id: str) -> RunRow | None:
    row = connection.execute(
        f"SELECT {_RUN_COLUMNS} FROM runs WHERE owner = ? AND id = ?", (owner, run_id)
    ).fetchone()
    return _run_row(row) if row else None


def _run_row(row: Sequence[Any]) -> RunRow:
    return RunRow(
        key=row[0],
        id=row[1],
        totals=Totals(
            spans=row[10],
            errors=row[11],
            input_tokens=row[12],
            output_tokens=row[13],
            cost_nanos=row[14],
            costed_spans=row[15],
        ),
        last_seq=row[16],
        start_seq=row[17],
        end_seq=row[18],
        cancel_seq=row[19],
        cancel=_cancel.decode(row[20]) if row[20] else None,
        heartbeat_ns=row[21],
        received_ns=row[22],
        start=_run_register.decode(row[23]) if row[23] else None,
        end=_run_register.decode(row[24]) if row[24] else None,
    )


def _run_values(owner: str, row: RunRow) -> tuple[Any, ...]:
    run, totals = row.view, row.totals
    return (
        owner,
        row.is_announced,
        row.key,
        row.id,
        run.agent,
        run.status,
        run.parent_id,
        run.session,
        run.user,
        _json_text(run.tags),
        run.started_ns or row.received_ns,
        run.ended_ns,
        totals.spans,
        totals.errors,
        totals.input_tokens,
        totals.output_tokens,
        totals.cost_nanos,
        totals.costed_spans,
        row.last_seq,
        row.start_seq,
        row.end_seq,
        row.cancel_seq,
        msgspec.json.encode(row.cancel) if row.cancel else None,
        row.heartbeat_ns,
        row.received_ns,
        msgspec.json.encode(row.start) if row.start else None,
        msgspec.json.encode(row.end) if row.end else None,
    )


def _seen(row: RunRow, owner: str, now_ns: int) -> Run:
    """The run as a reader sees it now: without a sign of life for long it is lost."""
    run = row.view
    run.owner = owner
    if run.status == "running" and now_ns - (row.heartbeat_ns or 0) > LOST_AFTER_NS:
        run.status = "lost"
    return run


def _light(run: Run) -> Run:
    run.payload = NO_PAYLOAD
    return run


def _known_spans(
    connection: apsw.Connection, owner: str, key: int, events: Iterable[Event]
) -> dict[str, SpanRow]:
    ids = [event.span.id for event in events if hasattr(event, "span")]
    if not ids:
        return {}
    rows = _span_rows(
        connection, owner, key, "AND id IN (SELECT value FROM json_each(?))", (_json_text(ids),)
    )
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
    rows = connection.execute(
        f"SELECT {_SPAN_COLUMNS} FROM spans WHERE owner = ? AND run = ? {extra} ORDER BY key", (owner, key, *values)
    )
    found = [_span_row(row) for row in rows]
    if payload:
        for row in found:
            row.span.payload = _payload(connection, owner, key << 32 | row.first_seq)
    return found


def _span_row(row: Sequence[Any]) -> SpanRow:
    usage = Usage(input=row[11], output=row[12], cache_read=row[13], cache_write=row[14], reasoning=row[15])
    span = Span(
        id=row[1],
        parent_id=row[2],
        name=row[3],
        kind=row[4],
        status=row[5],
        level=row[6],
        version=row[7],
        started_ns=row[8],
        ended_ns=row[9],
        usage=usage if usage != _NO_USAGE else None,
        cost=row[16],
        model=row[17],
        provider=row[18],
        tool=row[19],
        error=row[20],
        error_type=row[21],
        status_code=row[22],
    )
    return SpanRow(span, row[0] & _FIRST_SEQ, row[10])


_NO_USAGE = Usage()


def _span_values(owner: str, key: int, row: SpanRow) -> tuple[Any, ...]:
    span, usage = row.span, row.span.usage or _NO_USAGE
    return (
        owner,
        key,
        key << 32 | row.first_seq,
        span.id,
        span.parent_id,
        span.name,
        span.kind,
        span.status,
        span.level,
        span.version,
        span.started_ns,
        span.ended_ns,
        row.changed_seq,
        usage.input,
        usage.output,
        usage.cache_read,
        usage.cache_write,
        usage.reasoning,
        span.cost,
        span.model,
        span.provider,
        span.tool,
        span.error,
        span.error_type,
        span.status_code,
    )


def _payload(connection: apsw.Connection, owner: str, span_key: int) -> msgspec.Raw:
    row = connection.execute("SELECT data FROM payloads WHERE owner = ? AND key = ?", (owner, span_key)).fetchone()
    return stored_payload(row[0] if row else None)


def _replaced(
    connection: apsw.Connection, owner: str, key: int, seq: int, last: int, *, payload: bool
) -> list[tuple[int, Span | None]]:
    """The numbers in the range that a later change took over, with the span they are about."""
    found: list[tuple[int, Span | None]] = []
    for number, first_seq in connection.execute(
        "SELECT seq, first_seq FROM replaced WHERE owner = ? AND run = ? AND seq BETWEEN ? AND ?",
        (owner, key, seq + 1, last),
    ).fetchall():
        rows = _span_rows(connection, owner, key, "AND key = ?", (key << 32 | first_seq,), payload=payload)
        found.append((number, rows[0].span if rows else None))
    return found


# -- lists -------------------------------------------------------------------------------------------


def _compiled(owner: str, wanted: RunFilter, after: Cursor | None, now_ns: int) -> tuple[str, list[Any]]:
    """The filter as a condition and its values."""
    parts: list[tuple[str, tuple[Any, ...]]] = [("owner = ?", (owner,)), ("announced = 1", ())]
    living = "status = 'running' AND coalesce(heartbeat_ns, 0) {} ?"
    if wanted.status == "running":
        parts.append((living.format(">="), (now_ns - LOST_AFTER_NS,)))
    elif wanted.status == "lost":
        parts.append((living.format("<"), (now_ns - LOST_AFTER_NS,)))
    elif wanted.status is not None:
        parts.append(("status = ?", (wanted.status,)))
    for condition, value in (
        ("agent = ?", wanted.agent),
        ("started_ns >= ?", wanted.started_after_ns),
        ("started_ns <= ?", wanted.started_before_ns),
        ("user = ?", wanted.user),
        ("session = ?", wanted.session),
        ("cost_nanos >= ? AND costed_spans > 0", wanted.min_cost and wanted.min_cost * 1e9),
        ("parent = ?", wanted.parent_id),
    ):
        if value is not None:
            parts.append((condition, (value,)))
    if wanted.min_duration_ns is not None:
        parts.append(("coalesce(ended_ns, ?) - started_ns >= ?", (now_ns, wanted.min_duration_ns)))
    for column, value in (("model", wanted.model), ("tool", wanted.tool)):
        if value is not None:
            parts.append((_SPAN_HAS.format(column), (owner, value)))
    for tag in wanted.tags:
        parts.append(("EXISTS (SELECT 1 FROM json_each(tags) WHERE value = ?)", (tag,)))
    if wanted.roots_only and wanted.parent_id is None:
        parts.append(("parent IS NULL", ()))
    if after is not None:
        parts.append(("(started_ns, id) < (?, ?)", (after.started_ns, after.id)))
    return " AND ".join(text for text, _ in parts), [value for _, values in parts for value in values]


_SPAN_HAS = "EXISTS (SELECT 1 FROM spans WHERE spans.owner = ? AND spans.run = runs.key AND spans.{} = ?)"
