"""A place in the tree, and the way from there on, row by row."""

from collections.abc import Callable, Iterator

from trodo_cli.render.rows import GUIDE_LEVELS
from trodo_cli.tui.branch import Branch, Node


class Walk:
    """A node below a first one, with its place on every level in between."""

    __slots__ = ("_first", "_path")

    def __init__(self, first: Node) -> None:
        self._first = first
        self._path: list[tuple[list[Node], int]] = []

    @classmethod
    def at(cls, first: Node, row: int) -> "Walk":
        """The node that is shown so many rows below the first one; there must be such a row."""
        walk, node = cls(first), first
        while row and node.branch is not None:
            index, row = node.branch.at(row - 1)
            walk._path.append((node.branch.nodes, index))
            node = node.branch.nodes[index]
        return walk

    @classmethod
    def to(cls, first: Node, node: Node) -> "Walk | None":
        """The given node; None when it is not below the first one."""
        walk = cls(first)
        while node is not first:
            if node.parent is None or node.parent.branch is None:
                return None
            branch = node.parent.branch
            walk._path.append((branch.nodes, branch.index(node)))
            node = node.parent
        walk._path.reverse()
        return walk

    @property
    def depth(self) -> int:
        return len(self._path)

    def node(self, depth: int) -> Node:
        """The node on the way here that is so many levels below the first one."""
        if depth == 0:
            return self._first
        nodes, index = self._path[depth - 1]
        return nodes[index]

    @property
    def place(self) -> int | None:
        """The rows above the node, the first one's included; None when it is folded away."""
        place, seen = self._nearest()
        return place if seen is self.node(self.depth) else None

    @property
    def nearest_place(self) -> int:
        """The rows above the node, or above what it is folded away in."""
        return self._nearest()[0]

    def _nearest(self) -> tuple[int, Node]:
        """The last node on the way here that is shown, behind the rows above it."""
        place, above = 0, self._first
        for nodes, index in self._path:
            if above.branch is None or not above.branch.is_open:
                break
            place += 1 + above.branch.before(index)
            above = nodes[index]
        return place, above

    def guides(self, depth: int) -> int:
        """The guides of that node, as `Row.guides` has them."""
        bits = 0
        for nodes, index in self._path[max(depth - GUIDE_LEVELS, 0) : depth]:
            bits = bits << 1 | (index + 1 < len(nodes))
        return bits

    def forward(self, enters: Callable[[Branch], bool]) -> Iterator[Node]:
        """Move on for ever, after the last node to the first, skipping what is below some branches."""
        path, node = self._path, self.node(self.depth)
        while True:
            if node.branch is not None and enters(node.branch):
                path.append((node.branch.nodes, -1))
            while path:
                nodes, index = path.pop()
                if index + 1 < len(nodes):
                    path.append((nodes, index + 1))
                    node = nodes[index + 1]
                    break
            else:
                node = self._first
            yield node

    def backward(self, enters: Callable[[Branch], bool]) -> Iterator[Node]:
        """Move back for ever, before the first node to the last, skipping what is below some branches."""
        path = self._path
        while True:
            if path:
                nodes, index = path.pop()
                if index == 0:
                    yield self.node(len(path))
                    continue
                path.append((nodes, index - 1))
            node = self.node(len(path))
            while node.branch is not None and enters(node.branch):
                path.append((node.branch.nodes, len(node.branch.nodes) - 1))
                node = node.branch.nodes[-1]
            yield node
