"""The spans of a run by parent, kept up as they come in any order."""

from collections.abc import Collection, Iterable
from functools import partial

from trodo_cli.model.ids import root_span_id
from trodo_cli.model.run import Run
from trodo_cli.model.span import Span
from trodo_cli.model.trace import stands_for_run
from trodo_cli.render.rows import Mark
from trodo_cli.tui.book import Book
from trodo_cli.tui.branch import Branch, Node, position
from trodo_cli.tui.folds import Folds


class LiveTree:
    """What `model.trace.Tree` says of one moment, at every moment, with the runs started below.

    A span whose parent is not known hangs below the run until that comes; a circle of parents is
    cut at its smallest id until one of them says something else.
    """

    def __init__(self, run: Run) -> None:
        self.book = Book()
        self.top = Node(root_span_id(run.id), self.book.add(run))
        self.folds = Folds(self.top)
        self._spans: dict[str | None, Node] = {}
        self._links: dict[str, Node] = {}
        self._waiting: dict[str | None, set[Node]] = {}
        """What hangs below the run until the span of this id comes."""
        self._cut: set[str] = set()
        """The spans at which circles are cut."""

    def set_run(self, run: Run) -> None:
        """Take another version of the run itself."""
        self.book.replace(self.top.number, run)

    def put(self, span: Span) -> None:
        """Add a span, or take another version of one."""
        node = self._spans.get(span.id)
        if node is None:
            node = self._spans[span.id] = Node(span.id, self.book.add(span))
            moving = self._waiting.pop(span.id, set())
        elif _is_same_place(self.book.read(node.number), span):
            self._renew(node, span)
            return
        else:
            moving = self._circle_head(node)
            self._cut -= {head.key for head in moving}
            self._detach([node])
            self.book.replace(node.number, span)
        self._hang(node, span, moving)

    def put_link(self, run: Run) -> None:
        """Add a run that was started below this one, or take another version of it."""
        node = self._links.get(run.id)
        if node is None:
            node = self._links[run.id] = Node(run.id, self.book.add(run))
        elif _is_same_place(self.book.read(node.number), run):
            self._renew(node, run)
            return
        else:
            self._detach([node])
            self.book.replace(node.number, run)
        self._attach([node])

    def span(self, span_id: str) -> Span | None:
        """A span as it was put last; None for one that was not."""
        node = self._spans.get(span_id)
        item = self.book.read(node.number) if node else None
        return item if isinstance(item, Span) else None

    def spans(self) -> dict[str, Span]:
        """Every span by its id, as it was put last."""
        items = (self.book.read(node.number) for node in self._spans.values())
        return {item.id: item for item in items if isinstance(item, Span)}

    def named(self, key: str) -> list[Node]:
        """The nodes of a key: a span may have the id of another run, or that of the run itself."""
        found = (self.top if key == self.top.key else None, self._spans.get(key), self._links.get(key))
        return [node for node in found if node is not None]

    def failed(self) -> list[Node]:
        """The spans that failed."""
        items = (self.book.read(number) for number in self.book.failed())
        return [self._spans[item.id] for item in items if isinstance(item, Span)]

    def mark(self, node: Node) -> Mark | None:
        """What is odd about the place of a span."""
        if node.key in self._cut:
            return "cycle"
        if node.parent is not self.top:
            return None
        wanted = self._wanted(node)
        return None if wanted is None or wanted in self._spans or stands_for_run(wanted) else "orphan"

    def close(self) -> None:
        """Take the tree apart; it is not asked afterwards."""
        for node in (self.top, *self._spans.values(), *self._links.values()):
            node.parent = node.branch = None
        self.book.close()

    def _hang(self, node: Node, span: Span, moving: Collection[Node]) -> None:
        """Give a span its place, and theirs to those that it takes along."""
        self._detach(moving)
        is_parent = bool(moving) or node.branch is not None or span.id in (span.parent_id, self.top.key)
        heads = self._circle_head(node) if is_parent else set()
        self._detach(heads)
        self._cut |= {head.key for head in heads}
        self._attach([*heads, node, *sorted(moving, key=partial(position, self.book))])

    def _renew(self, node: Node, item: Span | Run) -> None:
        failed = self.book.is_failed(node.number)
        self.book.replace(node.number, item)
        self.folds.lift(node, failed=self.book.is_failed(node.number) - failed)

    def _attach(self, nodes: Iterable[Node]) -> None:
        """Hang those that hang nowhere; each after what it belongs below, so that its depth is known."""
        for node in nodes:
            if node.parent is not None:
                continue
            above = self._home(node)
            if above.branch is None:
                above.branch = Branch(self.book, is_upper=self.folds.is_upper(self.folds.depth(above)))
                above.branch.is_open = self.folds.opens(above)
            node.parent = above
            above.branch.insert(node)
            self.folds.settle(node)
            self.folds.lift(node, node.size, self._failed(node), node.shown)

    def _detach(self, nodes: Iterable[Node]) -> None:
        """Take out those that hang anywhere; the last ones first, so that siblings need not move up."""
        for node in sorted(nodes, key=partial(position, self.book), reverse=True):
            above = node.parent
            if above is None or above.branch is None:
                continue
            if above is self.top:
                self._waiting.get(self._wanted(node), set()).discard(node)
            self.folds.lift(node, -node.size, -self._failed(node), -node.shown)
            above.branch.remove(node)
            node.parent = None
            if not above.branch.nodes:
                above.branch = None

    def _failed(self, node: Node) -> int:
        """Failed nodes of a subtree, the topmost included."""
        return self.book.is_failed(node.number) + (0 if node.branch is None else node.branch.failed)

    def _home(self, node: Node) -> Node:
        """The node it belongs below; it waits for one that is not known."""
        wanted = self._wanted(node)
        if wanted is not None and wanted not in self._spans:
            self._waiting.setdefault(wanted, set()).add(node)
        return self._spans.get(wanted, self.top)

    def _wanted(self, node: Node) -> str | None:
        """The id of the span that a node belongs below; None for the run."""
        item = self.book.read(node.number)
        parent_id = _parent_id(item)
        if isinstance(item, Span) and (parent_id == self.top.key or node.key in self._cut):
            return None
        return parent_id

    def _circle_head(self, node: Node) -> set[Node]:
        """The smallest of the circle of parents that a span is part of; nothing when it is of none."""
        path: dict[str, Node] = {}
        at: Node | None = node
        while at is not None and at.key not in path:
            path[at.key] = at
            at = self._named_parent(at)
        return {path[min(path)]} if at is node else set()

    def _named_parent(self, node: Node) -> Node | None:
        """The span that a span names as its parent, whether it hangs there or a circle is cut between them."""
        if node.parent is not None and node.parent is not self.top:
            return node.parent
        return self._spans.get(_parent_id(self.book.read(node.number)))


def _parent_id(item: Span | Run) -> str | None:
    return item.parent_id if isinstance(item, Span) else item.parent_span_id


def _is_same_place(one: Span | Run, other: Span | Run) -> bool:
    return one.started_ns == other.started_ns and _parent_id(one) == _parent_id(other)
