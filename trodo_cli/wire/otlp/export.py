"""A trace export as both encodings mean it: spans with plain values, and what had to be left out."""

from typing import Any

import msgspec

ZERO_TRACE, ZERO_SPAN = "0" * 32, "0" * 16
MAX_NS = 2**63 - 1
"""Times are unsigned in OTLP and signed here; a later one is none that anybody meant."""

OUR_SCOPE = "trodo"
"""The library that spans of other origin name when they go out."""

MAX_REASONS = 5
"""How many refused spans an answer spells out."""


class Resource(msgspec.Struct, omit_defaults=True):
    """What sent the spans."""

    attributes: dict[str, Any] = {}
    schema_url: str = ""
    dropped: int = 0
    """Attributes that the sender left out."""


class Scope(msgspec.Struct, omit_defaults=True):
    """The library that made the spans."""

    name: str = ""
    version: str = ""
    attributes: dict[str, Any] = {}
    schema_url: str = ""
    dropped: int = 0
    """Attributes that the sender left out."""


class Link(msgspec.Struct, omit_defaults=True):
    """A span elsewhere that this one has to do with."""

    trace_id: str
    span_id: str
    attributes: dict[str, Any] = {}
    trace_state: str = ""
    flags: int = 0
    dropped: int = 0
    """Attributes that the sender left out."""


class Moment(msgspec.Struct, omit_defaults=True):
    """Something that happened at an instant within a span."""

    name: str = ""
    at_ns: int = 0
    attributes: dict[str, Any] = {}
    dropped: int = 0
    """Attributes that the sender left out."""


class OtlpSpan(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One span of an export. Ids are lower-case hex."""

    trace_id: str
    span_id: str
    parent_id: str | None = None
    name: str = ""
    kind: int = 0
    started_ns: int = 0
    ended_ns: int = 0
    attributes: dict[str, Any] = {}
    moments: list[Moment] = []
    links: list[Link] = []
    status: int = 0
    """0 unset, 1 ok, 2 error."""
    message: str = ""
    flags: int = 0
    trace_state: str = ""
    dropped: int = 0
    """Attributes that the sender left out."""
    dropped_events: int = 0
    dropped_links: int = 0
    resource: Resource = msgspec.field(default_factory=Resource)
    scope: Scope = msgspec.field(default_factory=Scope)


class Export(msgspec.Struct):
    """What a request holds."""

    spans: list[OtlpSpan] = []
    refused: int = 0
    reasons: list[str] = []

    def refuse(self, reason: str) -> None:
        """Leave a span out."""
        self.refused += 1
        if len(self.reasons) < MAX_REASONS:
            self.reasons.append(reason)


def time_of(ns: int) -> int:
    """A time that can be kept; 0 for one beyond all sense."""
    return ns if 0 <= ns <= MAX_NS else 0


def id_problem(span: OtlpSpan) -> str:
    """Why a span cannot be taken; empty for one that can."""
    for what, text, zero in (("trace", span.trace_id, ZERO_TRACE), ("span", span.span_id, ZERO_SPAN)):
        if len(text) != len(zero) or text == zero:
            return f"span {span.name[:80]!r}: the {what} id must be {len(zero)} hex digits, not all zero"
    if span.parent_id is not None and len(span.parent_id) != len(ZERO_SPAN):
        return f"span {span.name[:80]!r}: the parent id must be {len(ZERO_SPAN)} hex digits"
    return ""
