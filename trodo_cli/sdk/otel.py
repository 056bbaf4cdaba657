"""OpenTelemetry into trodo: every span of a tracer provider becomes events at its start and at its end."""

from typing import Any

from trodo_cli.sdk.delivery import logger
from trodo_cli.sdk.recorder import quietly


def register_otel(tracer_provider: Any = None, **_options: Any) -> Any:
    """Record every OpenTelemetry span of this program; gives the tracer provider.

    Without one it is the global provider, which is made if there is none yet. A span inside one of our runs joins it,
    as does one below a caller's `traceparent`; any other makes a run of its trace id. Registering twice is once.
    Where OpenTelemetry is not installed nothing happens, and it gives None. The options of the official SDK are taken
    and change nothing here.
    """
    return _registered(tracer_provider)


def get_tracer(name: str = "trodo") -> Any:
    """A tracer of OpenTelemetry whose spans are recorded; one that does nothing where that is not installed."""
    provider = _registered(None)
    return Nothing() if provider is None else provider.get_tracer(name)


@quietly
def _registered(provider: Any) -> Any:
    try:
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
    except ImportError:
        logger.warning("trodo records no OpenTelemetry spans: opentelemetry-sdk is not installed")
        return None
    from trodo_cli.sdk.otel_processor import RunProcessor

    if provider is None:
        provider = trace.get_tracer_provider()
        if not isinstance(provider, TracerProvider):
            provider = TracerProvider()
            trace.set_tracer_provider(provider)
    RunProcessor.attach(provider)
    return provider


class Nothing:
    """Stands for anything of OpenTelemetry, and does nothing."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __call__(self, *_args: Any, **_kwargs: Any) -> "Nothing":
        return self

    def __enter__(self) -> "Nothing":
        return self

    def __exit__(self, *_: Any) -> None:
        pass
