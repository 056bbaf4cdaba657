"""Agents imported from where they are: files of a folder, one file, or `module:function`. Only in a child process."""

import inspect
import sys
from collections.abc import Iterator
from importlib import import_module, util
from pathlib import Path
from types import ModuleType
from typing import Any

from trodo_cli.config import AgentSource
from trodo_cli.errors import InvalidInput, TrodoError
from trodo_cli.model.agent import Agent, Broken, Catalogue
from trodo_cli.runner.performer import Performer
from trodo_cli.runner.step import performer_of
from trodo_cli.sdk.wrappers import MARK, Mark

Part = tuple[str, str]
"""One file (its path, and nothing) or one function (its module, and its name)."""


class Loader:
    """The agents of some sources, imported as they are needed."""

    def __init__(self, sources: list[AgentSource]) -> None:
        self._sources = sources
        for source in sources:
            if source.base not in sys.path:
                sys.path.append(source.base)
        self._found: dict[str, Any] = {}
        self._waiting = [(part, source) for source in sources for part in parts(source)]

    def find(self, agent_id: str) -> Any | None:
        """The agent of that id; files are imported one by one until one has it, those that are broken passed over."""
        while agent_id not in self._found and self._waiting:
            part, _ = self._waiting.pop(0)
            try:
                self._take(part)
            except TrodoError:
                continue
        return self._found.get(agent_id)

    def take_first(self, shown: str) -> None:
        """Import this part now, by its name in the catalogue. Raises `InvalidInput` for what is wrong with it."""
        for waiting in [waiting for waiting in self._waiting if _shown(*waiting) == shown]:
            self._waiting.remove(waiting)
            self._take(waiting[0])

    def catalogue(self) -> Catalogue:
        """All agents that can be started, and what is wrong with the others."""
        found = Catalogue(files=[str(Path(source.place).absolute()) for source in self._sources])
        seen: dict[str, tuple[Any, str]] = {}
        for part, source in self._waiting:
            shown = _shown(part, source)
            found.files += [part[0]] if not part[1] else []
            try:
                for agent_id, step in _agents(part):
                    self._describe(agent_id, step, shown, seen, found)
            except TrodoError as error:
                found.broken.append(Broken(shown, error.message))
        return found

    def _describe(
        self, agent_id: str, step: Any, shown: str, seen: dict[str, tuple[Any, str]], found: Catalogue
    ) -> None:
        known, where = seen.setdefault(agent_id, (step, shown))
        if known is not step:
            found.broken.append(Broken(shown, f"the agent {agent_id} is in {where} already"))
        elif not any(agent.id == agent_id for agent in found.agents):
            try:
                found.agents.append(described(performer_of(step), shown))
            except TrodoError as error:
                found.broken.append(Broken(shown, f"{agent_id}: {error.message}"))

    def _take(self, part: Part) -> None:
        for agent_id, step in _agents(part):
            self._found.setdefault(agent_id, step)


def described(performer: Performer, shown: str) -> Agent:
    """An agent as others see it."""
    return Agent(
        id=performer.id,
        description=performer.description,
        kind=performer.kind,
        input=performer.input,
        output=performer.output,
        source=shown,
    )


def parts(source: AgentSource) -> list[Part]:
    """The files of a folder, in the order of their names, or the one file or function. Raises `InvalidInput`."""
    if source.function:
        return [(source.place, source.function)]
    path = Path(source.place)
    if path.is_file():
        return [(str(path), "")]
    names = sorted(found for found in path.glob("*.py") if not found.name.startswith(("_", ".")))
    return [(str(found), "") for found in names]


def _shown(part: Part, source: AgentSource) -> str:
    """What a part is called in the catalogue: as the operator wrote it."""
    if part[1]:
        return f"{part[0]}:{part[1]}"
    return source.shown if source.place == part[0] else f"{source.shown.rstrip('/')}/{Path(part[0]).name}"


def _agents(part: Part) -> Iterator[tuple[str, Any]]:
    """The agents that a part has, by id. Raises `InvalidInput`."""
    place, name = part
    module = _imported(place, name)
    if name:
        step = getattr(module, name, None)
        if not callable(step):
            raise InvalidInput(f"{place} has no function {name}", "write module:function")
        mark: Mark | None = getattr(step, MARK, None)
        yield (mark.agent_id if mark else name), step
        return
    for step in list(vars(module).values()):
        mark = None if inspect.isclass(step) else getattr(step, MARK, None)
        if isinstance(mark, Mark):
            yield mark.agent_id, step


def _imported(place: str, name: str) -> ModuleType:
    try:
        return import_module(place) if name else _imported_file(Path(place))
    except (Exception, SystemExit) as error:
        what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise InvalidInput(f"cannot be imported: {what}", "mend it, or take it away") from error


def _imported_file(path: Path) -> ModuleType:
    """The module of a file; under its plain name where others that import it find the same."""
    try:
        known = util.find_spec(path.stem)
    except (ImportError, ValueError):
        known = None
    if known is not None and known.origin == str(path):
        return import_module(path.stem)
    name = f"trodo_agents_{path.stem}"
    if name in sys.modules and getattr(sys.modules[name], "__file__", "") == str(path):
        return sys.modules[name]
    spec = util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = sys.modules[name] = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
