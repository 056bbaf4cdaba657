"""Where agents are that can be started: a folder, a file, `module:function`, or a project file that names such.

A project's file is believed with this only when somebody starts or lists agents in its folder, or names it: `trodo
serve` never looks for one by itself.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from trodo_cli.config.paths import absolute_path
from trodo_cli.config.project import nearest_project_file
from trodo_cli.config.toml import read_toml
from trodo_cli.errors import InvalidInput

_FUNCTION = re.compile(r"([A-Za-z_][\w.]*):([A-Za-z_]\w*)")


class AgentSource(msgspec.Struct, frozen=True):
    """A place of agents."""

    shown: str
    """As it was written."""
    place: str
    """An absolute path of a folder or a file, or a module's name."""
    base: str
    """The folder that is importable while it is loaded."""
    function: str = ""
    """Of a module."""


def agent_sources(named: Sequence[str]) -> list[AgentSource]:
    """What somebody named. Raises `InvalidInput` for what is not there."""
    return [source for text in named for source in _sources(text, Path.cwd())]


def project_agents() -> list[AgentSource]:
    """What the nearest project file names under `agents`; nothing when there is none."""
    path = nearest_project_file("agents")
    return _of_project(path) if path else []


def _sources(text: str, folder: Path) -> list[AgentSource]:
    if found := _FUNCTION.fullmatch(text):
        return [AgentSource(text, found[1], str(folder), found[2])]
    path = absolute_path(str(folder / text) if text[:1] != "~" else text, "the agents' place")
    if path.suffix == ".toml" and path.is_file():
        return _of_project(path)
    if path.is_dir():
        return [AgentSource(text, str(path.resolve()), str(path.resolve()))]
    if path.suffix == ".py" and path.is_file():
        return [AgentSource(text, str(path.resolve()), str(path.resolve().parent))]
    raise InvalidInput(f"no agents at {text}", "name a folder of Python files, or module:function")


def _of_project(path: Path) -> list[AgentSource]:
    said: Any = read_toml(path).get("agents", [])
    texts = [said] if isinstance(said, str) else said
    if not isinstance(texts, list) or not all(isinstance(text, str) and text for text in texts):
        raise InvalidInput(
            f"{path}: `agents` is no text and no list of texts", 'write it as agents = "./agents"'
        )
    if any(text.endswith(".toml") for text in texts):
        raise InvalidInput(f"{path}: `agents` names another project file", "name folders or module:function")
    return [source for text in texts for source in _sources(text, path.parent)]
