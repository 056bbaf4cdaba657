"""One row of a trace, or one event, as one line of text.

Shared by `trodo trace show`, `trodo tail` and the explorer. What a producer said gets here only
through `short_line` and the facts built on it, so that it is inert.
"""

from trodo_cli.model.event import CancelRequested, Event, RunEnd, RunStart, SpanEnd, SpanStart
from trodo_cli.model.run import Cancel, Run
from trodo_cli.model.span import Span
from trodo_cli.render.excerpt import short_line
from trodo_cli.render.facts import elapsed, error_text, money, run_label, run_totals, span_count, spaced, took, usage
from trodo_cli.render.rows import GUIDE_LEVELS, Row
from trodo_cli.render.theme import UNICODE, Glyphs, Line, Piece, fitted_line, kind_role, padded_line, status_role
from trodo_cli.render.timeline import Window, bar

DEFAULT_WIDTH = 80
EVENT_CHARACTERS = 1_000
"""Characters of a name or message in an event's line, which may be read by a program."""

_TIME_CELLS = 8
_CELLS_PER_LEVEL = 8
"""One level of guides for so many cells of width at most, so that names keep most of the line."""

_MARKS = {"orphan": "its parent is missing", "cycle": "its parents form a circle"}


def row_line(
    row: Row, glyphs: Glyphs, now_ns: int, width: int | None = None, bars: Window | None = None
) -> Line:
    """A row of a trace: `├─ ✗ ⚙ search  123ms  error: timeout`; with `bars`, its bar on the right."""
    levels = GUIDE_LEVELS if width is None else max(width // _CELLS_PER_LEVEL, 2)
    label: Line = [(guides(row, glyphs, levels), "muted"), *_head(row, glyphs)]
    if bars is not None:
        return _with_bar(row, label, glyphs, now_ns, width or DEFAULT_WIDTH, bars)
    line = spaced(label, [(_time(row, glyphs, now_ns), "time"), *_facts(row, glyphs)])
    return line if width is None else fitted_line(line, width, glyphs.ellipsis)


def event_line(event: Event, glyphs: Glyphs = UNICODE) -> Line | None:
    """An event as `trodo tail` tells it; None for one that says nothing new to a reader."""
    match event:
        case SpanStart(span=span):
            return [(f"{glyphs.arrow} ", "running"), (_name(span, glyphs, EVENT_CHARACTERS), "name")]
        case SpanEnd(span=span):
            return _span_end(span, glyphs)
        case RunStart(run=run):
            return _run_start(run, glyphs)
        case RunEnd(run=run):
            return _run_end(run, glyphs)
        case CancelRequested(cancel=cancel):
            return _cancel_requested(cancel, glyphs)
        case _:
            return None


def guides(row: Row, glyphs: Glyphs, levels: int = GUIDE_LEVELS) -> str:
    """The branches before a row: `│  ├─ `; beyond so many levels the number of those left out."""
    if row.depth == 0:
        return ""
    drawn = min(row.depth, levels, GUIDE_LEVELS)
    blank = " " * len(glyphs.trunk)
    trunks = [glyphs.trunk if row.guides >> level & 1 else blank for level in range(drawn - 1, 0, -1)]
    skipped = f"{glyphs.deep}{row.depth - drawn} " if row.depth > drawn else ""
    return skipped + "".join(trunks) + (glyphs.branch if row.guides & 1 else glyphs.last_branch)


def bar_cells(width: int) -> int:
    """How many cells of a line's width belong to the bar."""
    return max(width * 3 // 10, 8)


def _with_bar(row: Row, label: Line, glyphs: Glyphs, now_ns: int, width: int, window: Window) -> Line:
    room = width - bar_cells(width) - _TIME_CELLS - 3
    of = row.subject
    drawn = bar(window, of.started_ns, of.ended_ns, bar_cells(width), glyphs)
    return [
        *padded_line(spaced(label, _facts(row, glyphs)), max(room, 0), glyphs.ellipsis),
        (f" {_time(row, glyphs, now_ns):>{_TIME_CELLS}}", "time"),
        (f"  {drawn}", status_role(of.status)),
    ]


def _time(row: Row, glyphs: Glyphs, now_ns: int) -> str:
    of = row.subject
    return elapsed(of.started_ns, of.ended_ns, of.status, now_ns, glyphs)


def _head(row: Row, glyphs: Glyphs) -> Line:
    """Status, kind and name."""
    status = row.subject.status
    line: Line = [(f"{glyphs.status(status)} ", status_role(status))]
    if row.span is None:
        agent = short_line(row.run.agent, glyphs) if row.run else ""
        return [*line, (f"{glyphs.link} ", "accent"), (agent or "run", "agent")]
    role = kind_role(row.span.kind)
    named: Piece = (_name(row.span, glyphs), "agent" if role == "agent" else "name")
    return [*line, (f"{glyphs.kind(row.span.kind)} ", role), named]


def _facts(row: Row, glyphs: Glyphs) -> list[Piece]:
    """Everything about a row but its name and its time."""
    facts = _run_facts(row, row.run, glyphs) if row.run else _span_facts(row.span, glyphs)
    if row.mark:
        facts.append((_MARKS[row.mark], "warning"))
    if row.hidden:
        facts.append((f"+{row.hidden:,} span{'s' * (row.hidden > 1)}", "accent"))
    return facts


def _run_facts(row: Row, run: Run, glyphs: Glyphs) -> list[Piece]:
    facts = [*run_totals(run, glyphs), (error_text(run.error, run.error_type, glyphs), "error")]
    if row.span is not None:
        return list[Piece](facts)
    label: Piece = (f"run {run_label(run, glyphs)}", "muted")
    return [(run.status, status_role(run.status)), label, span_count(run), *facts]


def _span_facts(span: Span | None, glyphs: Glyphs) -> list[Piece]:
    if span is None:
        return []
    used = usage(span.usage.input, span.usage.output, glyphs) if span.usage else ""
    return [
        *((said, "muted") for said in _beside_name(span, glyphs)),
        (used, "muted"),
        (money(span.cost), "cost"),
        ("warning" if span.level == "warning" else "", "warning"),
        (error_text(span.error, span.error_type, glyphs), "error"),
    ]


def _beside_name(span: Span, glyphs: Glyphs) -> list[str]:
    """The model and the tool, where the name does not tell them already."""
    name = span.name.lower()
    return [short_line(said, glyphs) for said in (span.model, span.tool) if said and said.lower() not in name]


def _name(span: Span, glyphs: Glyphs, limit: int = EVENT_CHARACTERS) -> str:
    return short_line(span.name, glyphs, limit) or short_line(span.kind, glyphs, limit)


def _span_end(span: Span, glyphs: Glyphs) -> Line:
    return [
        (f"{glyphs.back_arrow} ", status_role(span.status)),
        (_name(span, glyphs, EVENT_CHARACTERS), "name"),
        (f" {took(span.duration_ns, glyphs)}", "time"),
        (" cancelled" if span.status == "cancelled" else "", "cancelled"),
        (_outcome(span, glyphs) if span.status == "error" else "", "error"),
    ]


def _run_start(run: Run, glyphs: Glyphs) -> Line:
    agent = short_line(run.agent, glyphs, EVENT_CHARACTERS)
    label: Piece = (f"run {run_label(run, glyphs)}", "muted")
    return [(f"{glyphs.begin} ", "running"), (f"{agent} " if agent else "", "agent"), label]


def _run_end(run: Run, glyphs: Glyphs) -> Line:
    return [
        (f"{glyphs.end} {run.status}", status_role(run.status)),
        (f" {took(run.duration_ns, glyphs)}" if run.started_ns else "", "time"),
        (_outcome(run, glyphs) if run.status == "failed" else "", "error"),
    ]


def _outcome(of: Span | Run, glyphs: Glyphs) -> str:
    said = short_line(of.error or of.error_type, glyphs, EVENT_CHARACTERS)
    return f" error: {said}" if said else " error"


def _cancel_requested(cancel: Cancel, glyphs: Glyphs) -> Line:
    by = short_line(cancel.by, glyphs, EVENT_CHARACTERS)
    reason = short_line(cancel.reason, glyphs, EVENT_CHARACTERS)
    text = "cancel requested" + (f" by {by}" if by else "") + (f": {reason}" if reason else "")
    return [(f"{glyphs.cancel_request} {text}", "warning")]
