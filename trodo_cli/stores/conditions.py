"""A filter of runs as an SQL condition and its values."""

from typing import Any

from trodo_cli.model.totals import NANOS
from trodo_cli.query.plan import Cursor, RunFilter

_LIVING = "status = 'running' AND coalesce(heartbeat_ns, 0) {} ? - patience_ns"
_OPEN = "unlikely(status IN ('pending', 'running'))"
"""Few runs are open; without the hint SQLite reads every run of the owner to find them."""

_SPAN_HAS = "EXISTS (SELECT 1 FROM spans WHERE spans.owner = ? AND spans.run = runs.key AND spans.{} = ?)"

_TOPMOST = (
    "(parent IS NULL OR NOT EXISTS (SELECT 1 FROM runs AS above"
    " WHERE above.owner = runs.owner AND above.id = runs.parent AND above.announced = 1))"
)
"""A run whose parent nobody knows is at the top too, or nobody would find it."""

Part = tuple[str, tuple[Any, ...]]


def condition(owner: str, wanted: RunFilter, after: Cursor | None, now_ns: int) -> tuple[str, list[Any]]:
    """What a row must fulfil, always the owner first."""
    parts: list[Part] = [("owner = ?", (owner,)), ("announced = 1", ())]
    parts += _status(wanted.status, now_ns) + _fields(wanted, now_ns) + _spans(owner, wanted)
    if after is not None:
        parts.append(("(started_ns, id) < (?, ?)", (after.started_ns, after.id)))
    return " AND ".join(text for text, _ in parts), [value for _, values in parts for value in values]


def _status(status: str | None, now_ns: int) -> list[Part]:
    """`running` and `lost` differ only in how long ago the last sign of life was; `open` runs have not ended."""
    match status:
        case None:
            return []
        case "running":
            return [(_LIVING.format(">="), (now_ns,))]
        case "lost":
            return [(_LIVING.format("<"), (now_ns,))]
        case "open":
            return [(_OPEN, ())]
        case _:
            return [("status = ?", (status,))]


def _fields(wanted: RunFilter, now_ns: int) -> list[Part]:
    parts: list[Part] = [
        (text, (value,))
        for text, value in (
            ("agent = ?", wanted.agent),
            ("started_ns >= ?", wanted.started_after_ns),
            ("started_ns <= ?", wanted.started_before_ns),
            ("user = ?", wanted.user),
            ("session = ?", wanted.session),
            ("parent = ?", wanted.parent_id),
        )
        if value is not None
    ]
    if wanted.roots_only and wanted.parent_id is None:
        parts.append((_TOPMOST, ()))
    if wanted.with_trace:
        parts.append(("traceless = 0", ()))
    if wanted.min_cost is not None:
        parts.append(("costed_spans > 0 AND cost_nanos >= ?", (round(wanted.min_cost * NANOS),)))
    if wanted.min_duration_ns is not None:
        parts.append(("coalesce(ended_ns, ?) - started_ns >= ?", (now_ns, wanted.min_duration_ns)))
    return parts + [("EXISTS (SELECT 1 FROM json_each(tags) WHERE value = ?)", (tag,)) for tag in wanted.tags]


def _spans(owner: str, wanted: RunFilter) -> list[Part]:
    """Conditions that one of the run's spans must fulfil."""
    asked = (("model", wanted.model), ("tool", wanted.tool))
    return [(_SPAN_HAS.format(column), (owner, value)) for column, value in asked if value is not None]
