"""One row of a trace, or one event, as one line of text.

Shared by `trodo trace show`, `trodo tail` and the explorer. What a trace says passes `short_line`,
which is `safe_line` of a beginning: no other text of a producer may reach a line.
"""

from trodo_cli.model.event import CancelRequested, Event, RunEnd, RunStart, SpanEnd, SpanStart
from trodo_cli.model.run import Run
from trodo_cli.model.span import Span
from trodo_cli.render.excerpt import short_line
from trodo_cli.render.format import cost, counted, duration, short_id, tokens
from trodo_cli.render.rows import GUIDE_LEVELS, Row
from trodo_cli.render.theme import UNICODE, Glyphs, Line, Piece, fitted_line, kind_role, padded_line, status_role
from trodo_cli.render.timeline import Window, bar

EVENT_CHARACTERS = 1_000
"""Characters of a name or message in an event's line, which may be read by a program."""

DEFAULT_WIDTH = 80
_TIME_CELLS = 8
_CELLS_PER_LEVEL = 8
"""At most one level of guides for so many cells of width, so that names keep most of the line."""


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
            return [(f"{glyphs.arrow} ", "muted"), (_name(span, glyphs, EVENT_CHARACTERS), "name")]
        case SpanEnd(span=span):
            return _span_end(span, glyphs)
        case RunStart(run=run):
            agent = short_line(run.agent, glyphs, EVENT_CHARACTERS)
            named: list[Piece] = [(f"{agent} ", "agent")] if agent else []
            return [(f"{glyphs.begin} ", "running"), *named, ("run ", "muted"), (run_label(run), "muted")]
        case RunEnd(run=run):
            return _run_end(run, glyphs)
        case CancelRequested():
            by, reason = (short_line(said, glyphs, EVENT_CHARACTERS) for said in (event.cancel.by, event.cancel.reason))
            text = " cancel requested" + (f" by {by}" if by else "") + (f": {reason}" if reason else "")
            return [(glyphs.cancel_request, "warning"), (text, "warning")]
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


def spaced(line: Line, facts: list[Piece]) -> Line:
    """The line with facts behind it, two spaces before each; an empty one is left out."""
    pieces = list(line)
    for text, role in facts:
        if text:
            pieces += [("  " if pieces else "", None), (text, role)]
    return pieces


def usage(input_tokens: int | None, output_tokens: int | None, glyphs: Glyphs) -> str:
    """Tokens in and out, `1.2k→300`; empty when there are none."""
    if not input_tokens and not output_tokens:
        return ""
    return f"{tokens(input_tokens)}{glyphs.arrow}{tokens(output_tokens)}"


def elapsed(started_ns: int, ended_ns: int | None, is_open: bool, now_ns: int, glyphs: Glyphs) -> str:
    """A duration; of what is still running the time so far and an ellipsis."""
    if ended_ns is not None:
        return duration(ended_ns - started_ns).replace("µ", glyphs.micro)
    if not is_open or not started_ns:
        return ""
    return duration(max(now_ns - started_ns, 0)).replace("µ", glyphs.micro) + glyphs.ellipsis


def error_text(error: str | None, error_type: str | None, glyphs: Glyphs) -> str:
    """The first line of an error behind its type, or behind the word `error`."""
    message, kind = short_line(error, glyphs), short_line(error_type, glyphs)
    if not message or message.startswith(kind or "\0"):
        return message or kind
    return f"{kind or 'error'}: {message}"


def run_facts(run: Run, glyphs: Glyphs, now_ns: int) -> list[Piece]:
    """How long a run took, how much was in it and what it cost."""
    totals = run.totals
    return [
        (elapsed(run.started_ns, run.ended_ns, not run.is_terminal, now_ns, glyphs), "time"),
        (counted(totals.spans, "span"), None),
        (usage(totals.input_tokens, totals.output_tokens, glyphs), "muted"),
        (cost(totals.cost) if totals.cost is not None else "", "cost"),
    ]


def run_label(run: Run) -> str:
    """The short id of a run, inert."""
    return short_line(short_id(run.id), UNICODE)


def _with_bar(row: Row, label: Line, glyphs: Glyphs, now_ns: int, width: int, window: Window) -> Line:
    wide = bar_cells(width)
    left = padded_line(spaced(label, _facts(row, glyphs)), width - wide - _TIME_CELLS - 3, glyphs.ellipsis)
    started_ns, ended_ns, status = _times(row)
    time = _time(row, glyphs, now_ns).rjust(_TIME_CELLS)
    drawn = bar(window, started_ns, ended_ns, wide, glyphs)
    return [*left, (" ", None), (time, "time"), ("  ", None), (drawn, status_role(status))]


