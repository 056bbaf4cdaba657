"""An OpenTelemetry span of this program as one of an export, and what a topmost one says of its run."""

from collections.abc import Mapping
from typing import Any

import msgspec

from trodo_cli.model.payload import NO_PAYLOAD
from trodo_cli.model.run import Run
from trodo_cli.model.span import Span
from trodo_cli.wire.genai import SESSION, USER, agent_of
from trodo_cli.wire.otlp.export import Link, Moment, OtlpSpan, Scope
from trodo_cli.wire.values import json_object, json_value

BEGUN_VERSION, ENDED_VERSION = -2, -1
"""Of a run as its topmost span tells of it at its start and at its end; whoever announces it himself knows better."""


def otlp_span(span: Any, parent_id: str | None) -> OtlpSpan:
    """What a `ReadableSpan` says now, below another parent; what sent it is said of the run."""
    at, scope = span.get_span_context(), span.instrumentation_scope
    return OtlpSpan(
        trace_id=f"{at.trace_id:032x}",
        span_id=f"{at.span_id:016x}",
        parent_id=parent_id,
        name=span.name,
        kind=span.kind.value + 1,
        started_ns=span.start_time or 0,
        ended_ns=span.end_time or 0,
        attributes=dict(span.attributes or {}),
        moments=[Moment(event.name, event.timestamp, dict(event.attributes or {})) for event in span.events],
        links=[
            Link(f"{link.context.trace_id:032x}", f"{link.context.span_id:016x}", dict(link.attributes or {}))
            for link in span.links
        ],
        status=span.status.status_code.value,
        message=span.status.description or "",
        scope=Scope(scope.name, scope.version or "") if scope else Scope(),
    )


def announced_run(run_id: str, otlp: OtlpSpan, resource: Mapping[str, Any]) -> Run:
    """What a topmost span says of its run."""
    return Run(
        id=run_id,
        agent=agent_of(otlp.attributes) or otlp.name,
        session=SESSION.text(otlp.attributes),
        user=USER.text(otlp.attributes),
        started_ns=otlp.started_ns,
        version=ENDED_VERSION if otlp.ended_ns else BEGUN_VERSION,
        payload=msgspec.Raw(b'{"attributes":%b}' % json_object(dict(resource))) if resource else NO_PAYLOAD,
    )


def ended_run(run_id: str, span: Span) -> Run:
    """How a run ended by its topmost span, with what that span was given and what came of it."""
    said = {"input": span.details.input, "output": span.details.output}
    told = {name: value for name, value in said.items() if value is not None}
    return Run(
        id=run_id,
        status="failed" if span.status == "error" else "completed",
        ended_ns=span.ended_ns,
        error=span.error,
        error_type=span.error_type,
        payload=msgspec.Raw(json_value(told)) if told else NO_PAYLOAD,
    )
