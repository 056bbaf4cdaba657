"""A new file for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from trodo_cli.stores.database import Database


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "trodo.db"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    database = Database(path)
    yield database
    database.close()
