"""Functions recorded as spans or runs: `agent`, `tool`, `llm`, `retrieval`, `trace`.

All but `agent` have three forms: `tool(fn)`, `tool("name", fn)` and the decorator `@tool("name")`. The
arguments become the input, the result the output; plain, async, generator and async generator
functions alike.
"""

import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from functools import wraps
from typing import Any

from trodo_cli.sdk.recorder import quietly
from trodo_cli.sdk.run import RunHandle
from trodo_cli.sdk.span import SpanHandle
from trodo_cli.sdk.tracing import wrap_agent

AnyFunction = Callable[..., Any]
Block = SpanHandle | RunHandle
Finish = Callable[[Any, Any], None]
"""Called with the block's handle and the result."""


def agent(
    agent_name: str,
    *,
    distinct_id: Any = None,
    conversation_id: Any = None,
    parent_run_id: str | None = None,
    metadata: dict[str, Any] | None = None,
    user: dict[str, Any] | None = None,
) -> Callable[[AnyFunction], AnyFunction]:
    """Decorator: every call of the function is a run of this agent. Arguments as for `wrap_agent`."""

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

    return lambda function: _wrapped(function, opened, _set_output)


def tool(name: Any = None, fn: AnyFunction | None = None, *, kind: str = "tool") -> Any:
    """Record a function as a tool call."""

    return _forms(name, fn, kind, _set_output)


def retrieval(name: Any = None, fn: AnyFunction | None = None) -> Any:
    """Record a function as a retrieval, such as a vector search."""
    return _forms(name, fn, "retrieval", _set_output)


def trace(name: Any = None, fn: AnyFunction | None = None) -> Any:
    """Record a function as a step of the run."""
    return _forms(name, fn, "generic", _set_output)


def llm(
    name: Any = None,
    fn: AnyFunction | None = None,
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
        handle = SpanHandle(name or own_name, kind, _arguments(called, args, kwargs), None)
        if kind == "tool":
            handle.set_tool(own_name)
        return handle

    return _wrapped(function, opened, finish)


def _wrapped(function: AnyFunction, opened: Callable[..., Block], finish: Finish) -> AnyFunction:
    """The function inside a block that `opened` makes for each call."""
    if inspect.isasyncgenfunction(function):

        async def stream(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
            async with opened(function, args, kwargs) as handle:
                items = []
                async for item in function(*args, **kwargs):
                    items.append(item)
                    yield item
                finish(handle, items)

        return wraps(function)(stream)
    if inspect.isgeneratorfunction(function):

        def generate(*args: Any, **kwargs: Any) -> Iterator[Any]:
            with opened(function, args, kwargs) as handle:
                items = []
                for item in function(*args, **kwargs):
                    items.append(item)
                    yield item
                finish(handle, items)

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
def _arguments(function: AnyFunction, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """What the function was called with, by parameter name."""
    try:
        bound = inspect.signature(function).bind_partial(*args, **kwargs).arguments
    except (TypeError, ValueError):
        bound = {"args": list(args), "kwargs": kwargs} if args else kwargs
    return {name: value for name, value in bound.items() if name not in ("self", "cls")}


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
