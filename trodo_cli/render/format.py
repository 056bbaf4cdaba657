"""Numbers, times and widths as people read them: pure functions from a value to a short text.

None of them raises for an absurd number (a year 300000, a negative age): the number itself is shown.
"""

import time
import unicodedata
from datetime import UTC, datetime, timedelta

NOTHING = "-"
"""Shown where there is no value."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = 10**9
_AGES = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))
_DATED_AFTER_S = 30 * 86_400
_EMOJI_STYLE = "\ufe0f"


def duration(ns: int | None) -> str:
    """A length of time with two to four digits: `850µs`, `1.2s`, `2m 05s`, `3d 04h`."""
    if ns is None:
        return NOTHING
    if ns < 0:
        return f"-{duration(-ns)}"
    if (tenths := _rounded(ns, _SECOND // 10)) < 600:
        return _below_a_minute(ns, tenths)
    if (seconds := _rounded(ns, _SECOND)) < 3_600:
        return f"{seconds // 60}m {seconds % 60:02}s"
    if (minutes := _rounded(ns, 60 * _SECOND)) < 1_440:
        return f"{minutes // 60}h {minutes % 60:02}m"
    hours = _rounded(ns, 3_600 * _SECOND)
    return f"{hours // 24}d {hours % 24:02}h"


def tokens(number: int | None) -> str:
    """A count in at most five characters: `812`, `1.2k`, `3.4M`."""
    if number is None:
        return NOTHING
    if number < 0:
        return f"-{tokens(-number)}"
    return _scaled(number, ("", "k", "M", "B", "T"), 1_000)


def size(count_bytes: int) -> str:
    """A number of bytes: `812 B`, `1.2 KiB`, `3.4 MiB`."""
    if count_bytes < 0:
        return f"-{size(-count_bytes)}"
    return _scaled(count_bytes, (" B", " KiB", " MiB", " GiB", " TiB"), 1_024)


def cost(usd: float | None) -> str:
    """US dollars: cents from one dollar up, two digits that count below it (`$0.0012`)."""
    if usd is None or usd != usd:
        return NOTHING
    if usd < 0:
        return f"-{cost(-usd)}"
    if usd == 0 or usd >= 0.995:
        return f"${usd:,.2f}" if usd else "$0"
    if usd < 1e-6:
        return "<$0.000001"
    decimals = max(2, 1 - int(f"{usd:.1e}".partition("e")[2]))
    return f"${usd:.{decimals}f}"


def age(ns_then: int, ns_now: int) -> str:
    """How long ago: `3s ago`, `2m ago`, `5h ago`, `3d ago`, after a month the date; `in 3s` ahead."""
    if ns_then == 0:
        return NOTHING
    seconds = abs(ns_now - ns_then) // _SECOND
    if seconds > _DATED_AFTER_S:
        return iso(ns_then).partition("T")[0]
    for unit_s, unit in _AGES:
        if seconds >= unit_s:
            text = f"{seconds // unit_s}{unit}"
            return f"{text} ago" if ns_then < ns_now else f"in {text}"
    return "now"


def clock(ns: int) -> str:
    """The local time of day, `HH:MM:SS`."""
    try:
        return time.strftime("%H:%M:%S", time.localtime(ns // _SECOND))
    except (OverflowError, ValueError, OSError):
        return f"{ns}ns"


def iso(ns: int) -> str:
    """ISO 8601 in UTC with milliseconds: `2026-01-31T12:00:00.000Z`."""
    try:
        moment = _EPOCH + timedelta(milliseconds=ns // 1_000_000)
    except OverflowError:
        return f"{ns}ns"
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def short_id(text: str) -> str:
    """The last eight characters, where ids made in the same second differ."""
    return text[-8:]


def counted(number: int, noun: str) -> str:
    """A number with its noun: `1 span`, `1,200 spans`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def cells(text: str) -> int:
    """How many terminal cells a text takes; wide characters take two, marks none."""
    return len(text) if text.isascii() else sum(_widths(text))


def fitted(text: str, width: int, ellipsis: str = "…") -> str:
    """The text cut to so many terminal cells, with an ellipsis where something was cut off."""
    if len(text) * 2 <= width or cells(text) <= width:
        return text
    room = width - len(ellipsis)
    if room < 0:
        return ellipsis[: max(width, 0)]
    used = 0
    for index, wide in enumerate(_widths(text)):
        used += wide
        if used > room:
            return text[:index] + ellipsis
    return text


def _rounded(number: int, unit: int) -> int:
    return (number + unit // 2) // unit


def _below_a_minute(ns: int, tenths: int) -> str:
    if ns < 1_000:
        return f"{ns}ns" if ns else "0ms"
    if (micros := _rounded(ns, 1_000)) < 1_000:
        return f"{micros}µs"
    millis = _rounded(ns, 1_000_000)
    return f"{millis}ms" if millis < 1_000 else f"{tenths // 10}.{tenths % 10}s"


def _scaled(number: int, units: tuple[str, ...], step: int) -> str:
    if number < step:
        return f"{number}{units[0]}"
    scale = step
    for unit in units[1:]:
        tenths = _rounded(number * 10, scale)
        if tenths < step * 10 or unit == units[-1]:
            break
        scale *= step
    return f"{tenths // 10}.{tenths % 10}{unit}" if tenths < 1_000 else f"{_rounded(tenths, 10)}{unit}"


def _widths(text: str) -> list[int]:
    widths: list[int] = []
    for character in text:
        if character == _EMOJI_STYLE and widths and widths[-1] == 1:
            widths[-1] = 2
        widths.append(_width(character))
    return widths


def _width(character: str) -> int:
    if character.isascii():
        return 1
    if unicodedata.category(character) in ("Mn", "Me") or "\u1160" <= character <= "\u11ff":
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
