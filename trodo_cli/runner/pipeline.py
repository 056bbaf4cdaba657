"""Agents put together: one after the other, or side by side."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from trodo_cli.errors import InvalidInput
from trodo_cli.runner.performer import Tell
from trodo_cli.runner.step import Pipeline, Step, done, performer_of
from trodo_cli.sdk.details import error_message, is_stop

if TYPE_CHECKING:
    import asyncio

OnError = Literal["fail", "gather"]

_UNTIL = {"fail": "FIRST_EXCEPTION", "gather": "ALL_COMPLETED"}
"""Until when branches are waited for, in the words of asyncio."""


class Failure(msgspec.Struct):
    """In the place of a result, where `parallel` gathers: the branch that failed, and how."""

    agent: str
    error: str
    error_type: str


class Sequential(Pipeline):
    kind = "sequential"

    @property
    def input(self) -> dict[str, Any]:
        return performer_of(self._steps[0]).input

    @property
    def output(self) -> dict[str, Any]:
        return performer_of(self._steps[-1]).output

    def prepared(self, value: Any) -> Any:
        performer_of(self._steps[0]).prepared(value)
        return value

    async def perform(self, prepared: Any, tell: Tell) -> Any:  # noqa: ARG002 - steps are not streamed
        value = prepared
        for step in self._steps:
            value = await done(step, value)
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
        first, *others = [performer_of(step).input for step in self._steps]
        return first if all(other == first for other in others) else {}

    @property
    def output(self) -> dict[str, Any]:
        return {"type": "array"}

    def prepared(self, value: Any) -> Any:
        for step in self._steps:
            performer_of(step).prepared(value)
        return value

    async def perform(self, prepared: Any, tell: Tell) -> Any:  # noqa: ARG002
        import asyncio

        room = asyncio.Semaphore(self._limit)

        async def branch(step: Step) -> Any:
            async with room:
                return await done(step, prepared)

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
    return Failure(performer_of(step).id, error_message(error), type(error).__name__)


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
