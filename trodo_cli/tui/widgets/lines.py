"""A list of rows of one line each, with a cursor; it asks only for the lines that are seen."""

from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip

from trodo_cli.render.theme import Line
from trodo_cli.tui.keys import MOVING, bindings
from trodo_cli.tui.paint import CURSOR, PLAIN
from trodo_cli.tui.widgets.scrolled import Scrolled


class Lines(Scrolled, can_focus=True):
    """Subclasses say how many rows there are (`count`) and what is in one (`line`)."""

    BINDINGS = bindings(MOVING)

    cursor: reactive[int] = reactive(0)
    """The row that keys act on."""

    class Moved(Message):
        """The cursor stands on another row."""

    class Picked(Message):
        """A row was asked for by a click on the one that had the cursor."""

    def __init__(self) -> None:
        super().__init__()
        self._is_stale = False
        """Whether the rows are others than those that were painted."""

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
        """Rows were added or taken away: keep cursor and scrolling within them, and paint anew."""
        self.extend(self.count)
        self._is_stale = False
        self.cursor = self.validate_cursor(self.cursor)

    def hold(self, row: int) -> None:
        """The rows are others now, and the cursor's is this one; what is seen stays until `recount` or a key."""
        self.set_reactive(Lines.cursor, row)
        self._is_stale = True

    def validate_cursor(self, row: int) -> int:
        return max(min(row, self.count - 1), 0)

    def watch_cursor(self, before: int, row: int) -> None:
        self.refresh_rows(before)
        self.refresh_rows(row)
        self.show_row(row)
        self.post_message(self.Moved())

    def show_row(self, row: int) -> None:
        """Scroll as little as needed to see a row."""
        top = self.top
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
        if self._is_stale:
            self.recount()
        self.refresh(Region(0, first - self.top, self.size.width, count))

    def render_line(self, y: int) -> Strip:
        row = y + self.top
        if row >= self.count:
            return self.painted([])
        over = CURSOR if row == self.cursor and self.has_focus else PLAIN
        return self.painted(self.line(row, self.cells), over)

    def on_resize(self) -> None:
        self.recount()
        self.show_row(self.cursor)

    def on_click(self, event: events.Click) -> None:
        row = event.y + self.top
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
