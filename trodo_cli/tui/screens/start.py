"""Before a run is started: which agent, and what it is given."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.message import Message
from textual.widgets import Input, Static

from trodo_cli.errors import TrodoError
from trodo_cli.model.agent import Agent, Broken
from trodo_cli.render.excerpt import first_line, short_line
from trodo_cli.render.form import Field, Form
from trodo_cli.render.safe import safe_line
from trodo_cli.render.theme import Glyphs, Line, fitted_line
from trodo_cli.tui.paint import text
from trodo_cli.tui.screens.modal import Modal
from trodo_cli.tui.widgets.lines import Lines

if TYPE_CHECKING:
    from trodo_cli.tui.app import Explorer

NAME_CHARACTERS = 40
AGENTS_SEEN = 5


class Agents(Lines, can_focus=False):
    """The agents that fit what was typed; one of them is meant."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__()
        self._glyphs = glyphs
        self._all: Sequence[Agent] = []
        self.fitting: list[Agent] = []

    @property
    def count(self) -> int:
        return len(self.fitting)

    @property
    def meant(self) -> Agent | None:
        return self.fitting[self.cursor] if self.fitting else None

    def offer(self, agents: Sequence[Agent], words: str) -> None:
        """These are the agents, of which those are kept that fit."""
        self._all = agents
        self.styles.height = min(len(agents), AGENTS_SEEN)
        self.narrow(words)

    def narrow(self, words: str) -> None:
        """Keep those whose id holds this; the one with exactly this id, or that begins with it, stands first."""
        words = words.strip().casefold()
        self.fitting = [agent for agent in self._all if words in agent.id.casefold()]
        self.fitting.sort(
            key=lambda agent: (agent.id.casefold() != words, not agent.id.casefold().startswith(words))
        )
        self.recount()
        self.cursor = 0
        self.post_message(self.Moved())

    def line(self, row: int, width: int) -> Line:
        agent, is_meant = self.fitting[row], row == self.cursor
        told: Line = [
            ("> " if is_meant else "  ", "accent"),
            (short_line(agent.id, self._glyphs, NAME_CHARACTERS), "agent" if is_meant else "name"),
            (f"  {first_line(agent.description, self._glyphs)}", "muted"),
        ]
        return fitted_line(told, width, self._glyphs.ellipsis)


