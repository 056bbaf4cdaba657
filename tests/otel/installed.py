"""Packages of others in a folder of their own, away from ours, and programs that use them as processes."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.shared import shared_folder

SECONDS = 180.0

FRAMEWORKS = (
    "pydantic-ai-slim>=1,<3", "openai>=2,<4", "openinference-instrumentation-openai<0.2",
    "opentelemetry-instrumentation-openai>=0.60", "opentelemetry-exporter-otlp-proto-http>=1.30",
)  # fmt: skip
JSON_EXPORTER = ("opentelemetry-exporter-otlp-json-http>=0.60b0",)


def installed(factory: pytest.TempPathFactory, name: str, packages: tuple[str, ...]) -> Path:
    """A folder with these packages; made once for all processes of a test run."""
    shared = shared_folder(factory)
    folder, done = shared / name, shared / f"{name}.done"
    try:
        folder.mkdir()
    except FileExistsError:
        deadline = time.monotonic() + SECONDS
        while not done.exists():
            assert time.monotonic() < deadline, f"nobody installed {name}"
            time.sleep(0.1)
        return folder
    install = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-compile",
        "--target",
        str(folder),
        *packages,
    ]
    tried = subprocess.run(install, capture_output=True, text=True, timeout=SECONDS, check=False)
    done.touch()
    assert tried.returncode == 0, tried.stderr
    return folder


def play(folder: Path, script: Path, *arguments: str, **settings: str) -> str:
    """Run a program that sees these packages and the interpreter's own library, nothing else; what it wrote."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(folder), **settings}
    command = [sys.executable, "-S", str(script), *arguments]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    return done.stdout
