"""The auditor: reads the store and the logs, and compares them with what was acknowledged, event by event."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tests.harness.traffic import Mark, mark
from tests.harness.verdict import Failed
from tests.harness.writers import Batch, Writer
from trodo_cli.client import LOCAL_OWNER
from trodo_cli.model.event import Event
from trodo_cli.stores.base import Store

PAGE_EVENTS = 1_000


class Told(NamedTuple):
    """An event as a reader is told it."""

    seq: int
    type: str
    span: str


def told(event: Event) -> Told:
    return Told(event.seq, *mark(event))


class Books:
    """The events of every run of a store whose server has ended."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._runs: dict[str, list[Told]] = {}
        self._marks: dict[str, set[Mark]] = {}

    def run(self, run_id: str) -> list[Told]:
        """All that the store tells of a run, from the first number on."""
        if run_id not in self._runs:
            self._runs[run_id] = self._read(run_id)
        return self._runs[run_id]

    def marks(self, run_id: str) -> set[Mark]:
        """What happened in a run."""
        if run_id not in self._marks:
            self._marks[run_id] = {(entry.type, entry.span) for entry in self.run(run_id)}
        return self._marks[run_id]

    def close(self) -> None:
        self._store.close()

    def _read(self, run_id: str) -> list[Told]:
        found: list[Told] = []
        while page := self._store.events_after(
            LOCAL_OWNER, run_id, found[-1].seq if found else 0, PAGE_EVENTS, payload=False
        ):
            found += map(told, page)
        return found


def check_writers(books: Books, writers: Iterable[Writer], others: Iterable[tuple[str, Mark]] = ()) -> int:
    """What was acknowledged is stored, once, numbered without a gap, and nothing else is; how many events that is.

    `others` are events, by run, that were recorded by other means.
    """
    acknowledged: dict[str, Counter[Mark]] = {}
    for run_id, known in others:
        acknowledged.setdefault(run_id, Counter())[known] += 1
    possible: dict[str, set[Mark]] = {}
    for writer in writers:
        for event in _events(writer.acknowledged):
            acknowledged.setdefault(event.run_id, Counter())[mark(event)] += 1
        for event in _events(writer.given_up):
            possible.setdefault(event.run_id, set()).add(mark(event))
    for run_id in {**acknowledged, **possible}:
        _check_run(
            books.run(run_id), run_id, acknowledged.get(run_id, Counter()), possible.get(run_id, set())
        )
    for writer in writers:
        for batch in writer.given_up:
            _check_whole(books, batch)
    return sum(len(books.run(run_id)) for run_id in {**acknowledged, **possible})


def check_log(log: Sequence[Told], stored: Sequence[Told], who: str) -> None:
    """A reader was told what is stored: every event, once, in order."""
    seqs = [entry.seq for entry in log]
    if len(set(seqs)) < len(seqs):
        (seq, times), *_ = Counter(seqs).most_common(1)
        raise Failed("repeat", f"{who} was told event {seq} {times} times")
    if missing := sorted({entry.seq for entry in stored} - set(seqs)):
        raise Failed("gap", f"{who} was not told {len(missing)} of {len(stored)} events, first {missing[0]}")
    for one, other in zip(log, stored, strict=False):
        if one != other:
            raise Failed("different", f"{who} was told {one}, the store tells {other}")
    if len(log) != len(stored):
        raise Failed("different", f"{who} was told {len(log)} events, the store tells {len(stored)}")


def _check_run(stored: Sequence[Told], run_id: str, acknowledged: Counter[Mark], possible: set[Mark]) -> None:
    if [entry.seq for entry in stored] != list(range(1, len(stored) + 1)):
        raise Failed(
            "numbers", f"the {len(stored)} events of run {run_id} are not numbered 1 to {len(stored)}"
        )
    found = Counter((entry.type, entry.span) for entry in stored)
    if lost := acknowledged - found:
        raise Failed("lost", f"run {run_id} lacks {lost.total()} acknowledged events: {_some(lost)}")
    if unknown := found.keys() - acknowledged.keys() - possible:
        raise Failed("unknown", f"run {run_id} has {len(unknown)} events that nobody sent: {_some(unknown)}")
    if repeated := [known for known, times in found.items() if times > 1]:
        raise Failed("repeat", f"run {run_id} has {len(repeated)} events more than once: {_some(repeated)}")


def _check_whole(books: Books, batch: Batch) -> None:
    """Nobody knows whether this batch was stored; but it was not stored by halves."""
    found = [mark(event) in books.marks(event.run_id) for event in batch]
    if any(found) and not all(found):
        raise Failed("torn", f"of a batch of {len(batch)} events {sum(found)} are stored")


def _events(batches: Iterable[Batch]) -> Iterable[Event]:
    return (event for batch in batches for event in batch)


def _some(found: Iterable[object]) -> str:
    return ", ".join(str(one) for one in list(found)[:3])
