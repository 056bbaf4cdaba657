"""Nodes of a tree that knows how many rows each of its branches takes on a screen."""

from bisect import bisect_left
from functools import partial

import msgspec

from trodo_cli.tui.book import Book

BLOCK = 256
"""So many children are counted as one when a row is looked for among many."""


class Node(msgspec.Struct, eq=False, gc=False):
    """A span, a run started below this one, or the run itself. Most are leaves, and small.

    The garbage collector does not look at nodes and branches, of which there may be a million: whoever
    makes a tree takes it apart (`LiveTree.close`).
    """

    key: str
    number: int
    """Where the book has what it stands for."""
    parent: "Node | None" = None
    branch: "Branch | None" = None
    """What is below it; None when nothing is."""

    @property
    def is_open(self) -> bool:
        return self.branch is not None and self.branch.is_open

    @property
    def size(self) -> int:
        """Nodes of its subtree, itself included."""
        return 1 if self.branch is None else 1 + self.branch.size

    @property
    def shown(self) -> int:
        """Rows of its subtree as long as it is itself shown, its own included."""
        return 1 + self.branch.rows if self.branch is not None and self.branch.is_open else 1


def position(book: Book, node: Node) -> tuple[int, str, bool]:
    """Where a node stands among its siblings; a span before a run of the same moment and id."""
    return (book.started_ns(node.number), node.key, book.is_run(node.number))


class Branch(msgspec.Struct, eq=False, gc=False):
    """The children of a node in order, and sums over all that is below it."""

    book: Book
    is_upper: bool
    """Whether it is so far up that it is open by its level."""
    nodes: list[Node] = msgspec.field(default_factory=list)
    is_open: bool = False
    size: int = 0
    """Nodes below."""
    failed: int = 0
    """How many of them have failed."""
    rows: int = 0
    """How many of them are shown when this is open."""
    sums: list[int] | None = None
    """Rows of every `BLOCK` children from the first on, as far as they are known; few branches ever need them."""

    def recount(self) -> None:
        """Take all sums anew from the children."""
        self.size = self.rows = len(self.nodes)
        self.failed = 0
        self.sums = None
        for node in self.nodes:
            self.failed += self.book.is_failed(node.number)
            if (branch := node.branch) is not None:
                self.size += branch.size
                self.failed += branch.failed
                self.rows += branch.rows if branch.is_open else 0

    def insert(self, node: Node) -> None:
        """Give a node its place; `add` counts its rows."""
        where = position(self.book, node)
        if not self.nodes or position(self.book, self.nodes[-1]) < where:
            self.nodes.append(node)
            return
        index = bisect_left(self.nodes, where, key=partial(position, self.book))
        self.nodes.insert(index, node)
        self._forget(index)

    def remove(self, node: Node) -> None:
        """Take a node out whose rows are no longer counted."""
        index = self.index(node)
        del self.nodes[index]
        self._forget(index)

    def add(self, node: Node, rows: int) -> None:
        """Count more rows, or fewer, in the subtree of a child."""
        self.rows += rows
        if rows and self.sums and (block := self.index(node) // BLOCK) < len(self.sums):
            self.sums[block] += rows

    def index(self, node: Node) -> int:
        if self.nodes[-1] is node:
            return len(self.nodes) - 1
        return bisect_left(self.nodes, position(self.book, node), key=partial(position, self.book))

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

    def _forget(self, index: int) -> None:
        """The sums from this child on are others now."""
        if self.sums:
            del self.sums[index // BLOCK :]

    def _blocks(self) -> list[int]:
        """The sums, up to the last child."""
        if self.sums is None:
            self.sums = []
        for start in range(len(self.sums) * BLOCK, len(self.nodes), BLOCK):
            self.sums.append(sum([node.shown for node in self.nodes[start : start + BLOCK]]))
        return self.sums
