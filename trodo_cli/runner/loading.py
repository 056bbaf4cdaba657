"""Agents imported from where they are: files of a folder, one file, or `module:function`. Only in a child process."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module, util
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

from trodo_cli.config import AgentSource
from trodo_cli.errors import InvalidInput, TrodoError
from trodo_cli.model.agent import Agent
from trodo_cli.runner.inquiry import Found
from trodo_cli.runner.performer import Performer
from trodo_cli.runner.step import performer_of
from trodo_cli.sdk.details import is_stop
from trodo_cli.sdk.wrappers import MARK, Mark
from trodo_cli.wire.values import text_of

At = Callable[[AgentSource], None]
"""Told what is at work before it is."""


class Loader:
    """The agents of some parts, imported as they are needed."""

    def __init__(self, parts: list[AgentSource], at: At = lambda _part: None) -> None:
        self._parts, self._at = parts, at
        for part in parts:
            if part.base not in sys.path:
                sys.path.append(part.base)
        self._found: dict[str, Any] = {}
        self._waiting = list(parts)
        self._open: list[AgentSource] = []

    def find(self, agent_id: str) -> Any | None:
        """The agent of that id; parts are imported one by one until one has it, those that are broken passed over."""
        while agent_id not in self._found and self._waiting:
            with suppress(TrodoError):
                self._take(self._waiting.pop(0))
        return self._found.get(agent_id)

    def take_first(self, shown: str) -> None:
        """Import this part now, by its name in the catalogue. Raises `InvalidInput` for what is wrong with it."""
        for part in [part for part in self._waiting if part.shown == shown]:
            self._waiting.remove(part)
            self._take(part)

    def described(self, part: AgentSource) -> Found:
        """The agents of a part, and what is wrong with the others and with itself."""
        found = Found()
        with self._at_work(part):
            try:
                steps = _agents(part)
            except InvalidInput as error:
                missing = isinstance(error.__cause__, ModuleNotFoundError) and error.__cause__.name
                return Found(broken=[error.message], missing=missing or "")
            for agent_id, step in steps:
                try:
                    if not self._is_of_earlier(part, step):
                        found.agents.append(_described(step, part))
                except TrodoError as error:
                    found.broken.append(f"{text_of(agent_id)}: {error.message}")
        return found

    def _is_of_earlier(self, part: AgentSource, step: Any) -> bool:
        """Whether an earlier part has this very agent, which this one has only imported."""
        return any(
            any(step is known for _, known in _steps(earlier, module))
            for earlier in self._parts[: self._parts.index(part)]
            if (module := _loaded(earlier)) is not None
        )

    def _take(self, part: AgentSource) -> None:
        with self._at_work(part):
            for agent_id, step in _agents(part):
                self._found.setdefault(agent_id, step)

    @contextmanager
    def _at_work(self, part: AgentSource) -> Iterator[None]:
        self._open.append(part)
        self._at(part)
        try:
            yield
        finally:
            self._open.pop()
            if self._open:
                self._at(self._open[-1])


def _described(step: Any, part: AgentSource) -> Agent:
    """Raises `TrodoError` for an agent that nobody could start."""
    try:
        agent = described(performer_of(step), part.shown)
        if not agent.id:
            raise InvalidInput("an agent has an id that is not empty", "name it")
        return msgspec.json.decode(msgspec.json.encode(agent), type=Agent)
    except (TrodoError, MemoryError):
        raise
    except RecursionError:
        raise InvalidInput("it leads back to itself", "end the circle of its steps") from None
    except BaseException as error:
        raise InvalidInput(f"it cannot be described: {_words(error)}", "mend it") from error


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


def _agents(part: AgentSource) -> list[tuple[str, Any]]:
    """The agents that a part has, by id. Raises `InvalidInput`."""
    module = _imported(part)
    if part.function and not callable(getattr(module, part.function, None)):
        raise InvalidInput(f"{part.place} has no function {part.function}", "write module:function")
    return _steps(part, module)


def _steps(part: AgentSource, module: ModuleType) -> list[tuple[str, Any]]:
    """The agents in the module of a part, each once."""
    if part.function:
        step = getattr(module, part.function, None)
        mark = _mark(step)
        return [(mark.agent_id if mark else part.function, step)]
    marked = {
        id(step): (mark.agent_id, step) for step in list(vars(module).values()) if (mark := _mark(step))
    }
    return list(marked.values())


def _mark(step: Any) -> Mark | None:
    """What an object is marked with; whatever it does when it is asked, one that is no agent has none."""
    try:
        mark = None if isinstance(step, type) else getattr(step, MARK, None)
        return mark if isinstance(mark, Mark) else None
    except Exception:
        return None


def _imported(part: AgentSource) -> ModuleType:
    try:
        return import_module(part.place) if part.function else _imported_file(Path(part.place))
    except MemoryError:
        raise
    except BaseException as error:
        if is_stop(error):
            raise
        raise InvalidInput(f"cannot be imported: {_words(error)}", "mend it, or take it away") from error


def _words(error: BaseException) -> str:
    said = text_of(error)
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def _loaded(part: AgentSource) -> ModuleType | None:
    """The module of a part, if it is imported already."""
    path = Path(part.place)
    for name in (part.place,) if part.function else (path.stem, _own_name(path)):
        module = sys.modules.get(name)
        if module is not None and (part.function or getattr(module, "__file__", "") == part.place):
            return module
    return None


def _own_name(path: Path) -> str:
    return f"trodo_agents_{path.stem}"


def _imported_file(path: Path) -> ModuleType:
    """The module of a file; under its plain name where others that import it find the same."""
    try:
        known = util.find_spec(path.stem)
    except (ImportError, ValueError):
        known = None
    if known is not None and known.origin == str(path):
        return import_module(path.stem)
    name = _own_name(path)
    if name in sys.modules and getattr(sys.modules[name], "__file__", "") == str(path):
        return sys.modules[name]
    spec = util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = sys.modules[name] = util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
