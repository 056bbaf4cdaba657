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
    **dict.fromkeys(("asgi_middleware", "fastapi_middleware"), "trodo_cli.sdk.asgi"),
    **dict.fromkeys(("get_tracer", "register_otel"), "trodo_cli.sdk.otel"),
    **dict.fromkeys(("agent", "llm", "retrieval", "tool", "trace"), "trodo_cli.sdk.wrappers"),
}
"""Where a public name lives; the others are functions of `sdk.tracing`."""

__all__ = [
    "RunCancelled",
    "RunHandle",
    "SpanHandle",
    "Telemetry",
    "TrodoError",
    "__version__",
    "agent",
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
    "join_run",
    "llm",
    "propagation_headers",
    "register_otel",
    "retrieval",
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
    from typing import Any

    from trodo_cli.client.base import Client
    from trodo_cli.errors import RunCancelled, TrodoError
    from trodo_cli.sdk.asgi import asgi_middleware, fastapi_middleware
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
        feedback,
        flush,
        init,
        join_run,
        shutdown,
        span,
        start_run,
        track_llm_call,
        track_mcp,
        wrap_agent,
    )
    from trodo_cli.sdk.wrappers import agent, llm, retrieval, tool, trace


def connect(target: str | None = None, *, api_key: str | None = None) -> "Client":
    """Open where runs are kept: a path, `memory:`, or the URL of a server; by default what the settings say.

    A server's key is `api_key`, else `TRODO_API_KEY` or the one that is kept for it. Gives `.runs` and `.traces`.
    Raises `TrodoError` when the target cannot be used.
    """
    from trodo_cli.client import open_target

    return open_target(target, api_key)


def _open_recording(target: str, given: str | None) -> "Client":
    from trodo_cli.client import open_recording

    return open_recording(target, given)


def _load_sink(target: str) -> None:
    """Load what `_open_recording` takes."""
    import trodo_cli.client

    if target.startswith(("http://", "https://")):
        import trodo_cli.client.hosted
        import trodo_cli.config.keys
    else:
        import trodo_cli.client.local
        import trodo_cli.stores.sqlite  # noqa: F401


def __getattr__(name: str) -> "Any":
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = _HOMES.get(name, "trodo_cli.sdk.tracing")
    if home.startswith("trodo_cli.sdk"):
        from trodo_cli.sdk.recorder import use_sinks

        use_sinks(_open_recording, _load_sink)
    from importlib import import_module

    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
