"""Which branches of a tree are open, and what that means for the sums above them."""

from trodo_cli.render.rows import ViewState
from trodo_cli.tui.branch import Node


class Folds:
    """What a person has opened, closed and zoomed into, laid over the nodes below a topmost one.

    Depth counts from the node that is zoomed into; outside of the zoom, from the topmost one.
    """

    def __init__(self, top: Node) -> None:
        self._top = top
        self.first = top
        """The node that is zoomed into."""
        self.view = ViewState()

    def fold(self, node: Node, *, is_open: bool) -> None:
        """Open or close by hand what is below a node."""
        opened, closed = self.view.opened, self.view.closed
        (opened if is_open else closed).add(node.key)
        (closed if is_open else opened).discard(node.key)
        if node.branch is not None:
            before = node.shown
            node.branch.is_open = self.opens(node)
            self.lift(node, shown=node.shown - before)

    def zoom(self, node: Node) -> None:
        """Count depth from another node."""
        left, self.first = self.first, self._top
        self._move(left)
        self.first = node
        self._move(node)
        self.view.root = None if node is self._top else node.key

    def set_levels(self, levels: int | None) -> None:
        """Open what is above this depth, all for None; forget what was opened and closed by hand."""
        zoomed, self.first = self.first, self._top
        self.view = ViewState(levels)
        self.settle(self._top, whole=True)
        self.zoom(zoomed)

    def opens(self, node: Node) -> bool:
        """Whether what is below a node is shown, as `flatten` decides it."""
        branch = node.branch
        if branch is None or node.key in self.view.closed:
            return False
        return branch.is_upper or branch.failed > 0 or node.key in self.view.opened

    def is_upper(self, depth: int) -> bool:
        """Whether nodes of this depth are open by themselves."""
        return self.view.levels is None or depth < self.view.levels

    def depth(self, node: Node) -> int:
        """Levels above a node; not counted further than it matters to `is_upper`."""
        depth, most = 0, self.view.levels or 0
        while node is not self.first and node.parent is not None and depth < most:
            node, depth = node.parent, depth + 1
        return depth

    def settle(self, node: Node, *, whole: bool = False) -> None:
        """Decide anew what is open by its level below a node that has moved; or, `whole`, take all its sums.

        What is above the node is told nothing.
        """
        if node.branch is None or (self.view.levels is None and not whole):
            return
        changed: list[Node] = []
        level, depth = [node], self.depth(node)
        while level:
            found, level = level, []
            is_upper = self.is_upper(depth)
            for at in found:
                if (branch := at.branch) is not None and (whole or is_upper or branch.is_upper):
                    branch.is_upper = is_upper
                    changed.append(at)
                    level += [child for child in branch.nodes if child.branch and child is not self.first]
            depth += 1
        for at in reversed(changed):
            if at.branch is not None:
                at.branch.recount()
                at.branch.is_open = self.opens(at)

    def lift(self, node: Node, size: int = 0, failed: int = 0, shown: int = 0) -> None:
        """Count in everything above a node what has become more, or less, of its subtree."""
        above = node.parent
        while above is not None and above.branch is not None and (failed or shown):
            branch, before = above.branch, above.shown
            branch.size += size
            branch.add(node, shown)
            branch.failed += failed
            branch.is_open = self.opens(above)
            shown = above.shown - before
            node, above = above, above.parent
        while size and above is not None and above.branch is not None:
            above.branch.size += size
            above = above.parent

    def _move(self, node: Node) -> None:
        """Decide anew what is open below a node whose depth has become another one by a zoom."""
        if node is not self._top:
            before = node.shown
            self.settle(node)
            self.lift(node, shown=node.shown - before)
