"""One row of a trace, or one event, as one line of text.

Shared by `trodo trace show`, `trodo tail` and the explorer. What a producer said gets here only
through `short_line` and the facts built on it, so that it is inert.
"""

from trodo_cli.model.event import CancelRequested, Event, FeedbackGiven, RunEnd, RunStart, SpanEnd, SpanStart
from trodo_cli.model.run import Cancel, Run
from trodo_cli.model.span import Span
from trodo_cli.render.excerpt import short_line
from trodo_cli.render.facts import (
    elapsed,
    error_text,
    feedback_text,
    run_label,
    run_money,
    run_usage,
    spaced,
    span_count,
    span_money,
    took,
    usage,
)
from trodo_cli.render.format import counted
from trodo_cli.render.rows import GUIDE_LEVELS, Row
from trodo_cli.render.theme import (
    UNICODE,
    Glyphs,
    Line,
    Piece,
    Role,
    fitted_line,
    kind_role,
    padded_line,
    status_role,
)
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
    time: Piece = (_time(row, glyphs, now_ns), "time")
    line = spaced(label, [*_naming(row, glyphs), time, *_facts(row, glyphs)])
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
        case FeedbackGiven(feedback=feedback) if feedback:
            return [("feedback ", "muted"), (feedback_text(feedback[-1], glyphs), None)]
        case _:
            return None


def output_line(text: str, glyphs: Glyphs = UNICODE) -> Line:
    """What a run has given, or more of it."""
    return [("output ", "muted"), (short_line(text, glyphs, EVENT_CHARACTERS), None)]


def guides(row: Row, glyphs: Glyphs, levels: int = GUIDE_LEVELS) -> str:
    """The branches before a row: `│  ├─ `; beyond so many levels the number of those left out."""
    if row.depth == 0:
        return ""
    drawn = min(row.depth, levels, GUIDE_LEVELS)
    blank = " " * len(glyphs.trunk)
    trunks = [glyphs.trunk if row.guides >> level & 1 else blank for level in range(drawn - 1, 0, -1)]
    skipped = f"{glyphs.deep}{row.depth - drawn} " if row.depth > drawn else ""
    return skipped + "".join(trunks) + (glyphs.branch if row.guides & 1 else glyphs.last_branch)


LABEL_CELLS = 80
"""What names, usage and errors take beside a bar at most; the eye loses the row across a wider gap."""


def bar_cells(width: int) -> int:
    """How many cells of a line's width belong to the bar: of a wide line all that names do not need."""
    return max(width * 3 // 10, width - LABEL_CELLS - _TIME_CELLS - 3, 8)


def _with_bar(row: Row, label: Line, glyphs: Glyphs, now_ns: int, width: int, window: Window) -> Line:
    room = width - bar_cells(width) - _TIME_CELLS - 3
    of = row.subject
    drawn = bar(window, of.started_ns, of.ended_ns, bar_cells(width), glyphs).rstrip()
    left = spaced(label, [*_naming(row, glyphs), *_facts(row, glyphs)])
    return [
        *padded_line(left, max(room, 0), glyphs.ellipsis),
        (f" {_time(row, glyphs, now_ns):>{_TIME_CELLS}}", "time"),
        ("  ", None),
        (drawn, _bar_role(row)),
    ]


def _bar_role(row: Row) -> Role:
    """Work that went well in the colour of its kind, what only holds other work in none."""
    status, kind = status_role(row.status), kind_role(row.span.kind) if row.span else None
    if status != "ok":
        return status
    return "muted" if kind in (None, "agent") else kind


def _time(row: Row, glyphs: Glyphs, now_ns: int) -> str:
    of = row.subject
    return elapsed(of.started_ns, of.ended_ns, row.status, now_ns, glyphs)


def _head(row: Row, glyphs: Glyphs) -> Line:
    """Status, kind and name."""
    status = row.status
    line: Line = [(f"{glyphs.status(status)} ", status_role(status))]
    if row.span is None:
        agent = short_line(row.run.agent, glyphs) if row.run else ""
        return [*line, (f"{glyphs.link} ", "accent"), (agent or "run", "agent")]
    role = kind_role(row.span.kind)
    named: Piece = (_name(row.span, glyphs), "agent" if role == "agent" else "name")
    return [*line, (f"{glyphs.kind(row.span.kind)} ", role), named]


def _naming(row: Row, glyphs: Glyphs) -> list[Piece]:
    """What belongs to the name: of a link the run's status and id, of a span its model and tool."""
    if (run := row.link) is not None:
        return [(run.status, status_role(run.status)), (f"run {run_label(run, glyphs)}", "muted")]
    if row.span is None:
        return []
    name = row.span.name.lower()
    said = (row.span.model, row.span.tool)
    return [(short_line(text, glyphs), "muted") for text in said if text and text.lower() not in name]


def _facts(row: Row, glyphs: Glyphs) -> list[Piece]:
    """How much there was of everything, then what is odd, then what went wrong."""
    of = row.subject
    amounts = _run_amounts(row, of, glyphs) if isinstance(of, Run) else _span_amounts(of, glyphs)
    return [
        *amounts,
        (_MARKS[row.mark] if row.mark else "", "warning"),
        ("never ended" if row.is_left else "", "warning"),
        (f"+{counted(row.hidden, 'span')}" if row.hidden else "", "accent"),
        (error_text(of.error, of.error_type, glyphs), "error"),
    ]


def _run_amounts(row: Row, run: Run, glyphs: Glyphs) -> list[Piece]:
    amounts: list[Piece] = [(run_usage(run, glyphs), "muted"), (run_money(run), "cost")]
    return amounts if row.link is None else [span_count(run), *amounts, (_asked(run), "warning")]


def _asked(run: Run) -> str:
    """That a run below was asked to stop, until it has ended."""
    if run.cancel is None or run.is_terminal:
        return ""
    return "cancel requested" if run.cancel.delivered_ns is None else "cancel acknowledged"


def _span_amounts(span: Span, glyphs: Glyphs) -> list[Piece]:
    return [
        (usage(span.usage.input, span.usage.output, glyphs) if span.usage else "", "muted"),
        (span_money(span), "cost"),
        ("warning" if span.level == "warning" else "", "warning"),
    ]


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
    asked = "cancel requested" if cancel.delivered_ns is None else "cancel acknowledged, requested"
    text = asked + (f" by {by}" if by else "") + (f": {reason}" if reason else "")
    return [(f"{glyphs.cancel_request} {text}", "warning")]
