"""The list of runs, as it changes."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import msgspec
from textual.app import ComposeResult
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Footer

from trodo_cli.client.base import Page, RunFilter
from trodo_cli.errors import NotFound, TrodoError
from trodo_cli.model.payload import NO_PAYLOAD
from trodo_cli.model.run import Run
from trodo_cli.query.language import read_filter
from trodo_cli.render.theme import Line
from trodo_cli.tui.feed import Failed, Listed, RunsFeed, State
from trodo_cli.tui.keys import RUNS, bindings
from trodo_cli.tui.listing import Listing
from trodo_cli.tui.screens.start import StartScreen
from trodo_cli.tui.widgets.filter import FilterBar
from trodo_cli.tui.widgets.note import Note
from trodo_cli.tui.widgets.runs import Heading, Runs
from trodo_cli.tui.widgets.summary import Summary

if TYPE_CHECKING:
    from trodo_cli.tui.app import Explorer

PAGE_RUNS = 500
"""How many of the newest runs are read again whenever something changes, and how many more at once further down."""

TICK_SECONDS = 0.5
"""How often ages and the clocks of running work move."""


class RunsScreen(Screen[None]):
    """Shows the runs that fit the filter, newest first, and follows what becomes of them."""

    app: "Explorer"

    BINDINGS = bindings(RUNS)

    class Woken(Message):
        """The feed has heard something."""

    class Read(Message):
        """Older runs were read, or some again; None for one that is no longer there."""

        def __init__(self, listing: Listing, page: Page | None, again: dict[str, Run | None]) -> None:
            super().__init__()
            self.listing, self.page, self.again = listing, page, again

    def __init__(self, wanted: RunFilter) -> None:
        super().__init__()
        self._wanted = wanted
        self._filter = ""
        self._listing = Listing()
        self._newest: Page | None = None
        self._is_reading = False

    def compose(self) -> ComposeResult:
        runs = Runs(self.app.glyphs)
        yield Summary(self.app.glyphs)
        yield FilterBar(self._values)
        yield Heading(runs)
        yield runs
        yield Note(self.app.glyphs)
        yield Footer()

    def on_mount(self) -> None:
        self.runs.focus()
        self.set_interval(TICK_SECONDS, self.runs.refresh)
        self._listen()

    def on_unmount(self) -> None:
        self._feed.stop()

    @property
    def runs(self) -> Runs:
        return self.query_one(Runs)

    @property
    def summary(self) -> Summary:
        return self.query_one(Summary)

    # -- what is heard ---------------------------------------------------------------------------

    def _listen(self) -> None:
        self._listing, self._newest, self._is_reading = Listing(), None, False
        self._feed = RunsFeed(
            self.app.client, self._wanted, PAGE_RUNS, lambda: self.post_message(self.Woken())
        )
        self._feed.start()

    def _ask_anew(self, wanted: RunFilter) -> None:
        self._feed.stop()
        self._wanted = wanted
        self._show_question()
        self._listen()

    def on_runs_screen_woken(self) -> None:
        while (heard := self._feed.take()) is not None:
            match heard:
                case Listed(page):
                    if page != self._newest:
                        self._newest = page
                        self._listing.take_newest(page)
                        self._show()
                    self._read_again()
                case State(name):
                    self.summary.show_state(name)
                case Failed(error):
                    self._tell(error)

    def _show(self) -> None:
        runs = self._listing.runs
        self.runs.nothing = _NOTHING_FITS if self._filter else _NOTHING_YET
        self.runs.show(runs)
        self.summary.show(runs, has_more=self._listing.more is not None)
        self.on_runs_marked()

    def on_lines_moved(self) -> None:
        self.query_one(Note).point(self.runs.current)

    def on_runs_marked(self) -> None:
        self.summary.show_marked([run for run in self.runs.runs if run.id in self.runs.marked])

    # -- what is read further down ---------------------------------------------------------------

    def on_runs_near_end(self) -> None:
        if cursor := self._listing.more:
            self._read(cursor, [])

    def _read_again(self) -> None:
        """The newest page tells nothing of older runs: those on the screen that may change are asked after."""
        old = [run.id for run in self.runs.seen if not run.is_terminal]
        if asked := [id for id in old if not self._listing.is_watched(id)]:
            self._read(None, asked)

    def _read(self, cursor: str | None, again: list[str]) -> None:
        if not self._is_reading:
            self._is_reading = True
            listing, wanted = self._listing, self._wanted
            self.run_worker(lambda: self._fetch(listing, wanted, cursor, again), thread=True, group="older")

    def _fetch(self, listing: Listing, wanted: RunFilter, cursor: str | None, again: list[str]) -> None:
        found: dict[str, Run | None] = {}
        page = None
        try:
            found = {id: self._found(id) for id in again}
            if cursor:
                page = self.app.client.runs.list(limit=PAGE_RUNS, cursor=cursor, wanted=wanted)
        except TrodoError as error:
            self.app.call_from_thread(self._tell, error)
        self.post_message(self.Read(listing, page, found))

    def _found(self, run_id: str) -> Run | None:
        """A run as a list has it, without its payload."""
        try:
            return msgspec.structs.replace(self.app.client.runs.get(run_id), payload=NO_PAYLOAD)
        except NotFound:
            return None

    def on_runs_screen_read(self, message: Read) -> None:
        if message.listing is not self._listing:
            return
        self._is_reading = False
        if message.page is not None:
            self._listing.take_older(message.page)
        for id, run in message.again.items():
            if run is None:
                self._listing.drop(id)
            else:
                self._listing.take(run)
        if message.page is not None or message.again:
            self._show()

    def _tell(self, error: TrodoError) -> None:
        self.notify(f"{error.message}. {error.hint}", severity="error", markup=False)

    # -- asking ----------------------------------------------------------------------------------

    def action_filter(self) -> None:
        self.summary.show_question("", with_those_below=not self._wanted.roots_only)
        self.query_one(FilterBar).ask(self._filter)

    def _show_question(self) -> None:
        self.summary.show_question(self._filter, with_those_below=not self._wanted.roots_only)

    def on_filter_bar_asked(self, message: FilterBar.Asked) -> None:
        """Until the answer is there nothing is listed: no key may act on what the filter leaves out."""
        self._filter = message.text
        self.runs.focus()
        self.runs.nothing = []
        self.runs.show([])
        self._ask_anew(read_filter(self._filter, roots_only=self._wanted.roots_only))

    def on_filter_bar_left(self) -> None:
        self._show_question()
        self.runs.focus()

    def action_clear(self) -> None:
        if self.runs.marked:
            self.runs.unmark()
        elif self._filter:
            self._filter = ""
            self._ask_anew(RunFilter(roots_only=self._wanted.roots_only))

    def action_below(self) -> None:
        self._ask_anew(msgspec.structs.replace(self._wanted, roots_only=not self._wanted.roots_only))

    def _values(self) -> Mapping[str, Iterable[str]]:
        """What the runs of the list have, for who types a filter."""
        runs = self._listing.runs
        return {
            "agent": {run.agent for run in runs if run.agent},
            "user": {run.user for run in runs if run.user},
            "session": {run.session for run in runs if run.session},
            "tag": {tag for run in runs for tag in run.tags},
        }

    # -- doing -----------------------------------------------------------------------------------

    def on_lines_picked(self) -> None:
        self.action_open()

    def action_open(self) -> None:
        if run := self.runs.current:
            self.app.show_run(run.id)

    def action_mark(self) -> None:
        self.runs.mark()

    def action_mark_all(self) -> None:
        self.runs.mark_all()

    def action_cancel(self) -> None:
        self.app.ask_to_cancel(self.runs.meant)

    def action_start(self) -> None:
        self.app.push_screen(StartScreen(), self._started)

    def _started(self, run_id: str | None) -> None:
        if run_id is not None:
            self.app.show_run(run_id)

    def action_copy(self) -> None:
        if run := self.runs.current:
            self.app.copy(run.id)


_NOTHING_YET: list[Line] = [
    [("no runs yet", "heading")],
    [],
    [("trodo demo", "accent"), ("            makes a few         ", "muted")],
    [("trodo demo --live 60", "accent"), ("  makes one to follow ", "muted")],
    [("import trodo", "accent"), ("          records your own    ", "muted")],
]
_NOTHING_FITS: list[Line] = [
    [("no run fits", "heading")],
    [],
    [
        ("escape", "accent"),
        (" takes the filter away, ", "muted"),
        ("a", "accent"),
        (" looks below others too", "muted"),
    ],
]
