"""The explorer: a Textual app over a client."""

import asyncio
import gc
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Literal

from rich.console import RenderableType
from rich.text import Text
from textual import events
from textual.app import App, SystemCommand
from textual.command import CommandPalette
from textual.driver import Driver
from textual.filter import LineFilter
from textual.reactive import Reactive
from textual.screen import Screen

from trodo_cli.client.base import Client, RunFilter
from trodo_cli.errors import InvalidInput
from trodo_cli.model.run import Run
from trodo_cli.model.span import Span
from trodo_cli.render.format import counted
from trodo_cli.render.rows import Row
from trodo_cli.render.safe import safe_block, safe_line
from trodo_cli.render.theme import ASCII, Glyphs
from trodo_cli.tui.aside import Aside
from trodo_cli.tui.asking import Asking
from trodo_cli.tui.guard import GUARD, inert_block
from trodo_cli.tui.keyboard import Keyboard
from trodo_cli.tui.keys import EVERYWHERE, FOLDS, MOVING, RUNS, TRACE, bindings
from trodo_cli.tui.screens.cancel import CancelScreen
from trodo_cli.tui.screens.help import HelpScreen
from trodo_cli.tui.screens.runs import RunsScreen
from trodo_cli.tui.screens.trace import TraceScreen
from trodo_cli.tui.terminal import Terminal

THEMES = ("ansi-dark", "ansi-light", "textual-dark", "textual-light", "nord", "gruvbox", "catppuccin-latte")
"""The first two use the 16 colours of the user's own terminal."""

ALONE_SECONDS = 1.0
"""How often it is looked whether the terminal is still there."""

_SIGNALLED = 128
"""An exit code from here on tells the signal that ended a program."""


GIVE_WAY_SECONDS = 0.001
"""How long a thread that reads a store may hold up keys and painting."""


