"""A client over a store in this process."""

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from trodo_cli.client.base import (
    DEFAULT_LIMIT,
    MAX_LIMIT,
    PAGE_SEQS,
    Agents,
    OnState,
    SpanPage,
    no_agent,
    no_nth,
    no_run,
    no_span,
    no_trace,
    one_of,
)
from trodo_cli.client.intake import Intake
from trodo_cli.errors import InvalidInput, NotFound
from trodo_cli.live import PAGE_EVENTS, Hub
from trodo_cli.model import ids
from trodo_cli.model.event import Event
from trodo_cli.model.key import SECRET_PREFIX, Key, digest, new_key_id, new_secret, owner_name, read_scopes
from trodo_cli.model.payload import NO_PAYLOAD
from trodo_cli.model.run import Cancel, Run, canonical_status
from trodo_cli.model.span import Span
from trodo_cli.model.trace import Trace
from trodo_cli.query.plan import STATUS_WORDS, Cursor, RunFilter, read_cursor
from trodo_cli.stores.base import Appended, Page, Store
from trodo_cli.wire.pricing import price_span, price_spans
from trodo_cli.wire.receipt import Receipt

if TYPE_CHECKING:
    from trodo_cli.client.starter import Starter

_NTH = re.compile(r"@([1-9][0-9]{0,5})")
_DASHED = re.compile(r"(?=.*[0-9a-fA-F])[0-9a-fA-F]*(-[0-9a-fA-F]*)+")
"""A part of a UUID as other tools write it."""

_KEYS_HINT = "`trodo keys list` shows the ids of all keys"


class LocalClient:
    """See `client.base.Client`."""

    starter: "Starter | None" = None
    """What starts agents; None where none were named."""

    def __init__(self, store: Store, owner: str, hub: Hub | None = None) -> None:
        self.hub = hub or Hub(store)
        self.owner = owner
        self.runs = LocalRuns(self)
        self.traces = LocalTraces(self.hub, owner)
        self.keys = LocalKeys(store)

    @property
    def agents(self) -> Agents:
        from trodo_cli.client.starter import LocalAgents

        return LocalAgents(self.starter)

    def of(self, owner: str) -> "LocalClient":
        """The same store as another owner sees it."""
        client = LocalClient(self.hub.store, owner, self.hub)
        client.starter = self.starter
        return client

    def publish(self, events: Sequence[Event], *, alive: bool = True) -> Appended:
        return self.hub.publish(self.owner, events, alive=alive)

    def publish_lines(self, lines: Sequence[bytes], *, alive: bool = True) -> Receipt:
        return Intake(enumerate(lines, start=1)).into(self, alive=alive)

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

    def health(self) -> dict[str, str]:
        return {"store": self.hub.store.describe()}

    def close(self) -> None:
        if self.starter is not None:
            self.starter.close()
        self.hub.store.close()


class LocalRuns:
    """See `client.base.Runs`."""

    def __init__(self, client: LocalClient) -> None:
        self._client = client
        self._hub = client.hub
        self._owner = client.owner

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
        asked = (wanted or RunFilter()).narrowed(agent_id, status)
        asked = msgspec.structs.replace(asked, status=_checked_status(asked.status))
        after = read_cursor(cursor) if cursor else None
        return self._hub.store.list_runs(self._owner, asked, limit, after, ids.now_ns())

    def get(self, run_id: str) -> Run:
        run = self._hub.store.run(self._owner, ids.canonical_id(run_id), ids.now_ns())
        if run is None:
            raise no_run(run_id)
        return run

    def find(self, reference: str) -> str:
        if reference == "latest" or reference.startswith("latest:"):
            return self._nth(1, reference.partition(":")[2] or None)
        if nth := _NTH.fullmatch(reference):
            return self._nth(int(nth[1]), None)
        found = self._hub.store.find_runs(self._owner, ids.canonical_id(reference), 4)
        if not found and _DASHED.fullmatch(reference):
            bare = reference.replace("-", "").lower()
            found = self._hub.store.find_runs(self._owner, bare, 4)
            if found:
                ids.check_part(bare)
        return one_of(found, reference)

    def start(self, *, agent_id: str, input: Any = None, session_id: str | None = None) -> Run:
        if self._client.starter is None:
            raise no_agent(agent_id)
        runner = self._client.starter.runner(self._client)
        return self.get(runner.start(self._owner, agent_id, input, session_id))

    def cancel(
        self, run_id: str, *, reason: str | None = None, by: str | None = None, force: bool = False
    ) -> Run:
        run = self.get(run_id)
        if not run.is_terminal and (run.cancel is None or (force and not run.cancel.force)):
            cancel = Cancel(requested_ns=ids.now_ns(), by=by, reason=reason, force=force)
            self._hub.cancel(self._owner, run.id, cancel)
        return self.get(run.id)

    def delete(self, run_id: str) -> None:
        if not self._hub.store.delete_run(self._owner, ids.canonical_id(run_id)):
            raise no_run(run_id)

    def _nth(self, number: int, agent: str | None) -> str:
        page = self._hub.store.list_runs(self._owner, RunFilter(agent=agent), number, None, ids.now_ns())
        if len(page.rows) < number:
            raise no_nth(len(page.rows), agent)
        return page.rows[-1].id


