"""The small pieces that a line about a run or span is made of: how long, how much, what went wrong.

Each is empty when there is nothing to tell, and a line is a list of those that are not.
"""

from trodo_cli.model.run import Feedback, Run
from trodo_cli.model.span import Span
from trodo_cli.model.totals import is_unpriced
from trodo_cli.render.excerpt import first_line, short_line
from trodo_cli.render.format import cells, cost, counted, duration, short_id, tokens
from trodo_cli.render.theme import Glyphs, Line, Piece, line_cells

GAP = "  "

UNKNOWN_COST = "$?"


def spaced(line: Line, facts: list[Piece]) -> Line:
    """The line with those facts behind it that are not empty."""
    pieces = list(line)
    for text, role in facts:
        if text:
            pieces += [(GAP, None), (text, role)]
    return pieces


def flowed(line: Line, facts: list[Piece], width: int | None, gap: str = GAP) -> list[Line]:
    """The line with the facts behind it, going on in the next line where the width ends."""
    lines = [list(line)]
    for text, role in facts:
        if not text:
            continue
        if width is not None and line_cells(lines[-1]) + len(gap) + cells(text) > width:
            lines.append([(GAP, None), (text, role)])
        else:
            lines[-1] += [(gap, None), (text, role)]
    return lines


def took(ns: int | None, glyphs: Glyphs) -> str:
    """A duration in the terminal's characters."""
    return duration(ns).replace("µ", glyphs.micro)


def elapsed(started_ns: int, ended_ns: int | None, status: str, now_ns: int, glyphs: Glyphs) -> str:
    """How long something took; of what is still open the time so far and an ellipsis."""
    if ended_ns is not None:
        return took(ended_ns - started_ns, glyphs)
    if status not in ("running", "lost") or not started_ns:
        return ""
    return took(max(now_ns - started_ns, 0), glyphs) + glyphs.ellipsis


def usage(input_tokens: int | None, output_tokens: int | None, glyphs: Glyphs) -> str:
    """Tokens in and out: `1.2k→300`."""
    if not input_tokens and not output_tokens:
        return ""
    return f"{tokens(input_tokens)}{glyphs.arrow}{tokens(output_tokens)}"


def money(usd: float | None) -> str:
    """A cost that is known."""
    return "" if usd is None else cost(usd)


def span_money(span: Span) -> str:
    """What a span cost; `$?` for a model call that told tokens, but whose price nobody knows."""
    return money(span.cost) or (UNKNOWN_COST if is_unpriced(span) else "")


def run_money(run: Run) -> str:
    """What a run cost: `$0.0030+` when the cost of a part of it is not known, `$?` when all of it is not."""
    known = money(run.totals.cost)
    if run.totals.unpriced_spans <= 0:
        return known
    return f"{known}+" if known else UNKNOWN_COST


def error_text(error: str | None, error_type: str | None, glyphs: Glyphs) -> str:
    """The first line of an error, behind its type or else the word `error`."""
    said, kind = first_line(error, glyphs), first_line(error_type, glyphs)
    if not said or (kind and said.startswith(kind)):
        return said or kind
    return f"{kind or 'error'}: {said}"


def feedback_text(feedback: Feedback, glyphs: Glyphs) -> str:
    """What somebody said of a run: `negative, rated 2 by ada: wrong parcel`."""
    rating = "" if feedback.rating is None else f"rated {feedback.rating:g}"
    judged = ", ".join(filter(None, (short_line(feedback.satisfaction, glyphs), rating)))
    by = f"by {short_line(feedback.user, glyphs)}" if feedback.user else ""
    said = first_line(feedback.comment, glyphs)
    return ": ".join(filter(None, (" ".join(filter(None, (judged, by))), said)))


def run_time(run: Run, now_ns: int, glyphs: Glyphs) -> Piece:
    """How long a run took or has been going on."""
    return (elapsed(run.started_ns, run.ended_ns, run.status, as_of(run, now_ns), glyphs), "time")


def as_of(run: Run, now_ns: int) -> int:
    """The moment up to which a run is known: now, its end, or the last sign of one that is lost."""
    if run.ended_ns is not None:
        return run.ended_ns
    return (run.heartbeat_ns or run.started_ns) if run.status == "lost" else now_ns


def run_usage(run: Run, glyphs: Glyphs) -> str:
    """Tokens of all the spans of a run together."""
    return usage(run.totals.input_tokens, run.totals.output_tokens, glyphs)


def span_count(run: Run) -> Piece:
    """How many spans a run has."""
    return (counted(run.totals.spans, "span"), None)


def run_label(run: Run, glyphs: Glyphs) -> str:
    """The short id of a run, inert."""
    return short_line(short_id(run.id), glyphs)


def asked_by(run: Run) -> str:
    """Who asked the run to stop, and why, as it was told."""
    if run.cancel is None:
        return ""
    return ": ".join(filter(None, (f"by {run.cancel.by or 'somebody'}", run.cancel.reason)))


BY_CHARACTERS = 30
"""Of who asked; what came of it stands behind and must be seen."""


def cancel_line(run: Run, glyphs: Glyphs) -> Line:
    """Requested, acknowledged, cancelled, or what happened instead; then why."""
    asked = run.cancel
    if asked is None:
        return []
    by = f" by {short_line(asked.by, glyphs, BY_CHARACTERS)}" if asked.by else ""
    reason = f": {short_line(asked.reason, glyphs)}" if asked.reason else ""
    steps: list[Piece] = [(f"cancel requested{by}", "muted")]
    if run.status == "cancelled":
        steps.append((f" {glyphs.arrow} cancelled", "cancelled"))
    elif run.is_terminal:
        steps.append((f" {glyphs.arrow} the run {run.status} first", "warning"))
    elif run.status == "lost":
        steps.append((f" {glyphs.arrow} the run gives no sign of life", "warning"))
    elif asked.delivered_ns is not None:
        steps.append((f" {glyphs.arrow} acknowledged, the call in flight finishes", "warning"))
    else:
        steps = [(f"cancel requested{by}", "warning")]
    return [*steps, (reason, "muted")]
