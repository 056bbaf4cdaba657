"""Functions recorded as spans or runs: `agent`, `tool`, `llm`, `retrieval`, `trace`.

All but `agent`, which is a decorator only, have three forms: `tool(fn)`, `tool("name", fn)` and `@tool("name")`. The
arguments become the input, the result the output; plain, async, generator and async generator
functions alike.
"""

import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from functools import wraps
from typing import Any, NamedTuple, TypeVar, cast, overload

from trodo_cli.sdk.block import Block
from trodo_cli.sdk.generators import Finish, recorded_items, recorded_stream
from trodo_cli.sdk.recorder import quietly
from trodo_cli.sdk.span import SpanHandle
from trodo_cli.sdk.tracing import wrap_agent
from trodo_cli.wire.values import text_of

AnyFunction = Callable[..., Any]
Function = TypeVar("Function", bound=AnyFunction)

MARK = "__trodo_agent__"
"""The attribute by which an agent is known that can be started, with a `Mark`."""


class Mark(NamedTuple):
    """Under which name an agent is started, and what it is for."""

    agent_id: str
    description: str
    function: Any = None
    """What was decorated; None for what is no function."""


def agent(
    agent_name: Any,
    *,
    distinct_id: Any = None,
    conversation_id: Any = None,
    parent_run_id: str | None = None,
    metadata: dict[str, Any] | None = None,
    user: dict[str, Any] | None = None,
    description: str | None = None,
) -> Callable[[Function], Function]:
    """Decorator: every call of the function is a run of this agent. Arguments as for `wrap_agent`.

    As `@agent` alone the agent is called what the function is. In a file of an agents folder it can be started under
    that name; `description` says what it is for, else the function's docstring.
    """
    if callable(agent_name):
        recorded: AnyFunction = agent(getattr(agent_name, "__name__", "agent"))(agent_name)
        return recorded

    def opened(function: AnyFunction, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Block:
        return wrap_agent(
            agent_name,
            distinct_id=distinct_id,
            conversation_id=conversation_id,
            parent_run_id=parent_run_id,
            metadata=metadata,
            user=user,
            input=_arguments(function, args, kwargs),
        )

    def wrapper(function: Function) -> Function:
        wrapped = _wrapped(function, opened, _set_output)
        _mark(wrapped, agent_name, description, function)
        return cast(Function, wrapped)

    return wrapper


class SpanWrapper:
    """Records a function as spans of one kind: `wrapper(fn)`, `wrapper("name", fn)` or `@wrapper("name")`."""

    def __init__(self, kind: str) -> None:
        self._kind = kind

    @overload
    def __call__(self, name: Function, /) -> Function: ...
    @overload
    def __call__(self, name: str, fn: Function, *, kind: str | None = None) -> Function: ...
    @overload
    def __call__(
        self, name: str | None = None, *, kind: str | None = None
    ) -> Callable[[Function], Function]: ...
    def __call__(self, name: Any = None, fn: Any = None, *, kind: str | None = None) -> Any:
        """The function, recorded. `kind` replaces the wrapper's own."""
        return _forms(name, fn, kind or self._kind, _set_output)


tool = SpanWrapper("tool")
"""Record a function as a tool call."""

retrieval = SpanWrapper("retrieval")
"""Record a function as a retrieval, such as a vector search."""

trace = SpanWrapper("generic")
"""Record a function as a step of the run."""


@overload
def llm(name: Function, /) -> Function: ...
@overload
def llm(
    name: str,
    fn: Function,
    *,
    model: str | None = None,
    provider: str | None = None,
    temperature: float | None = None,
    extract_usage: Callable[[Any], Any] | None = None,
    extract_usage_map: Callable[[Any], dict[str, float] | None] | None = None,
) -> Function: ...
@overload
def llm(
    name: str | None = None,
    *,
    model: str | None = None,
    provider: str | None = None,
    temperature: float | None = None,
    extract_usage: Callable[[Any], Any] | None = None,
    extract_usage_map: Callable[[Any], dict[str, float] | None] | None = None,
) -> Callable[[Function], Function]: ...
def llm(
    name: Any = None,
    fn: Any = None,
    *,
    model: str | None = None,
    provider: str | None = None,
    temperature: float | None = None,
    extract_usage: Callable[[Any], Any] | None = None,
    extract_usage_map: Callable[[Any], dict[str, float] | None] | None = None,
) -> Any:
    """Record a function as a model call. Tokens are read from the result's `usage` (or `usageMetadata`).

    `extract_usage` gives (input, output) tokens of a result instead, `extract_usage_map` a usage object.
    """

    @quietly
    def finish(handle: Any, result: Any) -> None:
        handle.set_llm(model=model, provider=provider, temperature=temperature)
        _set_output(handle, result)
        if extract_usage is not None:
            tokens_in, tokens_out = extract_usage(result)
            handle.set_llm(input_tokens=tokens_in, output_tokens=tokens_out)
        else:
            handle.set_llm(usage_details=(extract_usage_map or _reported_usage)(result))

    return _forms(name, fn, "model", finish)


def _forms(name: Any, fn: AnyFunction | None, kind: str, finish: Finish) -> Any:
    """Tell `tool(fn)`, `tool("name", fn)` and `@tool("name")` apart."""
    if callable(name) and fn is None:
        return _as_span(name, None, kind, finish)
    if fn is not None:
        return _as_span(fn, name, kind, finish)
    return lambda function: _as_span(function, name, kind, finish)


def _as_span(function: AnyFunction, name: Any, kind: str, finish: Finish) -> AnyFunction:
    own_name = getattr(function, "__name__", type(function).__name__)

    def opened(called: AnyFunction, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Block:
        given = _arguments(called, args, kwargs)
        handle = SpanHandle(name or own_name, kind, _messages(given) if kind == "model" else given, None)
        if kind in ("tool", "retrieval"):
            handle.set_tool(own_name)
        return handle

    return _wrapped(function, opened, finish)


def _wrapped(function: AnyFunction, opened: Callable[..., Block], finish: Finish) -> AnyFunction:
    """The function inside a block that `opened` makes for each call."""
    if inspect.isasyncgenfunction(function):

        def stream(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
            return recorded_stream(opened(function, args, kwargs), function(*args, **kwargs), finish)

        return wraps(function)(stream)
    if inspect.isgeneratorfunction(function):

        def generate(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            return recorded_items(opened(function, args, kwargs), function(*args, **kwargs), finish)

        return wraps(function)(generate)
    if inspect.iscoroutinefunction(function):

        async def wait(*args: Any, **kwargs: Any) -> Any:
            async with opened(function, args, kwargs) as handle:
                result = await function(*args, **kwargs)
                finish(handle, result)
                return result

        return wraps(function)(wait)

    def call(*args: Any, **kwargs: Any) -> Any:
        with opened(function, args, kwargs) as handle:
            result = function(*args, **kwargs)
            finish(handle, result)
            return result

    return wraps(function)(call) if hasattr(function, "__name__") else call


@quietly
def _mark(wrapped: AnyFunction, agent_name: Any, description: Any, function: AnyFunction) -> None:
    what_for = (inspect.getdoc(function) or "") if description is None else description
    setattr(wrapped, MARK, Mark(text_of(agent_name), text_of(what_for), function))


@quietly
def _arguments(function: AnyFunction, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any] | None:
    """What the function was called with, by parameter name; None for nothing."""
    try:
        bound = inspect.signature(function).bind_partial(*args, **kwargs).arguments
    except (TypeError, ValueError):
        bound = {"args": list(args), "kwargs": kwargs} if args else kwargs
    return {name: value for name, value in bound.items() if name not in ("self", "cls")} or None


def _messages(given: dict[str, Any] | None) -> Any:
    """A model's input is what it reads: the only argument, or the one called `messages`, by itself."""
    if not given:
        return None
    return next(iter(given.values())) if len(given) == 1 else given.get("messages", given)


def _set_output(handle: Any, result: Any) -> None:
    if result is not None:
        handle.set_output(result)


def _reported_usage(result: Any) -> dict[str, Any] | None:
    """The usage object in a provider's answer, whatever shape the answer has."""
    for name in ("usage", "usageMetadata", "usage_metadata"):
        usage = result.get(name) if isinstance(result, dict) else getattr(result, name, None)
        if usage is not None:
            return usage if isinstance(usage, dict) else dict(vars(usage))
    return None
