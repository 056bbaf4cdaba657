"""Commands as processes that need not load anything: forked off a program that has loaded it all.

One such program serves the tests of one process. It has a single thread, imports and does nothing else, so a
forked command is as one that was just started: its own arguments, environment, folder and pipes, and an end of
its own, at which only the modules are not taken down. Whether loading itself works is for commands that are
started.
"""

import atexit
import gc
import json
import os
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import BinaryIO

LOADED = (
    "trodo_cli.cli.main", "trodo_cli.cli.start", "trodo_cli.client.http", "trodo_cli.client.local",
    "trodo_cli.render.tables", "trodo_cli.stores.sqlite", "genai_prices", "httpx", "httpx_sse", "platformdirs",
    "rich.console", "rich.table", "tomlkit", "typer.rich_utils",
)  # fmt: skip
"""What commands load while they run; what is missing here they load themselves."""

FIXED = ("PYTHON", "LC_", "LANG")
"""How settings begin that Python reads when it starts."""


class Prepared:
    """The program that forks, as its client sees it."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._turn = threading.Lock()
        self._asking, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.cli.prepared", str(theirs.fileno())],
                env={"PATH": os.environ["PATH"], **settings},
                pass_fds=[theirs.fileno()],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        self._told = self._asking.makefile("r")

    def close(self) -> None:
        """End the program."""
        self._told.close()
        self._asking.close()
        self._process.communicate()

    def run(
        self,
        arguments: Sequence[str | bytes],
        environment: Mapping[str, str],
        folder: Path,
        input: bytes,
        timeout: float,
    ) -> tuple[int, bytes, bytes]:
        """Run a command to its end: its exit code as `subprocess` has it, stdout and stderr.

        `input` is at most what a pipe takes before anybody reads.
        """
        words = [os.fsdecode(argument) for argument in arguments]
        asked = json.dumps([words, dict(environment), str(folder)]).encode()
        with self._turn, ExitStack() as ends:
            (stdin, feed), (out, stdout), (err, stderr) = (_pipe(ends) for _ in range(3))
            feed.write(input)
            feed.close()
            passed = (stdin, stdout, stderr)
            socket.send_fds(self._asking, [b"."], [end.fileno() for end in passed])
            self._asking.sendall(asked + b"\n")
            for end in passed:
                end.close()
            pid = int(self._told.readline())
            try:
                wrote = _read((out, err), timeout)
            except TimeoutError:
                os.kill(pid, signal.SIGKILL)
                raise subprocess.TimeoutExpired(words, timeout) from None
            finally:
                code = int(self._told.readline())
        return code, *wrote


def fixed(environment: Mapping[str, str]) -> frozenset[tuple[str, str]]:
    """What of an environment a forked command cannot have otherwise."""
    return frozenset((name, value) for name, value in environment.items() if name.startswith(FIXED))


@cache
def prepared(settings: frozenset[tuple[str, str]]) -> Prepared:
    """The program for commands with these fixed settings; it ends with this process."""
    ready = Prepared(dict(settings))
    atexit.register(ready.close)
    return ready


def _pipe(ends: ExitStack) -> tuple[BinaryIO, BinaryIO]:
    """Where to read and where to write."""
    reading, writing = os.pipe()
    return (
        ends.enter_context(open(reading, "rb", buffering=0)),
        ends.enter_context(open(writing, "wb", buffering=0)),
    )


def _read(pipes: Sequence[BinaryIO], timeout: float) -> tuple[bytes, ...]:
    """All that comes from some pipes at the same time."""
    give_up = time.monotonic() + timeout
    found = [bytearray() for _ in pipes]
    with selectors.DefaultSelector() as waiting:
        for pipe, kept in zip(pipes, found, strict=True):
            waiting.register(pipe, selectors.EVENT_READ, kept)
        while waiting.get_map():
            ready = waiting.select(max(give_up - time.monotonic(), 0))
            if not ready:
                raise TimeoutError
            for key, _ in ready:
                part = os.read(key.fd, 1 << 16)
                key.data.extend(part)
                if not part:
                    waiting.unregister(key.fileobj)
    return tuple(bytes(kept) for kept in found)


def fork_on_request(number: int) -> bool:
    """Fork a process for each request that comes: True in each, once it is what was asked for."""
    with socket.socket(fileno=number) as asked, asked.makefile("rw") as words:
        while True:
            head, streams, _, _ = socket.recv_fds(asked, 1, 3)
            if not head:
                return False
            request = json.loads(words.readline())
            if not (pid := os.fork()):
                break
            for stream in streams:
                os.close(stream)
            words.write(f"{pid}\n")
            words.flush()
            _, status = os.waitpid(pid, 0)
            words.write(f"{os.waitstatus_to_exitcode(status)}\n")
            words.flush()
    _become(streams, *request)
    return True


def _become(streams: list[int], arguments: list[str], environment: dict[str, str], folder: str) -> None:
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    os.chdir(folder)
    sys.path[0] = folder
    sys.argv[1:] = arguments


def _run_to_the_end() -> None:
    code = 0
    try:
        runpy.run_module("trodo_cli", run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        code = int(ended.code or 0)
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    gc.collect()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    for module in LOADED:
        import_module(module)
    gc.freeze()
    if fork_on_request(int(sys.argv[1])):
        _run_to_the_end()
