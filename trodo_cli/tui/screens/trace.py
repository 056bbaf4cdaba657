"""One run: its span tree with the waterfall, the details of the row under the cursor, and what can be done with it."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Container
from textual.events import Key
from textual.message import Message
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Footer

from trodo_cli.client.base import Client
from trodo_cli.errors import TrodoError
from trodo_cli.model import ids
from trodo_cli.model.run import Run
from trodo_cli.render.excerpt import first_line
from trodo_cli.render.facts import as_of
from trodo_cli.render.rows import Row
from trodo_cli.render.timeline import Window
from trodo_cli.tui.keys import TRACE, bindings
from trodo_cli.tui.outline import Outline
from trodo_cli.tui.picture import Picture
from trodo_cli.tui.watch import Watch
from trodo_cli.tui.widgets.detail import Detail
from trodo_cli.tui.widgets.search import Search
from trodo_cli.tui.widgets.spans import Spans
from trodo_cli.tui.widgets.verdict import Verdict

if TYPE_CHECKING:
    from trodo_cli.tui.app import Explorer

REST_SECONDS = 0.004
"""Between two goes while more is there, so that keys come through."""

FRAME_SECONDS = 0.1
"""Between two frames that nobody asked for by a key."""

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

    def __init__(self, client: Client, run_id: str) -> None:
        super().__init__()
        self.run_id = run_id
        self._watch = Watch(client, run_id, lambda: self.post_message(self.Woken()), self._fail)
        self._is_following = False
        self._frame: Timer | None = None
        self._painted_ns = 0

    def compose(self) -> ComposeResult:
        glyphs = self.app.glyphs
        yield Verdict(glyphs)
        with Container(id="body"):
            yield Spans(glyphs)
            with Container(id="details"):
                yield Detail(glyphs, self.app.payloads(self.run_id))
        yield Search()
        yield Footer()

    def on_mount(self) -> None:
        self._watch.start()
        self.set_interval(TICK_SECONDS, self._tick)
        self.spans.focus()

    def on_unmount(self) -> None:
        self._watch.stop()

    @property
    def picture(self) -> Picture | None:
        """What is known of the run, as soon as anything is."""
        return self._watch.picture

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
        if not self._watch.take_in():
            self.set_timer(REST_SECONDS, self._take_in)
        if self.outline is None and self.picture is not None:
            self.spans.outline = self.picture.outline
            self._is_following = not self.picture.run.is_terminal
        self.spans.hold_key(before)
        wait_seconds = FRAME_SECONDS - (ids.monotonic_ns() - self._painted_ns) / 1e9
        if self._frame is None and wait_seconds > 0:
            self._frame = self.set_timer(wait_seconds, self._paint)
        elif self._frame is None:
            self._paint()

    def _fail(self, error: TrodoError) -> None:
        self.notify(f"{error.message}. {error.hint}", severity="error", markup=False)

    def _paint(self) -> None:
        self._frame, self._painted_ns = None, ids.monotonic_ns()
        if self.picture is None:
            return
        run, row = self.picture.run, self.current
        self.picture.outline.set_run(run)
        self._set_clock(run)
        newest = self.picture.newest if self._is_following else None
        self.spans.keep(newest or (row.key if row else None))
        self._head(run)
        self.on_lines_moved()

    def _head(self, run: Run) -> None:
        head = self.query_one(Verdict)
        head.following = self._is_following and not self._watch.is_over
        head.show(run, self._watch.state, self._watch.since_ns)
        self.app.last_seen = run

    def _tick(self) -> None:
        if self.picture is None or self._watch.is_over:
            return
        self._set_clock(self.picture.run)
        self.spans.refresh()
        self.query_one(Verdict).refresh()

    def _set_clock(self, run: Run) -> None:
        """The bars go from the start of the topmost row to its end, or to now."""
        spans, now_ns = self.spans, as_of(run, ids.now_ns())
        top = spans.outline.row(0).subject if spans.outline else run
        end_ns = now_ns if top.ended_ns is None else top.ended_ns
        spans.until_ns, spans.window = now_ns, Window(top.started_ns, max(end_ns, top.started_ns))

    # -- moving ----------------------------------------------------------------------------------

    def on_lines_moved(self) -> None:
        row, picture = self.current, self.picture
        if row is not None and picture is not None:
            self.query_one(Detail).show(row, lambda: picture.seen(row))

    def on_lines_picked(self) -> None:
        self.spans.action_toggle_fold()

    def on_resize(self) -> None:
        self.query_one("#body").set_class(self.size.width >= WIDE_CELLS, "wide")

    def action_zoom(self) -> None:
        row = self.current
        if row is None or self.outline is None:
            return
        if row.link is not None:
            self.app.push_screen(TraceScreen(self.app.client, row.link.id))
        elif row.below:
            self.outline.zoom(row.key)
            self.spans.keep(row.key)

    def action_back(self) -> None:
        search = self.query_one(Search)
        if search.text:
            search.end()
        elif self.outline is not None and self.outline.zoomed is not None:
            key = self.outline.zoomed
            self.outline.zoom(None)
            self.spans.keep(key)
        else:
            self.app.leave_screen()

    def on_spans_folded(self) -> None:
        self._stop_following()

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
        self.query_one(Search).ask()

    def on_search_left(self) -> None:
        self.spans.focus()

    def on_search_asked(self) -> None:
        self.spans.focus()
        self.action_next_match()

    def action_next_match(self) -> None:
        self._match(forward=True)

    def action_previous_match(self) -> None:
        self._match(forward=False)

    def _match(self, *, forward: bool) -> None:
        row = self.current
        if row is not None and self.outline is not None:
            self.query_one(Search).seek(self.outline, row.key, forward=forward)

    def on_search_ended(self, event: Search.Ended) -> None:
        if event.key is not None and event.key == event.began:
            self.notify("no other row fits", timeout=2)
        self._go(event.key, f"nothing fits '{first_line(event.text, self.app.glyphs)}'")

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
        self.query_one("#body").toggle_class("bare")

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
