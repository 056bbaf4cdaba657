"""What `trodo trace show` prints: the verdict, then why, then the tree, then what to type next.

Whatever is folded, cut or left out is counted where it is missing.
"""

from dataclasses import dataclass
from shlex import quote

from trodo_cli.insight.failure import Failure, failure
from trodo_cli.model.ids import is_run_id
from trodo_cli.model.run import Run
from trodo_cli.model.span import Span
from trodo_cli.model.trace import Trace, Tree
from trodo_cli.render.chain import NAME_CELLS, chain
from trodo_cli.render.excerpt import LINE_LIMIT, details_of, excerpt, indented, message, pretty, short_line
from trodo_cli.render.facts import (
    as_of,
    flowed,
    run_label,
    run_money,
    run_time,
    run_usage,
    span_count,
    took,
)
from trodo_cli.render.format import clock, counted, fitted, short_id
from trodo_cli.render.rows import ViewState, flatten
from trodo_cli.render.safe import safe_line
from trodo_cli.render.text import DEFAULT_WIDTH, bar_cells, row_line
from trodo_cli.render.theme import Glyphs, Line, Piece, Role, fitted_line, padded_line, status_role
from trodo_cli.render.timeline import Window, trace_window

ROW_LIMIT = 200
OPEN_LIMIT = 8


def trace_report(
    trace: Trace,
    glyphs: Glyphs,
    now_ns: int,
    *,
    full: bool = False,
    waterfall: bool = False,
    width: int | None = DEFAULT_WIDTH,
) -> list[Line]:
    """The whole report; `full` opens every row and leaves nothing out, a `width` of None cuts no line."""
    run = trace.summary
    report = _Report(trace, run, glyphs, as_of(run, now_ns), width, full, waterfall)
    sections = [
        verdict(run, glyphs, report.now_ns, width),
        report.why(),
        report.cancel(),
        report.still_open(),
        report.rows(),
        report.next_commands(),
    ]
    lines = [line for section in sections if section for line in ([], *section)]
    return lines[1:] if width is None else [fitted_line(line, width, glyphs.ellipsis) for line in lines[1:]]


def verdict(run: Run, glyphs: Glyphs, now_ns: int, width: int | None) -> list[Line]:
    """How a run went, in one line where the width allows."""
    outcome: Piece = (f"{glyphs.status(run.status)} {run.status}", status_role(run.status))
    name = fitted(short_line(run.agent, glyphs), NAME_CELLS, glyphs.ellipsis)
    errors = run.totals.errors if run.status != "failed" else 0
    facts: list[Piece] = [
        (name, "agent"),
        (run_label(run, glyphs), "muted"),
        run_time(run, now_ns, glyphs),
        span_count(run),
        (counted(errors, "error") if errors else "", "error"),
        (f"{used} tokens" if (used := run_usage(run, glyphs)) else "", "muted"),
        (run_money(run), "cost"),
    ]
    return flowed([outcome], facts, width)


