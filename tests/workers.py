"""The workers of a server that is a process: which there are, and which of them answers."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.cli.program import eventually


def workers_of(pid: int) -> list[int]:
    """The process ids of a server's workers."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def state_of(pid: int) -> str:
    """The letter that the system has for what a process does; `X` for one that there is not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"


@contextmanager
def only(worker: int, pid: int) -> Iterator[None]:
    """Until the block ends no other worker of the server does anything."""
    others = [other for other in workers_of(pid) if other != worker]
    for other in others:
        os.kill(other, signal.SIGSTOP)
        eventually(lambda other=other: state_of(other) == "T")  # type: ignore[misc]
    try:
        yield
    finally:
        for other in others:
            with suppress(ProcessLookupError):
                os.kill(other, signal.SIGCONT)
