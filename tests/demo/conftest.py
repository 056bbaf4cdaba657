"""The demo as a process of its own, recording into a folder of the test."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

import trodo_cli as trodo
from trodo_cli.client.base import Client
from trodo_cli.errors import NotFound
from trodo_cli.model.trace import Trace

DEADLINE_SECONDS = 120
"""How long a process may take before a test gives up on it; far more than it needs."""

Starter = Callable[..., "subprocess.Popen[str]"]


@dataclass
class Recorded:
    """What the default demo left behind."""

    client: Client
    run_id: str
    stdout: str
    stderr: str
    status: int

    def trace(self, agent: str) -> Trace:
        """The newest run of an agent."""
        return self.client.traces.get(self.client.runs.find(f"latest:{agent}"))


def started(home: Path, *arguments: str) -> "subprocess.Popen[str]":
    """Start the demo without pauses."""
    return python(home, "-m", "trodo_cli.demo", "--pace", "0", *arguments)


def python(home: Path, *arguments: str) -> "subprocess.Popen[str]":
    """Start Python, recording into a folder; a warning is an error."""
    settings = {name: value for name, value in os.environ.items() if not name.startswith("TRODO_")}
    return subprocess.Popen(
        [sys.executable, "-W", "error", *arguments],
        env={**settings, "TRODO_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    """One run of the whole demo, shared by the tests that only read it."""
    home = tmp_path_factory.mktemp("demo")
    with started(home) as program:
        stdout, stderr = program.communicate(timeout=DEADLINE_SECONDS)
    with closing(trodo.connect(str(home / "trodo.db"))) as client:
        yield Recorded(client, stdout.strip(), stdout, stderr, program.returncode)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Starter]:
    """Starts Python in the test's own folder; what still runs at the end is ended."""
    programs: list[subprocess.Popen[str]] = []

    def start_one(*arguments: str) -> "subprocess.Popen[str]":
        programs.append(python(tmp_path, *arguments))
        return programs[-1]

    yield start_one
    for program in programs:
        with program:
            program.kill()


def announced(program: "subprocess.Popen[str]", client: Client) -> str:
    """The id that the program prints, once the run is there."""
    assert program.stdout is not None
    run_id = program.stdout.readline().strip()
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        try:
            return client.runs.get(run_id).id
        except NotFound:
            assert time.monotonic() < deadline, "the run never appeared"
            time.sleep(0.02)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    """A client on the test's own folder."""
    with closing(trodo.connect(str(tmp_path / "trodo.db"))) as client:
        yield client
