"""A client over a store in this process."""

import re
from collections.abc import Iterator, Sequence

import msgspec

from trodo_cli.client.base import DEFAULT_LIMIT, MAX_LIMIT
from trodo_cli.errors import Ambiguous, InvalidInput, NotFound
from trodo_cli.live import Hub
from trodo_cli.model import ids
from trodo_cli.model.event import Event
from trodo_cli.model.payload import NO_PAYLOAD
from trodo_cli.model.run import RUN_STATUSES, Cancel, Run, canonical_status
from trodo_cli.model.span import Span
from trodo_cli.model.trace import Trace
from trodo_cli.query.plan import Cursor, RunFilter, read_cursor
from trodo_cli.stores.base import Appended, Page, Store

_NTH = re.compile(r"@([1-9][0-9]{0,5})")
_DASHED = re.compile(r"(?=.*[0-9a-fA-F])[0-9a-fA-F]*(-[0-9a-fA-F]*)+")
"""A part of a UUID as other tools write it."""

_LIST_HINT = "`trodo runs list` shows the runs there are"


class LocalClient:
    """See `client.base.Client`."""

    def __init__(self, store: Store, owner: str) -> None:
        self.hub = Hub(store)
        self.owner = owner
        self.runs = LocalRuns(self.hub, owner)
        self.traces = LocalTraces(self.hub, owner)

    def publish(self, events: Sequence[Event], *, alive: bool = True) -> Appended:
        return self.hub.publish(self.owner, events, alive=alive)

    def heartbeat(self, run_ids: Sequence[str]) -> dict[str, Cancel]:
        return self.hub.heartbeat(self.owner, run_ids)

    def asked_to_stop(self, run_ids: Sequence[str]) -> list[str]:
        return self.hub.store.asked_to_stop(self.owner, run_ids)

    def record_drops(self, counts: dict[str, int]) -> None:
        self.hub.store.record_drops(self.owner, counts, ids.now_ns())

    def drops(self) -> dict[str, int]:
        return self.hub.store.drops(self.owner)

    def change_mark(self) -> object:
        return self.hub.store.change_mark()

    def wait(self, mark: object, seconds: float = 1.0) -> None:
        self.hub.wait(mark, seconds)

    def close(self) -> None:
        self.hub.store.close()


class LocalRuns:
    """See `client.base.Runs`."""

    def __init__(self, hub: Hub, owner: str) -> None:
        self._hub = hub
        self._owner = owner

    def list(
        self,
        *,
        agent_id: str | None = None,
        status: str | None = None,
        limit: int = DEFAULT_LIMIT,
        cursor: str | None = None,
        wanted: RunFilter | None = None,
    ) -> Page:
        if not 1 <= limit <= MAX_LIMIT:
            raise InvalidInput(f"limit is {limit}", f"a limit is from 1 to {MAX_LIMIT}")
        asked = wanted or RunFilter()
        asked = msgspec.structs.replace(
            asked, agent=agent_id or asked.agent, status=_checked_status(status or asked.status)
        )
        after = read_cursor(cursor) if cursor else None
        return self._hub.store.list_runs(self._owner, asked, limit, after, ids.now_ns())

    def get(self, run_id: str) -> Run:
        run = self._hub.store.run(self._owner, ids.canonical_id(run_id), ids.now_ns())
        if run is None:
            raise NotFound(f"no run {run_id}", _LIST_HINT)
        return run

    def find(self, reference: str) -> str:
        if reference == "latest" or reference.startswith("latest:"):
            return self._nth(1, reference.partition(":")[2] or None)
        if nth := _NTH.fullmatch(reference):
            return self._nth(int(nth[1]), None)
        found = self._hub.store.find_runs(self._owner, ids.canonical_id(reference), 4)
        if not found and _DASHED.fullmatch(reference):
            found = self._hub.store.find_runs(self._owner, reference.replace("-", "").lower(), 4)
        if not found:
            raise NotFound(f"no run {reference}", _LIST_HINT)
        if len(found) > 1:
            some = ", ".join(found[:3]) + (", …" if len(found) > 3 else "")
            raise Ambiguous(f"several runs fit {reference}: {some}", "give more of the id")
        return found[0]

    def cancel(self, run_id: str, *, reason: str | None = None, by: str | None = None) -> Run:
        run = self.get(run_id)
        if not run.is_terminal and run.cancel is None:
            self._hub.cancel(self._owner, run.id, Cancel(requested_ns=ids.now_ns(), by=by, reason=reason))
        return self.get(run.id)

    def delete(self, run_id: str) -> None:
        if not self._hub.store.delete_run(self._owner, ids.canonical_id(run_id)):
            raise NotFound(f"no run {run_id}", _LIST_HINT)

    def _nth(self, number: int, agent: str | None) -> str:
        page = self._hub.store.list_runs(self._owner, RunFilter(agent=agent), number, None, ids.now_ns())
        if len(page.rows) < number:
            what = f"only {len(page.rows)} runs" if page.rows else "no runs"
            raise NotFound(f"there are {what}{f' of {agent}' if agent else ''}", "`trodo demo` makes a few")
        return page.rows[-1].id


class LocalTraces:
    """See `client.base.Traces`."""

    def __init__(self, hub: Hub, owner: str) -> None:
        self._hub = hub
        self._owner = owner

    def get(self, run_id: str, *, payload: bool = True) -> Trace:
        store, now_ns = self._hub.store, ids.now_ns()
        run = store.run(self._owner, ids.canonical_id(run_id), now_ns)
        if run is None:
            raise NotFound(f"no run {run_id}", _LIST_HINT)
        if not payload:
            run.payload = NO_PAYLOAD
        return Trace.from_rows(run, store.spans(self._owner, run.id, payload=payload), self._below(run.id))

    def _below(self, run_id: str) -> list[Run]:
        """The runs directly below, in the order they began."""
        found: list[Run] = []
        cursor: Cursor | None = None
        while True:
            page = self._hub.store.list_runs(
                self._owner, RunFilter(parent_id=run_id), MAX_LIMIT, cursor, ids.now_ns()
            )
            found += page.rows
            if page.cursor is None:
                return found[::-1]
            cursor = read_cursor(page.cursor)

    def span(self, run_id: str, span_id: str) -> Span:
        span = self._hub.store.span(self._owner, ids.canonical_id(run_id), ids.canonical_id(span_id))
        if span is None:
            raise NotFound(
                f"no span {span_id} in run {run_id}", f"`trodo trace show {run_id}` shows its spans"
            )
        return span

    def stream(self, run_id: str, *, after: int = 0, payload: bool = True) -> Iterator[Event]:
        return self._hub.follow(self._owner, ids.canonical_id(run_id), after, payload=payload)


def _checked_status(status: str | None) -> str | None:
    if status is None:
        return None
    word = canonical_status(status)
    if word not in RUN_STATUSES:
        raise InvalidInput(f"unknown status {status!r}", f"one of {', '.join(RUN_STATUSES)}, ok, error")
    return word
