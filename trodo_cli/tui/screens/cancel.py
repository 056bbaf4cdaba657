"""Before a run is asked to stop: which, and why."""

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static

from trodo_cli.model.run import Run
from trodo_cli.render.excerpt import short_line
from trodo_cli.render.facts import run_label
from trodo_cli.render.theme import Glyphs
from trodo_cli.tui.screens.modal import Modal

if TYPE_CHECKING:
    from trodo_cli.tui.app import Explorer


NAMED = 4
"""How many runs the question names."""

AGENT_CHARACTERS = 40


class CancelScreen(Modal[str | None]):
    """Gives the reason, which may be empty; None when nobody is to be stopped."""

    app: "Explorer"

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,ctrl+c", "dismiss(None)", "no")]

    def __init__(self, runs: list[Run]) -> None:
        super().__init__()
        self._runs = runs

    def compose(self) -> ComposeResult:
        with Vertical(id="question"):
            yield Static(Content(question(self._runs, self.app.glyphs)))
            yield Static(Content("The call in flight finishes, nothing further starts."))
            if any(run.cancel for run in self._runs):
                yield Static(Content("This was asked before; to ask again changes nothing."))
            yield Input(placeholder="reason (may be empty)", id="reason")
            yield Static(Content("enter asks, escape leaves it running"), id="keys")

    def on_mount(self) -> None:
        self.set_focus(self.query_one(Input))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value.strip())


def question(runs: list[Run], glyphs: Glyphs) -> str:
    """Which runs are meant; of many the first few by name."""
    named = ", ".join(
        f"{short_line(run.agent, glyphs, AGENT_CHARACTERS)} {run_label(run, glyphs)}" for run in runs[:NAMED]
    )
    more = f" and {len(runs) - NAMED} more" if len(runs) > NAMED else ""
    return f"Ask to stop: {named}{more}, with every run below?"
