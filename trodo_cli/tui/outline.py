"""The rows of a trace that are shown, kept up as spans come and as a person folds and unfolds.

What `render.rows.flatten` answers from a whole trace; here a change costs as much as the tree is
deep, and a screen as much as it shows.
"""

from collections.abc import Callable
from itertools import islice

from trodo_cli.model.run import Run, root_span
from trodo_cli.model.span import Span
from trodo_cli.render.rows import Row, ViewState, is_left
from trodo_cli.tui.branch import Node
from trodo_cli.tui.tree import LiveTree
from trodo_cli.tui.walk import Walk


class Outline:
    """The run, its spans and the runs started below it, by `Row.key`.

    A key that is not there changes nothing; neither does folding where nothing is below.
    """

    def __init__(self, run: Run) -> None:
        self._tree = LiveTree(run)
        self._folds = self._tree.folds
        self._run, self._run_span = run, root_span(run)

    # -- what the trace says ---------------------------------------------------------------------

    def set_run(self, run: Run) -> None:
        """The run itself, as it stands now."""
        if run.status != self._run.status:
            self._tree.set_run(run)
        self._run, self._run_span = run, root_span(run)

    def put(self, span: Span) -> None:
        """Add a span, or take another version of one."""
        self._tree.put(span)

    def put_link(self, run: Run) -> None:
        """Add a run that was started below this one, or take another version of it."""
        self._tree.put_link(run)

    def span(self, span_id: str) -> Span | None:
        """A span as it was put last; None for one that was not."""
        return self._tree.span(span_id)

    def spans(self) -> dict[str, Span]:
        """Every span by its id."""
        return self._tree.spans()

    def release(self) -> None:
        """Give back what it holds; it is not asked afterwards."""
        self._tree.close()

    # -- what is shown ---------------------------------------------------------------------------

    @property
    def view(self) -> ViewState:
        """What is opened, closed and zoomed into; to be read only."""
        return self._folds.view

    @property
    def zoomed(self) -> str | None:
        """The span that the zoom begins at."""
        return self.view.root

    @property
    def size(self) -> int:
        """How many rows there are in the zoom, shown or not."""
        return self._folds.first.size

    @property
    def count(self) -> int:
        """How many rows are shown."""
        return self._folds.first.shown

    def row(self, place: int) -> Row:
        """The row so many below the first. Raises `IndexError` where there is none."""
        return self.rows(place, 1)[0]

    def rows(self, first: int, count: int) -> list[Row]:
        """So many rows from one on; fewer where they end."""
        count = min(count, self.count - first)
        if first < 0 or count <= 0:
            return []
        walk = Walk.at(self._folds.first, first)
        rows = [self._row(walk, walk.depth)]
        for _ in islice(walk.forward(lambda branch: branch.is_open), count - 1):
            rows.append(self._row(walk, walk.depth))
        return rows

    def place(self, key: str) -> int | None:
        """How many rows are above this one; None when it is folded away or outside of the zoom."""
        walk = self._walk(key)
        return None if walk is None else walk.place

    def nearest_place(self, key: str) -> int | None:
        """How many rows are above this one, or above the one it is folded away in; None outside of the zoom."""
        walk = self._walk(key)
        return None if walk is None else walk.nearest_place

    def below(self, key: str, most: int) -> list[Span | Run] | None:
        """What hangs right below a row, in order; None when it is more than `most`."""
        branch = node.branch if (node := self._node(key)) is not None else None
        if branch is None:
            return []
        return None if len(branch.nodes) > most else [self._item(node) for node in branch.nodes]

    def failed_paths(self) -> list[Span]:
        """Every failed span and all that those hang on, each once."""
        found: dict[str, Span] = {}
        for failed in self._tree.failed():
            at: Node | None = failed
            while at is not None and at.key not in found and isinstance(span := self._item(at), Span):
                found[at.key] = span
                at = at.parent
        return list(found.values())

    def parents(self, key: str, nearest: int | None = None) -> list[Row]:
        """The rows that one hangs on, from the first row down; only so many of the last of them if asked."""
        if (walk := self._walk(key)) is None:
            return []
        begin = 0 if nearest is None else max(walk.depth - nearest, 0)
        return [self._row(walk, depth) for depth in range(begin, walk.depth)]

    # -- folding ---------------------------------------------------------------------------------

    def open(self, key: str) -> None:
        self._fold(key, is_open=True)

    def close(self, key: str) -> None:
        self._fold(key, is_open=False)

    def toggle(self, key: str) -> None:
        if (node := self._node(key)) is not None:
            self._fold(key, is_open=not node.is_open)

    def reveal(self, key: str) -> None:
        """Open all that is above a row; a zoom that it is not part of ends."""
        node = self._node(key)
        if node is not None and self._walk(key) is None:
            self._folds.zoom(self._tree.top)
        while node is not None and node is not self._folds.first:
            node = node.parent
            if node is not None and not node.is_open:
                self._fold(node.key, is_open=True)

    def set_levels(self, levels: int | None) -> None:
        """Open what is above this depth, all for None; forget what was opened and closed by hand."""
        self._folds.set_levels(levels)

    def zoom(self, key: str | None) -> None:
        """Show a span and what is below it only; the whole run for None and for what is no span."""
        node = None if key is None else self._node(key)
        is_span = node is not None and not self._tree.book.is_run(node.number)
        self._folds.zoom(node if node is not None and is_span else self._tree.top)

    # -- finding ---------------------------------------------------------------------------------

    def next_failed(self, key: str, forward: bool = True) -> str | None:
        """The nearest failed row, folded away or not, and round again; the first row does not count."""
        first = self._folds.first
        if first.branch is None or not first.branch.failed:
            return None
        walk = self._walk(key) or Walk(first)
        steps = walk.forward if forward else walk.backward
        failed = (node for node in steps(lambda branch: branch.failed > 0) if self._is_failed(node))
        return next(node.key for node in failed if node is not first)

    def look(
        self, fits: Callable[[Span | Run], bool], key: str, most: int, forward: bool = True
    ) -> tuple[str, bool]:
        """Go on from a row to the nearest one that fits, folded away or not, and round again, `most` rows at most.

        Answers the row where this ended, and whether it fits.
        """
        walk = self._walk(key) or Walk(self._folds.first)
        node = walk.node(walk.depth)
        for node in islice((walk.forward if forward else walk.backward)(lambda _: True), most):
            if fits(self._item(node)):
                return node.key, True
        return node.key, False

    def _walk(self, key: str) -> Walk | None:
        """The way to a row; None when it is not there, or outside of the zoom."""
        node = self._node(key)
        return None if node is None else Walk.to(self._folds.first, node)

    def _node(self, key: str) -> Node | None:
        return next(iter(self._tree.named(key)), None)

    def _fold(self, key: str, *, is_open: bool) -> None:
        for node in self._tree.named(key):
            if node.branch is not None:
                self._folds.fold(node, is_open=is_open)

    def _row(self, walk: Walk, depth: int) -> Row:
        """The row of the node that is so deep on a way."""
        node, guides = walk.node(depth), walk.guides(depth)
        below = node.size - 1
        hidden = 0 if node.is_open else below
        item = self._item(node)
        if isinstance(item, Span):
            mark, left = self._tree.mark(node), is_left(item, self._run)
            return Row(node.key, item, None, depth, guides, below, hidden, mark, left)
        span = self._run_span if node is self._tree.top else None
        return Row(node.key, span, item, depth, guides, below, hidden)

    def _item(self, node: Node) -> Span | Run:
        return self._run if node is self._tree.top else self._tree.book.read(node.number)

    def _is_failed(self, node: Node) -> bool:
        return self._tree.book.is_failed(node.number)
