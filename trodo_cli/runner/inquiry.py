"""What a describing process is asked, and what it notes while it answers: a line for each thing that it has seen."""

import os
from contextlib import suppress
from pathlib import Path

import msgspec

from trodo_cli.config import AgentSource
from trodo_cli.model.agent import Agent
from trodo_cli.runner.limits import Limits


class Ask(msgspec.Struct):
    """Which parts are to be described, in this order."""

    asked: list[AgentSource]
    parts: list[AgentSource]
    """All that may be imported, in the order in which an agent is looked for."""
    limits: Limits
    seconds: float
    """How long one part may take."""


class Found(msgspec.Struct, omit_defaults=True):
    """What is in one part."""

    agents: list[Agent] = []
    broken: list[str] = []
    """What cannot be used, and why."""
    missing: str = ""
    """The module without which it cannot be imported."""


class Stamp(msgspec.Struct, frozen=True):
    """When a file was changed, and its size; both 0 for one that is not there."""

    mtime_ns: int = 0
    size: int = 0


def stamp(file: str) -> Stamp:
    """The stamp that a file has now."""
    with suppress(OSError, ValueError):
        found = os.stat(file)
        return Stamp(found.st_mtime_ns, found.st_size)
    return Stamp()


class Line(msgspec.Struct, omit_defaults=True):
    """One of these."""

    at: AgentSource | None = None
    """What is imported or described from now on."""
    found: Found | None = None
    """What is in the next part of those that were asked for."""
    file: str = ""
    """A file whose code is used, and its stamp."""
    stamp: Stamp = Stamp()


def ask_file(home: Path) -> Path:
    return home / "ask.json"


def notes_file(home: Path) -> Path:
    return home / "notes"
