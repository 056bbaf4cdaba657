"""What some libraries that make spans do in a way of their own, by the scope that they name."""

from typing import NamedTuple


class Habits(NamedTuple):
    """How the spans of one library are to be taken."""

    root_hides_failure: bool = False
    """A root is told as well done also when the run raised; the agents below it say how it went."""

    agent_suffix: str = ""
    """What stands behind the agent's name in the name of its span."""


SCOPES = {
    "openinference.instrumentation.openai_agents": Habits(root_hides_failure=True),
    "openinference.instrumentation.smolagents": Habits(agent_suffix=".run"),
    "opentelemetry.instrumentation.openai_agents": Habits(root_hides_failure=True),
}
