"""Other processes for tests: small programs that use a store and talk over their pipes."""

import subprocess
import sys
from pathlib import Path

PREAMBLE = """
import os, sys
from pathlib import Path
from tests.contract.events import NOW, payload, run_start, span_end
from tests.contract.reading import OWNER, append, numbers, run_of
from trodo_cli.errors import StorageFull, TrodoError
from trodo_cli.stores.sqlite import SqliteStore
path, name = Path(sys.argv[1]), sys.argv[2]
"""
"""What every program begins with; its arguments are the database and a name."""


def start(program: str, path: Path, name: str = "") -> subprocess.Popen[str]:
    """A process that runs the program; its output is read, its errors stay visible in the test's own."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", PREAMBLE + program, str(path), name],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def finished(process: subprocess.Popen[str]) -> str:
    """All that a process printed, once it has ended well."""
    with process:
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return output


def let_go(processes: list[subprocess.Popen[str]]) -> None:
    """Wait until every process is ready, then let all run."""
    for process in processes:
        assert read_line(process) == "ready"
    for process in processes:
        say(process, "")


def ask_all(processes: list[subprocess.Popen[str]], line: str) -> list[str]:
    for process in processes:
        say(process, line)
    return [read_line(process) for process in processes]


def say(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()


def read_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()
