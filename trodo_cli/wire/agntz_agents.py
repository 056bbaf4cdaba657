"""Agents as the agntz worker's API lists them, both ways."""

from typing import Any

import msgspec

from trodo_cli.model.agent import Agent
from trodo_cli.wire.agntz_shapes import converted, text_from


class AgentShape(msgspec.Struct):
    id: str
    name: str = ""
    description: str | None = None
    kind: str | None = None


def agent_object(agent: Agent) -> dict[str, Any]:
    """An agent in a list; what it takes and gives has no place there."""
    return {"id": agent.id, "name": agent.id, "description": agent.description or None, "kind": agent.kind}


def read_agents(data: Any) -> list[Agent]:
    """The list of a worker. Raises `InvalidInput`."""
    return [
        Agent(
            id=text_from(shape.id) or "",
            description=text_from(shape.description) or "",
            kind=text_from(shape.kind) or "",
        )
        for shape in converted(data, list[AgentShape], "list of agents")
    ]
