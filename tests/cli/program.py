"""The real program and real agents as processes, all below one home of the test's own.

A command that runs to its end is forked off a program that has loaded everything, see `prepared`; one that goes
on or has a terminal is started.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from textwrap import dedent
from threading import Thread
from typing import Any, TypeVar

import pexpect

import trodo_cli
from tests.cli.prepared import fixed, prepared
from trodo_cli.client.base import Client
from trodo_cli.client.local import LocalClient
from trodo_cli.model import ids
from trodo_cli.model.event import Event

DEADLINE_SECONDS = 60.0
"""When a test gives up waiting; far above what anything here takes."""

PROJECT = Path(trodo_cli.__file__).parents[1]

WIDE = 200

_LEFT_OUT = ("TRODO_", "NO_COLOR", "FORCE_COLOR", "CLICOLOR", "COLUMNS", "LINES", "PYTHON", "PYTEST", "COV_")

Value = TypeVar("Value")


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    def __repr__(self) -> str:
        return f"Done({self.code}, out=…{self.out[-400:]!r}, err=…{self.err[-800:]!r})"

    @property
    def lines(self) -> list[str]:
        """What it wrote, line by line."""
        return self.out.splitlines()

    @property
    def rows(self) -> list[list[str]]:
        """What it wrote, as tab-separated values."""
        return [line.split("\t") for line in self.out.split("\n")[:-1]]

    @property
    def json(self) -> Any:
        """What it wrote, as one JSON value."""
        return json.loads(self.out)

    @property
    def json_lines(self) -> list[Any]:
        """What it wrote, as one JSON value a line."""
        return [json.loads(line) for line in self.out.split("\n")[:-1]]


class Running:
    """A process that goes on beside the test; its lines are read as they come."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.out: list[str] = []
        self.err: list[str] = []
        self._coming: SimpleQueue[str | None] = SimpleQueue()
        self._readers = [
            Thread(target=self._read, args=(process.stdout, self._coming.put), daemon=True),
            Thread(target=self._read, args=(process.stderr, self._note), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def line(self) -> str:
        """The next line of stdout."""
        try:
            line = self._coming.get(timeout=DEADLINE_SECONDS)
        except Empty:
            raise AssertionError(f"nothing came after {self.out[-3:]}; stderr {self.err}") from None
        assert line is not None, f"ended after {self.out[-3:]}; stderr {self.err}"
        self.out.append(line)
        return line

    def line_with(self, text: str) -> str:
        """The next line that contains a text; those before it are passed over."""
        while text not in (line := self.line()):
            pass
        return line

    def told(self, text: str) -> None:
        """Wait for a text on stderr."""
        eventually(lambda: any(text in line for line in self.err))

    def interrupt(self) -> None:
        """Press ctrl-c."""
        self.process.send_signal(signal.SIGINT)

    def end(self) -> Done:
        """Wait until it has ended; all that it wrote."""
        code = self.process.wait(DEADLINE_SECONDS)
        for reader in self._readers:
            reader.join(DEADLINE_SECONDS)
        while not self._coming.empty():
            if (line := self._coming.get()) is not None:
                self.out.append(line)
        return Done(code, "".join(f"{line}\n" for line in self.out), "\n".join(self.err))

    def close(self) -> None:
        """Leave nothing behind."""
        if self.process.poll() is None:
            self.process.kill()
        self.end()
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()

    def _read(self, stream: Any, put: Callable[[str | None], None]) -> None:
        for line in stream:
            put(line.removesuffix("\n"))
        put(None)

    def _note(self, line: str | None) -> None:
        if line is not None:
            self.err.append(line)


class Terminal:
    """The program on a pseudo-terminal of its own."""

    def __init__(self, child: "pexpect.spawn[bytes]") -> None:
        self.child = child
        self._before = b""

    def expect(self, text: str) -> None:
        """Wait until the screen shows a text."""
        self.child.expect_exact(text.encode())
        self._before += self.child.before + self.child.after

    def type(self, text: str) -> None:
        """Type a line."""
        self.child.sendline(text)

    def end(self) -> tuple[int, bytes]:
        """Wait until it has ended: its exit code, and every byte that it sent to the terminal."""
        self.child.expect(pexpect.EOF)
        shown = self._before + self.child.before
        self.child.close()
        code = self.child.exitstatus
        assert code is not None, f"ended by signal {self.child.signalstatus}"
        return code, shown


class Cli:
    """A home folder, and the programs that share it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.spool = self.home / "spool"
        self.database = self.home / "trodo.db"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_LEFT_OUT)}
        self.environment = {
            **kept,
            "HOME": str(folder),
            "USER": "tester",
            "TRODO_HOME": str(self.home),
            "TRODO_KEYRING": "0",
            "TERM": "xterm-256color",
            "LC_ALL": "C.UTF-8",
            "PYTHONPATH": str(PROJECT),
            "PYTHONWARNINGS": "error",
        }
        self._usual = fixed(self.environment)
        self._running: list[Running] = []
        self._terminals: list[pexpect.spawn[bytes]] = []

    def run(self, *arguments: str | bytes, input: str = "", **environment: str) -> Done:
        """Run a command to its end, its output piped; whatever happens, it shows no traceback."""
        settings = {**self.environment, **environment}
        if fixed(settings) != self._usual:
            return self.python("-m", "trodo_cli", *arguments, input=input, **environment)
        program = prepared(self._usual)
        return _done(*program.run(arguments, settings, self.folder, input.encode(), DEADLINE_SECONDS))

    def ok(self, *arguments: str | bytes, **environment: str) -> Done:
        """Run a command that works."""
        done = self.run(*arguments, **environment)
        assert done.code == 0, done
        return done

    def python(self, *arguments: str | bytes, input: str = "", **environment: str) -> Done:
        """Run Python to its end."""
        process = subprocess.run(
            [sys.executable, *arguments],
            env={**self.environment, **environment},
            cwd=self.folder,
            input=input.encode(),
            capture_output=True,
            timeout=DEADLINE_SECONDS,
        )
        return _done(process.returncode, process.stdout, process.stderr)

    def start(self, *arguments: str, **environment: str) -> Running:
        """Start a command that goes on, its output piped."""
        return self._started(["-m", "trodo_cli", *arguments], environment)

    def agent(self, source: str, *arguments: str, **environment: str) -> Running:
        """Start a program that uses the SDK."""
        script = self.folder / f"agent{len(self._running)}.py"
        script.write_text(dedent(source))
        return self._started([str(script), *arguments], environment)

    def terminal(self, *arguments: str, columns: int = 80, **environment: str) -> Terminal:
        """Start a command on a terminal."""
        return self.terminal_python("-m", "trodo_cli", *arguments, columns=columns, **environment)

    def terminal_python(self, *arguments: str, columns: int = 80, **environment: str) -> Terminal:
        """Start Python on a terminal."""
        child: pexpect.spawn[bytes] = pexpect.spawn(
            sys.executable,
            list(arguments),
            env={**self.environment, **environment},
            cwd=str(self.folder),
            dimensions=(24, columns),
            timeout=DEADLINE_SECONDS,
        )
        self._terminals.append(child)
        return Terminal(child)

    def shown(self, *arguments: str, columns: int = 80, **environment: str) -> list[str]:
        """The lines of a command that works on a terminal, without colours."""
        code, sent = self.terminal(*arguments, columns=columns, **environment).end()
        assert code == 0, sent
        return uncoloured(sent).split("\r\n")[:-1]

    @contextmanager
    def reading(self) -> Iterator[Client]:
        """The store behind the default target."""
        client = trodo_cli.connect(str(self.database))
        try:
            yield client
        finally:
            client.close()

    def publish(self, events: Sequence[Event], *, alive: bool = False) -> None:
        """Put events where runs are kept, as a producer does.

        `alive`: with a sign of life an hour ahead, so that no slow machine sees the run as lost.
        """
        now_ns = ids.now_ns() + alive * 3600 * 10**9
        with self.reading() as client:
            assert isinstance(client, LocalClient)
            client.hub.store.append(client.owner, events, now_ns, alive=alive)

    def status(self, run_id: str) -> str:
        """How a run stands."""
        with self.reading() as client:
            return client.runs.get(run_id).status

    def close(self) -> None:
        """Leave no process behind."""
        for running in self._running:
            running.close()
        for child in self._terminals:
            child.close(force=True)

    def _started(self, arguments: list[str], environment: dict[str, str]) -> Running:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            env={**self.environment, **environment},
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        self._running.append(Running(process))
        return self._running[-1]


def _done(code: int, out: bytes, err: bytes) -> Done:
    done = Done(code, out.decode(), err.decode())
    assert "Traceback" not in done.err, done
    return done


def uncoloured(sent: bytes) -> str:
    """What a terminal was sent, without the colours."""
    plain, *parts = sent.decode().split("\x1b[")
    return plain + "".join(part.partition("m")[2] for part in parts)


def eventually(found: Callable[[], Value]) -> Value:
    """The value once it is true."""
    give_up = time.monotonic() + DEADLINE_SECONDS
    while not (value := found()):
        assert time.monotonic() < give_up, f"still {value!r}"
        time.sleep(0.01)
    return value


def refused(done: Done, code: int, *words: str) -> None:
    """A command failed as it should: this code, nothing on stdout, every word in what it says."""
    assert (done.code, done.out) == (code, ""), done
    for word in words:
        assert word in done.err, done
    what, step, *_ = done.err.splitlines()[-2:]
    assert what.startswith("trodo: "), done
    assert step.startswith("       "), "a next step is missing"
