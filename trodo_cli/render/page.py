"""A trace as one HTML file that needs nothing else: no script, no font, no picture, no request.

Every text of a trace passes `render/safe.py` and is then escaped; the page's own policy forbids whatever is left.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

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
    took,
    usage,
)
from trodo_cli.render.format import counted, iso
from trodo_cli.render.page_style import STYLE
from trodo_cli.render.rows import Row, ViewState, flatten
from trodo_cli.render.theme import UNICODE, Line, kind_role, plain, status_role
from trodo_cli.render.timeline import Window, trace_window

ROW_LIMIT = 5_000
DEPTH_LIMIT = 40
"""Deeper rows stand no further to the right; browsers follow only so many levels."""

OPEN_LEVELS = 2
TEXT_LINES = 60
CHAT_LINES, CHAT_CELLS = 200, 110

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def html_page(trace: Trace, now_ns: int) -> Iterator[str]:
    """The lines of the whole file."""
    run = trace.summary
    page = _Page(as_of(run, now_ns), trace_window(trace, as_of(run, now_ns)))
    title = f"{_text(run.agent or 'run')}: {run.status}"
    yield "<!doctype html>"
    yield '<html lang="en"><head><meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<meta name="referrer" content="no-referrer">'
    yield f"<title>{title}</title><style>{STYLE}</style></head><body>"
    yield f"<h1>{_sign(run.status)} {_text(run.agent or 'run')} <span class=small>{run.status}</span></h1>"
    yield from _pairs(page.facts(run))
    if (cause := failure(trace)) is not None:
        yield from page.why(cause)
    yield from page.tree(trace)
    yield f"<footer>{_text(run.id)} · written by trodo, {iso(now_ns)}</footer></body></html>"


@dataclass(slots=True, frozen=True)
class _Page:
    now_ns: int
    window: Window

    def facts(self, run: Run) -> list[tuple[str, str]]:
        """Names and values as HTML; a value that is empty is left out."""
        said = {
            "session": run.session,
            "user": run.user,
            "tags": ", ".join(run.tags),
            "parent run": run.parent_id,
        }
        errors = f" ({counted(run.totals.errors, 'error')})" if run.totals.errors else ""
        return [
            ("started", iso(run.started_ns) if run.started_ns else ""),
            ("time", elapsed(run.started_ns, run.ended_ns, run.status, self.now_ns, UNICODE)),
            ("spans", f"{run.totals.spans:,}{errors}"),
            ("tokens", run_usage(run, UNICODE)),
            ("cost", run_money(run)),
            *((name, _text(text)) for name, text in said.items()),
            ("cancel requested", _text(asked_by(run))),
            *(("feedback", _text(feedback_text(feedback, UNICODE))) for feedback in run.feedback),
        ]

    def why(self, cause: Failure) -> Iterator[str]:
        """The root cause, above the tree."""
        said = details_of(cause.span)
        told = "\n".join(filter(None, (cause.error_type, cause.error))) or "no error was told"
        yield "<section class=why><h2>What went wrong</h2><p class=path>"
        yield f" {UNICODE.separator} ".join(_text(span.name or span.kind) for span in cause.path)
        yield "</p>"
        yield from _block("error", message(told, None, UNICODE, None, TEXT_LINES))
        yield from _value("input", said.input)
        yield from _value("stack", said.stack)
        if cause.child is not None:
            yield f"<p>A run started there failed as well: {_text(cause.child.id)}</p>"
        if cause.others:
            yield f"<p class=small>{counted(cause.others, 'other span')} failed too.</p>"
        yield "</section>"

    def tree(self, trace: Trace) -> Iterator[str]:
        """Every row, each open to show those below it."""
        rows = flatten(trace, ViewState(levels=None))
        shown = {row.key for row in flatten(trace, ViewState(levels=OPEN_LEVELS)) if not row.hidden}
        total = took(self.window.end_ns - self.window.start_ns, UNICODE)
        yield "<h2>Trace</h2><div class=tree><div class=head><span class=what>span</span>"
        yield "<span class='num tokens'>tokens</span><span class='num cost'>cost</span>"
        yield f"<span class='num time'>time</span><span class=lane>0 – {total}</span></div>"
        depth = -1
        for row in rows[:ROW_LIMIT]:
            level = min(row.depth, DEPTH_LIMIT)
            yield "</div></details>" * (depth - level + 1)
            yield from self.row(row, is_open=row.key in shown and row.below > 0)
            depth = level
        yield "</div></details>" * (depth + 1) + "</div>"
        if (more := len(rows) - ROW_LIMIT) > 0:
            yield f"<p class=small>{UNICODE.ellipsis} {counted(more, 'more row')}</p>"

    def row(self, row: Row, *, is_open: bool) -> Iterator[str]:
        """The row, what there is to tell of it, and the begin of what stands below it."""
        of = row.subject
        time = elapsed(of.started_ns, of.ended_ns, of.status, self.now_ns, UNICODE)
        tokens, cost = (run_usage(of, UNICODE), run_money(of)) if isinstance(of, Run) else _amounts(of)
        yield f"<details{' open' if is_open else ''}><summary><span class=what>{_what(row)}</span>"
        yield f"<span class='num tokens'>{tokens}</span><span class='num cost'>{cost}</span>"
        yield f"<span class='num time'>{time}</span>{self.bar(row)}</summary>"
        said = list(_said(of))
        if not row.below:
            yield from ("<div class=said>", *_named(of), *said, "</div>")
        yield "<div class=inside>"
        if row.below and said:
            yield from (
                "<details class=of><summary>details</summary><div class=said>",
                *said,
                "</div></details>",
            )

    def bar(self, row: Row) -> str:
        """When it ran, in parts of the whole time."""
        of = row.subject
        length = max(self.window.end_ns - self.window.start_ns, 1)
        ended_ns = self.now_ns if of.ended_ns is None else of.ended_ns
        left = min(max((of.started_ns - self.window.start_ns) / length, 0), 1)
        width = min(max((ended_ns - of.started_ns) / length, 0), 1 - left)
        return f"<span class=lane><i class={_bar_class(row)} style='left:{left:.3%};width:{width:.3%}'></i></span>"


def _what(row: Row) -> str:
    """Status, kind, name, and what went wrong."""
    of = row.subject
    error = error_text(of.error, of.error_type, UNICODE)
    fault = f"<span class=fault>{escape(error)}</span>" if error else ""
    if isinstance(of, Run):
        sign = UNICODE.link if row.link else UNICODE.kind("agent")
        more = f"<span class=more>run {_text(of.id)}</span>" if row.link else ""
        return f"{_sign(of.status)} {sign} <span class=name>{_text(of.agent or 'run')}</span>{more}{fault}"
    kind = kind_role(of.kind) or "generic"
    more = f"<span class=more>{_text(of.model)}</span>" if of.model else ""
    name = f"<span class=name>{_text(of.name or of.kind)}</span>"
    return f"{_sign(of.status)} <span class=k-{kind}>{UNICODE.kind(of.kind)}</span> {name}{more}{fault}"


def _bar_class(row: Row) -> str:
    """What went well has the colour of its kind."""
    status = status_role(row.subject.status)
    if status != "ok":
        return f"s-{status}"
    return f"k-{(kind_role(row.span.kind) if row.span else None) or 'generic'}"


def _amounts(span: Span) -> tuple[str, str]:
    used = usage(span.usage.input, span.usage.output, UNICODE) if span.usage else ""
    return used, span_money(span)


def _named(of: Span | Run) -> Iterator[str]:
    """What a span is; a run has this at the top of its own page."""
    if isinstance(of, Span):
        named = {"kind": of.kind, "model": of.model, "provider": of.provider, "tool": of.tool}
        yield from _pairs([(name, _text(text)) for name, text in {**named, "span": of.id}.items()])


def _said(of: Span | Run) -> Iterator[str]:
    """The error, and what went in and came out: as a chat where it is one."""
    said = details_of(of)
    if of.error or of.error_type:
        told = "\n".join(filter(None, (of.error_type, of.error)))
        yield from _block("error", message(told, None, UNICODE, None, TEXT_LINES))
    chat = conversation(said.input, said.output, of_model=isinstance(of, Span) and of.kind == "model")
    if chat:
        yield from _block("chat", _first(chat_lines(chat, UNICODE, CHAT_CELLS), CHAT_LINES))
    else:
        yield from _value("input", said.input)
        yield from _value("output", said.output)
    yield from _value("attributes", said.attributes or None)
    yield from _value("stack", said.stack)


def _first(lines: Iterator[Line], limit: int) -> list[Line]:
    shown = [line for line, _ in zip(lines, range(limit), strict=False)]
    return [*shown, [(UNICODE.ellipsis, None)]] if len(shown) == limit else shown


def _value(name: str, value: object) -> Iterator[str]:
    if value is not None:
        yield from _block(name, excerpt(pretty(value), UNICODE, None, TEXT_LINES))


def _block(name: str, lines: list[Line]) -> Iterator[str]:
    """Inert lines under a heading of ours."""
    text = escape("\n".join(plain(line).rstrip() for line in lines))
    yield f"<h3>{name}</h3><pre>\n{text}</pre>"


def _pairs(facts: list[tuple[str, str]]) -> Iterator[str]:
    shown = [f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts if value]
    if shown:
        yield f"<dl class=facts>{''.join(shown)}</dl>"


def _sign(status: str) -> str:
    return f"<span class=s-{status_role(status)}>{UNICODE.status(status)}</span>"


def _text(text: str | None) -> str:
    """A text of the trace on one line, inert, and nothing but text to a browser."""
    return escape(short_line(text, UNICODE))
