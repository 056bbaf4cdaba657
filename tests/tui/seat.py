"""A person's seat: the real program on a pseudo-terminal, all that it sends, and what is on the screen."""

import os
import pty
import re
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pexpect
import pyte

from tests.cli.program import DEADLINE_SECONDS, Cli, eventually

_USUALLY_ON = {7, 25}
"""Modes of a terminal that nobody has changed: lines wrap, the cursor is seen. All others are off."""

_MODE = re.compile(rb"\x1b\[\?([0-9;]+)([hl])")
_QUERIES = {b"\x1b[?2026$p": b"\x1b[?2026;2$y", b"\x1b[?2048$p": b"\x1b[?2048;2$y"}
"""What a modern terminal is asked, and its answers: it can, and it is off."""

SEQUENCE = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*\x07)")
"""One that changes how the terminal is or where it writes."""

KEYS = {"enter": "\r", "escape": "\x1b", "tab": "\t", "space": " ", "down": "\x1b[B", "shift+tab": "\x1b[Z",
        "ctrl+c": "\x03", "ctrl+z": "\x1a", "ctrl+q": "\x11", "ctrl+p": "\x10", "backspace": "\x7f"}  # fmt: skip


class Screen(pyte.Screen):
    """A screen that knows the questions which pyte takes for something else."""

    def report_device_status(self, *modes: object, **how: object) -> None:
        """Nobody waits for an answer."""


class Seat:
    """One program at a terminal; what it sends is read whenever something is waited for."""

    def __init__(self, child: "pexpect.spawn[bytes]", *, answers: bool = False) -> None:
        self.child = child
        child.delaybeforesend = None
        self.sent = bytearray()
        self._answers = answers
        rows, columns = child.getwinsize()
        self._screen = Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._fed = self._pressed = 0
        self._shown = ""

    @property
    def screen(self) -> str:
        if self._fed < len(self.sent):
            self._stream.feed(_seen_by_pyte(bytes(self.sent[self._fed :])))
            self._fed = len(self.sent)
            self._shown = "\n".join(line.rstrip() for line in self._screen.display)
        return self._shown

    def press(self, *keys: str) -> None:
        """Press keys one after the other: a name, or whatever is to be typed."""
        self._pressed = len(self.sent)
        for key in keys:
            self.child.send(KEYS.get(key, key))

    def paints(self, *texts: str) -> None:
        """Wait until every text was painted since a key was pressed; faster than to look at the screen."""

        def are_painted() -> bool:
            painted = SEQUENCE.sub(b"", self.new).decode("utf-8", "replace")
            return all(text in painted for text in texts)

        self.until(are_painted, *texts)

    def shows(self, *texts: str) -> str:
        """Wait until every text is on the screen."""
        self.until(lambda: all(text in self.screen for text in texts), *texts)
        return self.screen

    def no_longer_shows(self, text: str) -> None:
        self.until(lambda: text not in self.screen, f"no {text}")

    def until(self, found: Callable[[], object], *what: str) -> None:
        """Read on until something is so."""
        give_up = time.monotonic() + DEADLINE_SECONDS
        while not found():
            assert time.monotonic() < give_up, f"waited for {what} in vain:\n{self.screen}"
            assert self.read(), f"ended before {what}:\n{self.screen}"

    def read(self) -> bool:
        """Take what has come within a moment; False when the program has ended."""
        try:
            part = self.child.read_nonblocking(1 << 16, timeout=0.05)
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        self.sent += part
        if self._answers:
            for query, answer in _QUERIES.items():
                if query in part:
                    self.child.send(answer)
        return True

    def end(self) -> int:
        """Wait until the program has ended: its exit code, or the negative number of the signal."""
        give_up = time.monotonic() + DEADLINE_SECONDS
        while self.read():
            assert time.monotonic() < give_up, f"does not end:\n{self.screen}"
        self.child.wait()
        if self.child.exitstatus is None:
            return -int(self.child.signalstatus)
        return int(self.child.exitstatus)

    def close_window(self) -> int:
        """Take the terminal away, and wait until the program has ended: its exit code."""
        process = self.child.ptyproc
        process.fileobj.close()
        status = eventually(lambda: _ended(self.child.pid))
        process.closed = process.terminated = self.child.closed = self.child.terminated = True
        self.child.child_fd = -1
        return os.waitstatus_to_exitcode(status[0])

    @property
    def new(self) -> bytes:
        """What was sent since a key was pressed."""
        return bytes(self.sent[self._pressed :])

    @property
    def complete(self) -> bytes:
        """All that was sent, up to where the last line or sequence may still be on its way."""
        return bytes(self.sent).rpartition(b"\n")[0]

    @property
    def left(self) -> bytes:
        """What was sent after the alternate screen was left: it stays in the scrollback."""
        return bytes(self.sent).rpartition(b"\x1b[?1049l")[2]

    def changed_modes(self) -> dict[int, bool]:
        """What of the terminal is another than it was: mode and whether it is on now."""
        now: dict[int, bool] = {}
        for numbers, what in _MODE.findall(bytes(self.sent)):
            now |= {int(number): what == b"h" for number in numbers.split(b";")}
        return {mode: on for mode, on in now.items() if on != (mode in _USUALLY_ON)}

    def check_given_back(self) -> None:
        """Nothing that was switched, pushed or set is left as it was used."""
        sent = bytes(self.sent)
        assert b"\x1b[?1049h" in sent, "nothing was painted"
        assert self.changed_modes() == {}
        assert len(re.findall(rb"\x1b\[>[0-9]+u", sent)) == sent.count(b"\x1b[<u"), "kitty's keyboard"
        shapes = re.findall(rb"\x1b\]22;([a-z-]*)\x07", sent)
        assert shapes[-1:] in ([], [b"default"]), "the pointer"
        assert termios.tcgetattr(self.child.child_fd) == untouched_attributes()


def _ended(pid: int) -> tuple[int] | None:
    """How a process has ended, if it has."""
    found, status = os.waitpid(pid, os.WNOHANG)
    return (status,) if found else None


def _seen_by_pyte(part: bytes) -> bytes:
    """Without the sequences of kitty's keyboard and mode queries, which pyte takes for text."""
    return re.sub(rb"\x1b\[(?:[<>=][0-9;]*u|\?[0-9]+\$p)", b"", part)


def untouched_attributes() -> list[object]:
    """How a new terminal is set."""
    master, slave = pty.openpty()
    try:
        return list(termios.tcgetattr(slave))
    finally:
        os.close(master)
        os.close(slave)


@contextmanager
def seated(
    cli: Cli, *arguments: str, columns: int = 120, rows: int = 30, answers: bool = False, **environment: str
) -> Iterator[Seat]:
    """The program with these arguments at a terminal; ended with the block."""
    child = cli.terminal(*arguments, columns=columns, **environment).child
    child.setwinsize(rows, columns)
    try:
        yield Seat(child, answers=answers)
    finally:
        child.close(force=True)
