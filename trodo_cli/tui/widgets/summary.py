"""The head of the list of runs: how many and what they took, the columns, and the error of the run in question."""

from textual.strip import Strip
from textual.widget import Widget

from trodo_cli.client.base import Page, RunFilter, StreamState
from trodo_cli.model.run import Run
from trodo_cli.model.totals import NANOS
from trodo_cli.render.facts import error_text, spaced
from trodo_cli.render.format import cost, counted, tokens
from trodo_cli.render.run_lines import Columns, heading
from trodo_cli.render.theme import Glyphs, Line, Piece, line_cells, padded_line
from trodo_cli.tui.paint import strip
from trodo_cli.tui.widgets.verdict import BADGES


class Summary(Widget):
    """Three lines: totals, the error under the cursor, and the names of the columns."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__()
        self._glyphs = glyphs
        self._page: Page | None = None
        self._wanted = RunFilter()
        self._run: Run | None = None
        self.state: StreamState | str = "loading"

    def show(self, page: Page, wanted: RunFilter) -> None:
        self._page, self._wanted = page, wanted
        self.refresh()

    def point(self, run: Run | None) -> None:
        """Tell the error of another run."""
        self._run = run
        self.refresh()

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        lines = [self._totals(width), self._error(), heading(Columns.of(width))]
        return strip(lines[y] if y < len(lines) else [], width, self.rich_style)

    def _totals(self, width: int) -> Line:
        text, role = BADGES[self.state]
        badge: Piece = (text, role)
        left = spaced([("trodo", "heading")], self._facts())
        return [
            *padded_line(left, max(width - line_cells([badge]) - 1, 0), self._glyphs.ellipsis),
            (" ", None),
            badge,
        ]

    def _facts(self) -> list[Piece]:
        if self._page is None:
            return []
        runs = self._page.rows
        more = "+" if self._page.cursor else ""
        open_runs = sum(run.status == "running" for run in runs)
        failed = sum(run.status == "failed" for run in runs)
        used = sum(run.totals.input_tokens + run.totals.output_tokens for run in runs)
        spent = sum(run.totals.cost_nanos for run in runs) / NANOS
        return [
            (f"{counted(len(runs), 'run')}{more}", None),
            (f"{open_runs} running" if open_runs else "", "running"),
            (f"{failed} failed" if failed else "", "error"),
            (f"{tokens(used)} tokens" if used else "", "muted"),
            (cost(spent) if spent else "", "cost"),
            ("filtered" if self._wanted != RunFilter(roots_only=self._wanted.roots_only) else "", "warning"),
            ("" if self._wanted.roots_only else "with those below", "muted"),
        ]

    def _error(self) -> Line:
        run = self._run
        text = error_text(run.error, run.error_type, self._glyphs) if run else ""
        return [(text, "error")] if text else []
