"""Starts runs, each in a process of its own, when it is their turn; ends those that must end; settles them all.

One thread of its own does what has to be done in time; each process has a thread that attends to it.
"""

import atexit
import threading
from collections import defaultdict, deque
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from trodo_cli.errors import InvalidInput, TrodoError, Unavailable
from trodo_cli.live import Hub
from trodo_cli.model import ids
from trodo_cli.model.agent import given
from trodo_cli.model.event import RunStart
from trodo_cli.model.run import Cancel, Run
from trodo_cli.runner import journal
from trodo_cli.runner.journal import RunFolder, Start
from trodo_cli.runner.limits import MAX_INPUT_BYTES, Limits
from trodo_cli.runner.process import Process
from trodo_cli.runner.registry import Registry
from trodo_cli.runner.relay import Records
from trodo_cli.runner.settle import Report, settle_left, settle_or_leave
from trodo_cli.wire.values import json_value, storable_text

TICK_SECONDS = 0.2
"""How soon a cancel request, a free place or the end of a predecessor is noticed."""

IDLE_SECONDS = 2.0
"""How often the runs of others that have died are looked for when there is nothing else to do."""

CLOSE_SECONDS = 0.8
"""How long runs may take to end by themselves when their runner ends."""

RecordsOf = Callable[[str], Records]
"""Where the runs of an owner are kept."""


