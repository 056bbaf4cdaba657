"""The head of the list of runs: how many and what they took, and what was asked for."""

from textual.strip import Strip
from textual.widget import Widget

from trodo_cli.client.base import StreamState
from trodo_cli.model.run import NANOS, Run
from trodo_cli.render.excerpt import short_line
from trodo_cli.render.facts import spaced
from trodo_cli.render.format import cost, counted, tokens
from trodo_cli.render.theme import Glyphs, Line, Piece, fitted_line, line_cells, padded_line
from trodo_cli.tui.paint import strip
from trodo_cli.tui.widgets.verdict import BADGES


class Summary(Widget):
    """Two lines: totals of what is listed; the filter, and totals of what is marked."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__()
        self._glyphs = glyphs
        self._runs: list[Run] | None = None
        self._marked: list[Run] = []
        self._has_more = False
        self._filter = ""
        self._with_those_below = False
        self._state: StreamState | str = "loading"

    def show(self, runs: list[Run], *, has_more: bool) -> None:
        """Sum up another list."""
        self._runs, self._has_more = runs, has_more
        self.refresh()

    def show_state(self, state: StreamState) -> None:
        self._state = state
        self.refresh()

    def show_marked(self, runs: list[Run]) -> None:
        """Sum up the runs that are marked."""
        self._marked = runs
        self.refresh()

    def show_question(self, text: str, *, with_those_below: bool) -> None:
        """What the list was asked for."""
        self._filter, self._with_those_below = text, with_those_below
        self.refresh()

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        lines = [self._totals(width), fitted_line(self._asked(), width, self._glyphs.ellipsis)]
        return strip(lines[y] if y < len(lines) else [], width, self.rich_style)

    def _totals(self, width: int) -> Line:
        text, role = BADGES[self._state]
        badge: Piece = (text, role)
        count: list[Piece] = []
        if self._runs is not None:
            count = [(counted(len(self._runs), "run") + ("+" if self._has_more else ""), None)]
        left = spaced([("trodo", "heading")], [*count, *sums(self._runs or [])])
        room = max(width - line_cells([badge]) - 1, 0)
        return [*padded_line(left, room, self._glyphs.ellipsis), (" ", None), badge]

    def _asked(self) -> Line:
        """Empty when everything is listed and nothing marked."""
        facts: list[Piece] = [
            (f"/ {short_line(self._filter, self._glyphs)}" if self._filter else "", "warning"),
            ("with runs below another" if self._with_those_below else "", "muted"),
        ]
        if self._marked:
            facts += [(f"{self._glyphs.mark} {len(self._marked)} marked", "accent"), *sums(self._marked)]
        return spaced([], facts)[1:]


def sums(runs: list[Run]) -> list[Piece]:
    """How runs stand and what they took; what there is none of is empty."""
    counts = {status: sum(run.status == status for run in runs) for status in ("running", "lost", "failed")}
    used = sum(run.totals.input_tokens + run.totals.output_tokens for run in runs)
    spent = sum(run.totals.cost_nanos for run in runs) / NANOS
    running, lost, failed = (f"{count} {status}" if count else "" for status, count in counts.items())
    return [
        (running, "running"),
        (lost, "lost"),
        (failed, "error"),
        (f"{tokens(used)} tokens" if used else "", "muted"),
        (cost(spent) if spent else "", "cost"),
    ]
