"""A trace as flat rows: which spans are shown, how deep, and what is folded away below each.

Iterative and linear in the number of spans; neither depth nor a circle of parents can exhaust it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from trodo_cli.model.ids import root_span_id
from trodo_cli.model.run import Run, root_span
from trodo_cli.model.span import Span
from trodo_cli.model.trace import Trace, Tree, stands_for_run

Mark = Literal["orphan", "cycle"]

GUIDE_LEVELS = 60
"""How many levels of guides a row remembers; a deeper row has no room for more on any screen."""

_GUIDE_MASK = (1 << GUIDE_LEVELS) - 1


@dataclass(slots=True)
class ViewState:
    """What a person has opened and closed; rows are named by `Row.key`. It belongs to the screen."""

    levels: int | None = 2
    """Rows above this depth are open by themselves; None opens all."""
    opened: set[str] = field(default_factory=set)
    closed: set[str] = field(default_factory=set)
    """Wins over `opened`, and over the failed path, which is open by itself."""
    root: str | None = None
    """The span to begin at; the run itself for None and for an id that is not there."""


@dataclass(slots=True)
class Row:
    """One line of a trace: the run (`span` and `run`), a span (`span`), or a run below it (`run`)."""

    key: str
    """The span's id, or the run's for a link."""
    span: Span | None
    run: Run | None
    depth: int
    guides: int = 0
    """A bit per level, the lowest for this row: whether another one follows on that level."""
    below: int = 0
    """How many rows there are below this one, shown or not."""
    hidden: int = 0
    """How many of them are folded away."""
    mark: Mark | None = None
    is_left: bool = False
    """Whether the span is open although the run has ended, or gives no sign of life."""

    @property
    def status(self) -> str:
        """That of the subject; a span that nobody ends any more is lost."""
        return "lost" if self.is_left else self.subject.status

    @property
    def link(self) -> Run | None:
        """The run that was started below this trace, in a link row."""
        return self.run if self.span is None else None

    @property
    def subject(self) -> Run | Span:
        """Whose status and times the row shows; a run knows more of itself than its topmost span."""
        return self.run or self.span or Run(id=self.key)

    @property
    def is_failed(self) -> bool:
        return self.subject.status in ("error", "failed")


def flatten(trace: Trace, view: ViewState) -> list[Row]:
    """The rows that are shown, top to bottom; every span is one of them or counted as hidden in one."""
    rows, parents = _all_rows(trace, view.root)
    on_failed_path = _sum_up(rows, parents)
    shown: list[Row] = []
    at, run = 0, trace.summary
    while at < len(rows):
        row = rows[at]
        row.is_left = is_left(row.span, run)
        is_open = _is_open(row, view, on_failed_path[at])
        row.hidden = 0 if is_open else row.below
        shown.append(row)
        at += 1 + row.hidden
    return shown


def is_left(span: Span | None, run: Run) -> bool:
    """Whether this span of the run will never be ended, as far as anybody knows."""
    return span is not None and span.is_open and (run.is_terminal or run.status == "lost")


def _is_open(row: Row, view: ViewState, on_failed_path: bool) -> bool:
    if row.key in view.closed:
        return False
    by_level = view.levels is None or row.depth < view.levels
    return by_level or on_failed_path or row.key in view.opened


def _sum_up(rows: list[Row], parents: list[int]) -> list[bool]:
    """Count in every row what is below it; answers which rows have a failure somewhere below."""
    on_failed_path = [False] * len(rows)
    for at in range(len(rows) - 1, 0, -1):
        row, parent = rows[at], parents[at]
        rows[parent].below += row.below + 1
        if row.is_failed or on_failed_path[at]:
            on_failed_path[parent] = True
    return on_failed_path


def _all_rows(trace: Trace, root: str | None) -> tuple[list[Row], list[int]]:
    """Every row, each before those below it, and the place of each one's parent."""
    tree = trace.tree()
    links = _links(trace, tree)
    top = _top_row(trace, tree, root)
    rows: list[Row] = []
    parents: list[int] = []
    waiting = [(top, -1)]
    while waiting:
        row, parent = waiting.pop()
        if row.span is not None:
            key = None if row.run is not None else row.key
            waiting += _rows_below(row, len(rows), _in_order(tree.below(key), links.get(key)), tree)
        rows.append(row)
        parents.append(parent)
    return rows, parents


def _top_row(trace: Trace, tree: Tree, root: str | None) -> Row:
    if root is not None and (span := tree.spans.get(root)) is not None:
        return Row(span.id, span, None, 0, mark=_mark(span.id, tree))
    run = trace.summary
    return Row(root_span_id(run.id), root_span(run), run, 0)


def _rows_below(row: Row, place: int, items: list[Span | Run], tree: Tree) -> list[tuple[Row, int]]:
    """The rows right below one, last first, as a stack wants them."""
    depth, guides = row.depth + 1, (row.guides << 1) & _GUIDE_MASK
    found: list[tuple[Row, int]] = []
    for item in reversed(items):
        bits = guides | bool(found)
        if isinstance(item, Span):
            child = Row(item.id, item, None, depth, bits, mark=_mark(item.id, tree))
        else:
            child = Row(item.id, None, item, depth, bits)
        found.append((child, place))
    return found


def _links(trace: Trace, tree: Tree) -> dict[str | None, list[Run]]:
    """The runs started below this one, by the span they hang on; None is the run itself."""
    links: dict[str | None, list[Run]] = {}
    for run in trace.children:
        key = run.parent_span_id if run.parent_span_id in tree.spans else None
        links.setdefault(key, []).append(run)
    return links


def _in_order(spans: Iterable[Span], runs: list[Run] | None) -> list[Span | Run]:
    if not runs:
        return list(spans)
    return sorted([*spans, *runs], key=lambda item: (item.started_ns, item.id))


def _mark(span_id: str, tree: Tree) -> Mark | None:
    if span_id in tree.cut:
        return "cycle"
    is_orphan = span_id in tree.orphans and not stands_for_run(tree.spans[span_id].parent_id)
    return "orphan" if is_orphan else None
