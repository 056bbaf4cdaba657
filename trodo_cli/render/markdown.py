"""A trace as a report in Markdown, to be pasted into a ticket.

Text of a trace stands in code spans and code blocks only, fenced by more backticks than it holds: nothing in it is
markup there, neither a link nor an image, a heading, a tag or the end of its block.
"""

import re
from collections.abc import Iterator

from trodo_cli.insight.failure import Failure, failure
from trodo_cli.model.run import Run
from trodo_cli.model.span import Span
from trodo_cli.model.trace import Trace
from trodo_cli.render.chat import chat_lines
from trodo_cli.render.conversation import conversation
from trodo_cli.render.excerpt import details_of, excerpt, message, pretty, short_line
from trodo_cli.render.facts import (
    as_of,
    asked_by,
    elapsed,
    error_text,
    feedback_text,
    run_money,
    run_usage,
    span_money,
    usage,
)
from trodo_cli.render.format import counted, iso
from trodo_cli.render.rows import Row, ViewState, flatten
from trodo_cli.render.safe import safe_line
from trodo_cli.render.theme import UNICODE, Line, plain

ROW_LIMIT = 200
DEPTH_LIMIT = 12
"""Deeper rows stand no further to the right; more levels nobody's renderer shows."""

CALL_LIMIT = FAILURE_LIMIT = 20
MESSAGE_LINES = 24
MESSAGE_CELLS = 100
LINE_LIMIT = 20

_TICKS = re.compile("`+")
_PIPE_IN_CELL = "\u00a6"
"""No two renderers agree on how a pipe in a cell is escaped."""


def markdown_report(trace: Trace, now_ns: int) -> Iterator[str]:
    """The lines of the whole report."""
    run = trace.summary
    now_ns = as_of(run, now_ns)
    yield f"## {UNICODE.status(run.status)} {run.status} {code(run.agent or 'run')}"
    yield ""
    yield from _facts(run, now_ns)
    if (cause := failure(trace)) is not None:
        yield from _why(cause)
        yield from _other_failures(trace, cause)
    yield from _tree(trace, now_ns)
    yield from _calls(trace)


def code(text: str) -> str:
    """A text as a code span on one line."""
    shown = short_line(text, UNICODE)
    fence = _fence(shown, 1)
    gap = " " if shown[:1] in ("`", " ", "") or shown.endswith(("`", " ")) else ""
    return f"{fence}{gap}{shown}{gap}{fence}"


def block(lines: list[str]) -> list[str]:
    """Inert lines as a code block."""
    fence = _fence("\n".join(lines), 3)
    return [f"{fence}text", *lines, fence]


def _fence(text: str, least: int) -> str:
    """More backticks than stand together anywhere in the text."""
    return "`" * max([least, *(len(ticks) + 1 for ticks in _TICKS.findall(text))])


def _facts(run: Run, now_ns: int) -> Iterator[str]:
    """The table; what nobody knows has no row."""
    errors = f", {counted(run.totals.errors, 'error')}" if run.totals.errors else ""
    told = [
        ("run", _cell(run.id)),
        ("status", f"{UNICODE.status(run.status)} {run.status}"),
        ("started", iso(run.started_ns) if run.started_ns else ""),
        ("time", elapsed(run.started_ns, run.ended_ns, run.status, now_ns, UNICODE)),
        ("spans", f"{run.totals.spans:,}{errors}"),
        ("tokens", run_usage(run, UNICODE)),
        ("cost", run_money(run)),
        *((name, _cell(text)) for name, text in _said(run) if text),
    ]
    yield from ("| | |", "|---|---|")
    for name, value in told:
        if value:
            yield f"| {name} | {value} |"


def _said(run: Run) -> Iterator[tuple[str, str | None]]:
    """What the producer says of the run."""
    yield from (("session", run.session), ("user", run.user), ("tags", ", ".join(run.tags)))
    yield from (("parent run", run.parent_id), ("error", error_text(run.error, run.error_type, UNICODE)))
    yield "cancel requested", asked_by(run)
    for feedback in run.feedback:
        yield "feedback", feedback_text(feedback, UNICODE)


def _cell(text: str) -> str:
    return code(safe_line(text).replace("|", _PIPE_IN_CELL)) if text else ""


