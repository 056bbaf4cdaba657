"""Everything about the row under the cursor, in tabs; the payload is read when somebody looks."""

from collections.abc import Callable

from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.timer import Timer

from trodo_cli.errors import TrodoError
from trodo_cli.model import ids
from trodo_cli.model.run import Run
from trodo_cli.model.span import Span
from trodo_cli.render.rows import Row
from trodo_cli.render.tabs import Tab, tabs
from trodo_cli.render.theme import Glyphs, Line, plain
from trodo_cli.tui.paint import strip

REST_SECONDS = 0.08
"""How long the cursor must rest on a row before its payload is read."""

Read = Callable[[Row], Span | Run]
"""The subject of a row with its payload. Raises `TrodoError`."""


class Detail(ScrollView):
    """A line of tab names, and below it what is in the one that is shown."""

    class Looked(Message):
        """A payload has been read."""

        def __init__(self, key: str, subject: Span | Run | TrodoError) -> None:
            super().__init__()
            self.key = key
            self.subject = subject

    def __init__(self, glyphs: Glyphs, read: Read) -> None:
        super().__init__()
        self._glyphs = glyphs
        self._read = read
        self._row: Row | None = None
        self._subject: Span | Run | None = None
        self._tabs: list[Tab] = []
        self._name = "Overview"
        self._timer: Timer | None = None

    def show(self, row: Row) -> None:
        """Show a row: at once what the tree knows of it, then the rest."""
        is_other = self._row is None or self._row.key != row.key
        has_changed = is_other or self._row is None or self._row.subject != row.subject
        self._row = row
        if not has_changed:
            return
        if is_other:
            self._take(row.subject)
            self.scroll_to(0, 0, animate=False, immediate=True)
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(REST_SECONDS, self._look)

    def turn(self, step: int) -> None:
        """Show the next tab, or the one before."""
        names = [tab.name for tab in self._tabs]
        if names:
            self._name = names[(self._place() + step) % len(names)]
            self._resized()
            self.scroll_to(0, 0, animate=False, immediate=True)

    def text(self) -> str:
        """What is shown, as plain text."""
        return (
            "\n".join(plain(line).rstrip() for line in self._tab().all(self._width())) if self._tabs else ""
        )

    def on_detail_looked(self, message: "Detail.Looked") -> None:
        if (
            self._row is not None
            and self._row.key == message.key
            and not isinstance(message.subject, TrodoError)
        ):
            self._take(message.subject)

    def on_resize(self) -> None:
        self._resized()

    def render_line(self, y: int) -> Strip:
        width = self._width()
        if not self._tabs:
            return Strip.blank(width, self.rich_style)
        if y == 0:
            return strip(self._names(), width).apply_style(self.rich_style)
        row = y - 1 + round(self.scroll_offset.y)
        lines = self._tab().lines(row, 1, width)
        return strip(lines[0] if lines else [], width).apply_style(self.rich_style)

    def _look(self) -> None:
        row = self._row
        if row is not None:
            self.run_worker(lambda: self._fetch(row), thread=True, exclusive=True, group="payload")

    def _fetch(self, row: Row) -> None:
        try:
            self.post_message(self.Looked(row.key, self._read(row)))
        except TrodoError as error:
            self.post_message(self.Looked(row.key, error))

    def _take(self, subject: Span | Run) -> None:
        self._subject = subject
        self._tabs = tabs(subject, self._glyphs, ids.now_ns())
        self._resized()

    def _resized(self) -> None:
        height = self._tab().height(self._width()) + 1 if self._tabs else 0
        self.virtual_size = Size(self._width(), height)
        self.refresh()

    def _place(self) -> int:
        names = [tab.name for tab in self._tabs]
        return names.index(self._name) if self._name in names else 0

    def _tab(self) -> Tab:
        return self._tabs[self._place()]

    def _names(self) -> Line:
        shown = self._place()
        return [(f" {tab.name} ", "heading" if at == shown else "muted") for at, tab in enumerate(self._tabs)]

    def _width(self) -> int:
        return max(self.scrollable_content_region.width, 1)
