"""The keys, as the table has them."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from trodo_cli.tui.keys import EVERYWHERE, MOVING, RUNS, TRACE, Key

_NAMES = {
    "question_mark": "?", "slash": "/", "plus": "+", "equals_sign": "=", "minus": "-", "escape": "esc",
    "pagedown": "pgdn", "pageup": "pgup",
}  # fmt: skip


class HelpScreen(ModalScreen[None]):
    """Every key with what it does."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,question_mark", "dismiss(None)", "close")]

    def compose(self) -> ComposeResult:
        parts = []
        for title, keys in (("Moving", MOVING), ("Runs", RUNS), ("A run", TRACE), ("Everywhere", EVERYWHERE)):
            parts += [(f"{title}\n", "bold"), *(_row(key) for key in keys), ("\n", "")]
        with VerticalScroll(id="keys"):
            yield Static(Content.assemble(*parts))


def _row(key: Key) -> tuple[str, str]:
    names = " ".join(_NAMES.get(name, name) for name in key.keys.split(","))
    return f"  {names:<18} {key.what}\n", ""
