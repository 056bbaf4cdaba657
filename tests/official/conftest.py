"""The published `trodo-python` in a folder of its own, and programs that use it far from our own `trodo`."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest

from tests.server.served import Served, served
from tests.shared import alone, shared_folder

PACKAGE = "trodo-python>=2.26,<2.27"

INSTALL_SECONDS, DEADLINE_SECONDS = 300, 120


@dataclass
class Official:
    """Runs programs with what is installed in a folder, and nothing of the test's own environment."""

    site: Path
    folder: Path

    def run(self, source: str, *arguments: str, isolated: bool = True, **environment: str) -> list[str]:
        """The lines of a program that ends well and says nothing on stderr."""
        script = self.folder / "program.py"
        script.write_text(dedent(source))
        flags = ["-S"] if isolated else []
        done = subprocess.run(
            [sys.executable, *flags, str(script), *arguments],
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.folder),
                "TRODO_HOME": str(self.folder / "home"),
                "PYTHONPATH": str(self.site),
                **environment,
            },
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=DEADLINE_SECONDS,
        )
        assert (done.returncode, done.stderr) == (0, ""), done
        return done.stdout.splitlines()


def install(site: Path, *what: str) -> None:
    """Install packages into a folder."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "install", "--no-compile"]
    subprocess.run(
        [*pip, "--target", str(site), *what], check=True, timeout=INSTALL_SECONDS, capture_output=True
    )


def kept_site(factory: pytest.TempPathFactory, name: str, package: str) -> Path:
    """A folder with a package, made by the first worker that asks."""
    shared = shared_folder(factory)
    site = shared / name
    with alone(shared / f"{name}.lock"):
        if not (site / "complete").exists():
            install(site, package)
            (site / "complete").touch()
    return site


@pytest.fixture(scope="session")
def official_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the published package."""
    return kept_site(tmp_path_factory, "official", PACKAGE)


@pytest.fixture(scope="session")
def otlp_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with what its OTLP mode needs."""
    return kept_site(tmp_path_factory, "official-otlp", PACKAGE.replace("python", "python[otlp]", 1))


@pytest.fixture
def official(official_site: Path, tmp_path: Path) -> Official:
    return Official(official_site, tmp_path)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Served]:
    """A served store that no other test uses."""
    with served(tmp_path / "trodo.db") as server:
        yield server
