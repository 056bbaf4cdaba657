"""Which agents can be started: found out by child processes, anew when a file of theirs has changed."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from trodo_cli.config import AgentSource
from trodo_cli.errors import InvalidInput, NotFound
from trodo_cli.model.agent import NOTHING, Agent, Broken, Catalogue, given, meant
from trodo_cli.runner.inquiry import Found, Stamp, stamp
from trodo_cli.runner.limits import Limits
from trodo_cli.runner.parts import parts_of
from trodo_cli.runner.survey import Survey, Surveyor

Sources = Callable[[], Sequence[AgentSource]]


class _Known(msgspec.Struct):
    """What was found out about the agents of these parts."""

    parts: list[AgentSource]
    catalogue: Catalogue
    usable: list[AgentSource]
    """Those that do not end the process that imports them."""
    stamps: dict[str, Stamp]
    """Of the files that say what the agents are."""

    def is_of(self, parts: list[AgentSource]) -> bool:
        """Whether it is still true, of these parts."""
        return self.parts == parts and all(stamp(file) == was for file, was in self.stamps.items())


class Registry:
    """The agents of some sources, for those who start them."""

    def __init__(self, sources: Sources, limits: Callable[[], Limits | None] = lambda: None) -> None:
        self._sources, self._limits = sources, limits
        self._lock = threading.Lock()
        self._known: _Known | None = None
        self._surveyor = Surveyor()

    @property
    def sources(self) -> list[AgentSource]:
        """Where a run may look for agents."""
        return self._fresh().usable

    def catalogue(self) -> Catalogue:
        """The agents there are now, and what cannot be used."""
        return self._fresh().catalogue

    def agent(self, agent_id: str) -> Agent:
        """Raises `NotFound`, which tells of a source that cannot be used."""
        for is_patient in (False, True):
            found = self._fresh(is_patient=is_patient).catalogue
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

    def close(self) -> None:
        """Look at nothing more, and end what is looked at."""
        self._surveyor.close()

    def _fresh(self, *, is_patient: bool = False) -> _Known:
        """What is known of the agents; found out anew when a file has changed.

        One finds out at a time: the others are content with what was known before, unless they are patient.
        """
        known, parts = self._known, parts_of(self._sources())
        if known is not None and known.is_of(parts):
            return known
        if not self._lock.acquire(blocking=known is None or is_patient):
            assert known is not None
            return known
        try:
            if self._known is known or self._known is None:
                self._known = self._found_out(parts)
            return self._known
        finally:
            self._lock.release()

    def _found_out(self, parts: list[AgentSource]) -> _Known:
        """Everything about the agents of these parts."""
        stamps = {part.place: stamp(part.place) for part in parts if not part.function}
        try:
            seen = self._surveyor.survey(parts, self._limits() or Limits())
        except OSError as error:
            seen = Survey(lost=dict.fromkeys(parts, f"cannot be described: {error.strerror}"))
        return _Known(
            parts=parts,
            catalogue=_catalogue(parts, seen),
            usable=[part for part in parts if part not in seen.lost],
            stamps={**seen.stamps, **stamps},
        )


def check_input(agent: Agent, value: Any) -> None:
    """Raises `InvalidInput` that names what does not fit the agent's schema."""
    import jsonschema_rs

    from trodo_cli.runner.formats import FORMATS

    if "default" in agent.input and value in NOTHING:
        return
    try:
        jsonschema_rs.validate(agent.input, given(value), formats=FORMATS, validate_formats=True)
    except jsonschema_rs.ValidationError as error:
        at = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.instance_path)
        raise InvalidInput(
            f"the input of {agent.id} does not fit: {f'`{at[1:]}`: ' if at else ''}{error.message}",
            f"`trodo agents show {agent.id}` says what it takes",
        ) from None
    except (ValueError, RecursionError):
        raise InvalidInput(f"the input of {agent.id} cannot be checked: it is nested too deeply") from None


def _catalogue(parts: list[AgentSource], seen: Survey) -> Catalogue:
    """The agents by the order of their parts; of those with one id the first."""
    known: dict[str, Agent] = {}
    broken: list[Broken] = []
    for part in parts:
        found = seen.found.get(part) or Found(broken=[seen.lost[part]])
        broken += [Broken(part.shown, problem) for problem in found.broken]
        for agent in found.agents:
            first = known.setdefault(agent.id, agent)
            if first is not agent:
                broken.append(Broken(part.shown, f"the agent {agent.id} is in {first.source} already"))
    return Catalogue(list(known.values()), broken)


_NONE = "name where agents are with --agents, or `agents` in the project's trodo.toml"
