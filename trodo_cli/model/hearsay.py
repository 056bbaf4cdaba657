"""What a run's spans say of it, where nobody announced it: OpenTelemetry only knows spans.

Of each thing there is one claim, that of the span which knows best. Joining is taking the better claim
of each, so the order, repetition and split of the spans never matter.
"""

from typing import Any

import msgspec

QUIET_NS = 6 * 10**9
"""Such a run is over when no span of it is open and none came for this long.

Exporters send every 5 s unless told otherwise, so every service of a run was heard by then.
"""

PATIENCE_NS = 300 * 10**9
"""The same for a run in which a parent is missing: it may still be at work, or never be sent."""


FIRST, SECOND, THIRD, FOURTH, LAST = "0", "1", "2", "3", "4"
"""How well a span knows; between equals the one that `begun` puts first, or that ended last."""


class Claim(msgspec.Struct, array_like=True, frozen=True):
    """What one span says; of two the one with the smaller source stands."""

    source: str
    value: Any = None


Claims = dict[str, Claim]
"""By what they are about: `agent session user parent status input output attributes`, and `part` and `over`."""


def begun(started_ns: int, span_id: str, *, is_root: bool) -> str:
    """The place of a span in its trace: roots first, then what began first, then the smaller id."""
    return f"{'' if is_root else '~'}{started_ns:020d}{span_id}"


def better(one: Claim | None, other: Claim | None) -> Claim | None:
    """The claim that stands."""
    if one is None or other is None:
        return one or other
    if one.source != other.source:
        return one if one.source < other.source else other
    return min(one, other, key=_text)


def joined_claims(one: Claims, other: Claims) -> Claims:
    """The claim that stands about each thing."""
    names = sorted({*one, *other})
    return {name: claim for name in names if (claim := better(one.get(name), other.get(name)))}


def _text(claim: Claim) -> bytes:
    return msgspec.json.encode(claim.value)
