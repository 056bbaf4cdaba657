"""Moves spooled events to the target, and brings cancel requests back.

One background thread a process. It ships this process's segments, beats for the runs at work here,
and now and then ships what dead processes left. Trouble with the target only delays: nothing is
removed from the spool before the target has it.
"""

import threading
from contextlib import suppress
from queue import Empty, SimpleQueue

from trodo_cli.model import ids
from trodo_cli.sdk.context import ActiveRuns
from trodo_cli.sdk.delivery import OpenSink, Sink, logger, ship_segment, tell
from trodo_cli.sdk.leftovers import HasKey, drain, no_key
from trodo_cli.sdk.spool import Spool

THREAD_NAME = "trodo-shipper"

TICK_SECONDS = 0.05
"""How long an event waits at most before it is shipped, and a cancel request before it is heard."""

HEARTBEAT_SECONDS = 5.0
RETRY_SECONDS = (0.5, 30.0)
"""First and longest pause after the target could not be used."""

LONGEST_DRAIN_SECONDS = 600.0
"""Between two looks at what dead processes left for a target that is away."""


class Shipper:
    """The background thread of one process."""

    def __init__(self, spool: Spool, runs: ActiveRuns, open_sink: OpenSink, has_key: HasKey = no_key) -> None:
        self._spool = spool
        self._has_key = has_key
        self._runs = runs
        self._open_sink = open_sink
        self._sink: Sink | None = None
        self._wakes: SimpleQueue[None] = SimpleQueue()
        """Safe to put into from a signal handler that interrupts another put."""
        self._caught_up = threading.Condition()
        self._shipped_bytes = 0
        self._stopping = False
        self._asleep = False
        self._next_beat_ns = 0
        self._next_drain_ns, self._drain_seconds = 0, 0.5
        self._heard: set[str] = set()
        """Runs at work that have had a heartbeat."""
        self._thread = threading.Thread(target=self._work, name=THREAD_NAME, daemon=True)

    def start(self) -> None:
        """Begin; raises `RuntimeError` when the interpreter no longer starts threads."""
        self._thread.start()

    def notice(self) -> None:
        """Something was spooled; costs next to nothing unless the thread is asleep."""
        if self._asleep:
            self._wakes.put(None)

    def flush(self, seconds: float) -> bool:
        """Wait until all that was spooled before this call is at the target; False when time ran out."""
        goal = self._spool.written_bytes
        self._wakes.put(None)
        with self._caught_up:
            return self._caught_up.wait_for(lambda: self._shipped_bytes >= goal, seconds)

    def stop(self, seconds: float) -> bool:
        """Ship what is there and end the thread; False when something had to stay in the spool."""
        self._stopping = True
        self._wakes.put(None)
        self._thread.join(seconds)
        return not self._thread.is_alive() and self._shipped_bytes >= self._spool.written_bytes

    def _work(self) -> None:
        pause = RETRY_SECONDS[0]
        while True:
            stopping = self._stopping
            try:
                self._round()
                pause = RETRY_SECONDS[0]
            except Exception as error:
                logger.warning("trodo cannot ship to %s: %s", self._spool.target, error)
                self._close_sink()
                if stopping:
                    return
                self._sleep(max(pause, getattr(error, "retry_after_seconds", None) or 0.0))
                pause = min(pause * 2, RETRY_SECONDS[1])
                continue
            if stopping:
                self._close_sink()
                return
            self._rest()

    def _rest(self) -> None:
        """A short nap while runs are at work, else sleep until something is spooled."""
        if self._runs.ids() or self._spool.is_holding:
            self._sleep(TICK_SECONDS)
            return
        self._asleep = True
        if self._is_idle():
            self._sleep(None)
        self._asleep = False

    def _sleep(self, seconds: float | None) -> None:
        """Until somebody wakes us, or so many seconds."""
        with suppress(Empty):
            self._wakes.get(timeout=seconds)
            while True:
                self._wakes.get_nowait()

    def _is_idle(self) -> bool:
        caught_up = self._shipped_bytes >= self._spool.written_bytes
        return caught_up and not self._stopping and not self._runs.ids()

    def _round(self) -> None:
        self._spool.retry()
        goal, finished = self._spool.written_bytes, self._spool.finished()
        for segment in self._spool.segments():
            with suppress(FileNotFoundError):  # taken away by somebody; what is gone cannot be shipped
                ship_segment(segment, self._opened, alive=True)
            if segment in finished:  # before it was read: one that was finished since may hold more
                self._spool.forget(segment)
        self._tell_drops()
        with self._caught_up:
            self._shipped_bytes = goal
            self._caught_up.notify_all()
        self._listen()

    def _listen(self) -> None:
        """Show signs of life, and hear what is asked to stop."""
        run_ids = self._runs.ids()
        due = ids.monotonic_ns() >= self._next_beat_ns
        news = not self._heard.issuperset(run_ids) or self._opened().asked_to_stop(self._runs.unasked())
        if run_ids and (due or news):
            self._runs.cancel(self._opened().heartbeat(run_ids))
            self._heard = set(run_ids)
        if due:
            self._next_beat_ns = ids.monotonic_ns() + int(HEARTBEAT_SECONDS * 1e9)
            self._drain()

    def _drain(self) -> None:
        """Ship what dead processes left; targets that are away are asked ever more rarely."""
        if ids.monotonic_ns() < self._next_drain_ns:
            return
        troubles = drain(self._spool.folder, self._open_sink, has_key=self._has_key).troubles
        for trouble in troubles:
            logger.warning("trodo cannot ship what a dead process left: %s", trouble)
        self._drain_seconds = min(self._drain_seconds * 2, LONGEST_DRAIN_SECONDS) if troubles else 0.5
        self._next_drain_ns = ids.monotonic_ns() + int(self._drain_seconds * 1e9)

    def _tell_drops(self) -> None:
        counts = self._spool.take_dropped()
        try:
            tell(self._opened, counts)
        except Exception:
            self._spool.give_back_dropped(counts)
            raise

    def _opened(self) -> Sink:
        if self._sink is None:
            self._sink = self._open_sink(self._spool.target)
        return self._sink

    def _close_sink(self) -> None:
        if self._sink is not None:
            self._sink.close()
            self._sink = None
