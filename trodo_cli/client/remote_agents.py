"""The agents of a server, whatever it speaks."""

from collections.abc import Callable, Sequence

from trodo_cli.client.base import no_agent
from trodo_cli.model.agent import Agent, Broken


class RemoteAgents:
    """See `client.base.Agents`."""

    def __init__(self, ask: Callable[[], Sequence[Agent]]) -> None:
        self._ask = ask

    def list(self) -> Sequence[Agent]:
        return self._ask()

    def get(self, agent_id: str) -> Agent:
        known = self._ask()
        found = next((agent for agent in known if agent.id == agent_id), None)
        if found is None:
            raise no_agent(agent_id, known)
        return found

    def broken(self) -> Sequence[Broken]:
        return []
