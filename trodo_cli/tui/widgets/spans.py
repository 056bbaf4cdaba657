"""The span tree of a run, with the bars of its waterfall; ancestors of what is seen stay at the top."""

from collections.abc import Callable

from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip

from trodo_cli.render.rows import Row
from trodo_cli.render.text import row_line
from trodo_cli.render.theme import Glyphs, Line
from trodo_cli.render.timeline import Window
from trodo_cli.tui.keys import FOLDS, bindings
from trodo_cli.tui.outline import Outline
from trodo_cli.tui.paint import PINNED, PLAIN
from trodo_cli.tui.widgets.lines import Lines

MOST_PINNED = 4
LEAST_BAR_WIDTH = 60
"""Cells of a row from which on a bar stands beside it."""


Change = Callable[[Outline, Row], None]
"""Something done to the outline at a row."""


class Spans(Lines):
    """Paints what an outline shows; folds and unfolds it."""

    BINDINGS = bindings(FOLDS)

    class Folded(Message):
        """Somebody has folded or unfolded something."""

    bars: reactive[bool] = reactive(True)
    """Whether a bar of time stands beside each row, where there is room for one."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__()
        self._glyphs = glyphs
        self.outline: Outline | None = None
        self.window = Window(0, 0)
        self.until_ns = 0
        """Up to when the run is known to go on."""
        self._levels = 2
        self._seen: tuple[int, list[Row]] = (0, [])

    @property
    def count(self) -> int:
        return self.outline.count if self.outline else 0

    @property
    def current(self) -> Row | None:
        """The row under the cursor."""
        return self.outline.row(self.cursor) if self.outline and self.count else None

    def changed(self) -> None:
        """The outline is another one than it was: paint again."""
        self._seen = (0, [])
        self.recount()

    def keep(self, key: str | None) -> None:
        """Paint again, the cursor on the row of this key wherever it is now, or on what it is folded away in."""
        place = self.outline.nearest_place(key) if self.outline and key else None
        self.changed()
        if place is not None:
            self.cursor = place

    def hold_key(self, key: str | None) -> None:
        """Rows have come or gone: the cursor stays with the row of this key, painted later."""
        place = self.outline.nearest_place(key) if self.outline and key else None
        self._seen = (0, [])
        self.hold(self.cursor if place is None else place)

    def line(self, row: int, width: int) -> Line:
        return self._line(self._row(row), width)

    def render_line(self, y: int) -> Strip:
        pinned = self._pinned()
        if y >= len(pinned):
            return super().render_line(y)
        is_last = y == len(pinned) - 1
        return self.painted(self._line(pinned[y], self.cells), PINNED if is_last else PLAIN)

    def _line(self, row: Row, width: int) -> Line:
        window = self.window if self.bars and width >= LEAST_BAR_WIDTH else None
        return row_line(row, self._glyphs, self.until_ns, width, window)

    @property
    def covered(self) -> int:
        return len(self._pinned())

    def _pinned(self) -> list[Row]:
        """The ancestors of the first row that is not covered by them, those nearest to it."""
        pinned: list[Row] = []
        room = min(MOST_PINNED, self.page // 4) if self.top else 0
        for _ in range(room):
            first = self.top + len(pinned)
            if self.outline is None or first >= self.count:
                break
            before, pinned = pinned, self.outline.parents(self._row(first).key, room)
            if len(pinned) == len(before):
                break
        return pinned

    def _row(self, row: int) -> Row:
        """A row of the outline; those of one screen are read together."""
        first, rows = self._seen
        if not first <= row < first + len(rows):
            assert self.outline is not None
            first = max(row - 1, 0)
            rows = self.outline.rows(first, self.page + 2)
            self._seen = (first, rows)
        return rows[row - first]

    # -- folding ---------------------------------------------------------------------------------

    def action_toggle_fold(self) -> None:
        self._fold(lambda outline, row: outline.toggle(row.key))

    def action_unfold(self) -> None:
        row = self.current
        if row and row.hidden:
            self._fold(lambda outline, row: outline.open(row.key))
        else:
            self.action_down()

    def action_fold(self) -> None:
        row = self.current
        if row and row.below and not row.hidden:
            self._fold(lambda outline, row: outline.close(row.key))
        elif row and self.outline and (above := self.outline.parents(row.key)):
            self.cursor = self.outline.place(above[-1].key) or 0

    def action_deeper(self) -> None:
        self._set_levels(self._levels + 1)

    def action_shallower(self) -> None:
        self._set_levels(max(self._levels - 1, 1))

    def _set_levels(self, levels: int) -> None:
        self._levels = levels
        self._fold(lambda outline, _row: outline.set_levels(levels))

    def _fold(self, change: Change) -> None:
        if self.outline and (row := self.current):
            change(self.outline, row)
            self.post_message(self.Folded())
            kept = row.key if self.outline.place(row.key) is not None else None
            self.keep(kept)
