"""An agent that can be performed here: its name, its shape, and the one way to call what it is made of."""

import inspect
import sys
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol

from trodo_cli.runner.shape import Function, Shape
from trodo_cli.sdk.context import current, join_task, settle_task

if TYPE_CHECKING:
    import asyncio

MAX_THREADS = 1_000

Tell = Callable[[Any], None]
"""Told what a stream has given so far."""


class Performer(Protocol):
    """A function, or steps put together."""

    id: str
    description: str
    kind: str

    @property
    def input(self) -> dict[str, Any]: ...
    @property
    def output(self) -> dict[str, Any]: ...

    is_plain: bool
    """Whether it is a function that needs no event loop."""

    def prepared(self, value: Any) -> Any:
        """The input in the form that `call` and `perform` take. Raises `InvalidInput`."""

    def call(self, prepared: Any, tell: Tell) -> Any:
        """Perform it here and now, if it is plain."""

    async def perform(self, prepared: Any, tell: Tell) -> Any:
        """Perform it in the event loop; what is plain works in a thread.

        Raises `InvalidInput` for a result that is not what it says it gives.
        """

    def checked(self, result: Any) -> Any:
        """The result as JSON has it. Raises `InvalidInput`."""


class FunctionAgent:
    """A function of any kind: plain, async, a generator, an async generator."""

    def __init__(self, agent_id: str, description: str, function: Function) -> None:
        self.id, self.description = agent_id, description
        self._function = function
        self._shape = Shape(function, agent_id)
        is_stream = inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)
        self.kind = "generator" if is_stream else "function"
        self.is_plain = not (inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function))

    @property
    def input(self) -> dict[str, Any]:
        return self._shape.input

    @property
    def output(self) -> dict[str, Any]:
        return self._shape.output

    def prepared(self, value: Any) -> dict[str, Any]:
        return self._shape.arguments(value)

    def checked(self, result: Any) -> Any:
        return self._shape.checked(result)

    def call(self, prepared: dict[str, Any], tell: Tell) -> Any:
        result = self._function(**prepared)
        if not inspect.isgenerator(result):
            return result
        items: list[Any] = []
        while True:
            try:
                items.append(next(result))
            except StopIteration as end:
                return self._shape.outcome(items, end.value)
            tell(items)

    async def perform(self, prepared: dict[str, Any], tell: Tell) -> Any:
        result = await self._performed(prepared, tell)
        self._shape.promised(result)
        return result

    async def _performed(self, prepared: dict[str, Any], tell: Tell) -> Any:
        if self.is_plain:
            return await in_thread(self.call, prepared, tell)
        result = self._function(**prepared)
        if not inspect.isasyncgen(result):
            return await result
        items: list[Any] = []
        async for item in result:
            items.append(item)
            tell(items)
        return self._shape.outcome(items)


def performed(performer: Performer, value: Any, tell: Tell) -> Any:
    """Perform an agent from code that runs in no event loop."""
    prepared = performer.prepared(value)
    return (
        performer.call(prepared, tell) if performer.is_plain else in_loop(performer.perform(prepared, tell))
    )


def is_in_loop() -> bool:
    """Whether this code runs in an event loop; one that nobody has loaded does not run."""
    asyncio = sys.modules.get("asyncio")
    try:
        return asyncio is not None and bool(asyncio.get_running_loop())
    except RuntimeError:
        return False


def in_loop(work: Coroutine[Any, Any, Any]) -> Any:
    """Do asynchronous work from a thread: in the loop that this thread works for, else in a new one."""
    import asyncio

    loop = _loop.get()
    if loop is not None and loop.is_running():
        return asyncio.run_coroutine_threadsafe(_joined(work), loop).result()
    return asyncio.run(_with_room(work))


async def in_thread(function: Function, *arguments: Any) -> Any:
    """Call a function in a thread; it is waited for also when the task is cancelled: what is in flight finishes."""
    import asyncio

    token = _loop.set(asyncio.get_running_loop())
    try:
        work = asyncio.ensure_future(asyncio.to_thread(function, *arguments))
    finally:
        _loop.reset(token)
    cancelled: asyncio.CancelledError | None = None
    while not work.done():
        try:
            await asyncio.wait([work])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        work.exception()
        raise cancelled
    return work.result()


async def _with_room(work: Coroutine[Any, Any, Any]) -> Any:
    """Work that may wait for threads which wait for others: none of them may lack a thread."""
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(MAX_THREADS, "trodo-agent"))
    return await work


async def _joined(work: Coroutine[Any, Any, Any]) -> Any:
    """Work for a thread of a run: a request to stop the run reaches it too."""
    place = current.get()
    task = join_task(place.run) if place is not None else None
    try:
        return await work
    finally:
        if place is not None:
            settle_task(place.run, task)


_loop: "ContextVar[asyncio.AbstractEventLoop | None]" = ContextVar("trodo_loop", default=None)
