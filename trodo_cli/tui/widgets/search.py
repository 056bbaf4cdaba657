"""Where the text is typed that rows are searched for, and the search itself."""

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input

from trodo_cli.tui.hunt import Hunt
from trodo_cli.tui.outline import Outline

REST_SECONDS = 0.004
"""Between two steps of a search, so that keys come through."""


class Search(Input):
    """Shown while somebody types; remembers what was sought."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "leave")]

    class Asked(Message):
        """A text to look for was typed."""

    class Left(Message):
        """What is sought stays as it was."""

    class Ended(Message):
        """A search has found the row of this key, or none for this text."""

        def __init__(self, key: str | None, text: str) -> None:
            super().__init__()
            self.key, self.text = key, text

    def __init__(self) -> None:
        super().__init__(placeholder="search names, models, tools and errors")
        self._text = ""
        self._hunt: Hunt | None = None

    def on_mount(self) -> None:
        self.display = False

    def ask(self) -> None:
        """Let a person type."""
        self.display = True
        self.focus()

    def seek(self, outline: Outline, key: str, *, forward: bool) -> None:
        """Look for the text from this row on, until `Ended`, or until somebody looks for something else."""
        if self._text:
            self._hunt = Hunt(outline, self._text, key, forward=forward)
            self._look()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._text = event.value.strip()
        self.display = False
        self.post_message(self.Asked())

    def action_leave(self) -> None:
        self.display = False
        self.value = self._text
        self.post_message(self.Left())

    def _look(self) -> None:
        hunt = self._hunt
        if hunt is None:
            return
        if not hunt.step():
            self.set_timer(REST_SECONDS, self._look)
            return
        self._hunt = None
        self.post_message(self.Ended(hunt.found, hunt.text))
