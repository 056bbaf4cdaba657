"""A list of rows of one line each, with a cursor; it asks only for the lines that are seen."""

from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from trodo_cli.render.theme import Line
from trodo_cli.tui.keys import MOVING, bindings
from trodo_cli.tui.paint import CURSOR, strip


class Lines(ScrollView, can_focus=True):
    """Subclasses say how many rows there are (`count`) and what is in one (`line`)."""

    BINDINGS = bindings(MOVING)

    cursor: reactive[int] = reactive(0)
    """The row that keys act on."""

    class Moved(Message):
        """The cursor stands on another row."""

    class Picked(Message):
        """A row was asked for by a click on the one that had the cursor."""

    @property
    def count(self) -> int:
        """How many rows there are."""
        return 0

    def line(self, row: int, width: int) -> Line:
        """A row in so many cells."""
        raise NotImplementedError

    @property
    def page(self) -> int:
        """How many rows are seen at once."""
        return max(self.scrollable_content_region.height, 1)

    def recount(self) -> None:
        """Rows were added or taken away: keep cursor and scrolling within them."""
        self.virtual_size = Size(self.size.width, self.count)
        self.cursor = self.validate_cursor(self.cursor)
        self.refresh()

    def validate_cursor(self, row: int) -> int:
        return max(min(row, self.count - 1), 0)

    def watch_cursor(self, before: int, row: int) -> None:
        self.refresh_rows(before)
        self.refresh_rows(row)
        self.show_row(row)
        self.post_message(self.Moved())

    def show_row(self, row: int) -> None:
        """Scroll as little as needed to see a row."""
        top = round(self.scroll_offset.y)
        if row - self.covered < top:
            first = max(row - self.covered, 0)
        elif row >= top + self.page:
            first = row - self.page + 1
        else:
            first = top
        if first != top:
            self.scroll_to(y=first, animate=False, immediate=True)

    @property
    def covered(self) -> int:
        """How many of the topmost seen rows something else stands in front of."""
        return 0

    def refresh_rows(self, first: int, count: int = 1) -> None:
        """Paint rows again, where they are seen."""
        self.refresh(Region(0, first - round(self.scroll_offset.y), self.size.width, count))

    def render_line(self, y: int) -> Strip:
        row, width = y + round(self.scroll_offset.y), self.scrollable_content_region.width
        if row >= self.count:
            return Strip.blank(width, self.rich_style)
        over = CURSOR if row == self.cursor and self.has_focus else None
        return strip(self.line(row, width), width, over).apply_style(self.rich_style)

    def on_resize(self) -> None:
        self.recount()
        self.show_row(self.cursor)

    def on_click(self, event: events.Click) -> None:
        row = event.y + round(self.scroll_offset.y)
        if row >= self.count:
            return
        if row == self.cursor:
            self.post_message(self.Picked())
        self.cursor = row

    def on_focus(self) -> None:
        self.refresh_rows(self.cursor)

    def on_blur(self) -> None:
        self.refresh_rows(self.cursor)

    def action_down(self) -> None:
        self.cursor += 1

    def action_up(self) -> None:
        self.cursor -= 1

    def action_page_down(self) -> None:
        self.cursor += self.page

    def action_page_up(self) -> None:
        self.cursor -= self.page

    def action_first(self) -> None:
        self.cursor = 0

    def action_last(self) -> None:
        self.cursor = self.count - 1