class Explorer(App[None]):
    """Shows one run, or the list of runs."""

    CSS_PATH = Path(__file__).with_name("trodo.tcss")
    TITLE = "trodo"
    BINDINGS = bindings(EVERYWHERE)
    ENABLE_COMMAND_PALETTE = True

    theme: Reactive[str] = Reactive(THEMES[0])
    """Known from the start: how colours are taken away for `NO_COLOR` depends on it."""

    def __init__(
        self, client: Client, glyphs: Glyphs, *, run_id: str | None = None, by: str | None = None
    ) -> None:
        super().__init__()
        self.client = client
        self.glyphs = glyphs
        self.last_seen: Run | None = None
        """The run that was shown last, as it stood then."""
        self._run_id = run_id
        self.asking = Asking(client, by)
        self._keyboard = Keyboard(self, super().on_event)
        self._has_crashed = False
        self.set_class(glyphs is ASCII, "ascii")

    def on_load(self) -> None:
        asyncio.get_running_loop().set_default_executor(Aside())
        if not self.is_headless:
            self._leave_on(signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
            threading.excepthook = self._thread_failed

    def on_mount(self) -> None:
        sys.setswitchinterval(GIVE_WAY_SECONDS)
        gc.freeze()  # what was imported stays: to look through it for garbage would hold up a frame
        if isinstance(self._driver, Terminal):
            self.set_interval(ALONE_SECONDS, self._leave_when_alone)
        if self._run_id is None:
            self.push_screen(RunsScreen(RunFilter()))
        else:
            self.show_run(self._run_id)

    def show_run(self, run_id: str) -> None:
        self.push_screen(TraceScreen(self.client, run_id))

    def leave_screen(self) -> None:
        """Back to the screen before; from the first one to the list of runs."""
        if len(self.screen_stack) > 2:
            self.pop_screen()
        else:
            self.switch_screen(RunsScreen(RunFilter()))

    def payloads(self, run_id: str) -> Callable[[Row], Span | Run]:
        """Reads the subject of a row of this run with its payload."""

        def read(row: Row) -> Span | Run:
            if row.run is not None:
                return self.client.runs.get(row.run.id)
            return self.client.traces.span(run_id, row.key)

        return read

    def ask_to_cancel(self, runs: list[Run]) -> None:
        """Ask which and why, then ask the runs to stop."""
        open_runs = [run for run in runs if not run.is_terminal]
        if not open_runs:
            self.notify(f"nothing to stop: {'it has ended' if runs else 'there is no run'}", timeout=3)
            return

        def decided(reason: str | None) -> None:
            if reason is not None:
                for run in open_runs:
                    self.asking.ask(run.id, reason, self._refused)

        self.push_screen(CancelScreen(open_runs), decided)

    def _refused(self, why: str) -> None:
        """A run was not asked to stop; called from another thread. Raises `RuntimeError` when nobody is left."""
        self.call_from_thread(self.notify, why, severity="error", title="not cancelled")

    def copy(self, text: str) -> None:
        """Copy a text, made inert, as OSC 52."""
        text = safe_block(text).strip("\n")
        self.copy_to_clipboard(text)
        lines = text.count("\n") + 1
        self.notify(f"copied {counted(lines, 'line')}" if lines > 1 else "copied", timeout=1)

    def page(self, text: str) -> None:
        """Show a text in the user's pager."""
        from trodo_cli.tui.pager import page

        trouble = ""
        with self.suspend(), self._uninterrupted():
            try:
                page(inert_block(safe_block(text)))
            except InvalidInput as error:
                trouble = f"{error.message}. {error.hint}"
        if trouble:
            self.notify(trouble, severity="warning")

    # -- what goes in and out ----------------------------------------------------------------------

    def get_line_filters(self) -> Sequence[LineFilter]:
        return [*super().get_line_filters(), GUARD]

    def get_driver_class(self) -> type[Driver]:
        return Terminal

    def copy_to_clipboard(self, text: str) -> None:
        """Whoever copies: a shell may get it, so it ends without a line break."""
        super().copy_to_clipboard(inert_block(text).strip("\n"))

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: Literal["information", "warning", "error"] = "information",
        timeout: float | None = None,
        markup: bool = False,
    ) -> None:
        """Tell something in a corner, inert and as it is."""
        super().notify(
            safe_block(message), title=safe_line(title), severity=severity, timeout=timeout, markup=markup
        )

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Paste):
            event.text = safe_block(event.text)
        if isinstance(event, events.Key | events.Paste) and not event.is_forwarded:
            await self._keyboard.take(event)
        else:
            await super().on_event(event)

    def action_command_palette(self) -> None:
        if not isinstance(self.screen, CommandPalette):
            self.push_screen(CommandPalette(placeholder="find a command", id="--command-palette"))

    def action_help(self) -> None:
        self.push_screen(HelpScreen(of_run=isinstance(self.screen, TraceScreen)))

    def action_next_theme(self) -> None:
        place = THEMES.index(self.theme) if self.theme in THEMES else -1
        self.theme = THEMES[(place + 1) % len(THEMES)]
        self.notify(self.theme, title="theme", timeout=2)

    def get_system_commands(self, screen: Screen[object]):  # type: ignore[no-untyped-def]
        known = {key.action for key in (*EVERYWHERE, *MOVING, *RUNS, *TRACE, *FOLDS)} - {
            "app.command_palette"
        }
        found = {
            active.binding.action: active for active in screen.active_bindings.values() if active.enabled
        }
        for action in sorted(found.keys() & known):
            binding, node = found[action].binding, found[action].node
            act = partial(self.run_action, action, default_namespace=node)
            yield SystemCommand(binding.description, binding.tooltip, act)

    # -- leaving -----------------------------------------------------------------------------------

    def action_interrupt(self) -> None:
        """Leave as ctrl-c does elsewhere."""
        self._leave(signal.SIGINT)

    def exit(self, result: None = None, return_code: int = 0, message: RenderableType | None = None) -> None:
        self._keyboard.close()
        super().exit(result, return_code, message)

    def _leave(self, number: signal.Signals) -> None:
        self.exit(return_code=_SIGNALLED + number)

    def _leave_on(self, *signals: signal.Signals) -> None:
        """End well when the system asks for it."""
        for number in signals:
            asyncio.get_running_loop().add_signal_handler(number, self._leave, number)

    @contextmanager
    def _uninterrupted(self) -> Iterator[None]:
        """Ctrl-c is meant for the program that has the terminal now."""
        loop = asyncio.get_running_loop()
        loop.remove_signal_handler(signal.SIGINT)
        signal.signal(signal.SIGINT, lambda *_: None)
        try:
            yield
        finally:
            loop.call_later(0, self._leave_on, signal.SIGINT)  # once the loop has heard of those until now

    def _leave_when_alone(self) -> None:
        if isinstance(self._driver, Terminal) and self._driver.is_gone:
            self._leave(signal.SIGHUP)

    def _thread_failed(self, failed: threading.ExceptHookArgs) -> None:
        """What breaks in a thread breaks the explorer: nobody would ever hear from that thread again."""

        def fail() -> None:
            assert failed.exc_value is not None
            raise failed.exc_value

        self.call_later(fail)

    def _fatal_error(self) -> None:
        """A crash is told with where it happened, never with the values it happened to."""
        if self._has_crashed:
            return
        self._has_crashed = True
        error = sys.exc_info()[1]
        frames = traceback.extract_tb(error.__traceback__) if error else []
        where = "\n".join(f"  {os.path.basename(f.filename)}:{f.lineno} in {f.name}" for f in frames[-8:])
        self.panic(Text(f"trodo: the explorer crashed: {type(error).__name__}\n{where}"))
