"""trodo: the terminal for AI-agent runs.

The public names are found when they are first used, so `import trodo_cli` costs next to nothing.
"""

TYPE_CHECKING = False
"""As in `typing`, whose import alone takes longer than all of this file."""

__version__ = "0.1.0"

_HOMES = {
    "RunCancelled": "trodo_cli.errors",
    "TrodoError": "trodo_cli.errors",
    "RunHandle": "trodo_cli.sdk.run",
    "SpanHandle": "trodo_cli.sdk.span",
    "Telemetry": "trodo_cli.sdk.telemetry",
    "propagation_headers": "trodo_cli.sdk.propagate",
    **dict.fromkeys(("feedback", "track_llm_call", "track_mcp"), "trodo_cli.sdk.afterwards"),
    **dict.fromkeys(("asgi_middleware", "fastapi_middleware"), "trodo_cli.sdk.asgi"),
    **dict.fromkeys(("get_tracer", "register_otel"), "trodo_cli.sdk.otel"),
    **dict.fromkeys(("Failure", "parallel", "sequential"), "trodo_cli.runner.pipeline"),
    **dict.fromkeys(("as_run", "invoke"), "trodo_cli.runner.step"),
    **dict.fromkeys(("agent", "llm", "retrieval", "tool", "trace"), "trodo_cli.sdk.wrappers"),
}
"""Where a public name lives; the others are functions of `sdk.tracing`."""

__all__ = [
    "Failure",
    "RunCancelled",
    "RunHandle",
    "SpanHandle",
    "Telemetry",
    "TrodoError",
    "__version__",
    "agent",
    "as_run",
    "asgi_middleware",
    "check_cancelled",
    "connect",
    "current_run_id",
    "current_span_id",
    "end_run",
    "fastapi_middleware",
    "feedback",
    "flush",
    "get_tracer",
    "init",
    "invoke",
    "join_run",
    "llm",
    "parallel",
    "propagation_headers",
    "register_otel",
    "retrieval",
    "sequential",
    "shutdown",
    "span",
    "start_run",
    "tool",
    "trace",
    "track_llm_call",
    "track_mcp",
    "wrap_agent",
]

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from trodo_cli.client.base import Client
    from trodo_cli.errors import RunCancelled, TrodoError
    from trodo_cli.runner.pipeline import Failure, parallel, sequential
    from trodo_cli.runner.step import as_run, invoke
    from trodo_cli.sdk.afterwards import feedback, track_llm_call, track_mcp
    from trodo_cli.sdk.asgi import asgi_middleware, fastapi_middleware
    from trodo_cli.sdk.delivery import Sink
    from trodo_cli.sdk.otel import get_tracer, register_otel
    from trodo_cli.sdk.propagate import propagation_headers
    from trodo_cli.sdk.run import RunHandle
    from trodo_cli.sdk.span import SpanHandle
    from trodo_cli.sdk.telemetry import Telemetry
    from trodo_cli.sdk.tracing import (
        check_cancelled,
        current_run_id,
        current_span_id,
        end_run,
        flush,
        init,
        join_run,
        shutdown,
        span,
        start_run,
        wrap_agent,
    )
    from trodo_cli.sdk.wrappers import agent, llm, retrieval, tool, trace


def connect(
    target: str | None = None, *, api_key: str | None = None, agents: "str | Sequence[str] | None" = None
) -> "Client":
    """Open where runs are kept: a path, `memory:`, or the URL of a server; by default what the settings say.

    `memory:` is what this process keeps in memory, for everybody who opens it or records there.
    A server's key is `api_key`, else `TRODO_API_KEY` or the one that is kept for it. `agents` is where agents are that
    `.runs.start` can start: a folder, a file or `module:function`; else what the project's `trodo.toml` says. Gives
    `.runs`, `.traces` and `.agents`. Raises `TrodoError` when the target cannot be used.
    """
    from trodo_cli.client import open_target

    return open_target(target, api_key, [agents] if isinstance(agents, str) else agents)


def _open_recording(target: str, given: str | None) -> "Sink":
    from trodo_cli.client import open_recording

    return open_recording(target, given)


def _load_recording(target: str) -> None:
    from trodo_cli.client.loading import load

    load(target)


def __getattr__(name: str) -> "Any":
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = _HOMES.get(name, "trodo_cli.sdk.tracing")
    if home.startswith(("trodo_cli.sdk", "trodo_cli.runner")):
        from trodo_cli.sdk.recorder import use_sinks

        use_sinks(_open_recording, _load_recording)
    from importlib import import_module

    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
