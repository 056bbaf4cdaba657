"""Where the text is typed that rows are searched for, and the search itself."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Static

from trodo_cli.tui.hunt import Hunt
from trodo_cli.tui.outline import Outline

REST_SECONDS = 0.004
"""Between two steps of a search, so that keys come through."""


class Search(Horizontal):
    """Shown while somebody types, and then as long as a text is sought."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "leave")]

    class Asked(Message):
        """A text to look for was typed."""

    class Left(Message):
        """What is sought stays as it was."""

    class Ended(Message):
        """A search has found the row of this key, or none for this text; it began at the row `began`."""

        def __init__(self, key: str | None, text: str, began: str) -> None:
            super().__init__()
            self.key, self.text, self.began = key, text, began

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        """What is sought; empty for nothing."""
        self._hunt: Hunt | None = None

    def compose(self) -> ComposeResult:
        yield Static("/", id="slash")
        yield Input(placeholder="search names, models, tools and errors", compact=True, select_on_focus=False)
        yield Static("n next  N before  esc ends", id="ways")

    def on_mount(self) -> None:
        self.display = False

    def ask(self) -> None:
        """Let a person type another text."""
        self.display = True
        field = self.query_one(Input)
        field.value = ""
        field.focus()

    def end(self) -> None:
        """Nothing is sought any more."""
        self.text, self._hunt = "", None
        self._rest()

    def seek(self, outline: Outline, key: str, *, forward: bool) -> None:
        """Look for the text from this row on, until `Ended`, or until somebody looks for something else."""
        if self.text:
            self._hunt = Hunt(outline, self.text, key, forward=forward)
            self._look(key)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.text = event.value.strip()
        self._rest()
        self.post_message(self.Asked())

    def action_leave(self) -> None:
        self._rest()
        self.post_message(self.Left())

    def _rest(self) -> None:
        """Show what is sought, if anything is."""
        self.query_one(Input).value = self.text
        self.display = bool(self.text)

    def _look(self, began: str) -> None:
        hunt = self._hunt
        if hunt is None:
            return
        if not hunt.step():
            self.set_timer(REST_SECONDS, lambda: self._look(began))
            return
        self._hunt = None
        self.post_message(self.Ended(hunt.found, hunt.text, began))
