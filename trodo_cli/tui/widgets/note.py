"""Below the list of runs: what there is to say of the one under the cursor."""

from textual.strip import Strip
from textual.widget import Widget

from trodo_cli.model.run import Run
from trodo_cli.render.run_lines import outcome
from trodo_cli.render.theme import Glyphs, fitted_line
from trodo_cli.tui.paint import strip


class Note(Widget):
    """One line."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__()
        self._glyphs = glyphs
        self._run: Run | None = None

    def point(self, run: Run | None) -> None:
        """Tell of another run."""
        self._run = run
        self.refresh()

    def render_line(self, y: int) -> Strip:
        told = outcome(self._run, self._glyphs) if self._run and y == 0 else []
        line = fitted_line(told, self.size.width, self._glyphs.ellipsis)
        return strip(line, self.size.width, self.rich_style)
