"""A step of a pipeline: what it can be, and how it is performed at the place of the code at hand.

Every step is a span of the run at hand, `agent.invoke NAME`, unless it is asked for as a run of its own.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from msgspec import UNSET

from trodo_cli.errors import InvalidInput, NotFound
from trodo_cli.model.agent import given
from trodo_cli.runner.performer import FunctionAgent, Performer, Tell, in_loop, is_in_loop
from trodo_cli.runner.shape import as_json
from trodo_cli.sdk.block import Block
from trodo_cli.sdk.context import current
from trodo_cli.sdk.span import SpanHandle
from trodo_cli.sdk.tracing import wrap_agent
from trodo_cli.sdk.wrappers import MARK, Mark

Step = Any
"""A function, one decorated with `trodo.agent`, a pipeline, the id of an agent, or `as_run` of any of them."""


class _AsRun:
    """A step that is a run of its own."""

    def __init__(self, step: Step) -> None:
        self.step = step


class Pipeline(ABC):
    """Steps put together; an agent itself. See `pipeline.sequential` and `parallel`."""

    kind = "pipeline"
    is_plain = False

    def __init__(self, agent_id: str, description: str, steps: tuple[Step, ...]) -> None:
        if not isinstance(agent_id, str) or not agent_id:
            raise InvalidInput("a pipeline begins with its name", 'write sequential("name", step, …)')
        if not steps:
            raise InvalidInput(f"{agent_id} has no steps", "name agents after its name")
        self.id, self.description = agent_id, description
        self._steps = steps
        setattr(self, MARK, Mark(agent_id, description))

    def __call__(self, value: Any = UNSET) -> Any:
        """Perform it: inside a run as spans of that run, else as a run. In a coroutine: `await pipeline(value)`."""
        return invoke(self, value)

    def prepared(self, value: Any) -> Any:
        return value

    def checked(self, result: Any) -> Any:
        return as_json(result, f"the output of {self.id}")

    def call(self, prepared: Any, tell: Tell) -> Any:
        return in_loop(self.perform(prepared, tell))

    @property
    @abstractmethod
    def input(self) -> dict[str, Any]: ...
    @property
    @abstractmethod
    def output(self) -> dict[str, Any]: ...
    @abstractmethod
    async def perform(self, prepared: Any, tell: Tell) -> Any:
        """Perform the steps in the event loop at hand."""


def as_run(step: Step) -> Step:
    """The step as a run of its own, below the run at hand."""
    return _AsRun(step)


def invoke(agent: Step, input: Any = UNSET, *, run: bool = False) -> Any:
    """Perform another agent, by its id or itself, and give its output; in a coroutine `await invoke(…)`.

    It becomes a span of the run at hand; with `run=True`, and outside of a run, a run of its own. Raises `NotFound`.
    """
    step = as_run(agent) if run else agent
    work = done(step, input)
    return work if is_in_loop() else in_loop(work)


def performer_of(step: Step) -> Performer:
    """What a step is, ready to be performed. Raises `NotFound` for an unknown id, `InvalidInput` for no agent."""
    if isinstance(step, _AsRun):
        return performer_of(step.step)
    if isinstance(step, Pipeline):
        return step
    if isinstance(step, str):
        return _named(step)
    if not callable(step):
        raise InvalidInput(f"{step!r} is no agent", "name a function, a pipeline or an agent's id")
    mark: Mark | None = getattr(step, MARK, None)
    if mark is None:
        return FunctionAgent(getattr(step, "__name__", "step"), "", step)
    is_bare = getattr(step, "__wrapped__", None) is mark.function
    return FunctionAgent(mark.agent_id, mark.description, mark.function if is_bare else step)


def find_agents_by(found: Callable[[str], Step | None]) -> None:
    """Say how agents are found by their id."""
    global _find
    _find = found


def _named(agent_id: str) -> Performer:
    step = _find(agent_id)
    if step is None:
        raise NotFound(f"no agent {agent_id}", "`trodo agents list` shows those that there are")
    return performer_of(step)


async def done(step: Step, value: Any) -> Any:
    """Perform a step in its own block."""
    performer = performer_of(step)
    async with _block(performer, given(value), is_run=isinstance(step, _AsRun)) as handle:
        result = await performer.perform(performer.prepared(value), _ignore)
        handle.set_output(result)
        return result


def _block(performer: Performer, value: Any, *, is_run: bool) -> Any:
    if is_run or current.get() is None:
        return wrap_agent(performer.id, input=value)
    mode = {"mode": performer.kind} if isinstance(performer, Pipeline) else None
    block: Block = SpanHandle(performer.id, "agent", value, mode)
    return block


def _ignore(_items: Any) -> None:
    """Steps of a pipeline are not streamed."""


def _unknown(_agent_id: str) -> Step | None:
    return None


_find: Callable[[str], Step | None] = _unknown
