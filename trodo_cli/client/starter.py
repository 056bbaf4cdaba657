"""Agents and their runs over a store in this process: made when somebody asks for them."""

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from trodo_cli.client.base import no_agent
from trodo_cli.model.agent import Agent, Broken
from trodo_cli.runner.limits import Limits
from trodo_cli.runner.registry import Registry, Sources

if TYPE_CHECKING:
    from trodo_cli.client.local import LocalClient
    from trodo_cli.runner.runner import Runner


class Starter:
    """What starts agents for every owner of one store."""

    def __init__(self, sources: Sources, target: str) -> None:
        self.registry = Registry(sources)
        self.limits = Limits()
        """For runs that are started from now on, as long as none was."""
        self._target = target
        self._runner: Runner | None = None
        self._lock = threading.Lock()

    def runner(self, client: "LocalClient") -> "Runner":
        """The one runner over the store of these clients."""
        from trodo_cli.runner.runner import Runner

        with self._lock:
            if self._runner is None:
                self._runner = Runner(client.hub, client.of, self.registry, self._target, self.limits)
            return self._runner

    def close(self) -> None:
        """End what was started."""
        if self._runner is not None:
            self._runner.close()


class LocalAgents:
    """See `client.base.Agents`."""

    def __init__(self, starter: Starter | None) -> None:
        self._registry = starter.registry if starter is not None else None

    def list(self) -> Sequence[Agent]:
        return self._registry.catalogue().agents if self._registry else []

    def get(self, agent_id: str) -> Agent:
        if self._registry is None:
            raise no_agent(agent_id)
        return self._registry.agent(agent_id)

    def broken(self) -> Sequence[Broken]:
        return self._registry.catalogue().broken if self._registry else []
