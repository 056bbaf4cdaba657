"""A home of its own for every test, for programs and for the SDK inside the test process."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import trodo_cli
from tests.sdk.host import Host, Recording
from trodo_cli.sdk import recorder


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    """Programs that share a home below `tmp_path`; the test process reads there, too."""
    host = Host(tmp_path)
    _move_home(monkeypatch, host)
    yield host
    host.close()


@pytest.fixture
def recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recording]:
    """The SDK at work inside the test process, as new."""
    recording = Recording(tmp_path)
    _move_home(monkeypatch, recording)
    monkeypatch.setattr(recorder, "_recorder", None)
    monkeypatch.setattr(recorder, "_target", None)
    yield recording
    trodo_cli.shutdown()
    recording.close()


def _move_home(monkeypatch: pytest.MonkeyPatch, host: Host) -> None:
    monkeypatch.setenv("TRODO_HOME", str(host.home))
    monkeypatch.delenv("TRODO_TARGET", raising=False)
