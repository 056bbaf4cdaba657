"""Runs as lines of one column layout, for a screen that paints them one by one."""

from dataclasses import dataclass

from trodo_cli.model.run import Run
from trodo_cli.render.excerpt import short_line
from trodo_cli.render.facts import error_text, money, run_label, run_time
from trodo_cli.render.format import age, tokens
from trodo_cli.render.theme import Glyphs, Line, Piece, Role, padded_line, status_role

_GAP = 2
_FIXED: tuple[tuple[str, int], ...] = (
    ("id", 8), ("age", 4), ("time", 8), ("spans", 6), ("tokens", 6), ("cost", 8),
)  # fmt: skip
_STATUS_CELLS = 11
_LEAST_AGENT_CELLS = 8
_MOST_AGENT_CELLS = 32


@dataclass(frozen=True, slots=True)
class Columns:
    """How a width is shared out; what has no room is left out, the cost first."""

    agent: int
    names: tuple[str, ...]
    error: int

    @classmethod
    def of(cls, width: int) -> "Columns":
        names = list(_FIXED)
        while names and _taken(names) + _LEAST_AGENT_CELLS > width:
            names.pop()
        room = max(width - _taken(names), 1)
        agent = min(room, _MOST_AGENT_CELLS)
        return cls(agent, tuple(name for name, _ in names), max(room - agent - _GAP, 0))


def heading(columns: Columns, *, indent: int = 0) -> Line:
    """The names of the columns."""
    line: Line = [
        (" " * indent + "status".ljust(_STATUS_CELLS + _GAP) + "agent".ljust(columns.agent), "muted")
    ]
    for name, cells in _FIXED:
        if name in columns.names:
            line.append((" " * _GAP + name.rjust(cells), "muted"))
    return line


def run_line(
    run: Run, columns: Columns, glyphs: Glyphs, now_ns: int, *, marked: bool = False, depth: int = 0
) -> Line:
    """One run."""
    sign = f"{glyphs.status(run.status)} {run.status}"
    role: Role = status_role(run.status)
    below = f"{'  ' * (depth - 1)}{glyphs.link} " if depth else ""
    name: Line = [(below, "muted"), (short_line(run.agent, glyphs), "agent")]
    line: Line = [
        ("*" if marked else "", "accent"),
        *padded_line([(sign, role)], _STATUS_CELLS + _GAP - marked, glyphs.ellipsis),
        *padded_line(name, columns.agent, glyphs.ellipsis),
    ]
    values = _values(run, glyphs, now_ns)
    for label, cells in _FIXED:
        if label in columns.names:
            text, text_role = values[label]
            line += [(" " * _GAP, None), (text.rjust(cells), text_role)]
    if columns.error and (error := error_text(run.error, run.error_type, glyphs)):
        line += [(" " * _GAP, None), (error, "error")]
    return line


def _values(run: Run, glyphs: Glyphs, now_ns: int) -> dict[str, Piece]:
    used = run.totals.input_tokens + run.totals.output_tokens
    return {
        "id": (run_label(run, glyphs), "muted"),
        "age": (age(run.started_ns, now_ns).removesuffix(" ago"), None),
        "time": run_time(run, now_ns, glyphs),
        "spans": (f"{run.totals.spans:,}", None),
        "tokens": (tokens(used or None), None),
        "cost": (money(run.totals.cost) or "-", "cost"),
    }


def _taken(names: list[tuple[str, int]]) -> int:
    return _STATUS_CELLS + _GAP + sum(cells + _GAP for _, cells in names)
