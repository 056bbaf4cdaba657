"""What the Trodo SDK sends at a stretch, and what it is answered."""

from typing import Any, TypeVar

import msgspec

from trodo_cli.errors import InvalidInput
from trodo_cli.wire.lenient import decoded

Shape = TypeVar("Shape")

DROP_REASONS = ("queue_full", "too_large", "rejected", "gave_up", "shutdown")
"""Why that SDK drops items; other reasons are counted as `other`."""


class Batch(msgspec.Struct):
    """Items, each judged by itself."""

    items: list[msgspec.Raw]
    dropped: Any = None
    """What was lost since the last batch that was taken: `{"count", "by_reason"}`."""


class SpanList(msgspec.Struct):
    """Spans, each judged by itself."""

    spans: list[msgspec.Raw]


class Result(msgspec.Struct, omit_defaults=True):
    """What became of one item: 200, or 400 and why."""

    status: int
    error: str = ""


class Results(msgspec.Struct):
    """One for each item, in their order."""

    results: list[Result]


class Taken(msgspec.Struct, omit_defaults=True):
    """How much of a body is stored, and why the rest is not."""

    accepted: int
    errors: list[str] = []


def read_batch(body: bytes) -> Batch:
    """Raises `InvalidInput` for a body that is no batch."""
    return _read(msgspec.json.Decoder(Batch), body)


def read_span_list(body: bytes) -> SpanList:
    """Raises `InvalidInput` for a body that is no list of spans."""
    return _read(msgspec.json.Decoder(SpanList), body)


def dropped_counts(dropped: Any) -> dict[str, int]:
    """How many items the SDK lost, by reason; what is no count is left out."""
    reasons = dropped.get("by_reason") if isinstance(dropped, dict) else None
    found: dict[str, int] = {}
    for reason, count in reasons.items() if isinstance(reasons, dict) else ():
        if type(count) is int and 0 < count < 2**53:
            known = reason if reason in DROP_REASONS else "other"
            found[known] = found.get(known, 0) + count
    return found


def _read(decoder: msgspec.json.Decoder[Shape], body: bytes) -> Shape:
    try:
        return decoded(decoder.decode, body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidInput(f"the body is not as it should be: {error}") from None
