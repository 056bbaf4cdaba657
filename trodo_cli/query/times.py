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
    return int(float(match[1]) * _UNITS_NS[match[2]])


def read_instant(text: str, now_ns: int, option: str) -> int:
    """An instant in nanoseconds since the epoch: so long ago (`2h`), or an ISO date or time (local without a zone).

    Raises `InvalidInput` that names the option.
    """
    if match := _DURATION.fullmatch(text.strip()):
        return now_ns - int(float(match[1]) * _UNITS_NS[match[2]])
    try:
        moment = datetime.fromisoformat(text.strip()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidInput(
            f"{option} {text!r} is no time", "write 30m, 2h or 1d ago, or a date such as 2026-11-22T14:30"
        ) from None
    return int(moment.timestamp()) * 10**9 + moment.microsecond * 1000