class Fields(VerticalScroll, can_focus=False):
    """The form of one agent."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__()
        self._glyphs = glyphs
        self.agent: Agent | None = None
        self._form = Form({})

    async def show(self, agent: Agent | None) -> None:
        """Ask for the input of another agent."""
        if agent is self.agent:
            return
        self.agent = agent
        self._form = Form(agent.input if agent else {"type": "object", "properties": {}})
        await self.remove_children()
        await self.mount_all(self._row(field) for field in self._form.fields)

    @property
    def inputs(self) -> list[Input]:
        return list(self.query(Input))

    def value(self) -> Any:
        """Raises `InvalidInput` for JSON that is none."""
        return self._form.value([field.value for field in self.inputs])

    def _row(self, field: Field) -> Horizontal:
        name = short_line(field.name or "input", self._glyphs, NAME_CHARACTERS)
        label: Line = [
            (name, "heading"),
            (" *" if field.is_required else "", "warning"),
            (f" {short_line(field.kind, self._glyphs, NAME_CHARACTERS)}", "muted"),
        ]
        typed = Input(field.begin, compact=True, select_on_focus=False)
        return Horizontal(Static(text([label]), classes="label"), Static(":", classes="colon"), typed)


class StartScreen(Modal[str]):
    """Gives the id of the run that was started; None when nothing was."""

    app: "Explorer"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+c", "dismiss(None)", "no"),
        Binding("down", "move(1)", "down"),
        Binding("up", "move(-1)", "up"),
    ]

    class Answered(Message):
        """The run was started, or why it was not."""

        def __init__(self, answer: str | TrodoError) -> None:
            super().__init__()
            self.answer = answer

    class Found(Message):
        """The agents that can be started, and what cannot be used; or why they could not be asked for."""

        def __init__(
            self, agents: Sequence[Agent], broken: Sequence[Broken], error: TrodoError | None
        ) -> None:
            super().__init__()
            self.agents, self.broken, self.error = agents, broken, error

    def __init__(self) -> None:
        super().__init__()
        self._is_looking = True
        self._is_starting = False

    def compose(self) -> ComposeResult:
        with Vertical(id="start"):
            yield Input(placeholder="agent", id="agent")
            yield Agents(self.app.glyphs)
            yield Fields(self.app.glyphs)
            yield Static(id="trouble")
            yield Static(text([[("enter starts, tab the next field, escape starts nothing", "muted")]]))

    def on_mount(self) -> None:
        self.query_one("#start").border_title = "start an agent"
        self.set_focus(self.query_one("#agent"))
        self._tell([("looking for agents", "muted")])
        self.run_worker(self._look, thread=True)

    @property
    def list(self) -> Agents:
        return self.query_one(Agents)

    @property
    def fields(self) -> Fields:
        return self.query_one(Fields)

    def _look(self) -> None:
        agents = self.app.client.agents
        try:
            self.post_message(self.Found(agents.list(), agents.broken(), None))
        except TrodoError as error:
            self.post_message(self.Found([], [], error))

    def on_start_screen_found(self, message: Found) -> None:
        self._is_looking = False
        for broken in message.broken:
            self.notify(f"{broken.source}: {broken.error}", severity="warning", markup=False)
        if message.agents:
            self.list.offer(message.agents, self.query_one("#agent", Input).value)
            return
        if message.error:
            self.notify(f"{message.error.message}. {message.error.hint}", severity="error", markup=False)
        else:
            self.notify(_NO_AGENTS, title="no agents to start", markup=False)
        self.dismiss(None)

    async def on_lines_moved(self) -> None:
        if not self._is_looking:
            await self.fields.show(self.list.meant)
            self._tell([] if self.list.meant else [("no agent fits", "error")])

    def on_input_changed(self, event: Input.Changed) -> None:
        if event.input.id == "agent":
            self.list.narrow(event.value)
        else:
            self._tell([])

    def action_move(self, by: int) -> None:
        """To another agent while one is chosen, else to another field."""
        if self.focused is not None and self.focused.id == "agent":
            self.list.cursor += by
        elif by > 0:
            self.focus_next(Input)
        else:
            self.focus_previous(Input)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """From the agent on to its input, if it takes any; from there to the start."""
        if event.input.id == "agent" and self.fields.inputs:
            self.fields.inputs[0].focus()
        elif not self._is_starting and (agent := self.fields.agent):
            self._begin(agent.id)

    def _begin(self, agent_id: str) -> None:
        try:
            value = self.fields.value()
        except TrodoError as error:
            self._refuse(error)
            return
        self._is_starting = True
        self._tell([(f"starting {short_line(agent_id, self.app.glyphs, NAME_CHARACTERS)}", "muted")])
        self.run_worker(lambda: self._start(agent_id, value), thread=True)

    def _start(self, agent_id: str, value: Any) -> None:
        try:
            self.post_message(self.Answered(self.app.client.runs.start(agent_id=agent_id, input=value).id))
        except TrodoError as error:
            self.post_message(self.Answered(error))

    def on_start_screen_answered(self, message: Answered) -> None:
        self._is_starting = False
        if isinstance(message.answer, str):
            self.dismiss(message.answer)
        else:
            self._refuse(message.answer)

    def _refuse(self, error: TrodoError) -> None:
        self._tell([(safe_line(error.message), "error"), (f"  {safe_line(error.hint)}", "muted")])

    def _tell(self, line: Line) -> None:
        self.query_one("#trouble", Static).update(text([line]))


_NO_AGENTS = (
    'Name them in trodo.toml, as in agents = "./agents"; a server has those of `trodo serve --agents`.'
)
