"""Host programs: real processes that use the SDK, and what they leave behind."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from textwrap import dedent
from typing import Any, TypeVar

import trodo_cli
from trodo_cli.client.base import Client
from trodo_cli.model.run import Run
from trodo_cli.model.span import Span
from trodo_cli.query.plan import RunFilter
from trodo_cli.sdk.leftovers import Drained, drain

DEADLINE_SECONDS = 60.0
"""When a test gives up waiting; far above what anything here takes."""

EVERY_RUN = RunFilter(roots_only=False)

PROJECT = Path(trodo_cli.__file__).parents[1]

Value = TypeVar("Value")


class Host:
    """A machine's worth of programs that share one home."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.spool = self.home / "spool"
        self.database = self.home / "trodo.db"
        self.beside = folder / "site"
        """Stands for `site-packages`: holds the module `trodo`, as the build puts it there."""
        self.beside.mkdir()
        shutil.copy(PROJECT / "trodo_cli" / "trodo.py", self.beside)
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "TRODO_HOME": str(self.home),
            "PYTHONPATH": os.pathsep.join((str(self.beside), str(PROJECT))),
            "PYTHONWARNINGS": "error",
        }
        self._running: list[subprocess.Popen[bytes]] = []

    def write(self, name: str, source: str) -> Path:
        """A file of the program's own."""
        path = self.folder / name
        path.write_text(dedent(source))
        return path

    def start(self, source: str | Path, *args: str, **environment: str) -> subprocess.Popen[bytes]:
        """A program that goes on beside the test."""
        script = source if isinstance(source, Path) else self.write(f"host{len(self._running)}.py", source)
        process = subprocess.Popen(
            [sys.executable, str(script), *args],
            env={**self.environment, **environment},
            cwd=self.folder,
            bufsize=0,
            start_new_session=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._running.append(process)
        return process

    def run(self, source: str | Path, *args: str, **environment: str) -> list[str]:
        """Run a program to its end; its lines. It must end well and say nothing on stderr."""
        return finished(self.start(source, *args, **environment))

    def drain(self) -> Drained:
        """Ship what dead processes left, as the next trodo command does."""
        return drain(self.spool, trodo_cli.connect)

    @contextmanager
    def reading(self) -> Iterator[Client]:
        """The store behind the default target."""
        client = trodo_cli.connect(str(self.database))
        try:
            yield client
        finally:
            client.close()

    def runs(self) -> list[Run]:
        """Every run, oldest first."""
        with self.reading() as client:
            return client.runs.list(limit=1000, wanted=EVERY_RUN).rows[::-1]

    def run_of(self, agent: str) -> Run:
        """The only run of an agent, with its payload."""
        with self.reading() as client:
            (row,) = client.runs.list(agent_id=agent, wanted=EVERY_RUN).rows
            return client.runs.get(row.id)

    def spans(self, run_id: str) -> list[Span]:
        """The spans of a run without the run itself, in order of their starts."""
        with self.reading() as client:
            return client.traces.get(run_id).own

    def drops(self) -> dict[str, int]:
        with self.reading() as client:
            return client.drops()

    def eventually_visible(self, run_id: str) -> None:
        """Wait until a run is in the store."""
        eventually(lambda: any(run.id == run_id for run in self.runs()))

    def segments(self) -> list[Path]:
        return sorted(self.spool.glob("*.seg"))

    def close(self) -> None:
        """Leave no process behind, nor any that a program forked."""
        for process in self._running:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(DEADLINE_SECONDS)
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    stream.close()


class Recording(Host):
    """A host that is the test process itself, beside programs that it may start."""

    @contextmanager
    def reading(self) -> Iterator[Client]:
        trodo_cli.flush(DEADLINE_SECONDS)
        with super().reading() as client:
            yield client


def rest(process: subprocess.Popen[bytes]) -> tuple[str, str]:
    """What a program says until it ends, on stdout and on stderr."""
    out, err = process.communicate(timeout=DEADLINE_SECONDS)
    return out.decode(), err.decode()


def finished(process: subprocess.Popen[bytes]) -> list[str]:
    """The lines of a program that ended well and said nothing on stderr."""
    out, err = rest(process)
    assert (process.returncode, err) == (0, ""), f"{process.returncode}: {err}"
    return out.splitlines()


def next_line(process: subprocess.Popen[bytes]) -> str:
    """What the program says next; fails with its stderr when it says nothing more."""
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, rest(process)[1]
    return line.decode().rstrip("\n")


def tell(process: subprocess.Popen[bytes], line: str = "") -> None:
    """Answer a program that waits at `input()`."""
    assert process.stdin is not None
    process.stdin.write(f"{line}\n".encode())


def eventually(found: Callable[[], Value], wanted: Callable[[Value], Any] = bool) -> Value:
    """The value once it is as wanted; fails at the deadline with the last one."""
    give_up = time.monotonic() + DEADLINE_SECONDS
    while True:
        value = found()
        if wanted(value):
            return value
        assert time.monotonic() < give_up, f"still {value!r}"
        time.sleep(0.01)


def names(spans: list[Span]) -> list[str]:
    return [span.name for span in spans]


def parent_names(spans: list[Span]) -> dict[str, str | None]:
    """The name of each span's parent, by the span's name; None directly below the run."""
    by_id = {span.id: span.name for span in spans}
    return {span.name: by_id[span.parent_id] if span.parent_id else None for span in spans}
