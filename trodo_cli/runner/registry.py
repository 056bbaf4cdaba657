"""Which agents can be started: described by a child process, asked again when a file of theirs has changed."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from trodo_cli import config
from trodo_cli.config import AgentSource
from trodo_cli.errors import InvalidInput, NotFound
from trodo_cli.model.agent import Agent, Broken, Catalogue, meant

DESCRIBE_SECONDS = 20.0
"""How long all agents may take to be imported."""

Sources = Callable[[], Sequence[AgentSource]]

_Stamp = list[tuple[str, int, int]]


class Registry:
    """The agents of some sources, for those who start them."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._lock = threading.Lock()
        self._known: Catalogue | None = None
        self._stamp: _Stamp = []

    @property
    def sources(self) -> list[AgentSource]:
        """Where the agents are."""
        return list(self._sources())

    def catalogue(self) -> Catalogue:
        """The agents there are now, and what cannot be used."""
        with self._lock:
            if self._known is None or self._stamp != _stamp(self._known.files):
                self._known = self._described()
                self._stamp = _stamp(self._known.files)
            return self._known

    def agent(self, agent_id: str) -> Agent:
        """Raises `NotFound`, which tells of a source that cannot be used."""
        found = self.catalogue()
        for agent in found.agents:
            if agent.id == agent_id:
                return agent
        if found.broken:
            broken = found.broken[0]
            raise NotFound(f"no agent {agent_id}", f"perhaps because of {broken.source}: {broken.error}")
        raise NotFound(f"no agent {agent_id}", meant(agent_id, [agent.id for agent in found.agents]) or _NONE)

    def checked(self, agent_id: str, value: Any) -> Agent:
        """The agent that can be started with this input. Raises `NotFound` or `InvalidInput`."""
        agent = self.agent(agent_id)
        check_input(agent, value)
        return agent

    def _described(self) -> Catalogue:
        sources = self.sources
        if not sources:
            return Catalogue()
        try:
            return msgspec.json.decode(_asked(sources), type=Catalogue)
        except (msgspec.MsgspecError, OSError) as error:
            problem = f"the agents cannot be described: {error}"
        except subprocess.TimeoutExpired:
            problem = f"not imported within {DESCRIBE_SECONDS:g} s"
        files = [str(Path(source.place).absolute()) for source in sources]
        return Catalogue([], [Broken(source.shown, problem) for source in sources], files)


def check_input(agent: Agent, value: Any) -> None:
    """Raises `InvalidInput` that names what does not fit the agent's schema."""
    import jsonschema_rs

    if "default" in agent.input and value in (None, {}):
        return
    try:
        jsonschema_rs.validate(agent.input, value)
    except jsonschema_rs.ValidationError as error:
        at = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.instance_path)
        raise InvalidInput(
            f"the input of {agent.id} does not fit: {f'`{at[1:]}`: ' if at else ''}{error.message}",
            f"`trodo agents show {agent.id}` says what it takes",
        ) from None
    except (ValueError, RecursionError):
        raise InvalidInput(f"the input of {agent.id} cannot be checked: it is nested too deeply") from None


def _asked(sources: list[AgentSource]) -> bytes:
    """What the describing process answers."""
    with tempfile.TemporaryDirectory(prefix="trodo-", ignore_cleanup_errors=True) as home:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "trodo_cli.runner.describe"],
            env=config.process_environment(Path(home), "memory:"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            return process.communicate(msgspec.json.encode(sources), DESCRIBE_SECONDS)[0]
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def _stamp(files: Iterable[str]) -> _Stamp:
    """What differs after a change of these files."""
    stamp = []
    for file in files:
        with suppress(OSError):
            found = os.stat(file)
            stamp.append((file, found.st_mtime_ns, found.st_size))
    return stamp


_NONE = "name where agents are with --agents, or `agents` in the project's trodo.toml"
