"""One run: its span tree with the waterfall, the details of the row under the cursor, and what can be done with it."""

import gc
from collections.abc import Callable
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Container
from textual.events import Key
from textual.message import Message
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Footer, Input

from trodo_cli.client.base import RunFilter, StreamState
from trodo_cli.model import ids
from trodo_cli.model.run import Run
from trodo_cli.render.excerpt import first_line
from trodo_cli.render.facts import as_of
from trodo_cli.render.rows import Row
from trodo_cli.render.timeline import Window
from trodo_cli.tui.feed import Complete, Failed, Heard, Known, Listed, Opened, RunFeed, RunsFeed, State
from trodo_cli.tui.hunt import Hunt
from trodo_cli.tui.keys import TRACE, bindings
from trodo_cli.tui.outline import Outline
from trodo_cli.tui.picture import Picture
from trodo_cli.tui.widgets.detail import Detail
from trodo_cli.tui.widgets.spans import Spans
from trodo_cli.tui.widgets.verdict import Verdict

if TYPE_CHECKING:
    from trodo_cli.tui.app import Explorer

Change = Callable[[Outline, Row], None]
"""Something done to the outline at a row."""

INTAKE_NS = 6_000_000
"""How long what was heard is taken in at one go."""

REST_SECONDS = 0.004
"""Between two goes while more is there, so that keys come through."""

FRAME_SECONDS = 0.1
"""Between two frames that nobody asked for by a key."""

MOST_BELOW = 1_000
"""How many runs below this one are shown, the newest."""

TICK_SECONDS = 0.2
"""How often the clocks of running work move."""

UPWARDS = frozenset(("up", "k", "pageup", "ctrl+u", "home", "g"))
"""Keys that lead away from the newest row."""

WIDE_CELLS = 120
"""From here on the details stand beside the tree, else below it."""


