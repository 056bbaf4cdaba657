"""Nodes of a tree that knows how many rows each of its branches takes on a screen."""

from bisect import bisect_left

import msgspec

from trodo_cli.model.run import Run
from trodo_cli.model.span import Span

BLOCK = 256
"""So many children are counted as one when a row is looked for among many."""

_FAILED = ("error", "failed")


class Node(msgspec.Struct, eq=False):
    """A span, a run started below this one, or the run itself. Most are leaves, and small."""

    key: str
    item: Span | Run
    parent: "Node | None" = None
    branch: "Branch | None" = None
    """What is below it; None when nothing is."""

    @property
    def is_failed(self) -> bool:
        return self.item.status in _FAILED

    @property
    def is_open(self) -> bool:
        return self.branch is not None and self.branch.is_open

    @property
    def size(self) -> int:
        """Nodes of its subtree, itself included."""
        return 1 if self.branch is None else 1 + self.branch.size

    @property
    def failed(self) -> int:
        """Failed nodes of its subtree, itself included."""
        return self.is_failed + (0 if self.branch is None else self.branch.failed)

    @property
    def shown(self) -> int:
        """Rows of its subtree as long as it is itself shown, its own included."""
        return 1 + self.branch.rows if self.branch is not None and self.branch.is_open else 1


def position(node: Node) -> tuple[int, str, bool]:
    """Where a node stands among its siblings; a span before a run of the same moment and id."""
    item = node.item
    return (item.started_ns, node.key, isinstance(item, Run))


class Branch(msgspec.Struct, eq=False):
    """The children of a node in order, and sums over all that is below it."""

    nodes: list[Node]
    is_upper: bool
    """Whether it is so far up that it is open by its level."""
    is_open: bool = False
    size: int = 0
    """Nodes below."""
    failed: int = 0
    """How many of them have failed."""
    rows: int = 0
    """How many of them are shown when this is open."""
    sums: list[int] = msgspec.field(default_factory=list)
    """Rows of every `BLOCK` children from the first on, as far as they are known."""

    def recount(self) -> None:
        """Take all sums anew from the children."""
        self.size = self.rows = len(self.nodes)
        self.failed = 0
        self.sums.clear()
        for node in self.nodes:
            self.failed += node.item.status in _FAILED
            if (branch := node.branch) is not None:
                self.size += branch.size
                self.failed += branch.failed
                self.rows += branch.rows if branch.is_open else 0

    def insert(self, node: Node) -> None:
        """Give a node its place; `add` counts its rows."""
        where = position(node)
        if not self.nodes or position(self.nodes[-1]) < where:
            self.nodes.append(node)
            return
        index = bisect_left(self.nodes, where, key=position)
        self.nodes.insert(index, node)
        del self.sums[index // BLOCK :]

    def remove(self, node: Node) -> None:
        """Take a node out whose rows are no longer counted."""
        index = self.index(node)
        del self.nodes[index], self.sums[index // BLOCK :]

    def add(self, node: Node, rows: int) -> None:
        """Count more rows, or fewer, in the subtree of a child."""
        self.rows += rows
        if rows and self.sums and (block := self.index(node) // BLOCK) < len(self.sums):
            self.sums[block] += rows

    def index(self, node: Node) -> int:
        if self.nodes[-1] is node:
            return len(self.nodes) - 1
        return bisect_left(self.nodes, position(node), key=position)

    def before(self, index: int) -> int:
        """The rows above a child."""
        if self.rows == len(self.nodes):
            return index
        block = index // BLOCK
        rows = sum(self._blocks()[:block]) if block else 0
        return rows + sum([node.shown for node in self.nodes[block * BLOCK : index]])

    def at(self, row: int) -> tuple[int, int]:
        """The child in whose subtree a row below this node is, and how far down in that subtree."""
        if self.rows == len(self.nodes):
            return row, 0
        index = 0
        if len(self.nodes) > BLOCK:
            for rows in self._blocks():
                if row < rows:
                    break
                row -= rows
                index += BLOCK
        while row >= (shown := self.nodes[index].shown):
            row -= shown
            index += 1
        return index, row

    def _blocks(self) -> list[int]:
        """The sums, up to the last child."""
        for start in range(len(self.sums) * BLOCK, len(self.nodes), BLOCK):
            self.sums.append(sum([node.shown for node in self.nodes[start : start + BLOCK]]))
        return self.sums
