"""Our spans into a tracer of the host's own: OpenTelemetry is told what we record, while it happens.

What went in and came out is left out unless it is asked for.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import msgspec

from trodo_cli.model.run import Run
from trodo_cli.model.span import Span
from trodo_cli.sdk.recorder import quietly
from trodo_cli.wire.telling import AGENT, OPERATION, SESSION, USER, told_attributes, told_exchange

RUN_ID, SPAN_ID = "trodo.run_id", "trodo.span_id"
"""What each of our spans is marked with on its way out."""


class Telemetry(msgspec.Struct, frozen=True):
    """Where spans go besides, and how much of them."""

    tracer: Any
    record_io: bool = False
    """Input and output of runs and of all spans but tools."""
    record_tool_io: bool = False
    base_attributes: Mapping[str, Any] = {}
    """Set on every span."""


@quietly
def read_telemetry(given: Any) -> Telemetry | None:
    """A `Telemetry`, a mapping with its fields, or a tracer alone."""
    if given is None or isinstance(given, Telemetry):
        return given
    known = Telemetry(**given) if isinstance(given, Mapping) else Telemetry(given)
    known.tracer.start_span  # noqa: B018 - a thing without it is no tracer
    return known


class Mirror:
    """One of our blocks as a span of that tracer; the current one there while the block is the place of the code."""

    def __init__(self, telemetry: Telemetry, name: str, started_ns: int, attributes: dict[str, Any]) -> None:
        from opentelemetry import trace

        noted = {**telemetry.base_attributes, **attributes}
        self._telemetry = telemetry
        self._span = telemetry.tracer.start_span(name, start_time=started_ns, attributes=noted)
        self._inside = trace.set_span_in_context(self._span)
        self._token: Any = None

    @quietly
    def enter(self) -> None:
        """Become the current span."""
        from opentelemetry import context

        self._token = context.attach(self._inside)

    @quietly
    def leave(self) -> None:
        """Make the span from before the current one. Another context, in which a block may be left, keeps its own."""
        token, self._token = self._token, None
        if token is not None:
            with suppress(ValueError):
                token.var.reset(token)

    @quietly
    def end(self, span: Span, noted: Mapping[str, Any], error: BaseException | None) -> None:
        """Tell how it ended."""
        from opentelemetry.trace import Status, StatusCode

        records = self._telemetry.record_tool_io if span.kind == "tool" else self._telemetry.record_io
        scalars = {
            name: value for name, value in noted.items() if isinstance(value, str | int | float | bool)
        }
        self._span.set_attributes(
            {**scalars, **told_attributes(span), **(told_exchange(span) if records else {})}
        )
        if error is not None and span.status == "error":
            self._span.record_exception(error)
        if span.status == "error":
            self._span.set_status(Status(StatusCode.ERROR, span.error))
        elif span.status == "cancelled":
            self._span.set_attribute("trodo.status", "cancelled")
        self._span.end(end_time=span.ended_ns)


@quietly
def mirrored_span(telemetry: Telemetry, span: Span, run_id: str) -> Mirror:
    """A span that has just begun."""
    marks = {RUN_ID: run_id, SPAN_ID: span.id}
    return Mirror(telemetry, span.name, span.started_ns, {**told_attributes(span), **marks})


@quietly
def mirrored_run(telemetry: Telemetry, run: Run) -> Mirror:
    """A run that has just begun."""
    told = {AGENT: run.agent, SESSION: run.session, USER: run.user, RUN_ID: run.id, SPAN_ID: run.id[-16:]}
    attributes = {name: value for name, value in told.items() if value is not None}
    attributes[OPERATION] = "invoke_agent"
    return Mirror(telemetry, f"invoke_agent {run.agent}", run.started_ns, attributes)
