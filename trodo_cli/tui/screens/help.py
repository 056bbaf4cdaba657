"""The keys, as the table has them, and what the signs mean."""

from typing import TYPE_CHECKING, ClassVar

from rich.console import Group
from rich.table import Table
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Static

from trodo_cli.render.theme import Glyphs, Line, kind_role
from trodo_cli.tui.keys import EVERYWHERE, FOLDS, MOVING, RUNS, TRACE, Key, names
from trodo_cli.tui.paint import text
from trodo_cli.tui.screens.modal import Modal

if TYPE_CHECKING:
    from trodo_cli.tui.app import Explorer

_KEY_CELLS = 17

_Section = tuple[str, tuple[Key, ...]]
_EVERYWHERE: tuple[_Section, ...] = (("Moving", MOVING), ("Everywhere", EVERYWHERE))
_LIST: tuple[_Section, ...] = (("The list of runs", RUNS),)
_RUN: tuple[_Section, ...] = (("A run", TRACE), ("Its tree", FOLDS))

WIDE_CELLS = 150
"""From here on two columns stand beside each other."""


class HelpScreen(Modal[None]):
    """Every key with what it does."""

    app: "Explorer"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark", "dismiss(None)", "close"),
        Binding("ctrl+c", "app.interrupt"),
        Binding("down,j", "scroll('scroll_down')"),
        Binding("up,k", "scroll('scroll_up')"),
        Binding("pagedown,ctrl+d,space", "scroll('scroll_page_down')"),
        Binding("pageup,ctrl+u", "scroll('scroll_page_up')"),
        Binding("home,g", "scroll('scroll_home')"),
        Binding("end,G", "scroll('scroll_end')"),
    ]

    def __init__(self, *, of_run: bool) -> None:
        super().__init__()
        self._left, self._right = (_RUN, _EVERYWHERE + _LIST) if of_run else (_LIST + _EVERYWHERE, _RUN)

    def compose(self) -> ComposeResult:
        """What is in force where somebody asked comes first."""
        with Vertical(id="help"):
            with VerticalScroll(), Horizontal(id="columns"):
                yield Static(_table(self._left))
                yield Static(Group(_table(self._right), text(_signs(self.app.glyphs))))
            yield Static(text([[("esc", "accent"), (" closes", "muted")]]), id="close")

    def on_mount(self) -> None:
        self.query_one("#help").border_title = "keys"

    def on_resize(self) -> None:
        self.query_one("#help").set_class(self.size.width >= WIDE_CELLS, "wide")

    def action_scroll(self, how: str) -> None:
        getattr(self.query_one(VerticalScroll), how)(animate=False)


def _table(sections: tuple[_Section, ...]) -> Table:
    """Keys to the left, what they do to the right, however often that breaks."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(min_width=_KEY_CELLS, no_wrap=True)
    table.add_column()
    for title, keys in sections:
        table.add_row(text([[(title, "heading")]]))
        for key in keys:
            table.add_row(text([[(f"  {' '.join(names(key))}", "accent")]]), text([[(key.what, None)]]))
        table.add_row()
    return table


def _signs(glyphs: Glyphs) -> list[Line]:
    """Each sign beside its word."""
    statuses: Line = [("  ", None)]
    for role, sign in glyphs.statuses.items():
        statuses += [(f"{sign} ", role), (f"{role}  ", None)]
    kinds: Line = [("  ", None)]
    for kind, sign in glyphs.kinds.items():
        kinds += [(f"{sign} ", kind_role(kind)), (f"{kind}  ", None)]
    return [
        [("Signs", "heading")],
        statuses,
        kinds,
        [(f"  {glyphs.link} ", "accent"), ("a run started below", None)],
        [],
    ]