class Runner:
    """The runs that this process has started, for any owner of one store."""

    def __init__(
        self, hub: Hub, records_of: RecordsOf, registry: Registry, target: str, limits: Limits
    ) -> None:
        self._hub, self._records_of, self._registry = hub, records_of, registry
        self._target, self.limits = target, limits
        self._waiting: defaultdict[str, deque[RunFolder]] = defaultdict(deque)
        self._at_work: dict[str, Process] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None

    def start(self, owner: str, agent_id: str, value: Any = msgspec.UNSET, session: str | None = None) -> str:
        """Start a run; gives its id at once. Raises `NotFound`, `InvalidInput` or `Unavailable`; then there is none."""
        value = _plain(value)
        agent = self._registry.checked(agent_id, value)
        folder = RunFolder.make(
            Start(
                run_id=ids.new_run_id(),
                owner=owner,
                target=self._target,
                agent=agent.id,
                input=value,
                session=storable_text(session) if session else None,
                part=agent.source,
                sources=self._registry.sources,
                limits=self.limits,
            )
        )
        try:
            self._accept(folder)
        except BaseException:
            folder.remove()
            raise
        return folder.start.run_id

    def attend(self) -> None:
        """Begin to settle what dead runners have left; `start` does so too."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="trodo-runner", daemon=True)
            self._thread.start()
            atexit.register(self.close)

    def close(self, by: str = "trodo", reason: str = "what ran it was stopped") -> None:
        """Ask all runs to stop, end those that do not at once, and settle them."""
        with self._changed:
            if self._closed:
                return
            self._closed = True
            waiting = [folder for folders in self._waiting.values() for folder in folders]
            processes = list(self._at_work.values())
            self._waiting.clear()
            self._changed.notify_all()
        atexit.unregister(self.close)
        cancel = Cancel(requested_ns=ids.now_ns(), by=by, reason=reason)
        for folder in [*waiting, *(process.folder for process in processes)]:
            self._quietly(partial(self._cancel, folder.start, cancel))
        for folder in waiting:
            self._settled(folder, None)
        deadline_ns = ids.monotonic_ns() + int(CLOSE_SECONDS * 1e9)
        for process in processes:
            process.join(max((deadline_ns - ids.monotonic_ns()) / 1e9, 0))
            process.stop()
        for process in processes:
            process.end()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(CLOSE_SECONDS + 5)

    def _accept(self, folder: RunFolder) -> None:
        start = folder.start
        run = Run(
            id=start.run_id,
            agent=start.agent,
            status="pending",
            session=start.session,
            started_ns=ids.now_ns(),
            payload=msgspec.Raw(b'{"input":' + json_value(given(start.input)) + b"}"),
        )
        with self._changed:
            if self._closed:
                raise Unavailable("no more runs are started here", "what runs them is being stopped")
            waiting = self._waiting[start.owner]
            if len(waiting) >= self.limits.waiting:
                raise Unavailable(f"{len(waiting)} runs wait already", "try again when some have begun")
            self._hub.publish(start.owner, [RunStart(run_id=run.id, run=run)], alive=True)
            waiting.append(folder)
            self._changed.notify_all()
        self.attend()

    def _work(self) -> None:
        while True:
            self._watch()
            self._quietly(self._settle_left)
            self._quietly(self._end_cancelled)
            self._launch()
            with self._changed:
                if self._closed:
                    return
                self._changed.wait(TICK_SECONDS if self._is_busy else IDLE_SECONDS)

    @property
    def _is_busy(self) -> bool:
        return bool(self._at_work) or any(self._waiting.values()) or journal.has_any()

    def _watch(self) -> None:
        with self._changed:
            processes = list(self._at_work.values())
        for process in processes:
            process.watch()

    def _settle_left(self) -> None:
        """End the runs of runners that have died."""
        with self._changed:
            ours = {folder.start.run_id for waiting in self._waiting.values() for folder in waiting}
            ours |= self._at_work.keys()
        settle_left(self._hub, self._records_of, self._target, ours)

    def _launch(self) -> None:
        """Start those whose turn it is."""
        while True:
            with self._changed:
                folder = self._next()
                if folder is None:
                    return
                try:
                    process = Process(folder, self._records_of(folder.start.owner), self._ended)
                except OSError as error:
                    report = Report(code=1, stderr=f"no process can be started: {error.strerror}")
                else:
                    self._at_work[process.run_id] = process
                    continue
            self._settled(folder, report)

    def _next(self) -> RunFolder | None:
        """The oldest waiting run of an owner who has a place free."""
        busy = [process.owner for process in self._at_work.values()]
        for owner, waiting in self._waiting.items():
            if waiting and not self._closed and busy.count(owner) < self.limits.runs:
                return waiting.popleft()
        return None

    def _end_cancelled(self) -> None:
        """Runs that wait end at once; those at work after the grace time, or by force."""
        with self._changed:
            owners = {owner for owner, waiting in self._waiting.items() if waiting}
            owners |= {process.owner for process in self._at_work.values()}
        for owner in owners:
            self._end_cancelled_of(owner)

    def _end_cancelled_of(self, owner: str) -> None:
        with self._changed:
            waiting = {folder.start.run_id: folder for folder in self._waiting[owner]}
            at_work = {run_id: process for run_id, process in self._at_work.items() if process.owner == owner}
        for run_id in self._hub.store.asked_to_stop(owner, [*waiting, *at_work]):
            if run_id in at_work:
                self._press(at_work[run_id])
            elif self._took_out(waiting[run_id]):
                self._settled(waiting[run_id], None)

    def _press(self, process: Process) -> None:
        """End a process that has been asked to stop for long enough."""
        now_ns = ids.monotonic_ns()
        if process.cancelled_at_ns is None:
            process.cancelled_at_ns = now_ns
        grace_ns = int(self.limits.grace_seconds * 1e9)
        if now_ns - process.cancelled_at_ns >= grace_ns or self._is_forced(process):
            process.stop()

    def _is_forced(self, process: Process) -> bool:
        run = self._hub.store.run(process.owner, process.run_id, ids.now_ns())
        return run is None or bool(run.cancel and run.cancel.force)

    def _cancel(self, start: Start, cancel: Cancel) -> None:
        """Ask a run to stop that has not ended."""
        run = self._hub.store.run(start.owner, start.run_id, ids.now_ns())
        if run is not None and not run.is_terminal:
            self._hub.cancel(start.owner, start.run_id, cancel)

    def _took_out(self, folder: RunFolder) -> bool:
        """Whether the run waited still; now it does no longer."""
        with self._changed:
            waiting = self._waiting[folder.start.owner]
            if folder in waiting:
                waiting.remove(folder)
                return True
        return False

    def _ended(self, process: Process, report: Report) -> None:
        """A process has ended: settle its run, and give its place to the next."""
        self._settled(process.folder, report)
        with self._changed:
            self._at_work.pop(process.run_id, None)
            self._changed.notify_all()

    def _settled(self, folder: RunFolder, report: Report | None) -> None:
        settle_or_leave(self._hub, self._records_of(folder.start.owner), folder, report)

    def _quietly(self, work: Callable[[], object]) -> None:
        """Trouble with the store only delays."""
        try:
            work()
        except TrodoError:
            return


def _plain(value: Any) -> Any:
    """An input as JSON has it; none stays none. Raises `InvalidInput` for what JSON has not, or too much."""
    if value is msgspec.UNSET:
        return value
    try:
        data = msgspec.json.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise InvalidInput(f"the input is not JSON-serialisable: {error}", "give what JSON has") from None
    if len(data) > MAX_INPUT_BYTES:
        raise InvalidInput(f"the input has more than {MAX_INPUT_BYTES:,} bytes", "hand over where it is")
    return msgspec.json.decode(data)
