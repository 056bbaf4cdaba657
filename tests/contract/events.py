"""Events for tests, short to write: every field that a test does not name has a plain value."""

from typing import Any

import msgspec

from trodo_cli.model.event import (
    CancelRequested,
    FeedbackGiven,
    RunEnd,
    RunStart,
    SpanEnd,
    SpanStart,
    SpanUpdate,
)
from trodo_cli.model.run import Cancel, Feedback, Run
from trodo_cli.model.span import Span

SECOND = 10**9
YEAR = 365 * 24 * 3600 * SECOND
NOW = 1_800_000_000 * SECOND
"""The time of the store's clock in tests that do not move it."""


def run_start(run_id: str, **said: Any) -> RunStart:
    """A run is announced; it began at `NOW` unless told otherwise."""
    return RunStart(run_id=run_id, run=Run(id=run_id, **{"started_ns": NOW, **said}))


def run_end(run_id: str, **said: Any) -> RunEnd:
    """A run ended well, a second after `NOW`, unless told otherwise."""
    return RunEnd(
        run_id=run_id, run=Run(id=run_id, **{"status": "completed", "ended_ns": NOW + SECOND, **said})
    )


def span_start(run_id: str, span_id: str, **said: Any) -> SpanStart:
    return SpanStart(run_id=run_id, span=Span(id=span_id, **{"started_ns": NOW, **said}))


def span_update(run_id: str, span_id: str, **said: Any) -> SpanUpdate:
    return SpanUpdate(run_id=run_id, span=Span(id=span_id, **{"started_ns": NOW, "version": 1, **said}))


def span_end(run_id: str, span_id: str, **said: Any) -> SpanEnd:
    known = {"started_ns": NOW, "ended_ns": NOW + SECOND, "status": "ok", "version": 2}
    return SpanEnd(run_id=run_id, span=Span(id=span_id, **{**known, **said}))


def cancel_request(run_id: str, requested_ns: int = NOW, **said: Any) -> CancelRequested:
    return CancelRequested(run_id=run_id, cancel=Cancel(requested_ns=requested_ns, **said))


def feedback(run_id: str, at_ns: int = NOW, **said: Any) -> FeedbackGiven:
    return FeedbackGiven(run_id=run_id, feedback=(Feedback(at_ns=at_ns, **said),))


def payload(**parts: Any) -> msgspec.Raw:
    """`input=…, output=…, attributes=…` as the JSON text that a span or run carries."""
    return msgspec.Raw(msgspec.json.encode(parts))
