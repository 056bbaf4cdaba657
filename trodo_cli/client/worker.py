"""A client over an agntz worker: a server that is not ours, and takes no events."""

import re
import threading
from collections.abc import Iterator
from typing import Any, NoReturn

import msgspec

from trodo_cli.client.base import DEFAULT_LIMIT, MAX_LIMIT, Keys, OnState, no_nth, no_span, one_of
from trodo_cli.client.hosted import POLL_SECONDS
from trodo_cli.client.http import Http
from trodo_cli.client.remote_agents import RemoteAgents
from trodo_cli.client.worker_api import WorkerApi
from trodo_cli.client.worker_stream import WorkerFollower
from trodo_cli.errors import InvalidInput, NotFound, Unavailable
from trodo_cli.model.event import Event
from trodo_cli.model.ids import canonical_id
from trodo_cli.model.payload import NO_PAYLOAD
from trodo_cli.model.run import Run, canonical_status
from trodo_cli.model.span import Span, light_span
from trodo_cli.model.trace import Trace
from trodo_cli.query.plan import RunFilter
from trodo_cli.stores.base import Page
from trodo_cli.wire.agntz import iso_time

PAGE_ROWS = 200
"""What a worker gives of a list at once."""

STATUSES = ("pending", "running", "completed", "failed", "cancelled")
"""What a worker can be asked for."""

_NTH = re.compile(r"@([1-9][0-9]{0,5})")
_ANY = RunFilter()
_ASKED = frozenset(("agent", "status", "started_after_ns", "started_before_ns", "roots_only"))


class WorkerClient:
    """See `client.base.Client`."""

    def __init__(self, http: Http, health: dict[str, str]) -> None:
        self._http = http
        self._health = health
        api = WorkerApi(http)
        self.runs = WorkerRuns(api)
        self.traces = WorkerTraces(api)
        self.agents = RemoteAgents(api.agents)

    @property
    def keys(self) -> Keys:
        raise InvalidInput("this server makes its keys itself: it is an agntz worker", "ask who runs it")

    def _take_no_events(self, *_: object, **__: object) -> NoReturn:
        """Raises what keeps the events in the spool of their program."""
        raise Unavailable(
            f"the server at {self._http.url} takes no events: it is an agntz worker",
            "name a file or a server of `trodo serve` as the target",
        )

    publish = publish_lines = heartbeat = asked_to_stop = record_drops = _take_no_events

    def drops(self) -> dict[str, int]:
        return {}

    def change_mark(self) -> object:
        return None

    def wait(self, mark: object, seconds: float = 1.0) -> None:  # noqa: ARG002 - nothing here changes by itself
        threading.Event().wait(min(seconds, POLL_SECONDS))

    def health(self) -> dict[str, str]:
        return self._health

    def close(self) -> None:
        self._http.close()


