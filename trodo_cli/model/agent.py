"""An agent that can be started, as those see it who do not have its code."""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

import msgspec

MAX_NAMED = 5
"""How many agents a hint names."""

NOTHING: tuple[Any, ...] = (msgspec.UNSET, None, {})
"""Inputs that may stand for none; UNSET is none."""


class Agent(msgspec.Struct, omit_defaults=True, kw_only=True):
    """What an agent takes and gives; both as JSON Schema."""

    id: str
    description: str = ""
    kind: str = "function"
    """`function`, `generator`, `sequential` or `parallel`."""
    input: dict[str, Any] = {}
    """Has a `default` when the agent can be started with nothing."""
    output: dict[str, Any] = {}
    source: str = ""
    """The file or `module:function` that it comes from."""


class Broken(msgspec.Struct):
    """A source of agents that cannot be used, and why."""

    source: str
    error: str


class Catalogue(msgspec.Struct):
    """The agents of some sources."""

    agents: list[Agent] = []
    broken: list[Broken] = []


def given(value: Any) -> Any:
    """What is told of an input: None where there is none."""
    return None if value is msgspec.UNSET else value


def meant(agent_id: str, known: Sequence[str]) -> str:
    """What somebody may have meant by an agent that is not among these; empty when there are none."""
    if close := get_close_matches(agent_id, known, 1):
        return f"did you mean {close[0]}?"
    return f"there are {', '.join(known[:MAX_NAMED])}{', …' * (len(known) > MAX_NAMED)}" if known else ""