def bar_cells(width: int) -> int:
    """How many cells of a line's width belong to the bar."""
    return max(width * 3 // 10, 8)


def _head(row: Row, glyphs: Glyphs) -> Line:
    """Status, kind and name."""
    status = _times(row)[2]
    line: Line = [(glyphs.status(status), status_role(status)), (" ", None)]
    if row.span is None:
        agent = short_line(row.run.agent if row.run else "", glyphs)
        return [*line, (f"{glyphs.link} ", "accent"), (agent or "run", "agent")]
    kind = row.span.kind
    role = kind_role(kind)
    return [
        *line,
        (f"{glyphs.kind(kind)} ", role),
        (_name(row.span, glyphs), "agent" if role == "agent" else "name"),
    ]


def _facts(row: Row, glyphs: Glyphs) -> list[Piece]:
    """Everything about a row but its name and its time."""
    facts = _link_facts(row.link, glyphs) if row.link else _span_facts(row, glyphs)
    if row.hidden:
        facts.append((f"+{counted(row.hidden, 'span')}", "accent"))
    return facts


def _link_facts(run: Run, glyphs: Glyphs) -> list[Piece]:
    return [
        (run.status, status_role(run.status)),
        *run_facts(run, glyphs, 0)[1:],
        (error_text(run.error, run.error_type, glyphs), "error"),
        (f"run {run_label(run)}", "muted"),
    ]


def _span_facts(row: Row, glyphs: Glyphs) -> list[Piece]:
    span = row.span
    assert span is not None
    facts: list[Piece] = [(said, "muted") for said in _beside_name(span, glyphs)]
    if row.run is not None:
        facts += run_facts(row.run, glyphs, 0)[2:]
    elif span.usage is not None:
        facts.append((usage(span.usage.input, span.usage.output, glyphs), "muted"))
    if row.run is None and span.cost is not None:
        facts.append((cost(span.cost), "cost"))
    if span.level == "warning":
        facts.append(("warning", "warning"))
    facts.append((error_text(span.error, span.error_type, glyphs), "error"))
    if row.mark:
        facts.append(("parent not seen" if row.mark == "orphan" else "its parents form a circle", "warning"))
    return facts


def _beside_name(span: Span, glyphs: Glyphs) -> list[str]:
    """The model and the tool, where the name does not tell them already."""
    name = span.name.lower()
    return [short_line(said, glyphs) for said in (span.model, span.tool) if said and said.lower() not in name]


def _times(row: Row) -> tuple[int, int | None, str]:
    """Start, end and status of what a row stands for; the run knows more than its topmost span."""
    of = row.run or row.span
    assert of is not None
    return of.started_ns, of.ended_ns, of.status


def _time(row: Row, glyphs: Glyphs, now_ns: int) -> str:
    started_ns, ended_ns, status = _times(row)
    return elapsed(started_ns, ended_ns, status in ("running", "lost"), now_ns, glyphs)


def _name(span: Span, glyphs: Glyphs, limit: int = 200) -> str:
    return short_line(span.name, glyphs, limit) or short_line(span.kind, glyphs, limit)


def _span_end(span: Span, glyphs: Glyphs) -> Line:
    took = duration(span.duration_ns).replace("µ", glyphs.micro)
    role = status_role(span.status)
    line: Line = [(f"{glyphs.back_arrow} ", role), (_name(span, glyphs, EVENT_CHARACTERS), "name"), (f" {took}", "time")]
    if span.status == "cancelled":
        line.append((" cancelled", "cancelled"))
    return [*line, *_outcome(span.status == "error", span, glyphs)]


def _run_end(run: Run, glyphs: Glyphs) -> Line:
    role = status_role(run.status)
    took = duration(run.duration_ns if run.started_ns else None).replace("µ", glyphs.micro)
    line: Line = [(f"{glyphs.end} {run.status}", role), (f" {took}", "time")]
    return [*line, *_outcome(run.status != "completed", run, glyphs)]


def _outcome(is_told: bool, of: Span | Run, glyphs: Glyphs) -> list[Piece]:
    message = short_line(of.error or of.error_type, glyphs, EVENT_CHARACTERS)
    if not is_told or not (message or of.status in ("error", "failed")):
        return []
    return [(f" error: {message}" if message else " error", "error")]
