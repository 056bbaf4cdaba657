"""Where a filter is typed: the words it may have, and what is wrong with it, stand right below."""

from collections.abc import Callable, Iterable, Mapping
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.suggester import Suggester
from textual.widgets import Input, Static

from trodo_cli.errors import InvalidInput
from trodo_cli.query.language import completions, read_filter
from trodo_cli.render.safe import is_safe, safe_line
from trodo_cli.render.theme import Line
from trodo_cli.tui.paint import text as painted

Known = Callable[[], Mapping[str, Iterable[str]]]
"""Values that there are now, by the name of their field."""

_EXAMPLE = "status:failed agent:writer tool:search since:2h cost:>0.05"


class FilterBar(Vertical):
    """One line to type in, one that helps; shown while somebody types."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "leave")]

    class Asked(Message):
        """A filter that can be read."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Left(Message):
        """The filter stays as it was."""

    def __init__(self, known: Known) -> None:
        super().__init__()
        self._known = known

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Static("/", id="slash")
            yield FilterInput(
                placeholder=_EXAMPLE, suggester=_Words(self._known), compact=True, select_on_focus=False
            )
        yield Static(id="hint")

    def on_mount(self) -> None:
        self.display = False

    @property
    def field(self) -> Input:
        return self.query_one(Input)

    def ask(self, text: str) -> None:
        """Let a person change this filter."""
        self.display = True
        self.field.value = text
        self.field.cursor_position = len(text)
        self.field.focus()
        self._hint(text)

    def on_input_changed(self, event: Input.Changed) -> None:
        self._hint(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if line := _trouble(event.value):
            self.query_one("#hint", Static).update(painted([line]))
            return
        self.display = False
        self.post_message(self.Asked(event.value.strip()))

    def action_leave(self) -> None:
        self.display = False
        self.post_message(self.Left())

    def _hint(self, text: str) -> None:
        self.query_one("#hint", Static).update(painted([hint(text, self._known())]))


class FilterInput(Input):
    """A line to type in, where tab takes what is suggested."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "list them", key_display="enter"),
        Binding("tab", "cursor_right", "complete"),
    ]


def hint(text: str, known: Mapping[str, Iterable[str]]) -> Line:
    """What may come next; or what is wrong with the words before."""
    before, word = _last_word(text)
    if trouble := _trouble(before):
        return trouble
    if found := completions(word, known):
        return [("  ".join(safe_line(word.partition(":")[2] or word) for word in found), "muted")]
    return _trouble(text) or [("enter lists them, escape leaves it as it was", "muted")]


def _trouble(text: str) -> Line:
    """What is wrong with a filter; empty when it can be read."""
    try:
        read_filter(text)
    except InvalidInput as error:
        return [(safe_line(error.message), "error"), (f"  {safe_line(error.hint)}", "muted")]
    return []


def _last_word(text: str) -> tuple[str, str]:
    """What stands before the word that is being typed, and that word."""
    place = text.rfind(" ") + 1
    return text[:place], text[place:]


class _Words(Suggester):
    """Completes the word that is being typed; with nothing that had to be made inert to be shown."""

    def __init__(self, known: Known) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._known = known

    async def get_suggestion(self, value: str) -> str | None:
        before, word = _last_word(value)
        found = [text for text in completions(word, self._known()) if is_safe(text)] if word else []
        return before + found[0] if found else None
