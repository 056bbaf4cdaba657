"""The routes of an agntz worker, answered in our model."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

from msgspec import UNSET

from trodo_cli.client.base import no_run, no_trace
from trodo_cli.client.http import Http, part
from trodo_cli.client.sse import frames
from trodo_cli.errors import InvalidInput, NotFound, Unavailable
from trodo_cli.model.agent import Agent
from trodo_cli.model.ids import canonical_id
from trodo_cli.model.registers import folded_run
from trodo_cli.model.run import Run
from trodo_cli.model.trace import Trace
from trodo_cli.wire.agntz_agents import read_agents
from trodo_cli.wire.agntz_read import read_page, read_run, read_trace
from trodo_cli.wire.agntz_shapes import id_from

PAUSES_SECONDS = (0.05, 0.1, 0.15, 0.3, 0.4)
"""Between looks at what a worker writes a moment after a run has ended."""

_JSON = {"accept": "application/json"}
_EVENTS = {"accept": "text/event-stream"}

Value = TypeVar("Value")


class Known(NamedTuple):
    """A run as it stands, and the root of the tree it is in: only a root's id is a trace's on a worker."""

    run: Run
    root_id: str

    @property
    def is_child(self) -> bool:
        return self.root_id != self.run.id

    def held_by_root(self) -> NotFound:
        """The run is a part of another one's trace."""
        return NotFound(
            f"run {self.run.id} has no trace of its own on this server: it is part of run {self.root_id}",
            f"`trodo trace show {self.root_id}` shows both",
        )


class WorkerApi:
    """One worker. Raises `InvalidInput` for an answer that cannot be read."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def runs(self, query: Mapping[str, str]) -> tuple[list[Run], str | None]:
        """A page of runs and the cursor to the next."""
        try:
            answer = self._asked("GET", "/runs", query)
        except NotFound:
            raise InvalidInput(
                f"the server at {self._http.url} has no runs: it is neither trodo's nor an agntz worker",
                "check --target; `trodo serve` starts a server",
            ) from None
        return told(answer, lambda page: read_page(page, read_run))

    def run(self, run_id: str) -> Known:
        """Raises `NotFound`."""
        try:
            return told(self._asked("GET", _path("runs", run_id)), _known)
        except NotFound:
            raise no_run(run_id) from None

    def start(self, body: Mapping[str, Any]) -> Run:
        """Start an agent; the run as it is right now. An unknown one makes a run that fails."""
        said = {name: value for name, value in body.items() if value not in (None, UNSET)}
        return told(self._http.post("/runs", said, accept="application/json").content, read_run)

    def agents(self) -> list[Agent]:
        """What can be started, as far as a worker tells."""
        return told(self._asked("GET", "/agents"), read_agents)

    def cancel(self, run_id: str) -> Run:
        """Ask a run to stop; the run as it is right now.

        Raises `NotFound`, and `Unavailable` for a run that the worker only has on record.
        """
        try:
            return told(self._asked("POST", f"{_path('runs', run_id)}/cancel"), read_run)
        except NotFound:
            run = self.run(run_id).run
        if not run.is_terminal:
            raise Unavailable(
                f"run {run.id} cannot be stopped: the server knows it only from its records",
                "the process that ran it has ended",
            )
        return run

    def trace(self, run_id: str) -> Trace:
        """A run's spans, and of the run itself what its own record says too.

        A worker has no trace of a run at work: it is the run alone. When the run has ended the trace is
        waited for. Raises `NotFound`.
        """
        for _ in moments():
            trace, known = self._trace(run_id), self.run(run_id)
            if trace is None and known.is_child:
                raise known.held_by_root()
            if (trace is not None and trace.summary.is_terminal) == known.run.is_terminal:
                break
        if trace is not None:
            summary, spans, _ = trace.rows()
            return Trace.from_rows(folded_run(summary.id, summary, known.run), spans)
        if known.run.is_terminal:
            raise no_trace(run_id)
        return Trace.from_rows(known.run, [])

    def delete_trace(self, run_id: str) -> None:
        """Raises `NotFound`."""
        try:
            self._asked("DELETE", _path("traces", run_id))
        except NotFound:
            known = self.run(run_id)
            raise known.held_by_root() if known.is_child else no_trace(run_id) from None

    @contextmanager
    def stream(self, run_id: str) -> Iterator[Iterator[str]]:
        """The data of the frames of the trace stream. Raises `NotFound`, and `Unavailable` when it breaks."""
        path = f"{_path('traces', run_id)}/stream"
        with self._http.stream(path, {}, _EVENTS) as response:
            yield frames(response)

    def _trace(self, run_id: str) -> Trace | None:
        try:
            return told(self._asked("GET", _path("traces", run_id)), read_trace)
        except NotFound:
            return None

    def _asked(self, method: str, path: str, query: Mapping[str, str] | None = None) -> bytes:
        return self._http.request(method, path, query=query, headers=_JSON).content


def told(text: str | bytes, read: Callable[[Any], Value]) -> Value:
    """What JSON says. A text that a worker cut within a character passes. Raises `InvalidInput`."""
    try:
        return read(json.loads(text))
    except (ValueError, RecursionError, InvalidInput) as error:
        raise InvalidInput(
            f"the server tells what this version cannot read: {error}", "is it an agntz worker?"
        ) from None


def moments() -> Iterator[None]:
    """About a second in which something may come to be: one turn for each look at it."""
    for seconds in PAUSES_SECONDS:
        yield
        threading.Event().wait(seconds)
    yield


def _known(data: Any) -> Known:
    run = read_run(data)
    root_id = data.get("rootId")
    return Known(run, id_from(root_id, "rootId") if isinstance(root_id, str) else run.id)


def _path(kind: str, run_id: str) -> str:
    """Where a run or its trace is. Raises `InvalidInput` for what is no id."""
    return f"/{kind}/{part(canonical_id(run_id))}"
