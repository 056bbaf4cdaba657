"""One explorer in a process of its own: `python -m tests.bench.explorers CONTENDER FILE RUN SECONDS`, figures as JSON.

Headless, 120 x 40. `paint_ms`: from the wish for the run's rows to the first frame with some of them; `whole_ms`: until
all are there; `rss_mb`: what the process has grown by; `key_ms`: from a key to the frame with the cursor elsewhere,
again and again while events come.
"""

import asyncio
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from textual.app import App, ComposeResult
from textual.geometry import Size
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widgets import Tree

from trodo_cli.client import connect
from trodo_cli.client.base import Client
from trodo_cli.model.event import SpanStart
from trodo_cli.model.trace import Trace
from trodo_cli.render.theme import UNICODE
from trodo_cli.tui.app import Explorer
from trodo_cli.tui.screens.trace import TraceScreen

SIZE = (120, 40)
REST_SECONDS = 0.05

LONGEST_SECONDS = 10.0
"""Whoever needs longer for a key is not asked again."""


class Watched(App[None]):
    """Tells of every frame."""

    framed: Callable[[], None] = staticmethod(lambda: None)

    def _display(self, screen: Any, renderable: Any) -> None:
        super()._display(screen, renderable)
        self.framed()


class Ours(Watched, Explorer):
    def __init__(self, client: Client, run_id: str) -> None:
        super().__init__(client, UNICODE)
        self.wanted = run_id

    def ask(self) -> None:
        self.push_screen(TraceScreen(self.client, self.wanted))

    @property
    def is_painted(self) -> bool:
        screen = self.screen
        return isinstance(screen, TraceScreen) and screen.spans.count > 1

    @property
    def is_whole(self) -> bool:
        return isinstance(self.screen, TraceScreen) and bool(
            self.screen.picture and self.screen.picture.is_whole
        )

    @property
    def place(self) -> int:
        return self.screen.spans.cursor if isinstance(self.screen, TraceScreen) else 0


class Trees(Watched):
    """Textual's own tree, its first two levels open."""

    def __init__(self, client: Client, run_id: str) -> None:
        super().__init__()
        self.client, self.wanted = client, run_id
        self.is_painted = self.is_whole = False

    def compose(self) -> ComposeResult:
        yield Tree("run")

    def ask(self) -> None:
        trace = self.client.traces.get(self.wanted, payload=False)
        tree, widget = trace.tree(), self.query_one(Tree)
        level = [(widget.root, None)]
        depth = 0
        while level:
            upper, level = level, []
            for node, key in upper:
                for span in tree.below(key):
                    level.append((node.add(span.name, expand=depth < 1), span.id))
            depth += 1
        widget.root.expand()
        widget.focus()
        self.is_painted = self.is_whole = True
        threading.Thread(target=self.follow, args=(trace,), daemon=True).start()

    def follow(self, trace: Trace) -> None:
        root = self.query_one(Tree).root
        for event in self.client.traces.stream(self.wanted, after=trace.summary.last_seq, payload=False):
            if isinstance(event, SpanStart) and self.is_running:
                self.call_later(root.add_leaf, event.span.name)

    @property
    def place(self) -> int:
        return self.query_one(Tree).cursor_line


class Empty(Watched):
    """A Line API widget whose rows say nothing; no store, no events."""

    class Rows(ScrollView, can_focus=True):
        BINDINGS = [("down", "down"), ("up", "up")]  # noqa: RUF012
        cursor: reactive[int] = reactive(0)

        def render_line(self, y: int) -> Strip:
            return Strip.blank(self.size.width)

        def action_down(self) -> None:
            self.cursor += 1

        def action_up(self) -> None:
            self.cursor -= 1

    def __init__(self, client: Client, run_id: str) -> None:
        super().__init__()
        self.count = client.runs.get(run_id).totals.spans
        self.is_painted = self.is_whole = False

    def compose(self) -> ComposeResult:
        yield self.Rows()

    def ask(self) -> None:
        rows = self.query_one(self.Rows)
        rows.virtual_size = Size(SIZE[0], self.count)
        rows.focus()
        self.is_painted = self.is_whole = True

    @property
    def place(self) -> int:
        return self.query_one(self.Rows).cursor


CONTENDERS = {"empty Line API": Empty, "trodo": Ours, "textual.Tree": Trees}


def main() -> None:
    contender, file, run_id, seconds = sys.argv[1:]
    client = connect(file)
    print(json.dumps(asyncio.run(measured(CONTENDERS[contender](client, run_id), float(seconds)))))
    sys.stdout.flush()
    os._exit(0)


async def measured(app: Any, seconds: float) -> dict[str, Any]:
    found: dict[str, Any] = {}
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause(0.3)
        before, began = resident_mb(), time.perf_counter()
        app.ask()
        found["paint_ms"] = await framed(app, lambda: app.is_painted) - began * 1e3
        while not app.is_whole:
            await asyncio.sleep(0.01)
        found["whole_ms"] = (time.perf_counter() - began) * 1e3
        await asyncio.sleep(0.3)
        found["rss_mb"] = resident_mb() - before
        if seconds:
            print("ready", flush=True)
            found["key_ms"] = sorted([ms async for ms in keys(app, seconds)])
    return found


LOWEST, HIGHEST = 5, 30
"""Between these rows the cursor goes down and up."""


async def keys(app: Any, seconds: float) -> Any:
    await asyncio.sleep(0.5)
    app.simulate_key("home")
    until, key = time.perf_counter() + seconds, "down"
    while time.perf_counter() < until:
        place = app.place
        key = "down" if place < LOWEST else "up" if place > HIGHEST else key
        began = time.perf_counter()
        app.simulate_key(key)
        try:
            at = await framed(app, lambda place=place: app.place != place, LONGEST_SECONDS)
        except TimeoutError:
            yield LONGEST_SECONDS * 1e3
            return
        yield at - began * 1e3
        await asyncio.sleep(REST_SECONDS)


async def framed(app: Any, is_there: Callable[[], bool], seconds: float = 120) -> float:
    """The milliseconds of the first frame for which that holds."""
    done: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    def look() -> None:
        if not done.done() and is_there():
            done.set_result(time.perf_counter() * 1e3)

    app.framed = look
    return await asyncio.wait_for(done, seconds)


def resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    main()
