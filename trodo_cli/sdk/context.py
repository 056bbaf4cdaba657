"""Which run and which span the code at hand belongs to, and the runs at work in this process."""

import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from contextvars import ContextVar, Token
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from trodo_cli.errors import RunCancelled
from trodo_cli.model.run import Cancel
from trodo_cli.sdk.calls import Calls

if TYPE_CHECKING:
    from trodo_cli.sdk.telemetry import Telemetry


_telemetry: "Telemetry | None" = None


def use_telemetry(telemetry: "Telemetry | None") -> None:
    """Say where the spans of runs go besides, unless a run says otherwise."""
    global _telemetry
    _telemetry = telemetry


class ActiveRun:
    """A run that this process works on: its own, or one it joined."""

    __slots__ = (
        "calls",
        "cancel",
        "cancelled_tasks",
        "holders",
        "id",
        "session",
        "tasks",
        "telemetry",
        "user",
    )

    def __init__(self, run_id: str) -> None:
        self.id = run_id
        self.holders = 0
        self.cancel: Cancel | None = None
        self.user: str | None = None
        self.session: str | None = None
        self.tasks: list[Any] = []
        """asyncio tasks inside the run; a cancel request cancels them when no model call is in flight."""
        self.cancelled_tasks: list[Any] = []
        self.calls = Calls()
        self.telemetry: Telemetry | None = _telemetry

    def raise_if_cancelled(self) -> None:
        """Raise `RunCancelled` when the run was asked to stop."""
        if self.cancel is not None:
            raise self.cancellation()

    def cancellation(self) -> RunCancelled:
        """The exception that says who stopped the run, and why."""
        if self.cancel is None:
            return RunCancelled(self.id)
        return RunCancelled(self.id, self.cancel.reason, self.cancel.by)


class Place(Protocol):
    """Where the code at hand stands: inside a span of a run, or directly inside a run."""

    run: ActiveRun
    span_id: str | None
    """The parent for spans that begin here; None directly below the run."""
    outer: "Place | None"
    """The place around this one, as long as the code is here."""


current: ContextVar[Place | None] = ContextVar("trodo_place", default=None)


class Others(Protocol):
    """Spans that are opened by somebody else, such as OpenTelemetry."""

    def inner_span(self, place: Place) -> str | None:
        """The one inside a place that the code at hand is in; None for none."""

    def outer_place(self) -> Place | None:
        """Where the code at hand stands when it is inside no span and no run of ours."""


_others: Others | None = None


def use_others(others: Others) -> None:
    """Say how spans are found that were opened by others."""
    global _others
    _others = others


def here() -> Place | None:
    """The place of the code at hand; None outside any run."""
    place = current.get()
    return _others.outer_place() if place is None and _others is not None else place


def places(place: Place | None) -> Iterator[Place]:
    """The place, and those around it from the inside out."""
    while place is not None:
        yield place
        place = place.outer


def runs_around(place: Place | None) -> list[ActiveRun]:
    """The runs that a place is inside of, from the inside out."""
    return list(dict.fromkeys(one.run for one in places(place)))


async def calls_over() -> None:
    """In asyncio code that is to stop: wait for the model calls beside it, in the outermost run that is to stop.

    Whoever leaves earlier takes those with it that it shares a group of tasks with. Code inside of such a call does
    not wait for it.
    """
    place = here()
    asked = [run for run in runs_around(place) if run.cancel is not None]
    if asked and not any(one in asked[-1].calls for one in places(place)):
        await asked[-1].calls.over()


def innermost(place: Place) -> str | None:
    """The parent for what begins here: the place's own span, or one that was opened inside it by others."""
    found = _others.inner_span(place) if _others is not None else None
    return found or place.span_id


class ActiveRuns:
    """The runs at work in this process, by id."""

    def __init__(self) -> None:
        self._runs: dict[str, ActiveRun] = {}
        self._lock = threading.RLock()  # a signal handler of the host may open a run

    def enter(self, run_id: str) -> ActiveRun:
        """Take part in a run."""
        with self._lock:
            run = self._runs.get(run_id)
            if run is None:
                run = self._runs[run_id] = ActiveRun(run_id)
            run.holders += 1
            return run

    def get(self, run_id: str) -> ActiveRun | None:
        """The run, if this process works on it."""
        with self._lock:
            return self._runs.get(run_id)

    def leave(self, run: ActiveRun) -> None:
        """Give a part in a run up; the last one forgets it."""
        with self._lock:
            run.holders -= 1
            if run.holders <= 0 and self._runs.get(run.id) is run:
                del self._runs[run.id]

    def leave_id(self, run_id: str) -> None:
        """Give up a part in a run that is known by its id only; nothing when there is none."""
        if (run := self.get(run_id)) is not None:
            self.leave(run)

    def adopt(self, parents: "ActiveRuns") -> None:
        """Go on with the runs of the process that was forked; its asyncio tasks are not ours."""
        self._runs = dict(parents._runs)
        for run in self._runs.values():
            run.tasks, run.calls = [], Calls()

    def ids(self) -> list[str]:
        """The runs at work now."""
        with self._lock:
            return list(self._runs)

    def unasked(self) -> list[str]:
        """The runs at work that have not heard of a cancel request."""
        with self._lock:
            return [run.id for run in self._runs.values() if run.cancel is None]

    def cancel(self, requests: dict[str, Cancel]) -> None:
        """Tell runs that they are asked to stop: the next span edge raises, asyncio tasks are cancelled.

        Outer runs hear it before the runs inside them. Tasks wait for the model calls in flight, unless by force.
        """
        with self._lock:
            asked = [
                run for run in self._runs.values() if run.id in requests and _is_news(requests[run.id], run)
            ]
        for run in asked:
            run.cancel = requests[run.id]
        for run in asked:
            if requests[run.id].force:
                run.calls.forget()
            run.calls.then(partial(_cancel_tasks, run))


def _is_news(request: Cancel, run: ActiveRun) -> bool:
    return run.cancel is None or (request.force and not run.cancel.force)


def leave(token: Token[Place | None]) -> None:
    """Restore the place from before. Another context, in which a block may be left, keeps its own place."""
    with suppress(ValueError):
        current.reset(token)


def join_task(run: ActiveRun) -> Any:
    """Note the asyncio task at hand as part of the run, so that a cancel request reaches it."""
    task = _current_task()
    if task is not None:
        run.tasks.append(task)
    return task


def settle_task(run: ActiveRun, task: Any) -> None:
    """Leave the run with its task, and take back the cancellation that we asked the task for."""
    if task not in run.tasks:
        return
    run.tasks.remove(task)
    while task in run.cancelled_tasks:
        run.cancelled_tasks.remove(task)
        task.uncancel()


def _cancel_tasks(run: ActiveRun) -> None:
    for task in list(run.tasks):
        with suppress(RuntimeError):  # its loop has been closed meanwhile
            task.get_loop().call_soon_threadsafe(_cancel_task, run, task)


def _cancel_task(run: ActiveRun, task: Any) -> None:
    """Runs in the task's loop, so the task can neither leave the run nor begin a call in between."""
    if run.calls:
        run.calls.then(partial(_cancel_tasks, run))
    elif task in run.tasks:
        run.cancelled_tasks.append(task)
        task.cancel(f"run {run.id} was cancelled")


def _current_task() -> Any:
    """The asyncio task that runs this code, if any; never imports asyncio by itself."""
    asyncio = sys.modules.get("asyncio")
    if asyncio is None:
        return None
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None
