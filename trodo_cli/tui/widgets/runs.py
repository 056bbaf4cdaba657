"""The list of runs."""

from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from trodo_cli.model import ids
from trodo_cli.model.run import Run
from trodo_cli.render.run_lines import Columns, heading, run_line
from trodo_cli.render.theme import Glyphs, Line, line_cells
from trodo_cli.tui.paint import strip
from trodo_cli.tui.widgets.lines import Lines


class Runs(Lines):
    """Runs, newest first; below another one where both are in the list."""

    class NearEnd(Message):
        """The last rows are seen, or soon will be."""

    class Marked(Message):
        """Other runs are marked than before."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__()
        self._glyphs = glyphs
        self._rows: list[tuple[Run, int]] = []
        """Each with how far below another one it stands."""
        self.marked: set[str] = set()
        self.nothing: list[Line] = []
        """What stands in the middle of an empty list."""

    @property
    def count(self) -> int:
        return len(self._rows)

    @property
    def current(self) -> Run | None:
        """The run under the cursor."""
        return self._rows[self.cursor][0] if self._rows else None

    @property
    def runs(self) -> list[Run]:
        return [run for run, _ in self._rows]

    @property
    def meant(self) -> list[Run]:
        """The marked runs, or the one under the cursor."""
        marked = [run for run in self.runs if run.id in self.marked]
        return marked or ([self.current] if self.current else [])

    @property
    def seen(self) -> list[Run]:
        """The runs that are on the screen."""
        top = self.top
        return [run for run, _ in self._rows[top : top + self.page]]

    def show(self, runs: list[Run]) -> None:
        """Take a new list; the cursor stays with its run, or at the top when it stood there.

        Where the list was scrolled, what is seen stays where it is, too.
        """
        was = self.current.id if self.current and self.cursor else None
        before = self.cursor
        self._rows = grouped(runs)
        places = {run.id: place for place, (run, _) in enumerate(self._rows)}
        if not places.keys() >= self.marked:
            self.marked &= places.keys()
            self.post_message(self.Marked())
        self.recount()
        self._put_cursor(places.get(was, before) if was else 0, before)
        self.post_message(self.Moved())
        self._tell_end()

    def mark(self) -> None:
        """Mark the run under the cursor, or take its mark away, and go on to the next."""
        if run := self.current:
            self.marked ^= {run.id}
            self.action_down()
            self.refresh()
            self.post_message(self.Marked())

    def unmark(self) -> None:
        """Take all marks away."""
        self.marked = set()
        self.refresh()
        self.post_message(self.Marked())

    def mark_all(self) -> None:
        """Mark every run of the list, or none when they all are marked."""
        every = {run.id for run in self.runs}
        self.marked = set() if self.marked == every else every
        self.refresh()
        self.post_message(self.Marked())

    def line(self, row: int, width: int) -> Line:
        run, depth = self._rows[row]
        columns = Columns.of(width)
        is_marked = run.id in self.marked
        return run_line(run, columns, self._glyphs, ids.now_ns(), marked=is_marked, depth=depth)

    def render_line(self, y: int) -> Strip:
        if self._rows or not self.nothing:
            return super().render_line(y)
        place = y - (self.page - len(self.nothing)) // 3
        line = self.nothing[place] if 0 <= place < len(self.nothing) else []
        left = max((self.cells - line_cells(line)) // 2, 0)
        return self.painted([(" " * left, None), *line])

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self._tell_end()

    def _put_cursor(self, row: int, before: int) -> None:
        """Move the cursor with its run, and what is seen with both."""
        row = self.validate_cursor(row)
        top = round(self.scroll_offset.y)
        self.set_reactive(Runs.cursor, row)
        if top and row != before:
            self.scroll_to(y=top + row - before, animate=False, immediate=True)
        elif not top:
            self.show_row(row)

    def _tell_end(self) -> None:
        if self.scroll_offset.y + 2 * self.page >= self.count:
            self.post_message(self.NearEnd())


class Heading(Widget):
    """The names of the columns, in as many cells as the rows of a list have."""

    def __init__(self, runs: Runs) -> None:
        super().__init__()
        self._runs = runs

    def render_line(self, y: int) -> Strip:
        line = heading(Columns.of(self._runs.cells)) if y == 0 else []
        return strip(line, self.size.width, self.rich_style)


def grouped(runs: list[Run]) -> list[tuple[Run, int]]:
    """The runs in their order, each with those below it right behind it; a circle of parents is cut."""
    known = {run.id for run in runs}
    below: dict[str | None, list[Run]] = {}
    for run in runs:
        below.setdefault(run.parent_id if run.parent_id in known else None, []).append(run)
    found: list[tuple[Run, int]] = []
    seen: set[str] = set()
    for top in [*below.get(None, []), *runs]:
        waiting = [(top, 0)]
        while waiting:
            run, depth = waiting.pop()
            if run.id not in seen:
                seen.add(run.id)
                found.append((run, depth))
                waiting += [(child, depth + 1) for child in below.get(run.id, [])]
    return found
