"""Parts of agents described by processes of their own, so that one that ends its process spoils no other."""

import os
import select
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import msgspec

from trodo_cli import config
from trodo_cli.config import AgentSource
from trodo_cli.errors import Unavailable
from trodo_cli.runner.inquiry import Ask, Found, Line, Stamp, ask_file, notes_file
from trodo_cli.runner.limits import Limits
from trodo_cli.runner.strays import end_strays

PART_SECONDS = 10.0
"""How long one part may take to be imported."""

PROCESS_SECONDS = 30.0
"""How long one process may describe parts; what it has not come to is left to the next."""

LAST_SECONDS = 7.0
"""How long its guard may take to end it and to say so."""

KEPT_BYTES = 1_000
"""What is kept of what it prints; the guard's report goes into a pipe at once."""


class Survey(msgspec.Struct):
    """What some parts have been found to be."""

    found: dict[AgentSource, Found] = {}
    lost: dict[AgentSource, str] = {}
    """Those that ended the process that imported them, and how."""
    stamps: dict[str, Stamp] = {}
    """Of the files whose code was used."""


class Surveyor:
    """Describes parts, until it is closed."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False

    def close(self) -> None:
        """End what is at work; may be called by any thread."""
        self._closed = True
        if self._process is not None:
            _let_go(self._process)

    def survey(self, parts: list[AgentSource], limits: Limits) -> Survey:
        """Describe them all in one process; if it ends early, go on in another, with what it ended at first.

        A part is lost when its process ends again, or at once when it took too long. Raises `Unavailable` when closed,
        `OSError` when the system starts no process.
        """
        result = Survey()
        waiting, begun_with = list(parts), set[AgentSource]()
        while waiting:
            begun_with.add(waiting[0])
            usable = [part for part in parts if part not in result.lost]
            at, report = self._asked(Ask(waiting, usable, limits, PART_SECONDS), result)
            if self._closed:
                raise Unavailable("agents are looked at no more", "what looked at them is being stopped")
            waiting = [part for part in waiting if part not in result.found]
            if not waiting:
                break
            culprit = at if at in waiting else waiting[0]
            waiting.remove(culprit)
            why, is_certain = _why(report, limits)
            if is_certain or culprit in begun_with:
                result.lost[culprit] = why
            else:
                waiting.insert(0, culprit)
        return result

    def _asked(self, ask: Ask, result: Survey) -> tuple[AgentSource | None, bytes]:
        """What the process was at in the end, and its guard's report; what it found is in the result."""
        with tempfile.TemporaryDirectory(prefix="trodo-", ignore_cleanup_errors=True) as name:
            home = Path(name)
            ask.limits = msgspec.structs.replace(ask.limits, seconds=PROCESS_SECONDS, output_bytes=KEPT_BYTES)
            ask_file(home).write_bytes(msgspec.json.encode(ask))
            report = self._described(home)
            return _taken(home, ask.asked, result), report

    def _described(self, home: Path) -> bytes:
        """Let a process note what there is; everything that it started has ended afterwards. Its guard's report."""
        process = self._process = _started(home)
        if self._closed:
            _let_go(process)
        assert process.stdin is not None
        assert process.stdout is not None
        report = b""
        with process.stdin, process.stdout:
            try:
                if select.select([process.stdout], [], [], PROCESS_SECONDS + LAST_SECONDS)[0]:
                    report = os.read(process.stdout.fileno(), 65_536)
            finally:
                if not report:
                    with suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                if not report:
                    end_strays(home)
        return report


def _started(home: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "trodo_cli.runner.describe", str(home)],
        env=config.process_environment(home, "memory:"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _let_go(process: "subprocess.Popen[bytes]") -> None:
    """Its guard then ends everything."""
    assert process.stdin is not None
    with suppress(OSError):
        process.stdin.close()


def _taken(home: Path, asked: list[AgentSource], result: Survey) -> AgentSource | None:
    """Take what was noted; the part that was at work in the end."""
    at, left = None, iter(asked)
    notes = notes_file(home).read_bytes().splitlines() if notes_file(home).exists() else []
    for text in notes:
        try:
            line = msgspec.json.decode(text, type=Line)
        except msgspec.MsgspecError:
            continue
        at = line.at or at
        if line.file:
            result.stamps.setdefault(line.file, line.stamp)
        if line.found is not None and (part := next(left, None)):
            result.found[part] = line.found
            for file in _files(part.base, line.found.missing):
                result.stamps.setdefault(file, Stamp())
    return at


def _files(base: str, module: str) -> list[str]:
    """Where a module that is missing would be looked for."""
    path = os.path.join(base, *module.split("."))
    return [f"{path}.py", os.path.join(path, "__init__.py")] if module else []


def _why(said: bytes, limits: Limits) -> tuple[str, bool]:
    """What is wrong with what a process ended at, and whether that is certain."""
    from trodo_cli.runner.settle import Report, died

    try:
        report = msgspec.json.decode(said, type=Report)
    except msgspec.MsgspecError:
        return "cannot be imported: its process and its guard were killed", False
    if report.signal == signal.SIGALRM or report.over == "time":
        return f"not imported within {PART_SECONDS:g} s", report.signal == signal.SIGALRM
    if report.over == "processes":
        return f"cannot be imported: it starts more than {limits.processes} processes", False
    return f"cannot be imported: {died(report, 'meanwhile')}", False
