"""The head of a trace: how the run stands, and how its connection does."""

from textual.strip import Strip
from textual.widget import Widget

from trodo_cli.client.base import StreamState
from trodo_cli.model import ids
from trodo_cli.model.run import Run
from trodo_cli.model.totals import NANOS
from trodo_cli.render.facts import as_of, cancel_line
from trodo_cli.render.report import verdict
from trodo_cli.render.theme import Glyphs, Line, Piece, Role, fitted_line, line_cells, padded_line
from trodo_cli.tui.paint import strip

BADGES: dict[str, tuple[str, Role]] = {
    "loading": ("loading", "muted"),
    "live": ("live", "running"),
    "reconnecting": ("reconnecting", "warning"),
    "stale": ("stale", "warning"),
    "ended": ("ended", "muted"),
    "deleted": ("deleted", "warning"),
    "refused": ("refused: the key is not accepted", "error"),
    "failed": ("cannot be followed", "error"),
}
AWAY = ("reconnecting", "stale")
"""States that tell how long they have lasted."""


class Verdict(Widget):
    """Two lines: the run's outcome so far, then what was asked of it."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__()
        self._glyphs = glyphs
        self._run: Run | None = None
        self._state: StreamState | str = "loading"
        self._since_ns = 0
        self.following = False

    def show(self, run: Run, state: StreamState | str, since_ns: int) -> None:
        """The run, how its connection stands, and since when."""
        self._run, self._state, self._since_ns = run, state, since_ns
        self.refresh()

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        lines = self._lines(width)
        return strip(lines[y] if y < len(lines) else [], width, self.rich_style)

    def _lines(self, width: int) -> list[Line]:
        if self._run is None:
            return [[("loading", "muted")]]
        badge = self._badge()
        room = width - line_cells(badge) - 1
        line = verdict(self._run, self._glyphs, as_of(self._run, ids.now_ns()), None)[0]
        return [[*padded_line(line, room, self._glyphs.ellipsis), (" ", None), *badge], self._cancel(width)]

    def _badge(self) -> Line:
        text, role = BADGES[self._state]
        if self._state in AWAY and (seconds := (ids.now_ns() - self._since_ns) // NANOS):
            text = f"{text} {seconds}s"
        follows: list[Piece] = [("following ", "accent")] if self.following else []
        return [*follows, (text, role)]

    def _cancel(self, width: int) -> Line:
        """What was asked, and what has become of it."""
        told = cancel_line(self._run, self._glyphs) if self._run else []
        return fitted_line(told, width, self._glyphs.ellipsis)