@dataclass(slots=True)
class _Report:
    """The sections of one report; each is empty when there is nothing to tell."""

    trace: Trace
    run: Run
    glyphs: Glyphs
    now_ns: int
    width: int | None
    full: bool
    waterfall: bool
    cause: Failure | None = None
    leaves_out: bool = False
    """Whether a section has left something out that `full` shows."""

    def why(self) -> list[Line]:
        """The root cause: the way down to it, its error, and what it was called with."""
        if self.run.status != "failed" or (cause := failure(self.trace)) is None:
            return []
        self.cause = cause
        said = details_of(cause.span)
        lines = chain(cause.path, self.now_ns, self.glyphs, self._room(2))
        lines += self._message(_told(cause), "error")
        lines += self._payload("input", said.input)
        lines += self._payload("stack", said.stack if self.full else None)
        if cause.child is not None:
            label = run_label(cause.child, self.glyphs)
            lines.append([(f"a run started there failed as well: {label}", "warning")])
        if cause.others:
            lines.append([(f"{counted(cause.others, 'other span')} failed too", "muted")])
        return [[("why", "heading")], *indented(lines, 2)]

    def cancel(self) -> list[Line]:
        """Who asked the run to stop, and whether its process has heard of it."""
        cancel = self.run.cancel
        if cancel is None:
            return []
        by, reason = short_line(cancel.by, self.glyphs), cancel.reason
        asked = f"requested{f' by {by}' if by else ''} at {clock(cancel.requested_ns)}"
        lines = self._message(f"{asked}: {reason}" if reason else asked, None)
        if cancel.delivered_ns is not None:
            wait = took(cancel.delivered_ns - cancel.requested_ns, self.glyphs)
            lines.append([(f"delivered to the run after {wait}", None)])
        elif self.run.is_terminal:
            lines.append([("the run ended before it heard of it", "muted")])
        else:
            lines.append([("not delivered yet", "warning")])
        return [[("cancel", "heading")], *indented(lines, 2)]

    def still_open(self) -> list[Line]:
        """What a run is at just now, or was when it was last heard of."""
        if self.run.status not in ("running", "lost"):
            return []
        tree = self.trace.tree()
        spans = _open_leaves(tree)
        if not spans:
            return []
        shown = spans if self.full else spans[:OPEN_LIMIT]
        room = self._room(2)
        paths = [tree.path(span.id) for span in shown]
        lines = [line for path in paths for line in chain(path, self.now_ns, self.glyphs, room)]
        if more := len(spans) - len(shown):
            self.leaves_out = True
            lines.append([(f"{self.glyphs.ellipsis} {counted(more, 'more open span')}", "muted")])
        heading = "running now" if self.run.status == "running" else "open when it was last heard of"
        return [[(heading, "heading")], *indented(lines, 2)]

    def rows(self) -> list[Line]:
        """The tree."""
        rows = flatten(self.trace, ViewState(levels=None if self.full else 2))
        shown = rows if self.full else rows[:ROW_LIMIT]
        window = trace_window(self.trace, self.now_ns) if self.waterfall else None
        lines = [row_line(row, self.glyphs, self.now_ns, self.width, window) for row in shown]
        if more := len(rows) - len(shown):
            lines.append([(f"{self.glyphs.ellipsis} {counted(more, 'more row')}", "muted")])
        self.leaves_out |= more > 0 or any(row.hidden for row in shown)
        return [self._ruler(window), *lines]

    def next_commands(self) -> list[Line]:
        """What to type next, as far as it makes sense for this run."""
        name = _argument(self.run)
        commands: list[tuple[str, str]] = []
        if self.leaves_out:
            commands.append((f"trodo trace show {name} --full", "every span, nothing left out"))
        if self.cause is not None and self.cause.child is not None:
            commands.append((f"trodo trace show {_argument(self.cause.child)}", "the run below that failed"))
        if self.run.status in ("pending", "running", "lost"):
            commands.append((f"trodo tail {name}", "follow it live"))
        if self.run.status in ("pending", "running") and self.run.cancel is None:
            commands.append((f"trodo runs cancel {name}", "ask it to stop"))
        column = max((len(command) for command, _ in commands), default=0)
        lines: list[Line] = [
            [(command.ljust(column + 3), "accent"), (what, "muted")] for command, what in commands
        ]
        return [[("next", "heading")], *indented(lines, 2)] if lines else []

    def _room(self, indent: int) -> int | None:
        return None if self.width is None else max(self.width - indent, 20)

    def _message(self, text: str, role: Role | None) -> list[Line]:
        lines = message(text, role, self.glyphs, self._room(2), None if self.full else LINE_LIMIT)
        self.leaves_out |= not self.full and text.strip().count("\n") >= LINE_LIMIT
        return lines

    def _payload(self, label: str, value: object) -> list[Line]:
        if value is None:
            return []
        if self.full:
            lines = message(pretty(value), None, self.glyphs, self._room(4), None)
        else:
            lines = excerpt(pretty(value), self.glyphs, self._room(4), LINE_LIMIT)
            self.leaves_out |= any(_is_cut(text, self.glyphs) for line in lines for text, _ in line)
        return [[(label, "muted")], *indented(lines, 2)]

    def _ruler(self, window: Window | None) -> Line:
        """The heading of the tree; above bars, the ends of the time they stand for."""
        if window is None:
            return [("trace", "heading")]
        width = self.width or DEFAULT_WIDTH
        end = took(window.end_ns - window.start_ns, self.glyphs)
        left = padded_line([("trace", "heading")], width - bar_cells(width))
        return [*left, ("0" + end.rjust(bar_cells(width) - 1), "muted")]


def _told(cause: Failure) -> str:
    """The error as it was told, behind its type."""
    error, kind = cause.error or "", cause.error_type or ""
    if not error or error.startswith(kind):
        return error or kind or "no error was told"
    return f"{kind}: {error}"


def _open_leaves(tree: Tree) -> list[Span]:
    """The open spans with no open span below them, the one that is open longest first."""
    spans = [span for span in tree.spans.values() if span.is_open]
    waiting = {span.parent_id for span in spans if span.id not in tree.cut}
    return sorted(
        (span for span in spans if span.id not in waiting), key=lambda span: (span.started_ns, span.id)
    )


def _is_cut(text: str, glyphs: Glyphs) -> bool:
    return text.startswith(glyphs.ellipsis) or text.endswith(glyphs.ellipsis)


def _argument(run: Run) -> str:
    """The run as a shell takes it: its short id, or the whole of a foreign one."""
    return quote(safe_line(short_id(run.id) if is_run_id(run.id) else run.id))