def _why(cause: Failure) -> Iterator[str]:
    """The way down to the root cause, its error, its input and its stack."""
    span, said = cause.span, details_of(cause.span)
    yield from ("", "### What went wrong", "")
    yield f" {UNICODE.separator} ".join(code(at.name or at.kind) for at in cause.path)
    yield ""
    told = "\n".join(filter(None, (cause.error_type, cause.error))) or "no error was told"
    yield from block(_texts(message(told, None, UNICODE, None, LINE_LIMIT)))
    for name, value in (("input", said.input), ("stack", said.stack)):
        if value is not None:
            yield from ("", f"{name} of {code(span.name or span.kind)}:", "")
            yield from block(_texts(excerpt(pretty(value), UNICODE, None, LINE_LIMIT)))
    if cause.child is not None:
        yield from ("", f"A run started there failed as well: {code(cause.child.id)}")


def _other_failures(trace: Trace, cause: Failure) -> Iterator[str]:
    on_path = {span.id for span in cause.path}
    failed = [span for span in trace.own if span.status == "error" and span.id not in on_path]
    if failed:
        yield from ("", f"{counted(len(failed), 'other span')} failed too:", "")
    for span in failed[:FAILURE_LIMIT]:
        error = error_text(span.error, span.error_type, UNICODE)
        yield f"- {code(span.name or span.kind)} {code(error)}"
    if (more := len(failed) - FAILURE_LIMIT) > 0:
        yield f"- {UNICODE.ellipsis} {more:,} more"


def _tree(trace: Trace, now_ns: int) -> Iterator[str]:
    rows = flatten(trace, ViewState(levels=None))
    if len(rows) > ROW_LIMIT:
        rows = flatten(trace, ViewState(levels=2))
    yield from ("", "### Trace", "")
    for row in rows[:ROW_LIMIT]:
        yield f"{'  ' * min(row.depth, DEPTH_LIMIT)}- {_row(row, now_ns)}"
    if (more := len(rows) - ROW_LIMIT) > 0:
        yield f"- {UNICODE.ellipsis} {counted(more, 'more row')}"


def _row(row: Row, now_ns: int) -> str:
    """Status, name, time, model, tokens, cost, error."""
    of = row.subject
    parts = [elapsed(of.started_ns, of.ended_ns, of.status, now_ns, UNICODE)]
    if isinstance(of, Run):
        parts += [run_usage(of, UNICODE), run_money(of)]
        name, kind = of.agent or "run", UNICODE.link if row.link else UNICODE.kind("agent")
    else:
        parts += [_amounts(of)]
        name, kind = of.name or of.kind, UNICODE.kind(of.kind)
    error = error_text(of.error, of.error_type, UNICODE)
    parts += [f"+{counted(row.hidden, 'span')}" if row.hidden else "", code(error) if error else ""]
    facts = " · ".join(filter(None, parts))
    return f"{UNICODE.status(of.status)} {kind} {code(name)} {facts}".rstrip()


def _amounts(span: Span) -> str:
    """Its model, where its name does not tell it, its tokens and its cost."""
    model = span.model if span.model and span.model not in span.name else ""
    used = usage(span.usage.input, span.usage.output, UNICODE) if span.usage else ""
    return " · ".join(filter(None, (code(model) if model else "", used, span_money(span))))


def _calls(trace: Trace) -> Iterator[str]:
    """What was said in the model calls, those that failed first, shortened."""
    calls = [span for span in trace.own if span.kind == "model"]
    calls.sort(key=lambda span: span.status != "error")
    told = 0
    for span in calls:
        lines = _chat(span) if told < CALL_LIMIT else []
        if not lines:
            continue
        if not told:
            yield from ("", "### Model calls")
        told += 1
        yield from (
            "",
            f"{UNICODE.status(span.status)} {code(span.name or span.kind)} {_amounts(span)}".rstrip(),
            "",
        )
        yield from (f"> {line}" for line in block(lines))
    if told and (more := len(calls) - told) > 0:
        yield from ("", f"{UNICODE.ellipsis} {counted(more, 'more call')}")


def _chat(span: Span) -> list[str]:
    said = details_of(span)
    lines: list[str] = []
    for line in chat_lines(conversation(said.input, said.output, of_model=True), UNICODE, MESSAGE_CELLS):
        if len(lines) == MESSAGE_LINES:
            return [*lines, UNICODE.ellipsis]
        lines.append(plain(line).rstrip())
    return lines


def _texts(lines: list[Line]) -> list[str]:
    return [plain(line) for line in lines]
