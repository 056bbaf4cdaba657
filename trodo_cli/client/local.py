"""A client over a store in this process."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from trodo_cli.client.base import (
    DEFAULT_LIMIT,
    MAX_LIMIT,
    Agents,
    no_agent,
    no_nth,
    no_run,
    one_of,
)
from trodo_cli.client.intake import Intake
from trodo_cli.client.local_keys import LocalKeys
from trodo_cli.client.local_traces import LocalTraces
from trodo_cli.errors import InvalidInput
from trodo_cli.live import Hub
from trodo_cli.model import ids
from trodo_cli.model.event import Event
from trodo_cli.model.run import Cancel, Run, canonical_status
from trodo_cli.query.plan import STATUS_WORDS, RunFilter, read_cursor
from trodo_cli.stores.base import Appended, Page, Store
from trodo_cli.wire.receipt import Receipt

if TYPE_CHECKING:
    from trodo_cli.client.starter import Starter

_NTH = re.compile(r"@([1-9][0-9]{0,5})")
_DASHED = re.compile(r"(?=.*[0-9a-fA-F])[0-9a-fA-F]*(-[0-9a-fA-F]*)+")
"""A part of a UUID as other tools write it."""


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

    def start(self, *, agent_id: str, input: Any = msgspec.UNSET, session_id: str | None = None) -> Run:
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


def _checked_status(status: str | None) -> str | None:
    if status is None:
        return None
    word = canonical_status(status)
    if word not in STATUS_WORDS:
        raise InvalidInput(f"unknown status {status!r}", f"one of {', '.join(STATUS_WORDS)}, ok, error")
    return word
