"""The spans of a run by parent, kept up as they come in any order."""

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from trodo_cli.model.ids import root_span_id
from trodo_cli.model.run import Run
from trodo_cli.model.span import Span
from trodo_cli.model.trace import Trace, Tree, stands_for_run
from trodo_cli.render.rows import Mark
from trodo_cli.tui.branch import Branch, Node, position
from trodo_cli.tui.folds import Folds


class LiveTree:
    """What `model.trace.Tree` says of one moment, at every moment, with the runs started below.

    A span whose parent is not known hangs below the run until that comes; a circle of parents is
    cut at its smallest id until one of them says something else.
    """

    def __init__(self, run: Run) -> None:
        self.top = Node(root_span_id(run.id), run)
        self.folds = Folds(self.top)
        self._spans: dict[str | None, Node] = {}
        self._links: dict[str, Node] = {}
        self._waiting: dict[str | None, set[Node]] = {}
        """What hangs below the run until the span of this id comes."""
        self._cut: set[str] = set()
        """The spans at which circles are cut."""

    def load(self, trace: Trace) -> None:
        """Take all spans of a trace in place of those that were here, and the runs below it."""
        zoomed = self.folds.view.root
        self.top.branch = None
        self.folds.zoom(self.top)
        with _no_collecting():
            self._hang_all(trace.tree())
            self.folds.settle(self.top, whole=True)
        self._links = {}
        for run in trace.children:
            self.put_link(run)
        self.folds.zoom(self._spans.get(zoomed, self.top))

    def put(self, span: Span) -> None:
        """Add a span, or take another version of one."""
        node = self._spans.get(span.id)
        if node is None:
            node = self._spans[span.id] = Node(span.id, span)
            self._hang(node, span, self._waiting.pop(span.id, set()))
        elif _is_same_place(node.item, span):
            self._renew(node, span)
        else:
            heads = self._circle_head(node)
            self._cut -= {head.key for head in heads}
            self._hang(node, span, heads)

    def put_link(self, run: Run) -> None:
        """Add a run that was started below this one, or take another version of it."""
        node = self._links.setdefault(run.id, Node(run.id, run))
        if node.parent is not None and _is_same_place(node.item, run):
            self._renew(node, run)
            return
        self._detach([node])
        node.item = run
        self._attach([node])

    def named(self, key: str) -> list[Node]:
        """The nodes of a key: a span may have the id of another run, or that of the run itself."""
        found = (self.top if key == self.top.key else None, self._spans.get(key), self._links.get(key))
        return [node for node in found if node is not None]

    def mark(self, node: Node) -> Mark | None:
        """What is odd about the place of a span."""
        if isinstance(node.item, Run):
            return None
        if node.key in self._cut:
            return "cycle"
        wanted = self._wanted(node)
        return None if wanted is None or wanted in self._spans or stands_for_run(wanted) else "orphan"

    def _hang_all(self, tree: Tree) -> None:
        """Make the nodes of all spans, from the top down; their sums are yet to be taken."""
        self._spans, self._waiting, self._cut = {}, {}, tree.cut
        level = [self.top]
        while level:
            upper, level = level, []
            for above in upper:
                if spans := tree.below(None if above is self.top else above.key):
                    nodes = [Node(span.id, span, above) for span in spans]
                    above.branch = Branch(nodes, is_upper=True)
                    level += nodes
            self._spans.update([(node.key, node) for node in level])
        for key in tree.orphans:
            self._home(self._spans[key])

    def _hang(self, node: Node, span: Span, moving: set[Node]) -> None:
        """Give a span its place, and theirs to those that it takes along."""
        self._detach({node, *moving})
        node.item = span
        is_parent = bool(moving) or node.branch is not None or span.id in (span.parent_id, self.top.key)
        heads = self._circle_head(node) if is_parent else set()
        self._detach(heads)
        self._cut |= {head.key for head in heads}
        self._attach([*heads, node, *sorted(moving, key=position)])

    def _renew(self, node: Node, item: Span | Run) -> None:
        failed = node.is_failed
        node.item = item
        self.folds.lift(node, failed=node.is_failed - failed)

    def _attach(self, nodes: Iterable[Node]) -> None:
        """Hang those that hang nowhere; each after what it belongs below, so that its depth is known."""
        for node in nodes:
            if node.parent is not None:
                continue
            above = self._home(node)
            if above.branch is None:
                above.branch = Branch([], is_upper=self.folds.is_upper(self.folds.depth(above)))
                above.branch.is_open = self.folds.opens(above)
            node.parent = above
            above.branch.insert(node)
            self.folds.settle(node)
            self.folds.lift(node, node.size, node.failed, node.shown)

    def _detach(self, nodes: Iterable[Node]) -> None:
        """Take out those that hang anywhere."""
        for node in nodes:
            above = node.parent
            if above is None or above.branch is None:
                continue
            self._waiting.get(self._wanted(node), set()).discard(node)
            self.folds.lift(node, -node.size, -node.failed, -node.shown)
            above.branch.remove(node)
            node.parent = None
            if not above.branch.nodes:
                above.branch = None

    def _home(self, node: Node) -> Node:
        """The node it belongs below; it waits for one that is not known."""
        wanted = self._wanted(node)
        if wanted is not None and wanted not in self._spans:
            self._waiting.setdefault(wanted, set()).add(node)
        return self._spans.get(wanted, self.top)

    def _wanted(self, node: Node) -> str | None:
        """The id of the span that a node belongs below; None for the run."""
        parent_id = _parent_id(node.item)
        if isinstance(node.item, Span) and (parent_id == self.top.key or node.key in self._cut):
            return None
        return parent_id

    def _circle_head(self, node: Node) -> set[Node]:
        """The smallest of the circle of parents that a span is part of; nothing when it is of none."""
        path: dict[str, Node] = {}
        at: Node | None = node
        while at is not None and at.key not in path:
            path[at.key] = at
            at = self._spans.get(_parent_id(at.item))
        return {path[min(path)]} if at is node else set()


@contextmanager
def _no_collecting() -> Iterator[None]:
    """Many objects are made of which none is garbage; to look for some again and again takes half the time."""
    is_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if is_on:
            gc.enable()


def _parent_id(item: Span | Run) -> str | None:
    return item.parent_id if isinstance(item, Span) else item.parent_span_id


def _is_same_place(one: Span | Run, other: Span | Run) -> bool:
    return one.started_ns == other.started_ns and _parent_id(one) == _parent_id(other)
