"""What `trodo trace show` prints: the verdict, then why, then the tree, then what to type next.

Whatever is folded, cut or left out is counted where it is missing.
"""

from shlex import quote

from trodo_cli.insight.failure import Failure, failure
from trodo_cli.model.ids import is_run_id
from trodo_cli.model.run import Run
from trodo_cli.model.span import Span
from trodo_cli.model.trace import Trace
from trodo_cli.render.excerpt import details_of, excerpt, pretty, short_line, wrapped
from trodo_cli.render.format import clock, counted, duration, fitted, short_id
from trodo_cli.render.rows import Row, ViewState, flatten
from trodo_cli.render.safe import safe_line
from trodo_cli.render.text import (
    DEFAULT_WIDTH,
    bar_cells,
    elapsed,
    error_text,
    row_line,
    run_facts,
    run_label,
    spaced,
)
from trodo_cli.render.theme import Glyphs, Line, Piece, fitted_line, line_cells, status_role
from trodo_cli.render.timeline import Window, trace_window

ROW_LIMIT = 200
OPEN_LIMIT = 8
CHAIN_ENDS = 3
NAME_CELLS = 32
"""One name in a chain of names may be this wide."""


def trace_report(
    trace: Trace,
    glyphs: Glyphs,
    now_ns: int,
    *,
    full: bool = False,
    waterfall: bool = False,
    width: int | None = DEFAULT_WIDTH,
) -> list[Line]:
    """The whole report; `full` opens every row and cuts nothing, a `width` of None cuts no line."""
    run = trace.summary
    now_ns = _as_of(run, now_ns)
    cause = failure(trace) if run.status == "failed" else None
    view = ViewState(levels=None if full else 2)
    rows = flatten(trace, view)
    sections = [
        [verdict_line(run, glyphs, now_ns)],
        _cause(cause, glyphs, width, full) if cause else [],
        _cancel(run, glyphs),
        _still_open(trace, run, glyphs, now_ns),
        _tree(rows, trace, glyphs, now_ns, width, full=full, waterfall=waterfall),
        _next(run, cause, glyphs, has_more=not full and _is_cut(rows)),
    ]
    return [line for section in sections if section for line in [*section, Line()]][:-1]
