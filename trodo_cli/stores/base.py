"""What every store can do, and the rows they share. One contract test-suite runs against each."""

from collections.abc import Iterable, Sequence
from typing import Protocol

import msgspec

from trodo_cli.model.event import Event
from trodo_cli.model.key import Key
from trodo_cli.model.run import Cancel, Run
from trodo_cli.model.span import Span
from trodo_cli.query.plan import Cursor, RunFilter
from trodo_cli.stores.ledger import Ledger, Replaced, RunRow, SpanRow

MAX_COUNT = 2**53
"""A count goes no further; every reader still has it as a whole number."""

MAX_SEQ = 2**32 - 1
"""The highest number that an event can have."""


class Page(msgspec.Struct, frozen=True):
    """A part of a list; `cursor` fetches the next, None on the last."""

    rows: list[Run]
    cursor: str | None = None


class Appended(msgspec.Struct, frozen=True):
    """What became of a batch: events that changed something, and events that were known already."""

    stored: int
    known: int


class TableSize(msgspec.Struct, frozen=True):
    """A table: its rows, as far as the database knows them, and its bytes with all its indexes."""

    name: str
    rows: int
    bytes: int


class Store(Protocol):
    """Keeps the runs of many owners. An owner sees nothing of another's: a foreign id is a missing one.

    So every method about runs is told the owner. Those about keys are not: `key` is what finds the owner
    of a request, and the others are for who runs the store.
    """

    def append(self, owner: str, events: Sequence[Event], now_ns: int, *, alive: bool) -> Appended:
        """Store a batch in one transaction and number its changes. Only `live.Hub` calls it.

        `alive` says that the producer is at work now, which counts as a sign of life of its runs.
        Raises `StorageFull` or `Unavailable`; then nothing of the batch is stored.
        """

    def heartbeat(self, owner: str, run_ids: Sequence[str], now_ns: int) -> dict[str, Cancel]:
        """Note a sign of life of these runs; answers the cancel requests among them, now delivered."""

    def asked_to_stop(self, owner: str, run_ids: Sequence[str]) -> list[str]:
        """Which of these runs have a cancel request; only reads."""

    def list_runs(self, owner: str, wanted: RunFilter, limit: int, after: Cursor | None, now_ns: int) -> Page:
        """Runs, newest first, without payloads."""

    def run(self, owner: str, run_id: str, now_ns: int) -> Run | None:
        """One run with its payload, or None."""

    def find_runs(self, owner: str, fragment: str, limit: int) -> list[str]:
        """Ids of runs that begin or end with the text, newest first; an exact id alone when it fits."""

    def spans(
        self, owner: str, run_id: str, *, payload: bool, after: int = 0, upto: int = MAX_SEQ
    ) -> list[Span]:
        """The spans of a run that were first stored under a number above `after`, up to `upto`, in that order."""

    def span(self, owner: str, run_id: str, span_id: str) -> Span | None:
        """One span with its payload, or None."""

    def events_after(self, owner: str, run_id: str, seq: int, limit: int, *, payload: bool) -> list[Event]:
        """The events with the next `limit` numbers above `seq`, in order."""

    def delete_run(self, owner: str, run_id: str) -> bool:
        """Remove a run and its spans; False when there is none."""

    def delete_trace(self, owner: str, run_id: str) -> bool:
        """Remove the spans of a run; the run stays, and spans that still come are ignored.

        False when there is no such run or its spans were deleted before.
        """

    def record_drops(self, owner: str, counts: dict[str, int], now_ns: int) -> None:
        """Add to the count of what producers had to drop, by reason."""

    def drops(self, owner: str) -> dict[str, int]:
        """What producers had to drop so far, by reason."""

    def sweep(self, before_ns: int) -> int:
        """Remove spans of runs that nobody announced and that came before this time; how many runs."""

    def prune(self, before_ns: int, owner: str | None) -> int:
        """Remove the runs of an owner, or of all, that were last heard of before this time; how many.

        In many small transactions, so that nobody waits for long; one that fails leaves the rest for the next time.
        """

    def tables(self) -> list[TableSize]:
        """How much each table holds."""

    def check(self) -> list[str]:
        """What is wrong with the data, in words; reads all of it."""

    def silent_runs(self, after_ns: int, until_ns: int) -> list[tuple[str, str]]:
        """Owner and id of the runs at work that only their spans tell of, last heard of in that time."""

    def conclude(self, owner: str, run_id: str, until_ns: int, *, complete: bool) -> bool:
        """End such a run if it was not heard of after this time and no span of it is open; whether it did end.

        `complete`: nor may the parent of a span be missing.
        """

    def add_key(self, key: Key, digest: bytes) -> None:
        """Keep a new key under the digest of its secret."""

    def key(self, digest: bytes) -> Key | None:
        """The key of this digest; None for one that nobody made, and for a revoked one."""

    def keys(self, owner: str | None) -> list[Key]:
        """The keys of an owner, or of all, newest first, the revoked ones too."""

    def revoke_key(self, key_id: str, now_ns: int) -> Key | None:
        """End a key for good, at once for every process; None when there is no such key.

        One that is revoked already keeps its time.
        """

    def change_mark(self) -> object:
        """A value that differs after any process committed a change; cheap enough to poll."""

    def describe(self) -> str:
        """What keeps the runs, with its version."""

    def close(self) -> None:
        """Give back files and connections. The store is not used afterwards."""


