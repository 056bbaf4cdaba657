"""One run's process as its runner sees it: started, attended, stopped."""

import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress

import msgspec

from trodo_cli import config
from trodo_cli.runner.journal import RunFolder
from trodo_cli.runner.relay import SCHEME, Records, serve
from trodo_cli.runner.settle import Report, note_runs


class Process:
    """A guard and the agent's process below it. Raises `OSError` when the system starts none."""

    def __init__(
        self, folder: RunFolder, records: Records, on_end: Callable[["Process", Report], None]
    ) -> None:
        self.folder = folder
        self.cancelled_at_ns: int | None = None
        """When it was seen first that the run is asked to stop, by the monotonic clock."""
        self._on_end = on_end
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
        """End it now, and everything that it has started."""
        assert self._guard.stdin is not None
        with suppress(OSError):
            self._guard.stdin.close()

    def join(self, seconds: float) -> None:
        """Wait until it is settled, or so long."""
        self._thread.join(seconds)

    def _attend(self, records: Records) -> None:
        """Take what it records, then its guard's last word."""
        serve(self._channel, records, lambda lines: note_runs(self.folder, lines))
        assert self._guard.stdout is not None
        with self._guard.stdout as last_words:
            said = last_words.read()
        self._guard.wait()
        self.stop()
        self._on_end(self, _report(said, self._guard.returncode))


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


def _report(said: bytes, code: int) -> Report:
    """What the guard says; of one that was killed itself, that it was."""
    try:
        return msgspec.json.decode(said, type=Report)
    except msgspec.MsgspecError:
        is_signal = code < 0
        return Report(None if is_signal else code, -code if is_signal else None, is_guards=False)