class TraceScreen(Screen[None]):
    """Follows a run while it is shown."""

    app: "Explorer"

    BINDINGS = bindings(TRACE)

    class Woken(Message):
        """The feed has heard something."""

    def __init__(self, run_id: str) -> None:
        super().__init__()
        self.run_id = run_id
        self.picture: Picture | None = None
        self._state: StreamState | str = "loading"
        self._levels: int | None = 2
        self._is_following = False
        self._sought = ""
        self._hunt: Hunt | None = None
        self._frame: Timer | None = None
        self._painted_ns = 0

    def compose(self) -> ComposeResult:
        glyphs = self.app.glyphs
        yield Verdict(glyphs)
        with Container(id="body"):
            yield Spans(glyphs)
            yield Detail(glyphs, self.app.payloads(self.run_id))
        yield Input(placeholder="search names, models, tools and errors", id="search")
        yield Footer()

    def on_mount(self) -> None:
        self._feed = RunFeed(self.app.client, self.run_id, self._wake)
        self._below = RunsFeed(self.app.client, RunFilter(parent_id=self.run_id), MOST_BELOW, self._wake)
        self._feed.start()
        self.set_interval(TICK_SECONDS, self._tick)
        self.query_one("#search").display = False
        self.spans.focus()

    def on_unmount(self) -> None:
        self._feed.stop()
        self._below.stop()
        gc.unfreeze()
        if self.picture is not None:
            self.picture.release()

    def _wake(self) -> None:
        self.post_message(self.Woken())

    @property
    def spans(self) -> Spans:
        return self.query_one(Spans)

    @property
    def outline(self) -> Outline | None:
        return self.spans.outline

    @property
    def current(self) -> Row | None:
        return self.spans.current

    # -- what is heard ---------------------------------------------------------------------------

    def on_trace_screen_woken(self) -> None:
        self._take_in()

    def _take_in(self) -> None:
        """Take in what was heard, for a moment; then let keys through, and go on."""
        before = self.current.key if self.current else None
        until = ids.monotonic_ns() + INTAKE_NS
        while (heard := self._below.take()) is not None:
            self._hear_below(heard)
        while (heard := self._feed.take()) is not None:
            self._hear(heard)
            if ids.monotonic_ns() > until:
                self.set_timer(REST_SECONDS, self._take_in)
                break
        self.spans.hold_key(before)
        wait_seconds = FRAME_SECONDS - (ids.monotonic_ns() - self._painted_ns) / 1e9
        if self._frame is None and wait_seconds > 0:
            self._frame = self.set_timer(wait_seconds, self._paint)
        elif self._frame is None:
            self._paint()

    def _hear(self, heard: Heard) -> None:
        match heard:
            case Opened(run):
                self._open(run)
            case State(name):
                self._state = name
            case Failed(error):
                self._state = "ended"
                self.notify(f"{error.message}. {error.hint}", severity="error", markup=False)
            case _ if self.picture is not None:
                self._draw(self.picture, heard)

    def _hear_below(self, heard: Heard) -> None:
        """A server that cannot say which runs are below this one leaves the tree without them."""
        if not isinstance(heard, Listed) or self.picture is None:
            return
        self.picture.link(heard.page.rows)
        if self._state == "ended" and all(run.is_terminal for run in heard.page.rows):
            self._below.stop()

    def _open(self, run: Run) -> None:
        if self.picture is not None:
            self.picture.reopen(run)
            return
        self.picture = Picture(run)
        self.spans.outline = self.picture.outline
        self._is_following = not run.is_terminal
        self._below.start()

    def _draw(self, picture: Picture, heard: Heard) -> None:
        match heard:
            case Known(rows):
                picture.add(rows)
            case Complete():
                picture.complete()
                gc.freeze()  # nothing of it is garbage; to look through it would hold up a frame
            case Opened() | State() | Failed() | Listed():
                pass
            case event:
                picture.apply(event)

    def _paint(self) -> None:
        self._frame, self._painted_ns = None, ids.monotonic_ns()
        if self.picture is None:
            return
        run, row = self.picture.run, self.current
        self.picture.outline.set_run(run)
        self.spans.window = self._window(run)
        newest = self.picture.newest if self._is_following else None
        self.spans.keep(newest or (row.key if row else None))
        self._head(run)
        self.on_lines_moved()

    def _head(self, run: Run) -> None:
        head = self.query_one(Verdict)
        head.following = self._is_following and not run.is_terminal
        head.show(run, self._state)
        self.app.last_seen = run

    def _tick(self) -> None:
        if self.picture is None or self._state == "ended":
            return
        self.spans.window = self._window(self.picture.run)
        self.spans.refresh()
        self.query_one(Verdict).refresh()

    def _window(self, run: Run) -> Window:
        """From the start of the topmost row to its end, or to now."""
        top = self.spans.outline.row(0).subject if self.spans.outline else run
        end_ns = as_of(run, ids.now_ns()) if top.ended_ns is None else top.ended_ns
        return Window(top.started_ns, max(end_ns, top.started_ns))

    # -- moving ----------------------------------------------------------------------------------

    def on_lines_moved(self) -> None:
        row, picture = self.current, self.picture
        if row is not None and picture is not None:
            now_ns = as_of(picture.run, ids.now_ns())
            self.query_one(Detail).show(row, lambda: picture.own_ns(row, now_ns))

    def on_lines_picked(self) -> None:
        self.action_toggle_fold()

    def on_resize(self) -> None:
        self.query_one("#body").set_class(self.size.width >= WIDE_CELLS, "wide")

    def action_zoom(self) -> None:
        row = self.current
        if row is None or self.outline is None:
            return
        if row.link is not None:
            self.app.push_screen(TraceScreen(row.link.id))
        elif row.below:
            self.outline.zoom(row.key)
            self.spans.keep(row.key)

    def action_back(self) -> None:
        if self.outline is not None and self.outline.zoomed is not None:
            key = self.outline.zoomed
            self.outline.zoom(None)
            self.spans.keep(key)
        else:
            self.app.leave_screen()

    def action_toggle_fold(self) -> None:
        self._folded(lambda outline, row: outline.toggle(row.key))

    def action_unfold(self) -> None:
        row = self.current
        if row and row.hidden:
            self._folded(lambda outline, row: outline.open(row.key))
        else:
            self.spans.action_down()

    def action_fold(self) -> None:
        row = self.current
        if row and row.below and not row.hidden:
            self._folded(lambda outline, row: outline.close(row.key))
        elif row and self.outline and (above := self.outline.parents(row.key)):
            self.spans.cursor = self.outline.place(above[-1].key) or 0

    def action_deeper(self) -> None:
        self._level(1)

    def action_shallower(self) -> None:
        self._level(-1)

    def _level(self, step: int) -> None:
        self._levels = max((self._levels or 0) + step, 1)
        self._folded(lambda outline, _row: outline.set_levels(self._levels))

    def _folded(self, change: Change) -> None:
        if self.outline and (row := self.current):
            change(self.outline, row)
            self._stop_following()
            kept = row.key if self.outline.place(row.key) is not None else None
            self.spans.keep(kept)

    def _go(self, key: str | None, missing: str) -> None:
        """Put the cursor on a row, wherever it is folded away."""
        if self.outline is None or key is None:
            self.notify(missing, timeout=2, markup=False)
            return
        self._stop_following()
        self.outline.reveal(key)
        self.spans.keep(key)

    # -- finding ---------------------------------------------------------------------------------

    def action_search(self) -> None:
        field = self.query_one("#search", Input)
        field.display = True
        field.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self._sought = event.value.strip().lower()
        event.input.display = False
        self.spans.focus()
        self.action_next_match()

    def action_next_match(self) -> None:
        self._match(forward=True)

    def action_previous_match(self) -> None:
        self._match(forward=False)

    def _match(self, *, forward: bool) -> None:
        row = self.current
        if self._sought and row is not None and self.outline is not None:
            self._hunt = Hunt(self.outline, self._sought, row.key, forward=forward)
            self._search()

    def _search(self) -> None:
        """Look on, until somebody looks for something else."""
        hunt = self._hunt
        if hunt is None:
            return
        if not hunt.step():
            self.set_timer(REST_SECONDS, self._search)
            return
        self._hunt = None
        self._go(hunt.found, f"nothing fits '{first_line(hunt.text, self.app.glyphs)}'")

    def action_next_error(self) -> None:
        self._error(forward=True)

    def action_previous_error(self) -> None:
        self._error(forward=False)

    def _error(self, *, forward: bool) -> None:
        if self.outline and (row := self.current):
            self._go(self.outline.next_failed(row.key, forward), "nothing failed")

    def action_root_cause(self) -> None:
        cause = self.picture.cause() if self.picture else None
        if cause and cause.child:
            self._go(cause.child.id, "nothing failed")
        else:
            self._go(cause.span.id if cause else None, "nothing failed")

    # -- following, looks, details -----------------------------------------------------------------

    def action_follow(self) -> None:
        self._is_following = True
        self._paint()

    def on_key(self, event: Key) -> None:
        if self.focused is self.spans and event.key in UPWARDS:
            self._stop_following()

    def on_mouse_scroll_up(self) -> None:
        self._stop_following()

    def _stop_following(self) -> None:
        if self._is_following:
            self._is_following = False
            if self.picture:
                self._head(self.picture.run)

    def action_waterfall(self) -> None:
        self.spans.bars = not self.spans.bars
        self.spans.changed()

    def action_details(self) -> None:
        detail = self.query_one(Detail)
        detail.display = not detail.display

    def action_next_tab(self) -> None:
        self.query_one(Detail).turn(1)

    def action_previous_tab(self) -> None:
        self.query_one(Detail).turn(-1)

    def action_details_down(self) -> None:
        self.query_one(Detail).page(1)

    def action_details_up(self) -> None:
        self.query_one(Detail).page(-1)

    def action_copy(self) -> None:
        self._with_text(self.app.copy)

    def action_pager(self) -> None:
        self._with_text(self.app.page)

    def _with_text(self, use: Callable[[str], None]) -> None:
        """Do something with what the details show, once it is laid out to its end."""
        detail = self.query_one(Detail)
        self.run_worker(
            lambda: self.app.call_from_thread(use, detail.text()), thread=True, exclusive=True, group="text"
        )

    # -- stopping --------------------------------------------------------------------------------

    def action_cancel(self) -> None:
        row = self.current
        run = row.link if row and row.link else (self.picture.run if self.picture else None)
        if run is not None:
            self.app.ask_to_cancel([run])
