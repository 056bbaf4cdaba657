"""Several processes behind one socket, and the parent that keeps them at work.

The parent only waits: it has no thread and no store, so that it can be forked again whenever a worker has ended.
Every worker holds the reading end of a pipe whose writing end is the parent's alone; when the parent is gone, however
it went, the pipe ends and so do they.
"""

import logging
import os
import select
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from trodo_cli.errors import TrodoError, Unavailable
from trodo_cli.model import ids

REST_NS = 10**9
"""Before the next try, when a worker ended before it had begun to answer."""

PATIENCE_NS = 10 * 10**9
"""How long workers may take to end; far above what they take by themselves."""

_HEARD = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)

logger = logging.getLogger("trodo.server")


class Worker(NamedTuple):
    """What a server process knows of its surroundings."""

    place: int = 0
    """From 0 on; who replaces a worker takes its place."""
    on_started: Callable[[], None] = lambda: None
    lifeline: int | None = None
    """A descriptor that ends when the worker shall; None for a server that has no parent."""


Work = Callable[[Worker], None]
"""Serves until it is told to end. Runs in the worker's process."""


def supervise(
    number: int,
    work: Work,
    listener: socket.socket,
    *,
    on_started: Callable[[], None],
    on_hangup: Callable[[], None] | None = None,
) -> None:
    """Keep so many workers at work until SIGTERM or SIGINT, then let them end; a second signal kills them.

    `on_started` when each of them answers for the first time. SIGHUP is handed on when there is an `on_hangup`.
    Raises `Unavailable` when a worker cannot begin, or did not end well.
    """
    with _hearing(on_hangup is not None) as ears:
        Parent(number, work, listener, ears, on_started, on_hangup or (lambda: None)).run()


class Parent:
    """See `supervise`."""

    def __init__(
        self,
        number: int,
        work: Work,
        listener: socket.socket,
        ears: int,
        on_started: Callable[[], None],
        on_hangup: Callable[[], None],
    ) -> None:
        self._work, self._listener, self._ears = work, listener, ears
        self._on_started, self._on_hangup = on_started, on_hangup
        self._awaited = {*range(number)}
        """Places whose first worker does not answer yet."""
        self._due = dict.fromkeys(range(number), 0)
        """Places without a worker, and when it is to begin."""
        self._places: dict[int, int] = {}
        """Of the workers there are, by their process id."""
        self._answering: set[int] = set()
        self._lifeline, self._hold = os.pipe()
        self._told, self._tell = os.pipe()
        self._deadline_ns = 0
        """When those that still run are killed; 0 as long as nobody has to end."""
        self._failed = False

    def run(self) -> None:
        try:
            while self._places or not self._deadline_ns:
                self._begin_due()
                self._listen()
                if self._deadline_ns and ids.monotonic_ns() > self._deadline_ns:
                    self._failed = True
                    self._end(signal.SIGKILL)
        finally:
            for descriptor in (self._lifeline, self._hold, self._told, self._tell):
                os.close(descriptor)
        if self._failed:
            raise Unavailable("a worker did not do well", "what it said is above, or in the log")

    def _begin_due(self) -> None:
        if self._deadline_ns:
            return
        now_ns = ids.monotonic_ns()
        for place in [place for place, due_ns in self._due.items() if due_ns <= now_ns]:
            del self._due[place]
            self._begin(place)

    def _begin(self, place: int) -> None:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)
        pid = os.fork()
        if not pid:
            self._be_worker(place, before)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        self._places[pid] = place

    def _be_worker(self, place: int, mask: set[int | signal.Signals]) -> None:
        """Never returns. Nothing of the parent's is left but the socket and the ends of the pipes."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in _HEARD:
                signal.signal(number, signal.SIG_DFL)
            for number in (signal.SIGINT, signal.SIGHUP):
                signal.signal(number, _leave_to_parent)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            for descriptor in (self._hold, self._told, self._ears):
                os.close(descriptor)
            threading.Thread(target=_outlive_nobody, args=(self._lifeline,), daemon=True).start()
            self._work(Worker(place, lambda: _write(self._tell, place), self._lifeline))
            code = 0
        except TrodoError as error:
            logger.error("a worker cannot serve: %s", error.message)
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 1
        except BaseException as error:
            logger.error("a worker failed: %s", type(error).__name__)
        finally:
            os._exit(code)

    def _listen(self) -> None:
        """Wait for a signal, a word of a worker, or the time when something is due."""
        ready, _, _ = select.select([self._ears, self._told], [], [], self._seconds())
        if self._told in ready:
            self._note_started(os.read(self._told, 4096))
        if self._ears in ready:
            for number in os.read(self._ears, 4096):
                self._hear(number)

    def _seconds(self) -> float | None:
        times = [self._deadline_ns] if self._deadline_ns else [*self._due.values()]
        return max(min(times) - ids.monotonic_ns(), 0) / 1e9 if times else None

    def _note_started(self, places: bytes) -> None:
        self._answering.update(pid for pid, place in self._places.items() if place in places)
        if self._awaited:
            self._awaited.difference_update(places)
            if not self._awaited:
                self._on_started()

    def _hear(self, number: int) -> None:
        if number == signal.SIGCHLD:
            self._bury()
        elif number == signal.SIGHUP:
            self._on_hangup()
            self._signal(signal.SIGHUP)
        else:
            self._end(signal.SIGKILL if self._deadline_ns else signal.SIGTERM)

    def _bury(self) -> None:
        """Note who has ended, and see to it that another takes its place."""
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                place = self._places.pop(ended[0], None)
                if place is not None:
                    self._replace(ended[0], place, os.waitstatus_to_exitcode(ended[1]))

    def _replace(self, pid: int, place: int, code: int) -> None:
        has_answered = pid in self._answering
        self._answering.discard(pid)
        if self._deadline_ns:
            self._failed |= code not in (0, -signal.SIGKILL, -signal.SIGTERM)
        elif not has_answered and place in self._awaited:
            self._failed = True
            self._end(signal.SIGTERM)
        else:
            how = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
            logger.warning("worker %s %s; another one takes its place", pid, how)
            self._due[place] = 0 if has_answered else ids.monotonic_ns() + REST_NS

    def _end(self, number: signal.Signals) -> None:
        self._listener.close()
        self._deadline_ns = ids.monotonic_ns() + PATIENCE_NS
        self._signal(number)

    def _signal(self, number: signal.Signals) -> None:
        for pid in self._places:
            os.kill(pid, number)


@contextmanager
def _hearing(with_hangup: bool) -> Iterator[int]:
    """A descriptor from which every signal that comes is read, a byte each."""
    ears, mouth = os.pipe()
    os.set_blocking(mouth, False)
    heard = [number for number in _HEARD if with_hangup or number != signal.SIGHUP]
    before = {number: signal.signal(number, lambda *_: None) for number in heard}
    signal.set_wakeup_fd(mouth)
    try:
        yield ears
    finally:
        signal.set_wakeup_fd(-1)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(ears)
        os.close(mouth)


def _leave_to_parent(_number: int, _frame: object) -> None:
    """What comes from a terminal the parent hands on. A handler, since programs inherit what is ignored."""


def _outlive_nobody(lifeline: int) -> None:
    """End a worker that does not end by itself when its parent is gone."""
    select.select([lifeline], [], [])
    threading.Event().wait(PATIENCE_NS / 1e9)
    os._exit(1)


def _write(descriptor: int, place: int) -> None:
    with suppress(BrokenPipeError):  # a parent that is gone ends the lifeline too
        os.write(descriptor, bytes([place]))
