"""Agents and their runs over a store in this process: made, and loaded, when somebody asks for them."""

import threading
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from trodo_cli.client.base import no_agent
from trodo_cli.model.agent import Agent, Broken

if TYPE_CHECKING:
    from trodo_cli.client.local import LocalClient
    from trodo_cli.runner.limits import Limits
    from trodo_cli.runner.registry import Registry, Sources
    from trodo_cli.runner.runner import Runner


class Starter:
    """What starts agents for every owner of one store."""

    def __init__(self, sources: "Sources", target: str) -> None:
        self.limits: Limits | None = None
        """For the runs that are started here; the usual ones when None."""
        self._sources, self._target = sources, target
        self._runner: Runner | None = None
        self._lock = threading.Lock()

    @cached_property
    def registry(self) -> "Registry":
        """The agents that there are."""
        from trodo_cli.runner.registry import Registry

        return Registry(self._sources, lambda: self.limits)

    def runner(self, client: "LocalClient") -> "Runner":
        """The one runner over the store of these clients."""
        from trodo_cli.runner.limits import Limits
        from trodo_cli.runner.runner import Runner

        with self._lock:
            if self._runner is None:
                limits = self.limits or Limits()
                self._runner = Runner(client.hub, client.of, self.registry, self._target, limits)
            return self._runner

    def settle_left(self, client: "LocalClient") -> None:
        """End the runs that dead runners have left."""
        from trodo_cli.runner.settle import settle_left

        settle_left(client.hub, client.of, self._target)

    def close(self) -> None:
        """End what was started."""
        if "registry" in self.__dict__:
            self.registry.close()
        if self._runner is not None:
            self._runner.close()


class LocalAgents:
    """See `client.base.Agents`."""

    def __init__(self, starter: Starter | None) -> None:
        self._starter = starter

    def list(self) -> Sequence[Agent]:
        return self._starter.registry.catalogue().agents if self._starter else []

    def get(self, agent_id: str) -> Agent:
        if self._starter is None:
            raise no_agent(agent_id)
        return self._starter.registry.agent(agent_id)

    def broken(self) -> Sequence[Broken]:
        return self._starter.registry.catalogue().broken if self._starter else []
