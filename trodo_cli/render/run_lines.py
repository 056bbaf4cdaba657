"""Runs as lines of one column layout, for a screen that paints them one by one."""

from dataclasses import dataclass

from trodo_cli.model.run import Run
from trodo_cli.model.totals import NANOS
from trodo_cli.render.excerpt import short_line
from trodo_cli.render.facts import cancel_line, error_text, run_label, run_money, run_time
from trodo_cli.render.format import NOTHING, age, fitted, tokens
from trodo_cli.render.theme import Glyphs, Line, Piece, fitted_line, padded_line, status_role

_GAP = 2
_FIXED: tuple[tuple[str, int], ...] = (
    ("id", 8), ("age", 6), ("time", 8), ("spans", 6), ("tokens", 6), ("cost", 8),
)  # fmt: skip
_GIVES_WAY = ("spans", "tokens", "age", "cost", "id", "time")
"""What is left out first where it is narrow."""

_DAY_NS = 86_400 * NANOS
_MARK_CELLS = 2
_STATUS_CELLS = 11
_LEAST_AGENT_CELLS = 16
_USUAL_AGENT_CELLS = 24
_MOST_AGENT_CELLS = 40
_LEAST_ERROR_CELLS = 12


@dataclass(frozen=True, slots=True)
class Columns:
    """How a width is shared out: the agent's name and the error take what the other columns leave."""

    agent: int
    names: tuple[str, ...]
    error: int

    @classmethod
    def of(cls, width: int) -> "Columns":
        cells = dict(_FIXED)
        for name in _GIVES_WAY:
            if _taken(cells) + _LEAST_AGENT_CELLS <= width:
                break
            del cells[name]
        room = max(width - _taken(cells), 1)
        agent = min(room, _MOST_AGENT_CELLS, max(room * 2 // 5, _USUAL_AGENT_CELLS))
        error = room - agent - _GAP
        return cls(agent, tuple(cells), error if error >= _LEAST_ERROR_CELLS else 0)


def heading(columns: Columns) -> Line:
    """The names of the columns."""
    status = " " * _MARK_CELLS + "status".ljust(_STATUS_CELLS + _GAP)
    line: Line = [(status + "agent".ljust(columns.agent), "muted")]
    for name, cells in _FIXED:
        if name in columns.names:
            line.append((" " * _GAP + name.rjust(cells), "muted"))
    return [*line, (" " * _GAP + "error", "muted")] if columns.error else line


def run_line(
    run: Run, columns: Columns, glyphs: Glyphs, now_ns: int, *, marked: bool = False, depth: int = 0
) -> Line:
    """One run; `depth` is how far below another one of the list it stands."""
    status: Piece = (f"{glyphs.status(run.status)} {run.status}", status_role(run.status))
    below = "  " * (depth - 1) + f"{glyphs.link} " if depth or run.parent_id else ""
    name: Line = [(below, "muted"), (short_line(run.agent, glyphs), "agent")]
    line: Line = [
        ((glyphs.mark if marked else "").ljust(_MARK_CELLS), "accent"),
        *padded_line([status], _STATUS_CELLS + _GAP, glyphs.ellipsis),
        *padded_line(name, columns.agent, glyphs.ellipsis),
    ]
    values = _values(run, glyphs, now_ns)
    for label, cells in _FIXED:
        if label in columns.names:
            text, role = values[label]
            shown = fitted(text, cells, glyphs.ellipsis).rjust(cells)
            line.append((" " * _GAP + shown, role if text != NOTHING else "muted"))
    told = outcome(run, glyphs) if columns.error else []
    return [*line, (" " * _GAP, None), *fitted_line(told, columns.error, glyphs.ellipsis)] if told else line


def outcome(run: Run, glyphs: Glyphs) -> Line:
    """What went wrong with a run, or that it was asked to stop; empty when there is nothing to tell."""
    if run.cancel is not None and run.status != "failed":
        return cancel_line(run, glyphs)
    error = error_text(run.error, run.error_type, glyphs)
    return [(error, "error" if run.status == "failed" else status_role(run.status))] if error else []


def _values(run: Run, glyphs: Glyphs, now_ns: int) -> dict[str, Piece]:
    used = run.totals.input_tokens + run.totals.output_tokens
    return {
        "id": (run_label(run, glyphs), "muted"),
        "age": (_age(run, now_ns), None),
        "time": run_time(run, now_ns, glyphs),
        "spans": (f"{run.totals.spans:,}", None),
        "tokens": (tokens(used or None), None),
        "cost": (run_money(run) or NOTHING, "cost"),
    }


def _age(run: Run, now_ns: int) -> str:
    """How long ago a run began, in days when that is long."""
    days = (now_ns - run.started_ns) // _DAY_NS
    return f"{days}d" if run.started_ns and days > 0 else age(run.started_ns, now_ns).removesuffix(" ago")


def _taken(cells: dict[str, int]) -> int:
    return _MARK_CELLS + _STATUS_CELLS + _GAP + sum(cells.values()) + _GAP * len(cells)
