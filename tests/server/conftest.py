"""One server for all tests of a file, so that they share only what they make themselves."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.served import Served, served


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A served store, empty at first; every test uses run ids of its own."""
    with served(tmp_path_factory.mktemp("served") / "trodo.db") as server:
        yield server


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Served]:
    """A served store that no other test uses."""
    with served(tmp_path / "trodo.db") as server:
        yield server
