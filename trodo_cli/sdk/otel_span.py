"""An OpenTelemetry span of this program as one of an export."""

from typing import Any

from trodo_cli.wire.otlp.export import Link, Moment, OtlpSpan, Resource, Scope


def otlp_span(span: Any, parent_id: str | None) -> OtlpSpan:
    """What a `ReadableSpan` says now, below another parent."""
    at, scope, resource = span.get_span_context(), span.instrumentation_scope, span.resource
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
        resource=Resource(dict(resource.attributes), resource.schema_url or ""),
        scope=Scope(scope.name, scope.version or "") if scope else Scope(),
    )
