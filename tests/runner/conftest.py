"""A stage in the test's own process and one behind a server: what holds for one holds for the other."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runner.stage import STAGES, Stage, local_stage
from tests.sdk.conftest import recording as recording


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Everything of ours below the test's own folder."""
    monkeypatch.setenv("TRODO_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("TRODO_TARGET", raising=False)
    (tmp_path / "home").mkdir()
    return tmp_path


@pytest.fixture(params=STAGES)
def stage(request: pytest.FixtureRequest, home: Path) -> Iterator[Stage]:
    with STAGES[request.param](home) as stage:
        yield stage


@pytest.fixture
def local(home: Path) -> Iterator[Stage]:
    with local_stage(home) as stage:
        yield stage