class LocalTraces:
    """See `client.base.Traces`."""

    def __init__(self, hub: Hub, owner: str) -> None:
        self._hub = hub
        self._owner = owner

    def get(self, run_id: str, *, payload: bool = True) -> Trace:
        run = self.traced(run_id)
        if not payload:
            run.payload = NO_PAYLOAD
        spans = self._hub.store.spans(self._owner, run.id, payload=payload)
        if not self._hub.prices:
            price_spans(spans, payload=payload)
        return Trace.from_rows(run, spans, self._below(run.id))

    def pages(self, run_id: str) -> Iterator[list[Span]]:
        after: int | None = 0
        while after is not None:
            page = self.page(run_id, after)
            yield page.rows
            after = page.after

    def page(self, run_id: str, after: int = 0) -> SpanPage:
        """The spans that were first stored under the next numbers above `after`. Raises `NotFound`."""
        run = self.traced(run_id)
        upto = after + PAGE_SEQS
        rows = self._hub.store.spans(self._owner, run.id, payload=False, after=after, upto=upto)
        return SpanPage(rows, upto if upto < run.last_seq else None)

    def traced(self, run_id: str) -> Run:
        """A run whose trace can be read."""
        run = self._hub.store.run(self._owner, ids.canonical_id(run_id), ids.now_ns())
        if run is None:
            raise no_run(run_id)
        if run.traceless:
            raise no_trace(run_id)
        return run

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
            self.traced(run_id)
            raise no_span(run_id, span_id)
        if not self._hub.prices:
            price_span(span)
        return span

    def news(self, run_id: str, after: int, *, payload: bool = True, limit: int = PAGE_EVENTS) -> list[Event]:
        """What there is to tell now after a number; see `live.Hub.news`. Raises `NotFound`."""
        return self._hub.news(self._owner, ids.canonical_id(run_id), after, payload=payload, limit=limit)

    def stream(
        self, run_id: str, *, after: int = 0, payload: bool = True, on_state: OnState | None = None
    ) -> Iterator[Event]:
        self.traced(run_id)
        tell = on_state or (lambda _state: None)
        tell("live")
        yield from self._hub.follow(self._owner, ids.canonical_id(run_id), after, payload=payload)
        tell("ended")

    def delete(self, run_id: str) -> None:
        if not self._hub.store.delete_trace(self._owner, ids.canonical_id(run_id)):
            raise no_trace(run_id)


class LocalKeys:
    """See `client.base.Keys`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def create(self, owner: str, scopes: Sequence[str], label: str = "") -> tuple[Key, str]:
        key = Key(
            id=new_key_id(),
            owner=owner_name(owner),
            scopes=read_scopes(",".join(scopes)),
            label=label,
            created_ns=ids.now_ns(),
        )
        secret = new_secret()
        self._store.add_key(key, digest(secret))
        return key, secret

    def list(self, owner: str | None = None) -> Sequence[Key]:
        return self._store.keys(owner)

    def revoke(self, key_id: str) -> Key:
        if key_id.startswith(SECRET_PREFIX):
            raise InvalidInput("this is a key itself, not the id of one", _KEYS_HINT)
        key = self._store.revoke_key(key_id, ids.now_ns())
        if key is None:
            raise NotFound(f"no key {key_id}", _KEYS_HINT)
        return key


def _checked_status(status: str | None) -> str | None:
    if status is None:
        return None
    word = canonical_status(status)
    if word not in STATUS_WORDS:
        raise InvalidInput(f"unknown status {status!r}", f"one of {', '.join(STATUS_WORDS)}, ok, error")
    return word
