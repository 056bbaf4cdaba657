"""Everything about the row under the cursor, in tabs; the payload is read when somebody looks."""

from collections.abc import Callable

from textual.message import Message
from textual.strip import Strip
from textual.timer import Timer

from trodo_cli.errors import TrodoError
from trodo_cli.model.run import Run
from trodo_cli.model.span import Span
from trodo_cli.render.excerpt import first_line
from trodo_cli.render.facts import spaced
from trodo_cli.render.overview import Seen
from trodo_cli.render.rows import Row
from trodo_cli.render.tabs import Tab, tabs
from trodo_cli.render.theme import Glyphs, Line
from trodo_cli.tui.widgets.scrolled import Scrolled

REST_SECONDS = 0.08
"""How long the cursor must rest on a row before its payload is read."""

HEAD_ROWS = 2
"""The names of the tabs and a line below them stay where they are."""

RENEW_SECONDS = 2.0
"""How often the times of an overview are told anew."""

LIGHT_BYTES = 64 * 1024
"""Of a larger payload nothing is laid out again for that."""

Read = Callable[[Row], Span | Run]
"""The subject of a row with its payload. Raises `TrodoError`."""


class Detail(Scrolled):
    """A line of tab names, and below it what is in the one that is shown."""

    class Looked(Message):
        """A payload has been read and laid out, or could not be."""

        def __init__(self, key: str, subject: Span | Run | TrodoError, made: list[Tab]) -> None:
            super().__init__()
            self.key, self.subject, self.made = key, subject, made

    def __init__(self, glyphs: Glyphs, read: Read) -> None:
        super().__init__()
        self._glyphs = glyphs
        self._read = read
        self._row: Row | None = None
        self._seen: Callable[[], Seen] = lambda: Seen(0, 0, "")
        self._subject: Span | Run | None = None
        self._tabs: list[Tab] = []
        self._name = "Overview"
        self._missing = ""
        """Why there is no payload."""
        self._timer: Timer | None = None

    def on_mount(self) -> None:
        self.set_interval(RENEW_SECONDS, self._renew)

    def show(self, row: Row, seen: Callable[[], Seen]) -> None:
        """Show a row: at once what the tree knows of it, then the rest. `seen` is how it stands at this moment."""
        before, self._row = self._row, row
        if before is not None and (before.key, before.subject, before.status) == (
            row.key, row.subject, row.status,
        ):  # fmt: skip
            return
        self._seen = seen
        if before is None or before.key != row.key:
            self._missing = ""
            self._take(row.subject, self._made(row.subject, seen()))
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

    def page(self, step: int) -> None:
        """Scroll by so many screens, without what stays where it is."""
        self.scroll_relative(y=step * max(self.size.height - HEAD_ROWS - 1, 1), animate=False)

    def text(self) -> str:
        """What is shown, for use elsewhere; of a large value that takes a while."""
        return self._tab().text() if self._tabs else ""

    def on_detail_looked(self, message: "Detail.Looked") -> None:
        if self._row is None or self._row.key != message.key:
            return
        if isinstance(message.subject, TrodoError):
            self._missing = message.subject.message
            self.refresh()
        else:
            self._take(message.subject, message.made)

    def on_resize(self) -> None:
        self._resized()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """A long value is laid out as far as somebody has scrolled, and some way on."""
        super().watch_scroll_y(old_value, new_value)
        if self._tabs and round(new_value) + self.size.height >= self.virtual_size.height - 1:
            self._tab().lines(round(new_value), self.size.height, self.cells)
            self._resized()

    def render_line(self, y: int) -> Strip:
        return self.painted(self._line(y))

    def _line(self, y: int) -> Line:
        if not self._tabs:
            return []
        if y < HEAD_ROWS:
            return (self._names(), self._notice())[y]
        lines = self._tab().lines(y - HEAD_ROWS + self.top, 1, self.cells)
        return lines[0] if lines else []

    def _look(self) -> None:
        row = self._row
        if row is not None:
            seen = self._seen()  # here: the tree is this thread's alone
            self.run_worker(lambda: self._fetch(row, seen), thread=True, exclusive=True, group="payload")

    def _fetch(self, row: Row, seen: Seen) -> None:
        try:
            subject = self._read(row)
            looked = self.Looked(row.key, subject, self._made(subject, seen))
        except TrodoError as error:
            looked = self.Looked(row.key, error, [])
        self.post_message(looked)

    def _made(self, subject: Span | Run, seen: Seen) -> list[Tab]:
        return tabs(subject, self._glyphs, seen)

    def _renew(self) -> None:
        """Time goes on."""
        subject = self._subject
        if subject is not None and self._name == "Overview" and len(bytes(subject.payload)) <= LIGHT_BYTES:
            self._take(subject, self._made(subject, self._seen()))

    def _take(self, subject: Span | Run, made: list[Tab]) -> None:
        self._subject, self._tabs = subject, made
        self._resized()

    def _resized(self) -> None:
        self.extend(self._tab().height(self.cells) + HEAD_ROWS if self._tabs else 0)

    def _place(self) -> int:
        names = [tab.name for tab in self._tabs]
        return names.index(self._name) if self._name in names else 0

    def _tab(self) -> Tab:
        return self._tabs[self._place()]

    def _names(self) -> Line:
        shown = self._place()
        return spaced(
            [], [(tab.name, "accent" if at == shown else "muted") for at, tab in enumerate(self._tabs)]
        )[1:]

    def _notice(self) -> Line:
        """Why there is no payload, where that is so."""
        return [(first_line(self._missing, self._glyphs), "error")] if self._missing else []
