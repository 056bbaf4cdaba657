"""A home of its own for every test of the command line."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.program import Cli


@pytest.fixture
def cli(tmp_path: Path) -> Iterator[Cli]:
    """The command line on an empty home; what still runs at the end is ended."""
    cli = Cli(tmp_path)
    yield cli
    cli.close()
