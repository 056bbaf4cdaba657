"""A filter of runs as an SQL condition and its values."""

from typing import Any, NamedTuple

from trodo_cli.model.totals import NANOS
from trodo_cli.query.plan import Cursor, RunFilter

_LIVING = "status = 'running' AND coalesce(heartbeat_ns, 0) {} ? - patience_ns"


class Dialect(NamedTuple):
    """What databases say in different ways. Every value is a `?`."""

    is_open: str
    """The run has not ended."""
    has_tag: str
    """The tag is among the run's."""
    has_span: str
    """A span of this owner has this value in the column that is put in for `{}`."""


_TOPMOST = (
    "(parent IS NULL OR NOT EXISTS (SELECT 1 FROM runs AS above"
    " WHERE above.owner = runs.owner AND above.id = runs.parent AND above.announced = 1"
    " AND (above.parent IS NULL OR above.parent <> runs.id OR above.id < runs.id)))"
)
"""A run whose parent nobody knows is at the top too, and one of two that name each other, or nobody would find it."""

_HAS_WORD = "(lower(agent) LIKE ? ESCAPE '\\' OR lower(id) LIKE ? ESCAPE '\\')"

Part = tuple[str, tuple[Any, ...]]


def condition(
    dialect: Dialect, owner: str, wanted: RunFilter, after: Cursor | None, now_ns: int
) -> tuple[str, list[Any]]:
    """What a row must fulfil, always the owner first."""
    parts: list[Part] = [("owner = ?", (owner,)), ("announced = 1", ())]
    parts += _status(dialect, wanted.status, now_ns) + _fields(wanted, now_ns)
    parts += [(dialect.has_tag, (tag,)) for tag in wanted.tags] + _spans(dialect, owner, wanted)
    if after is not None:
        parts.append(("(started_ns, id) < (?, ?)", (after.started_ns, after.id)))
    return " AND ".join(text for text, _ in parts), [value for _, values in parts for value in values]


def _status(dialect: Dialect, status: str | None, now_ns: int) -> list[Part]:
    """`running` and `lost` differ only in how long ago the last sign of life was; `open` runs have not ended."""
    match status:
        case None:
            return []
        case "running":
            return [(_LIVING.format(">="), (now_ns,))]
        case "lost":
            return [(_LIVING.format("<"), (now_ns,))]
        case "open":
            return [(dialect.is_open, ())]
        case _:
            return [("status = ?", (status,))]


def _fields(wanted: RunFilter, now_ns: int) -> list[Part]:
    parts: list[Part] = [
        (text, (value,))
        for text, value in (
            ("agent = ?", wanted.agent),
            ("started_ns >= ?", wanted.started_after_ns),
            ("started_ns <= ?", wanted.started_before_ns),
            ('"user" = ?', wanted.user),
            ("session = ?", wanted.session),
            ("parent = ?", wanted.parent_id),
        )
        if value is not None
    ]
    if wanted.roots_only and wanted.parent_id is None:
        parts.append((_TOPMOST, ()))
    if wanted.with_trace:
        parts.append(("traceless = 0", ()))
    parts += [(_HAS_WORD, (_pattern(word),) * 2) for word in wanted.words]
    return parts + _bounds(wanted, now_ns)


def _bounds(wanted: RunFilter, now_ns: int) -> list[Part]:
    parts: list[Part] = []
    for sign, usd in ((">=", wanted.min_cost), ("<=", wanted.max_cost)):
        if usd is not None:
            parts.append((f"costed_spans > 0 AND cost_nanos {sign} ?", (round(usd * NANOS),)))
    for sign, length_ns in ((">=", wanted.min_duration_ns), ("<=", wanted.max_duration_ns)):
        if length_ns is not None:
            parts.append((f"coalesce(ended_ns, ?) - started_ns {sign} ?", (now_ns, length_ns)))
    return parts


def _pattern(word: str) -> str:
    """What finds a word anywhere in a text."""
    for character in "\\%_":
        word = word.replace(character, f"\\{character}")
    return f"%{word.lower()}%"


def _spans(dialect: Dialect, owner: str, wanted: RunFilter) -> list[Part]:
    """Conditions that one of the run's spans must fulfil."""
    asked = (("model", wanted.model), ("tool", wanted.tool))
    return [(dialect.has_span.format(column), (owner, value)) for column, value in asked if value is not None]
