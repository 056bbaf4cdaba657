"""A run goes on in another service: what goes out with a request, and what comes in with one."""

from collections.abc import Iterable, Mapping
from typing import Any

from trodo_cli.errors import InvalidInput
from trodo_cli.model.ids import canonical_id
from trodo_cli.sdk.context import here, innermost
from trodo_cli.sdk.joined import JoinedRun
from trodo_cli.sdk.recorder import quietly
from trodo_cli.sdk.span import SpanHandle
from trodo_cli.wire.propagation import read_headers, written_headers


def propagation_headers() -> dict[str, str]:
    """Headers for a request to another service, so that what it does becomes part of this run; none outside a run.

    Trodo's own (`X-Trodo-Run-Id`, `X-Trodo-Parent-Span-Id`) and W3C `traceparent` for OpenTelemetry services.
    """
    return _headers() or {}


@quietly
def _headers() -> dict[str, str]:
    place = here()
    return {} if place is None else written_headers(place.run.id, innermost(place))


@quietly
def joined_request(
    headers: Iterable[tuple[bytes, bytes]] | Mapping[str, str], method: str, path: str
) -> JoinedRun | None:
    """The part in its caller's run that a request asks for, with a span for it; None when it asks for none."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    caller = read_headers({_text(name).lower(): _text(value) for name, value in pairs})
    if caller is None:
        return None
    name = caller.agent or f"http.{method}.{path}"
    span = SpanHandle(name, "agent", {"method": method, "path": path}, None)
    return JoinedRun(canonical_id(caller.run_id), _known(caller.parent_span_id), span, heard_as=name)


def _known(parent_id: str | None) -> str | None:
    try:
        return canonical_id(parent_id) if parent_id else None
    except InvalidInput:
        return None


def _text(part: Any) -> str:
    return part.decode("latin-1") if isinstance(part, bytes) else str(part)