class WorkerRuns:
    """See `client.base.Runs`."""

    def __init__(self, api: WorkerApi) -> None:
        self._api = api

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
        return self._page((wanted or _ANY).narrowed(agent_id, status), limit, cursor)

    def get(self, run_id: str) -> Run:
        return self._api.run(run_id).run

    def find(self, reference: str) -> str:
        if reference == "latest" or reference.startswith("latest:"):
            return self._nth(1, reference.partition(":")[2] or None)
        if nth := _NTH.fullmatch(reference):
            return self._nth(int(nth[1]), None)
        try:
            return self.get(reference).id
        except NotFound:
            return self._fitting(reference)

    def start(self, *, agent_id: str, input: Any = msgspec.UNSET, session_id: str | None = None) -> Run:
        return self._api.start({"agentId": agent_id, "input": input, "sessionId": session_id})

    def cancel(
        self,
        run_id: str,
        *,
        reason: str | None = None,  # noqa: ARG002 - a worker keeps none
        by: str | None = None,  # noqa: ARG002
        force: bool = False,  # noqa: ARG002 - and knows no force
    ) -> Run:
        return self._api.cancel(run_id)

    def delete(self, run_id: str) -> None:
        raise InvalidInput(
            f"this server deletes no runs, so {run_id} stays", "`client.traces.delete` removes its spans"
        )

    def _page(self, wanted: RunFilter, limit: int, cursor: str | None) -> Page:
        """A part of a list, which may be several pages of the worker's."""
        query = _query(wanted)
        rows: list[Run] = []
        while True:
            asked = {**query, "limit": str(min(limit - len(rows), PAGE_ROWS))}
            found, cursor = self._api.runs(asked | ({"cursor": cursor} if cursor else {}))
            rows += [msgspec.structs.replace(run, payload=NO_PAYLOAD) for run in found]
            if not (found and cursor) or len(rows) >= limit:
                return Page(rows, cursor if found else None)

    def _nth(self, number: int, agent: str | None) -> str:
        rows = self._page(RunFilter(agent=agent), number, None).rows
        if len(rows) < number:
            raise no_nth(len(rows), agent)
        return rows[-1].id

    def _fitting(self, reference: str) -> str:
        """The one of the newest runs whose id begins or ends so."""
        page = self._page(RunFilter(roots_only=False), PAGE_ROWS, None)
        found = [run.id for run in page.rows if run.id.startswith(reference) or run.id.endswith(reference)]
        if not found and page.cursor:
            raise NotFound(f"no run {reference} among the newest {PAGE_ROWS}", "give the whole id")
        return one_of(found, reference)


class WorkerTraces:
    """See `client.base.Traces`."""

    def __init__(self, api: WorkerApi) -> None:
        self._api = api

    def get(self, run_id: str, *, payload: bool = True) -> Trace:
        trace = self._api.trace(run_id)
        if payload:
            return trace
        run, spans, _ = trace.rows()
        return Trace.from_rows(
            msgspec.structs.replace(run, payload=NO_PAYLOAD), [light_span(span) for span in spans]
        )

    def pages(self, run_id: str) -> Iterator[list[Span]]:
        yield self.get(run_id, payload=False).rows()[1]

    def span(self, run_id: str, span_id: str) -> Span:
        wanted = canonical_id(span_id)
        _, spans, _ = self._api.trace(run_id).rows()
        found = next((span for span in spans if span.id == wanted), None)
        if found is None:
            raise no_span(run_id, span_id)
        return found

    def stream(
        self, run_id: str, *, after: int = 0, payload: bool = True, on_state: OnState | None = None
    ) -> Iterator[Event]:
        if after > 0:
            raise InvalidInput(
                "this server keeps no event numbers", "follow the run from its beginning: leave out --since"
            )
        follower = WorkerFollower(self._api, canonical_id(run_id), payload=payload, on_state=on_state)
        return follower.events()

    def delete(self, run_id: str) -> None:
        self._api.delete_trace(run_id)


def _query(wanted: RunFilter) -> dict[str, str]:
    """A filter as query parameters; a worker's times are whole milliseconds. Raises `InvalidInput`."""
    for field in RunFilter.__struct_fields__:
        if field not in _ASKED and getattr(wanted, field) != getattr(_ANY, field):
            name = field.removesuffix("_ns").replace("_", " ")
            raise InvalidInput(
                f"this server cannot filter by {name}", "an agntz worker filters by agent, status and time"
            )
    after, before = wanted.started_after_ns, wanted.started_before_ns
    asked = {
        "agentId": wanted.agent,
        "status": _asked_status(wanted.status),
        "startedAfter": None if after is None else iso_time(after + 10**6 - 1),
        "startedBefore": None if before is None else iso_time(before),
        "rootsOnly": None if wanted.roots_only else "false",
    }
    return {name: value for name, value in asked.items() if value is not None}


def _asked_status(status: str | None) -> str | None:
    word = None if status is None else canonical_status(status)
    if word is None or word in STATUSES:
        return word
    raise InvalidInput(
        f"this server cannot filter by the status {status!r}", f"one of {', '.join(STATUSES)}, ok, error"
    )
