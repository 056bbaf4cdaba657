"""The span processor: imported only where OpenTelemetry is."""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider

from trodo_cli.model.event import Event, SpanEnd, SpanStart
from trodo_cli.model.span import Span
from trodo_cli.sdk.context import ActiveRun, Place, current, use_others
from trodo_cli.sdk.open_trace import OpenTrace
from trodo_cli.sdk.otel_span import otlp_span
from trodo_cli.sdk.recorder import quietly, recorder
from trodo_cli.sdk.ship import THREAD_NAME
from trodo_cli.sdk.telemetry import SPAN_ID
from trodo_cli.wire.native import settled_event
from trodo_cli.wire.otlp.events import begun_span, ended_span
from trodo_cli.wire.otlp.export import OtlpSpan

MAX_KNOWN = 100_000
"""Spans and traces that are remembered; beyond that the oldest are forgotten."""

_MARK = "_trodo_processor"

Key = TypeVar("Key")
Value = TypeVar("Value")


class Home(NamedTuple):
    """Where an open span belongs."""

    run_id: str
    parent_id: str | None
    place_span_id: str | None
    """Our own span around it when it began."""
    is_placed: bool
    """Whether it is inside a run of ours, which lives without it."""


@dataclass(slots=True, eq=False)
class OuterPlace:
    """See `context.Place`: inside a span of OpenTelemetry."""

    run: ActiveRun
    span_id: str | None
    outer: Place | None = None


class RunProcessor(SpanProcessor):
    """Turns spans into our events as they start and end. Nothing raises, nothing waits."""

    def __init__(self) -> None:
        self._homes: OrderedDict[str, Home] = OrderedDict()
        """Of the spans that are open."""
        self._runs: OrderedDict[str, str] = OrderedDict()
        """The run of each trace that was seen."""
        self._traces: dict[str, OpenTrace] = {}
        self._lock = threading.RLock()

    @classmethod
    def attach(cls, provider: TracerProvider) -> None:
        """Let a provider tell a processor, unless it does so already."""
        if getattr(provider, _MARK, None) is None:
            processor = cls()
            setattr(provider, _MARK, processor)
            use_others(processor)
            provider.add_span_processor(processor)

    @quietly
    def on_start(self, span: Any, parent_context: Context | None = None) -> None:  # noqa: ARG002
        if _is_left_out(span):
            return
        parent, (trace_id, span_id) = span.parent, _ids(span.get_span_context())
        with self._lock:
            home = self._home(trace_id, parent, current.get())
            is_root = trace_id not in self._runs and (parent is None or not parent.is_remote)
            otlp = otlp_span(span, home.parent_id)
            begun, news = begun_span(otlp), None
            _keep(self._runs, trace_id, home.run_id)
            _keep(self._homes, span_id, home)
            if not home.is_placed:
                news = self._opened(home.run_id, span_id if is_root else None).begin(otlp, begun)
        _record(news)
        _record(SpanStart(run_id=home.run_id, span=begun))

    @quietly
    def on_end(self, span: ReadableSpan) -> None:
        _, span_id = _ids(span.get_span_context())
        with self._lock:
            home = self._homes.pop(span_id, None)
        if home is None:
            return
        otlp = otlp_span(span, home.parent_id)
        ended = ended_span(otlp)
        _record(SpanEnd(run_id=home.run_id, span=ended))
        if not home.is_placed:
            with self._lock:
                news = self._closed(home.run_id, otlp, ended)
            _record(news)

    @quietly
    def inner_span(self, place: Place) -> str | None:
        span_id, home = self._at_hand()
        is_inside = home is not None and (home.run_id, home.place_span_id) == (place.run.id, place.span_id)
        return span_id if is_inside else None

    @quietly
    def outer_place(self) -> Place | None:
        span_id, home = self._at_hand()
        run = recorder().runs.get(home.run_id) if home is not None else None
        return None if run is None else OuterPlace(run, span_id)

    def _at_hand(self) -> tuple[str, Home | None]:
        """The span of OpenTelemetry that the code at hand is in."""
        _, span_id = _ids(trace.get_current_span().get_span_context())
        return span_id, self._homes.get(span_id)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return bool(_flushed(timeout_millis / 1_000))

    def _home(self, trace_id: str, above: Any, place: Place | None) -> Home:
        """The run of the place; else that of the parent, or of the trace, which may be a caller's."""
        parent_id = None if above is None else _ids(above)[1]
        parent = self._homes.get(parent_id or "")
        if place is None:
            run_id = parent.run_id if parent else self._runs.get(trace_id, trace_id)
            return Home(run_id, parent_id, None, parent is not None and parent.is_placed)
        is_inner = parent is not None and (parent.run_id, parent.place_span_id) == (
            place.run.id,
            place.span_id,
        )
        return Home(place.run.id, parent_id if is_inner else place.span_id, place.span_id, True)

    def _opened(self, run_id: str, root_id: str | None) -> OpenTrace:
        found = self._traces.get(run_id)
        if found is None:
            found = self._traces[run_id] = OpenTrace(run_id, root_id)
            recorder().enter(run_id)
        return found

    def _closed(self, run_id: str, otlp: OtlpSpan, span: Span) -> Event | None:
        """What there is to tell of the run of a span that has ended."""
        found = self._traces.get(run_id)
        if found is None:
            return None
        news = found.end(otlp, span)
        if not found.open:
            del self._traces[run_id]
            recorder().runs.leave_id(run_id)
        return news


def _is_left_out(span: Any) -> bool:
    """Our own spans on their way out, and what our own requests to a server make."""
    return SPAN_ID in (span.attributes or {}) or threading.current_thread().name == THREAD_NAME


def _record(event: Event | None) -> None:
    if event is not None:
        recorder().record(settled_event(event))


def _ids(context: Any) -> tuple[str, str]:
    """The trace's and the span's, in hex."""
    return f"{context.trace_id:032x}", f"{context.span_id:016x}"


def _keep(known: OrderedDict[Key, Value], key: Key, value: Value) -> None:
    known[key] = value
    if len(known) > MAX_KNOWN:
        known.popitem(last=False)


@quietly
def _flushed(seconds: float) -> bool:
    return recorder().flush(seconds)
