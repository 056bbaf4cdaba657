"""The list of runs, as it changes."""

from typing import TYPE_CHECKING

import msgspec
from textual.app import ComposeResult
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Footer, Input

from trodo_cli.client.base import RunFilter
from trodo_cli.errors import InvalidInput
from trodo_cli.model.run import Run
from trodo_cli.query.language import read_filter
from trodo_cli.tui.feed import Failed, Listed, RunsFeed, State
from trodo_cli.tui.keys import RUNS, bindings
from trodo_cli.tui.widgets.runs import Runs
from trodo_cli.tui.widgets.summary import Summary

if TYPE_CHECKING:
    from trodo_cli.tui.app import Explorer

LIMIT = 500
"""How many runs the list holds at most."""


class RunsScreen(Screen[None]):
    """Shows the newest runs that fit the filter, and follows what becomes of them."""

    app: "Explorer"

    BINDINGS = bindings(RUNS)

    class Woken(Message):
        """The feed has heard something."""

    def __init__(self, wanted: RunFilter) -> None:
        super().__init__()
        self._wanted = wanted

    def compose(self) -> ComposeResult:
        yield Summary(self.app.glyphs)
        yield Runs(self.app.glyphs)
        yield Input(placeholder="status:failed agent:writer tool:search since:2h cost:>0.05", id="filter")
        yield Footer()

    def on_mount(self) -> None:
        self.query_one("#filter").display = False
        self.runs.focus()
        self._listen()

    def on_unmount(self) -> None:
        self._feed.stop()

    @property
    def runs(self) -> Runs:
        return self.query_one(Runs)

    def _listen(self) -> None:
        self._feed = RunsFeed(self.app.client, self._wanted, LIMIT, lambda: self.post_message(self.Woken()))
        self._feed.start()

    def _ask_anew(self, wanted: RunFilter) -> None:
        self._feed.stop()
        self._wanted = wanted
        self._listen()

    def on_runs_screen_woken(self) -> None:
        summary = self.query_one(Summary)
        while (heard := self._feed.take()) is not None:
            match heard:
                case Listed(page):
                    self.runs.show(page.rows)
                    summary.show(page, self._wanted)
                case State(name):
                    summary.state = name
                case Failed(error):
                    self.notify(f"{error.message}. {error.hint}", severity="error", markup=False)

    def on_lines_picked(self) -> None:
        self.action_open()

    def on_lines_moved(self) -> None:
        self.query_one(Summary).point(self.runs.current)

    def action_open(self) -> None:
        if run := self.runs.current:
            self.app.show_run(run.id)

    def action_filter(self) -> None:
        field = self.query_one("#filter", Input)
        field.display = True
        field.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        try:
            wanted = read_filter(event.value, roots_only=self._wanted.roots_only)
        except InvalidInput as error:
            self.notify(f"{error.message}. {error.hint}", severity="warning", markup=False)
            return
        event.input.display = False
        self.runs.focus()
        self._ask_anew(wanted)

    def action_clear(self) -> None:
        self.runs.marked.clear()
        field = self.query_one("#filter", Input)
        field.value, field.display = "", False
        self.runs.focus()
        self._ask_anew(RunFilter(roots_only=self._wanted.roots_only))

    def action_mark(self) -> None:
        if run := self.runs.current:
            self.runs.marked ^= {run.id}
            self.runs.action_down()
            self.runs.refresh()

    def action_below(self) -> None:
        self._ask_anew(msgspec.structs.replace(self._wanted, roots_only=not self._wanted.roots_only))

    def action_cancel(self) -> None:
        self.app.ask_to_cancel(self._meant())

    def action_copy(self) -> None:
        if run := self.runs.current:
            self.app.copy(run.id)

    def _meant(self) -> list[Run]:
        """The marked runs, or the one under the cursor."""
        marked = [run for run in self.runs.runs if run.id in self.runs.marked]
        return marked or ([self.runs.current] if self.runs.current else [])
