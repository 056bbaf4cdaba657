"""A worker of its own for every test, and our client of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import trodo_cli
from tests.cli.program import Cli
from tests.client.fake_worker import KEY, FakeWorker
from tests.client.fake_worker import worker as served_worker
from trodo_cli.client.base import Client


@pytest.fixture
def worker() -> Iterator[FakeWorker]:
    with served_worker() as worker:
        yield worker


@pytest.fixture
def client(worker: FakeWorker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """Made as a program makes it, with nobody's settings."""
    monkeypatch.setenv("TRODO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TRODO_KEYRING", "0")
    client = trodo_cli.connect(worker.url, api_key=KEY)
    yield client
    client.close()


@pytest.fixture
def cli(tmp_path: Path, worker: FakeWorker) -> Iterator[Cli]:
    """The command line on an empty home, with the worker as its target."""
    cli = Cli(tmp_path)
    cli.environment |= {"TRODO_TARGET": worker.url, "TRODO_API_KEY": KEY}
    yield cli
    cli.close()
