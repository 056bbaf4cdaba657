"""A widget that shows a part of something long, line by line."""

from rich.style import Style
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from trodo_cli.render.theme import Line
from trodo_cli.tui.paint import PLAIN, strip


class Scrolled(ScrollView):
    """Subclasses paint with `painted`, and tell with `extend` how many lines there are."""

    def __init__(self) -> None:
        super().__init__()
        self._base = PLAIN
        """What is below every line."""

    @property
    def cells(self) -> int:
        """The width of a line, at least 1."""
        return max(self.scrollable_content_region.width, 1)

    @property
    def top(self) -> int:
        """The first line that is seen."""
        return round(self.scroll_offset.y)

    def extend(self, height: int) -> None:
        """There are so many lines now; the screen is laid out anew only where a scrollbar comes or goes."""
        size, seen = Size(self.cells, height), self.size.height
        if height > seen and self.show_vertical_scrollbar:
            self.set_reactive(Scrolled.virtual_size, size)
            self.vertical_scrollbar.window_virtual_size = height
            self.scroll_y = self.validate_scroll_y(self.scroll_y)
        elif height > seen or self.show_vertical_scrollbar or self.virtual_size.height > seen:
            self.virtual_size = size
            if self.show_vertical_scrollbar and height <= seen:  # the layout would leave it
                self.show_vertical_scrollbar = self.vertical_scrollbar.display = False
        self.refresh()

    def painted(self, line: Line, over: Style = PLAIN) -> Strip:
        """A line in the widget's own colours, with another style over it."""
        return strip(line, self.cells, self._base, over)

    def render_lines(self, crop: Region) -> list[Strip]:
        self._base = self.rich_style
        return super().render_lines(crop)
