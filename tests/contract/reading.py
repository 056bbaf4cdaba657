"""Writing to and reading from a store through its public methods, in the forms that tests compare."""

import time
from collections.abc import Iterator

import msgspec

from tests.contract.events import NOW
from trodo_cli.model.event import Event
from trodo_cli.model.payload import NO_PAYLOAD
from trodo_cli.model.run import Cancel, Run
from trodo_cli.query.plan import Cursor, RunFilter, read_cursor
from trodo_cli.stores.base import Appended, Store

OWNER = "ada"

QUIET_SECONDS = 0.3
"""How long nothing is heard once every commit was told of."""

EVERY_RUN = RunFilter(roots_only=False)


def append(
    store: Store, *events: Event, owner: str = OWNER, now_ns: int = NOW, alive: bool = True
) -> Appended:
    """Store the events as one batch."""
    return store.append(owner, events, now_ns, alive=alive)


def events_of(
    store: Store, run_id: str, *, owner: str = OWNER, page: int = 1_000, payload: bool = True
) -> list[Event]:
    """All events of a run, read in pages of this size."""
    found: list[Event] = []
    while more := store.events_after(owner, run_id, found[-1].seq if found else 0, page, payload=payload):
        found += more
    return found


def told(store: Store, run_id: str) -> list[tuple[int, str]]:
    """The number and the kind of every event of a run."""
    return [(event.seq, event.type) for event in events_of(store, run_id)]


def numbers(store: Store, run_id: str, *, owner: str = OWNER) -> list[int]:
    return [event.seq for event in events_of(store, run_id, owner=owner)]


def run_of(store: Store, run_id: str, *, owner: str = OWNER, now_ns: int = NOW) -> Run:
    """A run that must be there."""
    run = store.run(owner, run_id, now_ns)
    assert run is not None, f"no run {run_id} of {owner}"
    return run


def cancel_of(store: Store, run_id: str) -> Cancel | None:
    return run_of(store, run_id).cancel


def pages(
    store: Store, wanted: RunFilter, limit: int, *, owner: str = OWNER, now_ns: int = NOW
) -> Iterator[list[Run]]:
    """A list of runs page by page, each read when it is asked for."""
    after: Cursor | None = None
    while True:
        page = store.list_runs(owner, wanted, limit, after, now_ns)
        yield page.rows
        if page.cursor is None:
            return
        before, after = after, read_cursor(page.cursor)
        assert after != before, "the same page again"


def listed(
    store: Store, wanted: RunFilter = EVERY_RUN, *, owner: str = OWNER, now_ns: int = NOW
) -> list[str]:
    """The ids of all runs that fit, newest first."""
    return [run.id for rows in pages(store, wanted, 1_000, owner=owner, now_ns=now_ns) for run in rows]


def said(run: Run) -> Run:
    """A run without what depends on when and in which order its events came."""
    return msgspec.structs.replace(run, owner="", last_seq=0, heartbeat_ns=None)


def dump(store: Store, owner: str = OWNER) -> str:
    """All that an owner can read, a JSON text a line, without numbers and receive times."""
    lines: list[str] = []
    for run_id in sorted(listed(store, owner=owner)):
        run = said(run_of(store, run_id, owner=owner))
        below = sorted(listed(store, RunFilter(parent_id=run_id), owner=owner))
        spans = sorted(store.spans(owner, run_id, payload=True), key=lambda span: span.id)
        assert [light(span.payload) for span in store.spans(owner, run_id, payload=False)] == [True] * len(
            spans
        )
        lines += [_line("run", run, below), *(_line("  span", span) for span in spans)]
    return "\n".join(lines)


def light(text: msgspec.Raw) -> bool:
    """Whether there is no payload at all."""
    return bytes(text) == bytes(NO_PAYLOAD)


def _line(kind: str, *values: object) -> str:
    return kind + " " + " ".join(msgspec.json.encode(value).decode() for value in values)


def settled_mark(store: Store) -> object:
    """The change mark once it stays: a database tells of a commit a little later."""
    mark, before = store.change_mark(), object()
    while mark != before:
        time.sleep(QUIET_SECONDS)
        mark, before = store.change_mark(), mark
    return mark
