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
    **dict.fromkeys(("agent", "llm", "retrieval", "tool", "trace"), "trodo_cli.sdk.wrappers"),
}
"""Where a public name lives; the others are functions of `sdk.tracing`."""

__all__ = [
    "RunCancelled",
    "RunHandle",
    "SpanHandle",
    "TrodoError",
    "__version__",
    "agent",
    "check_cancelled",
    "connect",
    "current_run_id",
    "current_span_id",
    "end_run",
    "flush",
    "init",
    "join_run",
    "llm",
    "retrieval",
    "shutdown",
    "span",
    "start_run",
    "tool",
    "trace",
    "track_llm_call",
    "wrap_agent",
]

if TYPE_CHECKING:
    from typing import Any

    from trodo_cli.client.base import Client
    from trodo_cli.errors import RunCancelled, TrodoError
    from trodo_cli.sdk.run import RunHandle
    from trodo_cli.sdk.span import SpanHandle
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
        track_llm_call,
        wrap_agent,
    )
    from trodo_cli.sdk.wrappers import agent, llm, retrieval, tool, trace


def connect(target: str | None = None) -> "Client":
    """Open where runs are kept: a path, `memory:` or a URL; by default what `TRODO_TARGET` says.

    Gives `.runs` and `.traces`. Raises `TrodoError` when the target cannot be used.
    """
    from trodo_cli import config
    from trodo_cli.client import connect as opened

    return opened(config.target(target).place)


def _load_stores() -> None:
    """Load what `connect` takes for a local target."""
    import trodo_cli.client.local
    import trodo_cli.stores.sqlite  # noqa: F401


def __getattr__(name: str) -> "Any":
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = _HOMES.get(name, "trodo_cli.sdk.tracing")
    if home.startswith("trodo_cli.sdk"):
        from trodo_cli.sdk.recorder import use_sinks

        use_sinks(connect, _load_stores)
    from importlib import import_module

    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
