"""The list of runs."""

from trodo_cli.model import ids
from trodo_cli.model.run import Run
from trodo_cli.render.run_lines import Columns, run_line
from trodo_cli.render.theme import Glyphs, Line
from trodo_cli.tui.widgets.lines import Lines


class Runs(Lines):
    """Runs, newest first; below another one where both are in the list."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__()
        self._glyphs = glyphs
        self._rows: list[tuple[Run, int]] = []
        """Each with how far below another one it stands."""
        self.marked: set[str] = set()

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

    def show(self, runs: list[Run]) -> None:
        """Take a new list; the cursor stays with its run, or at the top when it stood there."""
        was = self.current.id if self.current and self.cursor else None
        self._rows = grouped(runs)
        places = {run.id: place for place, (run, _) in enumerate(self._rows)}
        self.marked &= places.keys()
        self.recount()
        self.cursor = places.get(was, self.cursor) if was else 0

    def line(self, row: int, width: int) -> Line:
        run, depth = self._rows[row]
        columns = Columns.of(width)
        is_marked = run.id in self.marked
        return run_line(run, columns, self._glyphs, ids.now_ns(), marked=is_marked, depth=depth)


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
