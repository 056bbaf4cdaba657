"""Agents put together: one after the other, side by side, or called by name.

Every step is a span of the run at hand, `agent.invoke NAME`, unless it is asked for as a run of its own.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from trodo_cli.errors import InvalidInput, NotFound
from trodo_cli.runner.performer import FunctionAgent, Performer, Tell, in_loop, is_in_loop
from trodo_cli.sdk.block import Block
from trodo_cli.sdk.context import current
from trodo_cli.sdk.details import error_message, is_stop
from trodo_cli.sdk.span import SpanHandle
from trodo_cli.sdk.tracing import wrap_agent
from trodo_cli.sdk.wrappers import MARK, Mark

if TYPE_CHECKING:
    import asyncio

Step = Any
"""A function, one decorated with `trodo.agent`, a pipeline, the id of an agent, or `as_run` of any of them."""

OnError = Literal["fail", "gather"]


_UNTIL = {"fail": "FIRST_EXCEPTION", "gather": "ALL_COMPLETED"}
"""Until when branches are waited for, in the words of asyncio."""


class Failure(msgspec.Struct):
    """In the place of a result, where `parallel` gathers: the branch that failed, and how."""

    agent: str
    error: str
    error_type: str


class _AsRun:
    """A step that is a run of its own."""

    def __init__(self, step: Step) -> None:
        self.step = step


class Pipeline(ABC):
    """Steps put together; an agent itself. See `sequential` and `parallel`."""

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

    def __call__(self, value: Any = None) -> Any:
        """Perform it: inside a run as spans of that run, else as a run. In a coroutine: `await pipeline(value)`."""
        return invoke(self, value)

    def prepared(self, value: Any) -> Any:
        return value

    def checked(self, result: Any) -> Any:
        return FunctionAgent("", "", _anything).checked(result)

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


class Sequential(Pipeline):
    kind = "sequential"

    @property
    def input(self) -> dict[str, Any]:
        return performer_of(_bare(self._steps[0])).input

    @property
    def output(self) -> dict[str, Any]:
        return performer_of(_bare(self._steps[-1])).output

    def prepared(self, value: Any) -> Any:
        performer_of(_bare(self._steps[0])).prepared(value)
        return value

    async def perform(self, prepared: Any, tell: Tell) -> Any:  # noqa: ARG002 - steps are not streamed
        value = prepared
        for step in self._steps:
            value = await _done(step, value)
        return value


class Parallel(Pipeline):
    kind = "parallel"

    def __init__(
        self, agent_id: str, description: str, steps: tuple[Step, ...], limit: int | None, errors: OnError
    ) -> None:
        super().__init__(agent_id, description, steps)
        if limit is not None and limit < 1:
            raise InvalidInput(f"limit is {limit}", "a limit is from 1")
        if errors not in ("fail", "gather"):
            raise InvalidInput(f"errors is {errors!r}", "say `fail` or `gather`")
        self._limit, self._errors = limit or len(steps), errors

    @property
    def input(self) -> dict[str, Any]:
        """That of the branches, when they all take the same."""
        first, *others = [performer_of(_bare(step)).input for step in self._steps]
        return first if all(other == first for other in others) else {}

    @property
    def output(self) -> dict[str, Any]:
        return {"type": "array"}

    def prepared(self, value: Any) -> Any:
        for step in self._steps:
            performer_of(_bare(step)).prepared(value)
        return value

    async def perform(self, prepared: Any, tell: Tell) -> Any:  # noqa: ARG002
        import asyncio

        room = asyncio.Semaphore(self._limit)

        async def branch(step: Step) -> Any:
            async with room:
                return await _done(step, prepared)

        tasks = [asyncio.ensure_future(branch(step)) for step in self._steps]
        try:
            await asyncio.wait(tasks, return_when=_UNTIL[self._errors])
        finally:
            await _ended(tasks)
        errors = [None if task.cancelled() else task.exception() for task in tasks]
        self._raise_first([error for error in errors if error is not None])
        return [
            task.result() if error is None else _failure(step, error)
            for step, task, error in zip(self._steps, tasks, errors, strict=True)
        ]

    def _raise_first(self, errors: list[BaseException]) -> None:
        """Raise what stops the run, else, unless failures are gathered, what failed first in the order of the steps."""
        stops = [error for error in errors if is_stop(error) or not isinstance(error, Exception)]
        for error in [*stops, *(errors if self._errors == "fail" else [])]:
            raise error


def _failure(step: Step, error: BaseException) -> Failure:
    return Failure(performer_of(_bare(step)).id, error_message(error), type(error).__name__)


def sequential(agent_id: str, /, *steps: Step, description: str = "") -> Pipeline:
    """An agent that performs steps one after the other; what one gives the next one takes."""
    return Sequential(agent_id, description, steps)


def parallel(
    agent_id: str, /, *steps: Step, limit: int | None = None, errors: OnError = "fail", description: str = ""
) -> Pipeline:
    """An agent that gives its input to all steps at once, `limit` at a time, and gives the list of their results.

    `errors="fail"`: the first failure stops the others and is raised; what is in flight in a thread finishes.
    `errors="gather"`: all go on to their end, and a `Failure` stands in the place of a result.
    """
    return Parallel(agent_id, description, steps, limit, errors)


def as_run(step: Step) -> Step:
    """The step as a run of its own, below the run at hand."""
    return _AsRun(step)


def invoke(agent: Step, input: Any = None, *, run: bool = False) -> Any:
    """Perform another agent, by its id or itself, and give its output; in a coroutine `await invoke(…)`.

    It becomes a span of the run at hand; with `run=True`, and outside of a run, a run of its own. Raises `NotFound`.
    """
    step = as_run(agent) if run else agent
    work = _done(step, input)
    return work if is_in_loop() else in_loop(work)


def performer_of(step: Step) -> Performer:
    """What a step is, ready to be performed. Raises `NotFound` for an unknown id, `InvalidInput` for no agent."""
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


def _bare(step: Step) -> Step:
    return step.step if isinstance(step, _AsRun) else step


async def _done(step: Step, value: Any) -> Any:
    """Perform a step in its own block."""
    performer = performer_of(_bare(step))
    async with _block(performer, value, is_run=isinstance(step, _AsRun)) as handle:
        result = await performer.perform(performer.prepared(value), _ignore)
        handle.set_output(result)
        return result


def _block(performer: Performer, value: Any, *, is_run: bool) -> Any:
    if is_run or current.get() is None:
        return wrap_agent(performer.id, input=value)
    mode = {"mode": performer.kind} if isinstance(performer, Pipeline) else None
    block: Block = SpanHandle(performer.id, "agent", value, mode)
    return block


async def _ended(tasks: "Sequence[asyncio.Future[Any]]") -> None:
    """Let what still runs stop, and wait until it has."""
    import asyncio

    for task in tasks:
        task.cancel()
    cancelled: asyncio.CancelledError | None = None
    while waiting := [task for task in tasks if not task.done()]:
        try:
            await asyncio.wait(waiting)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled


def _ignore(_items: Any) -> None:
    """Steps of a pipeline are not streamed."""


def _anything() -> Any:
    """Its output is any JSON."""


def _unknown(_agent_id: str) -> Step | None:
    return None


_find: Callable[[str], Step | None] = _unknown
