"""What every store does, over the transactions and tables of a database."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol, TypeVar

from trodo_cli.model.event import Event
from trodo_cli.model.key import Key
from trodo_cli.model.run import Cancel, Run
from trodo_cli.model.span import Span
from trodo_cli.query.plan import Cursor, RunFilter
from trodo_cli.stores import log
from trodo_cli.stores.base import MAX_SEQ, Appended, Page, Tables, TableSize, batches
from trodo_cli.stores.batch import append_run, conclude_run, deliver_cancel
from trodo_cli.stores.ledger import RunRow
from trodo_cli.stores.rows import seen_run

UNANNOUNCED_NS = 24 * 3600 * 10**9
"""How long spans wait for their run to be announced."""

SWEEP_NS = 60 * 10**9

PRUNED_AT_ONCE = 100
"""How many runs one transaction removes."""

Result = TypeVar("Result")


class Database(Protocol):
    """Transactions on connections of some kind."""

    def write(self, work: Callable[[Any], Result]) -> Result:
        """Do some work in a transaction; what it raises undoes it. It may be done more than once."""

    def read(self) -> AbstractContextManager[Any]:
        """A connection for short reads that see one state of the data."""

    def change_mark(self) -> object:
        """See `Store.change_mark`."""

    def describe(self) -> str:
        """See `Store.describe`."""

    def close(self) -> None:
        """See `Store.close`."""


class TableStore:
    """See `stores.base.Store`. `tables` are those of a connection."""

    def __init__(self, database: Database, tables: Callable[[Any], Tables]) -> None:
        self._database = database
        self._tables = tables
        self._swept_ns = 0

    # -- writing ---------------------------------------------------------------------------------

    def append(self, owner: str, events: Sequence[Event], now_ns: int, *, alive: bool) -> Appended:
        def work(tables: Tables) -> Appended:
            stored = 0
            for run_id, batch in sorted(batches(events).items()):
                stored += append_run(tables, owner, run_id, batch, now_ns, alive=alive)
            if self._is_sweep_due(now_ns):
                tables.sweep(now_ns - UNANNOUNCED_NS)
            return Appended(stored, len(events) - stored)

        return self._write(work)

    def _is_sweep_due(self, now_ns: int) -> bool:
        """Whether it is a while since this process last looked for what waits in vain."""
        if abs(now_ns - self._swept_ns) < SWEEP_NS:
            return False
        self._swept_ns = now_ns
        return True

    def heartbeat(self, owner: str, run_ids: Sequence[str], now_ns: int) -> dict[str, Cancel]:
        def work(tables: Tables) -> dict[str, Cancel]:
            tables.touch(owner, run_ids, now_ns)
            return {
                run_id: deliver_cancel(tables, owner, run_id, cancel, now_ns)
                for run_id, cancel in tables.cancels(owner, run_ids)
            }

        return self._write(work)

    def delete_run(self, owner: str, run_id: str) -> bool:
        def work(tables: Tables) -> bool:
            row = _announced(tables.load_run(owner, run_id, hold=True))
            if row is not None:
                tables.delete_run(owner, row)
            return row is not None

        return self._write(work)

    def delete_trace(self, owner: str, run_id: str) -> bool:
        def work(tables: Tables) -> bool:
            row = _announced(tables.load_run(owner, run_id, hold=True))
            if row is None or row.traceless:
                return False
            tables.delete_trace(owner, row)
            return True

        return self._write(work)

    def record_drops(self, owner: str, counts: dict[str, int], now_ns: int) -> None:
        self._write(lambda tables: tables.add_drops(owner, counts, now_ns))

    def sweep(self, before_ns: int) -> int:
        return self._write(lambda tables: tables.sweep(before_ns))

    def prune(self, before_ns: int, owner: str | None) -> int:
        removed = 0
        while count := self._write(lambda tables: tables.prune(before_ns, owner, PRUNED_AT_ONCE)):
            removed += count
        return removed

    def conclude(self, owner: str, run_id: str, until_ns: int, *, complete: bool) -> bool:
        return self._write(lambda tables: conclude_run(tables, owner, run_id, until_ns, complete=complete))

    def add_key(self, key: Key, digest: bytes) -> None:
        self._write(lambda tables: tables.add_key(key, digest))

    def revoke_key(self, key_id: str, now_ns: int) -> Key | None:
        return self._write(lambda tables: tables.revoke_key(key_id, now_ns))

    # -- reading ---------------------------------------------------------------------------------

    def asked_to_stop(self, owner: str, run_ids: Sequence[str]) -> list[str]:
        if not run_ids:
            return []
        with self._read() as tables:
            return [run_id for run_id, _ in tables.cancels(owner, run_ids)]

    def list_runs(self, owner: str, wanted: RunFilter, limit: int, after: Cursor | None, now_ns: int) -> Page:
        with self._read() as tables:
            rows = tables.list_runs(owner, wanted, limit + 1, after, now_ns)
        runs = [seen_run(row, owner, now_ns) for row in rows[:limit]]
        cursor = Cursor(runs[-1].started_ns, runs[-1].id).text() if len(rows) > limit else None
        return Page(runs, cursor)

    def run(self, owner: str, run_id: str, now_ns: int) -> Run | None:
        with self._read() as tables:
            row = _announced(tables.load_run(owner, run_id, payload=True))
        return seen_run(row, owner, now_ns) if row is not None else None

    def find_runs(self, owner: str, fragment: str, limit: int) -> list[str]:
        with self._read() as tables:
            found = {*tables.find_ids(owner, fragment)}
        if any(run_id == fragment for run_id, _ in found):
            return [fragment]
        newest_first = sorted(found, key=lambda row: (row[1], row[0]), reverse=True)
        return [run_id for run_id, _ in newest_first[:limit]]

    def spans(
        self, owner: str, run_id: str, *, payload: bool, after: int = 0, upto: int = MAX_SEQ
    ) -> list[Span]:
        with self._read() as tables:
            row = _announced(tables.load_run(owner, run_id))
            if row is None or after >= MAX_SEQ:
                return []
            found = tables.spans_between(owner, row, after + 1, min(upto, MAX_SEQ), payload=payload)
        return [span.span for span in found]

    def span(self, owner: str, run_id: str, span_id: str) -> Span | None:
        with self._read() as tables:
            row = _announced(tables.load_run(owner, run_id))
            found = tables.spans_by_id(owner, row, [span_id], payload=True) if row is not None else []
        return found[0].span if found else None

    def events_after(self, owner: str, run_id: str, seq: int, limit: int, *, payload: bool) -> list[Event]:
        with self._read() as tables:
            row = _announced(tables.load_run(owner, run_id, payload=payload))
            if row is None or seq >= row.last_told_seq:
                return []
            first, last = max(seq, 0) + 1, row.last_told_seq
            if not row.traceless:
                last = min(last, max(seq, 0) + limit)
            opened = tables.spans_between(owner, row, first, last, payload=payload)
            changed = tables.spans_changed(owner, row, first, last, payload=payload)
            replaced = [
                (number, place, _span_at(tables, owner, row, place, payload=payload))
                for number, place in tables.replaced_between(owner, row, first, last)
            ]
        return log.events_between(row, owner, opened, changed, replaced, first, last)[:limit]

    def silent_runs(self, after_ns: int, until_ns: int) -> list[tuple[str, str]]:
        with self._read() as tables:
            return tables.silent_runs(after_ns, until_ns)

    def drops(self, owner: str) -> dict[str, int]:
        with self._read() as tables:
            return tables.drops(owner)

    def key(self, digest: bytes) -> Key | None:
        with self._read() as tables:
            return tables.valid_key(digest)

    def keys(self, owner: str | None) -> list[Key]:
        with self._read() as tables:
            return tables.keys(owner)

    def change_mark(self) -> object:
        return self._database.change_mark()

    def tables(self) -> list[TableSize]:
        with self._read() as tables:
            return tables.sizes()

    def check(self) -> list[str]:
        with self._read() as tables:
            return tables.check()

    def describe(self) -> str:
        return self._database.describe()

    def close(self) -> None:
        self._database.close()

    def _write(self, work: Callable[[Tables], Result]) -> Result:
        return self._database.write(lambda connection: work(self._tables(connection)))

    @contextmanager
    def _read(self) -> Iterator[Tables]:
        with self._database.read() as connection:
            yield self._tables(connection)


def _announced(row: RunRow | None) -> RunRow | None:
    """Before somebody has said when a run began nobody sees it."""
    return row if row is not None and row.is_announced else None


def _span_at(tables: Tables, owner: str, row: RunRow, place: int, *, payload: bool) -> Span | None:
    """The span that first came under a number; None for a place that is no span's."""
    found = tables.spans_between(owner, row, place, place, payload=payload) if place > 0 else []
    return found[0].span if found else None
