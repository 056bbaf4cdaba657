"""The explorer: a Textual app over a client."""

import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from textual.app import App, SystemCommand
from textual.screen import Screen

from trodo_cli.client.base import Client, RunFilter
from trodo_cli.errors import TrodoError
from trodo_cli.model.run import Run
from trodo_cli.model.span import Span
from trodo_cli.render.rows import Row
from trodo_cli.render.safe import safe_block
from trodo_cli.render.theme import Glyphs
from trodo_cli.tui.keys import EVERYWHERE, bindings
from trodo_cli.tui.screens.cancel import CancelScreen
from trodo_cli.tui.screens.help import HelpScreen
from trodo_cli.tui.screens.runs import RunsScreen
from trodo_cli.tui.screens.trace import TraceScreen

THEMES = ("ansi-dark", "ansi-light", "textual-dark", "textual-light", "nord", "gruvbox", "catppuccin-latte")
"""The first two use the 16 colours of the user's own terminal."""


GIVE_WAY_SECONDS = 0.001
"""How long a thread that reads a store may hold up keys and painting."""


class Explorer(App[None]):
    """Shows one run, or the list of runs."""

    CSS_PATH = Path(__file__).with_name("trodo.tcss")
    TITLE = "trodo"
    BINDINGS = bindings(EVERYWHERE)
    ENABLE_COMMAND_PALETTE = True

    def __init__(
        self, client: Client, glyphs: Glyphs, *, run_id: str | None = None, by: str | None = None
    ) -> None:
        super().__init__()
        self.client = client
        self.glyphs = glyphs
        self.last_seen: Run | None = None
        """The run that was shown last, as it stood then."""
        self._run_id = run_id
        self._by = by
        self.theme = THEMES[0]

    def on_mount(self) -> None:
        sys.setswitchinterval(GIVE_WAY_SECONDS)
        self._leave_on(signal.SIGTERM, signal.SIGHUP)
        self.push_screen(RunsScreen(RunFilter()) if self._run_id is None else TraceScreen(self._run_id))

    def show_run(self, run_id: str) -> None:
        self.push_screen(TraceScreen(run_id))

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
            self.notify("nothing to stop: it has ended", timeout=3, markup=False)
            return

        def decided(reason: str | None) -> None:
            if reason is not None:
                for run in open_runs:
                    self.run_worker(lambda run=run: self._cancel(run.id, reason), thread=True, group="cancel")

        self.push_screen(CancelScreen(open_runs), decided)

    def _cancel(self, run_id: str, reason: str) -> None:
        try:
            self.client.runs.cancel(run_id, reason=reason or None, by=self._by)
        except TrodoError as error:
            self.call_from_thread(
                self.notify,
                f"{error.message}. {error.hint}",
                severity="error",
                markup=False,
                title="not cancelled",
            )

    def copy(self, text: str) -> None:
        """Copy a text, made inert, as OSC 52."""
        self.copy_to_clipboard(safe_block(text).rstrip("\n"))
        self.notify("copied", timeout=1, markup=False)

    def page(self, text: str) -> None:
        """Show a text in the user's pager."""
        from trodo_cli.tui.pager import page

        with self.suspend():
            page(safe_block(text))

    def action_help(self) -> None:
        self.push_screen(HelpScreen())

    def action_next_theme(self) -> None:
        place = THEMES.index(self.theme) if self.theme in THEMES else -1
        self.theme = THEMES[(place + 1) % len(THEMES)]

    def get_system_commands(self, screen: Screen[object]):  # type: ignore[no-untyped-def]
        for binding in screen.active_bindings.values():
            if binding.enabled and binding.binding.tooltip:
                action = binding.binding.action
                yield SystemCommand(
                    binding.binding.description,
                    binding.binding.tooltip,
                    lambda action=action: self.run_action_on(action),
                )

    async def run_action_on(self, action: str) -> None:
        await self.run_action(action, default_namespace=self.screen)

    def _leave_on(self, *signals: signal.Signals) -> None:
        """End well when the system asks for it."""
        import asyncio

        for number in signals:
            asyncio.get_running_loop().add_signal_handler(number, self.exit)

    def _fatal_error(self) -> None:
        """A crash is told with where it happened, never with the values it happened to."""
        error = sys.exc_info()[1]
        frames = traceback.extract_tb(error.__traceback__) if error else []
        where = "\n".join(f"  {os.path.basename(f.filename)}:{f.lineno} in {f.name}" for f in frames[-8:])
        self.bell()
        self.panic(f"trodo crashed: {type(error).__name__}\n{where}")
