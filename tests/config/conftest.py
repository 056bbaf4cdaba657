"""A home and a working folder of its own for every test, and nothing of ours in the environment."""

import os
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Place:
    """Where a test is at home."""

    user: Path
    """The home folder of the user."""
    home: Path
    """`TRODO_HOME`; not made yet."""
    work: Path
    """The working folder, below the user's home."""

    def settings(self, text: str) -> Path:
        """Write the user file."""
        return written(self.home / "config.toml", text)

    def project(self, text: str, folder: Path | None = None) -> Path:
        """Write a project file, in the working folder unless told otherwise."""
        return written((folder or self.work) / "trodo.toml", text)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    for name in [name for name in os.environ if name.startswith("TRODO_")]:
        monkeypatch.delenv(name)
    place = Place(tmp_path, tmp_path / "home", tmp_path / "work")
    place.work.mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TRODO_HOME", str(place.home))
    monkeypatch.setenv("TRODO_KEYRING", "0")
    monkeypatch.chdir(place.work)
    return place


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path
