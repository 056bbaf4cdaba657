"""A client over a server of ours."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from msgspec import UNSET

from trodo_cli.client.asked import AskedRuns
from trodo_cli.client.base import (
    DEFAULT_LIMIT,
    Client,
    Keys,
    OnState,
    SpanPage,
    no_agent,
    no_run,
    no_span,
    no_trace,
)
from trodo_cli.client.http import FIRST_ANSWER_SECONDS, Http, KeyOf, TooLarge, part, read_json
from trodo_cli.client.remote_agents import RemoteAgents
from trodo_cli.client.sse import Follower
from trodo_cli.errors import InvalidInput, NotFound
from trodo_cli.model.agent import Agent
from trodo_cli.model.event import Event
from trodo_cli.model.ids import canonical_id
from trodo_cli.model.run import Cancel, Run
from trodo_cli.model.span import Span
from trodo_cli.model.trace import Trace
from trodo_cli.query.plan import RunFilter
from trodo_cli.stores.base import Appended, Page
from trodo_cli.wire.native import write_event
from trodo_cli.wire.receipt import Asked, Beat, Cancels, Drops, Receipt, Refusal, joined
from trodo_cli.wire.requests import CancelRequest, Found, StartRequest, TraceRows, list_query

POLL_SECONDS = 0.25
"""How often one who waits for anything new looks again."""


def open_server(url: str, key_of: KeyOf) -> Client:
    """A client for the server at a URL, ours or one that speaks agntz. Raises `Unavailable`."""
    http = Http(url, key_of)
    try:
        health = read_json(http.get("/health", within_seconds=FIRST_ANSWER_SECONDS), dict[str, str])
    except BaseException:
        http.close()
        raise
    if health.get("service") == "trodo":
        return HostedClient(http, health)
    from trodo_cli.client.worker import WorkerClient

    return WorkerClient(http, health)


class HostedClient:
    """See `client.base.Client`."""

    def __init__(self, http: Http, health: dict[str, str]) -> None:
        self._http = http
        self._health = {name: text for name, text in health.items() if name != "status"}
        self._asked = AskedRuns(self._ask)
        self.agents = RemoteAgents(lambda: read_json(http.get("/agents"), list[Agent]))
        self.runs = HostedRuns(http, self.agents.list)
        self.traces = HostedTraces(http)

    @property
    def keys(self) -> Keys:
        raise InvalidInput("keys are made where the store is", "run `trodo keys` on the server's machine")

    def publish(self, events: Sequence[Event], *, alive: bool = True) -> Appended:
        receipt = self.publish_lines([write_event(event) for event in events], alive=alive)
        if receipt.refused:
            raise InvalidInput(f"{receipt.refused} events were refused: {receipt.refusals[0].error}")
        return Appended(receipt.stored, receipt.known)

    def publish_lines(self, lines: Sequence[bytes], *, alive: bool = True) -> Receipt:
        try:
            answer = self._http.post_lines(
                "/v1/events", b"\n".join(lines), {} if alive else {"alive": "false"}
            )
        except TooLarge as error:
            if len(lines) == 1:
                return Receipt(0, 0, 1, [Refusal(1, error.message)])
            half = len(lines) // 2
            first = self.publish_lines(lines[:half], alive=alive)
            return joined(first, self.publish_lines(lines[half:], alive=alive), half)
        receipt = read_json(answer, Receipt)
        self._asked.learn(receipt.asked)
        return receipt

    def heartbeat(self, run_ids: Sequence[str]) -> dict[str, Cancel]:
        answer = self._http.post("/v1/heartbeats", Beat(list(run_ids)))
        return read_json(answer, Cancels).cancels

    def asked_to_stop(self, run_ids: Sequence[str]) -> list[str]:
        return self._asked.among(run_ids)

    def record_drops(self, counts: dict[str, int]) -> None:
        self._http.post("/v1/drops", Drops(counts))

    def drops(self) -> dict[str, int]:
        return read_json(self._http.get("/v1/drops"), Drops).dropped

    def change_mark(self) -> object:
        return None

    def wait(self, mark: object, seconds: float = 1.0) -> None:  # noqa: ARG002 - nothing here changes by itself
        threading.Event().wait(min(seconds, POLL_SECONDS))

    def health(self) -> dict[str, str]:
        return self._health

    def close(self) -> None:
        self._asked.close()
        self._http.close()

    def _ask(self, run_ids: list[str], seconds: float) -> list[str]:
        answer = self._http.post("/v1/asked", Beat(run_ids, seconds), wait_seconds=seconds)
        return read_json(answer, Asked).asked


class HostedRuns:
    """See `client.base.Runs`."""

    def __init__(self, http: Http, agents: Callable[[], Sequence[Agent]]) -> None:
        self._http = http
        self._agents = agents

    def list(
        self,
        *,
        agent_id: str | None = None,
        status: str | None = None,
        limit: int = DEFAULT_LIMIT,
        cursor: str | None = None,
        wanted: RunFilter | None = None,
    ) -> Page:
        asked = (wanted or RunFilter()).narrowed(agent_id, status)
        return read_json(self._http.get("/runs", list_query(asked, limit, cursor)), Page)

    def get(self, run_id: str) -> Run:
        with _missing(no_run(run_id)):
            return read_json(self._http.get(f"/runs/{_id(run_id)}"), Run)

    def find(self, reference: str) -> str:
        return read_json(self._http.get("/find", {"run": reference}), Found).id

    def start(self, *, agent_id: str, input: Any = UNSET, session_id: str | None = None) -> Run:
        asked = StartRequest(agent_id, input, session_id)
        try:
            return read_json(self._http.post("/runs", asked), Run)
        except NotFound:
            raise no_agent(agent_id, self._agents()) from None

    def cancel(
        self, run_id: str, *, reason: str | None = None, by: str | None = None, force: bool = False
    ) -> Run:
        asked = CancelRequest(reason=reason, by=by, force=force)
        with _missing(no_run(run_id)):
            return read_json(self._http.post(f"/runs/{_id(run_id)}/cancel", asked), Run)

    def delete(self, run_id: str) -> None:
        with _missing(no_run(run_id)):
            self._http.request("DELETE", f"/runs/{_id(run_id)}")


class HostedTraces:
    """See `client.base.Traces`."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def get(self, run_id: str, *, payload: bool = True) -> Trace:
        query = {} if payload else {"payload": "false"}
        with self._present(run_id):
            rows = read_json(self._http.get(f"/traces/{_id(run_id)}", query), TraceRows)
        return Trace.from_rows(rows.run, rows.spans, rows.children)

    def pages(self, run_id: str) -> Iterator[list[Span]]:
        path = f"/traces/{_id(run_id)}/spans"
        after: int | None = 0
        with self._present(run_id):
            while after is not None:
                page = read_json(self._http.get(path, {"cursor": str(after)}), SpanPage)
                yield page.rows
                after = page.after

    def span(self, run_id: str, span_id: str) -> Span:
        path = f"/traces/{_id(run_id)}/spans/{_id(span_id)}"
        with self._present(run_id, no_span(run_id, span_id)):
            return read_json(self._http.get(path), Span)

    def stream(
        self, run_id: str, *, after: int = 0, payload: bool = True, on_state: OnState | None = None
    ) -> Iterator[Event]:
        path = f"/traces/{_id(run_id)}/stream"
        with self._present(run_id):
            yield from Follower(self._http, path, after, payload=payload, on_state=on_state).events()

    def delete(self, run_id: str) -> None:
        with _missing(no_trace(run_id)):
            self._http.request("DELETE", f"/traces/{_id(run_id)}")

    @contextmanager
    def _present(self, run_id: str, otherwise: NotFound | None = None) -> Iterator[None]:
        """A server tells only that something is missing: find out whether it is the run or its trace."""
        try:
            yield
        except NotFound:
            with _missing(no_run(run_id)):
                run = read_json(self._http.get(f"/runs/{_id(run_id)}"), Run)
            raise (otherwise if otherwise and not run.traceless else no_trace(run_id)) from None


def _id(text: str) -> str:
    """An id as a part of a path. Raises `InvalidInput` for what is none."""
    return part(canonical_id(text))


@contextmanager
def _missing(error: NotFound) -> Iterator[None]:
    """A server does not repeat what it was asked for; we do."""
    try:
        yield
    except NotFound:
        raise error from None
