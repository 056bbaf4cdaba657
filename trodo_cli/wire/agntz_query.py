"""What the agntz clients ask a list for: query parameters to a filter of runs."""

import math
import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from trodo_cli.errors import InvalidInput
from trodo_cli.query.plan import Cursor, RunFilter, read_cursor
from trodo_cli.wire.agntz import EARLIEST_NS, LATEST_NS, clamped_ns, iso_time
from trodo_cli.wire.values import storable_text

DEFAULT_LIMIT = 50
MAX_LIMIT = 200

NOTHING = RunFilter(started_after_ns=LATEST_NS, started_before_ns=EARLIEST_NS)
"""Fits no run, and unlike an unknown status it is refused by no client."""

_RUN_STATUSES = {
    "pending": "pending",
    "running": "open",
    "completed": "completed",
    "ok": "completed",
    "failed": "failed",
    "error": "failed",
    "cancelled": "cancelled",
    "lost": "lost",
}
_TRACE_STATUSES = {"running": "open", "ok": "completed", "error": "failed", "cancelled": "cancelled"}
"""Their words, those of a trace for its run too, and ours. They do not know that a run can be lost: it is running."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOMENTS_MS = range(EARLIEST_NS // 10**6, LATEST_NS // 10**6 + 1)
"""Every millisecond that a time can fall into; as ISO texts they stand in the same order."""

_NUMBER = re.compile(r"\s*\+?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*", re.ASCII | re.IGNORECASE)
_DATE_TIME = re.compile(r"\d{4}(-\d\d(-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?)?)?", re.ASCII)

Query = tuple[RunFilter, int, Cursor | None]
"""Which runs, how many at most, where to go on."""


def runs_query(params: Mapping[str, str]) -> Query:
    """What `GET /runs` asks for.

    A time that is no ISO date or time is as if not given, and so is a text that is no cursor; a status that
    no run of ours has, as `draining`, matches nothing. Raises `InvalidInput` for a limit that is no number from 1.
    """
    limit, cursor = _limit(params.get("limit")), _cursor(params.get("cursor"))
    if (status := params.get("status")) and status not in _RUN_STATUSES:
        return NOTHING, limit, cursor
    wanted = RunFilter(
        agent=storable_text(params.get("agentId", "")) or None,
        status=_RUN_STATUSES[status] if status else None,
        started_after_ns=_bound(_instant_ms(params.get("startedAfter")), 0),
        started_before_ns=_bound(_instant_ms(params.get("startedBefore")), 10**6 - 1),
        roots_only=params.get("rootsOnly") != "false",
    )
    return wanted, limit, cursor


def traces_query(params: Mapping[str, str]) -> Query:
    """What `GET /traces` asks for, as `runs_query`, but the two times are compared as texts.

    ISO texts stand in the order of their times, so every text lies between two milliseconds: the bound is
    the first one that is not below the text, or the last one that is not above it.
    """
    limit, cursor = _limit(params.get("limit")), _cursor(params.get("cursor"))
    after, before = params.get("startedAfter", ""), params.get("startedBefore")
    first = bisect_left(_MOMENTS_MS, after, key=_shown)
    last = bisect_right(_MOMENTS_MS, before, key=_shown) - 1 if before else len(_MOMENTS_MS) - 1
    status = params.get("status")
    if first > last or (status and status not in _TRACE_STATUSES):
        return NOTHING, limit, cursor
    wanted = RunFilter(
        agent=storable_text(params.get("agentId", "")) or None,
        status=_TRACE_STATUSES[status] if status else None,
        started_after_ns=_bound(_MOMENTS_MS[first], 0) if first else None,
        started_before_ns=_bound(_MOMENTS_MS[last], 10**6 - 1) if before else None,
    )
    return wanted, limit, cursor


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_LIMIT
    number = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not 1 <= number < math.inf:
        raise InvalidInput("Invalid `limit` query param", f"a limit is a number from 1 to {MAX_LIMIT}")
    return min(int(number), MAX_LIMIT)


def _cursor(text: str | None) -> Cursor | None:
    try:
        return read_cursor(text) if text else None
    except InvalidInput:
        return None


def _shown(ms: int) -> str:
    return iso_time(ms * 10**6)


def _instant_ms(text: str | None) -> int | None:
    """Milliseconds of an ISO date or time, UTC when it names no zone; None for any other text."""
    if text is None or not _DATE_TIME.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text + "-01-01"[len(text) - 4 :] if len(text) < 10 else text)
        since = moment.replace(tzinfo=moment.tzinfo or UTC) - _EPOCH
    except ValueError:
        return None
    return since // timedelta(milliseconds=1)


def _bound(ms: int | None, more_ns: int) -> int | None:
    """The first nanosecond of a millisecond, or with more the last; as far as 64 bits go."""
    return None if ms is None else clamped_ns(ms * 10**6 + more_ns)
