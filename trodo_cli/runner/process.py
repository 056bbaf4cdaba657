"""One run's process as its runner sees it: started, attended, stopped."""

import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress

import msgspec

from trodo_cli import config
from trodo_cli.model import ids
from trodo_cli.runner.guard import LAST_SECONDS, kill_below
from trodo_cli.runner.journal import RunFolder
from trodo_cli.runner.relay import SCHEME, Records, serve
from trodo_cli.runner.settle import Report, note_runs
from trodo_cli.runner.strays import end_strays

GUARD_SECONDS = LAST_SECONDS + 1
"""How long a guard may take for an end that is due; then we do its work."""


class Process:
    """A guard and the agent's process below it. Raises `OSError` when the system starts none."""

    def __init__(
        self, folder: RunFolder, records: Records, on_end: Callable[["Process", Report], None]
    ) -> None:
        self.folder = folder
        self.cancelled_at_ns: int | None = None
        """When it was seen first that the run is asked to stop, by the monotonic clock."""
        self._on_end = on_end
        self._is_stopped = False
        self._over = ""
        """Why the run was ended in the place of its guard."""
        self._due = _now() + folder.start.limits.seconds + GUARD_SECONDS
        self._is_heard = True
        """Whether somebody of the run may still record."""
        self._channel, theirs = socket.socketpair()
        with theirs:
            self._guard = _started(folder, theirs)
        self._thread = threading.Thread(
            target=self._attend, args=(records,), name=f"trodo-run-{folder.start.run_id}", daemon=True
        )
        self._thread.start()

    @property
    def run_id(self) -> str:
        return self.folder.start.run_id

    @property
    def owner(self) -> str:
        return self.folder.start.owner

    def stop(self) -> None:
        """Have it ended now, and everything that it has started."""
        self._close_stdin()
        self._is_stopped, self._due = True, min(self._due, _now() + GUARD_SECONDS)

    def watch(self) -> None:
        """To be called now and then: let a guard go on that was held, and do the work of one that does not act."""
        self._guard.send_signal(signal.SIGCONT)
        is_dead = self._guard.poll() is not None
        if self._is_heard if is_dead else _now() > self._due:
            self._end()

    def join(self, seconds: float) -> None:
        """Wait until it is settled, or so long."""
        self._thread.join(seconds)

    def end(self) -> None:
        """Stop it, and wait until it is settled."""
        self.stop()
        while self._thread.is_alive() and _now() < self._due + GUARD_SECONDS:
            self.watch()
            self._thread.join(0.1)

    def _end(self) -> None:
        """Do the guard's work, then end it: as long as it lives, also what has left the run's session is below it."""
        give_up = _now() + LAST_SECONDS
        while self._guard.poll() is None and kill_below(self._guard.pid) and _now() < give_up:
            self._thread.join(0.01)
        if self._guard.poll() is None:
            self._over = "stopped" if self._is_stopped else "time"
            self._guard.kill()
        end_strays(self.folder.path)
        with suppress(OSError):
            self._channel.shutdown(socket.SHUT_RDWR)

    def _attend(self, records: Records) -> None:
        """Take what it records, then its guard's last word."""
        serve(self._channel, records, lambda lines: note_runs(self.folder, lines))
        self._is_heard = False
        assert self._guard.stdout is not None
        with self._guard.stdout as last_words:
            said = last_words.read()
        self._guard.wait()
        self._close_stdin()
        self._on_end(self, _report(said, self._guard.returncode, self._over))

    def _close_stdin(self) -> None:
        assert self._guard.stdin is not None
        with suppress(OSError):
            self._guard.stdin.close()


def _started(folder: RunFolder, channel: socket.socket) -> "subprocess.Popen[bytes]":
    handed_on = (channel.fileno(), folder.lock)
    command = ["-P", "-m", "trodo_cli.runner.program", str(folder.path), *map(str, handed_on)]
    return subprocess.Popen(
        [sys.executable, *command],
        env=config.process_environment(folder.path, SCHEME + folder.start.run_id),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        pass_fds=handed_on,
        start_new_session=True,
    )


def _now() -> float:
    return ids.monotonic_ns() / 1e9


def _report(said: bytes, code: int, over: str) -> Report:
    """What the guard says; of one that was killed itself, that it was, and by us why."""
    try:
        return msgspec.json.decode(said, type=Report)
    except msgspec.MsgspecError:
        is_signal = code < 0
        return Report(None if is_signal else code, -code if is_signal else None, over, is_guards=False)
