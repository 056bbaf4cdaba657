"""A span: one piece of work inside a run.

Every event about a span carries the whole span as its producer knew it then, so merging two
versions is choosing one: `newer_span` is a maximum, and any order, repetition or split of the
events ends in the same span.
"""

import math
from typing import Literal, get_args

import msgspec

from trodo_cli.model.payload import NO_PAYLOAD, Payload, payload_of, written

SpanStatus = Literal["running", "ok", "error", "cancelled"]
SPAN_STATUSES: tuple[str, ...] = get_args(SpanStatus)

KINDS = ("agent", "model", "tool", "retrieval", "step", "generic")
"""The kinds trodo knows; a producer's own word is kept as it is."""

_KIND_SYNONYMS = {
    "agent.invoke": "agent",
    "run": "agent",
    "invoke": "agent",
    "model.call": "model",
    "llm": "model",
    "tool.execute": "tool",
    "": "generic",
}


def canonical_kind(kind: str) -> str:
    """The house word for a kind: `llm` and `model.call` are `model`; an unknown word stays."""
    return _KIND_SYNONYMS.get(kind, kind)


class Usage(msgspec.Struct, omit_defaults=True, kw_only=True):
    """Tokens of one model call. Cached tokens are part of `input`, reasoning tokens part of `output`."""

    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None


class Span(msgspec.Struct, omit_defaults=True, kw_only=True):
    """One piece of work; light but for `payload`, which is JSON text and decoded when asked for."""

    id: str
    parent_id: str | None = None
    name: str = ""
    kind: str = "generic"
    status: SpanStatus = "running"
    level: str | None = None
    """`debug`, `default`, `warning` or `error`; a warning does not make an error."""
    started_ns: int = 0
    """Wall clock of the producer, nanoseconds since the epoch."""
    ended_ns: int | None = None
    """`started_ns` plus the duration by the producer's monotonic clock."""
    usage: Usage | None = None
    cost: float | None = None
    """USD, as the producer said it."""
    model: str | None = None
    provider: str | None = None
    tool: str | None = None
    error: str | None = None
    error_type: str | None = None
    status_code: str | None = None
    version: int = 0
    """Rises with each event of this span at its producer."""
    payload: msgspec.Raw = NO_PAYLOAD

    @property
    def duration_ns(self) -> int | None:
        """Nanoseconds from start to end; None while running."""
        return None if self.ended_ns is None else self.ended_ns - self.started_ns

    @property
    def duration_ms(self) -> int | None:
        """Whole milliseconds from start to end; None while running."""
        return None if self.ended_ns is None else round((self.ended_ns - self.started_ns) / 1e6)

    @property
    def is_open(self) -> bool:
        return self.status == "running"

    @property
    def details(self) -> Payload:
        """Input, output, attributes, events and stack; empty when the span was read without them."""
        return payload_of(self.payload)


def settled_span(span: Span) -> Span:
    """The span in the one form that can be kept: an empty usage is none, a cost that is no amount is unknown."""
    usage = span.usage if span.usage != Usage() else None
    cost = span.cost if span.cost is None or math.isfinite(span.cost) else None
    if usage is span.usage and cost is span.cost:
        return span
    return msgspec.structs.replace(span, usage=usage, cost=cost)


def span_rank(span: Span) -> tuple[bool, int]:
    """What decides between two versions of a span: ended beats open, then the higher version."""
    return (span.status != "running", span.version)


def newer_span(one: Span, other: Span) -> Span:
    """The one of two versions that stands: by rank, then the greater text; `one` when they are equal."""
    rank, other_rank = span_rank(one), span_rank(other)
    if rank != other_rank:
        return one if rank > other_rank else other
    if one == other:
        return one
    return max(one, other, key=written)


def light_span(span: Span) -> Span:
    """The span without its payload."""
    return msgspec.structs.replace(span, payload=NO_PAYLOAD) if bytes(span.payload) else span


def opened_span(span: Span) -> Span:
    """The span as it was announced: open, and without what only its end can know."""
    return Span(
        id=span.id, parent_id=span.parent_id, name=span.name, kind=span.kind, started_ns=span.started_ns
    )