class Tables(Protocol):
    """The rows of a store inside one transaction; those of an owner are found by the owner first.

    Of `row` only the key and the time of its first event matter where rows are looked up.
    """

    def run_to_change(self, owner: str, run_id: str, now_ns: int, *, payload: bool) -> RunRow:
        """One run, announced or not, new when there was none; until the transaction ends nobody else changes it."""

    def load_run(
        self, owner: str, run_id: str, *, payload: bool = False, hold: bool = False
    ) -> RunRow | None:
        """One run, announced or not; with `hold` nobody changes it until the transaction ends."""

    def list_runs(
        self, owner: str, wanted: RunFilter, limit: int, after: Cursor | None, now_ns: int
    ) -> list[RunRow]:
        """Announced runs, newest first."""

    def find_ids(self, owner: str, fragment: str) -> list[tuple[str, int]]:
        """Announced runs whose id begins or ends with the text, as id and start."""

    def children_of(self, owner: str, run_id: str) -> list[str]:
        """Ids of the runs directly below a run."""

    def cancels(self, owner: str, run_ids: Sequence[str]) -> list[tuple[str, Cancel]]:
        """The cancel requests among these runs."""

    def silent_runs(self, after_ns: int, until_ns: int) -> list[tuple[str, str]]:
        """Owner and id of the runs of every owner that only their spans tell of, last heard of in that time."""

    def touch(self, owner: str, run_ids: Sequence[str], now_ns: int) -> None:
        """Note a sign of life of these runs."""

    def save(self, owner: str, ledger: Ledger) -> None:
        """Write what a ledger has changed."""

    def delete_run(self, owner: str, row: RunRow) -> None:
        """Remove a run and everything about it."""

    def delete_trace(self, owner: str, row: RunRow) -> None:
        """Remove the spans of a run, and take no more of them."""

    def sweep(self, before_ns: int) -> int:
        """Remove runs of every owner that nobody has announced and that first came before; how many."""

    def prune(self, before_ns: int, owner: str | None, limit: int) -> int:
        """Remove so many runs at most, of an owner or of all, last heard of before this time; 0 when none is left."""

    def sizes(self) -> list[TableSize]:
        """How much each table holds."""

    def check(self) -> list[str]:
        """What is wrong with the rows, in words."""

    def spans_between(
        self, owner: str, row: RunRow, first: int, last: int, *, payload: bool
    ) -> list[SpanRow]:
        """The spans of a run that first came under one of these numbers, in that order."""

    def spans_changed(
        self, owner: str, row: RunRow, first: int, last: int, *, payload: bool
    ) -> list[SpanRow]:
        """The spans of a run whose latest change, other than their first, has one of these numbers."""

    def spans_by_id(
        self, owner: str, row: RunRow, span_ids: Sequence[str], *, payload: bool = False
    ) -> list[SpanRow]:
        """The spans of a run that have one of these ids."""

    def replaced_between(self, owner: str, row: RunRow, first: int, last: int) -> list[Replaced]:
        """The numbers in the range that a later change took over."""

    def marked(self, owner: str, row: RunRow, span_ids: Sequence[str]) -> set[str]:
        """Which of these ids have a span with an amount below them."""

    def load_payload(self, owner: str, row: RunRow, first_seq: int) -> msgspec.Raw:
        """The payload of one span."""

    def add_drops(self, owner: str, counts: dict[str, int], now_ns: int) -> None:
        """Add to the count of what producers had to drop."""

    def drops(self, owner: str) -> dict[str, int]:
        """What producers had to drop, by reason."""

    def add_key(self, key: Key, digest: bytes) -> None:
        """Keep a new key."""

    def valid_key(self, digest: bytes) -> Key | None:
        """The key of this digest, unless it is revoked."""

    def keys(self, owner: str | None) -> list[Key]:
        """All keys, or those of one owner, newest first."""

    def revoke_key(self, key_id: str, now_ns: int) -> Key | None:
        """End a key for good, the first time counts; None when there is none of this id."""


def batches(events: Iterable[Event]) -> dict[str, list[Event]]:
    """The events by run, in the order they came."""
    found: dict[str, list[Event]] = {}
    for event in events:
        found.setdefault(event.run_id, []).append(event)
    return found
