"""Instants and durations as people type them."""

import re
from datetime import UTC, datetime

from trodo_cli.errors import InvalidInput

_UNITS_NS = {
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
    "d": 86_400 * 10**9,
    "w": 7 * 86_400 * 10**9,
}
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ms|s|m|h|d|w)")


def read_duration(text: str, option: str) -> int:
    """Nanoseconds of `500ms`, `2s`, `30m`, `2h`, `1d`, `1w`. Raises `InvalidInput` that names the option."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise InvalidInput(f"{option} {text!r} is no duration", "write 500ms, 2s, 30m, 2h, 1d or 1w")
    return _in_range(int(float(match[1]) * _UNITS_NS[match[2]]), text, option)


def read_instant(text: str, now_ns: int, option: str) -> int:
    """An instant in nanoseconds since the epoch: so long ago (`2h`), or an ISO date or time (local without a zone).

    Raises `InvalidInput` that names the option.
    """
    if match := _DURATION.fullmatch(text.strip()):
        return _in_range(now_ns - int(float(match[1]) * _UNITS_NS[match[2]]), text, option)
    try:
        moment = datetime.fromisoformat(text.strip()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidInput(
            f"{option} {text!r} is no time", "write 30m, 2h or 1d ago, or a date such as 2026-11-22T14:30"
        ) from None
    return _in_range(int(moment.timestamp()) * 10**9 + moment.microsecond * 1000, text, option)


def _in_range(ns: int, text: str, option: str) -> int:
    """The time when a store can hold it: 292 years to both sides of 1970."""
    if not -(2**63) <= ns < 2**63:
        raise InvalidInput(f"{option} {text!r} is too far away", "write a time of these centuries")
    return ns
