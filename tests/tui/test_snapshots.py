"""What the main views look like, as pictures in `snapshots/`. `python -m tests.tui.test_snapshots` paints them anew.

Look at them before they are committed. They hold for one minor version of Textual, which draws boxes and fields.
"""

import asyncio
import difflib
import os
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from unittest.mock import patch

import pytest
from textual.widgets import Input

from tests.cli.made import HOUR, SECOND, payload, run, run_id, span
from tests.pictures import DARK, LIGHT, Palette, lines_of, svg
from tests.tui.exploring import Exploring
from trodo_cli.client.local import LocalClient
from trodo_cli.errors import Unavailable
from trodo_cli.model.event import Event
from trodo_cli.render.theme import ASCII, UNICODE, Glyphs
from trodo_cli.stores.sqlite import SqliteStore
from trodo_cli.tui.app import Explorer

FOLDER = Path(__file__).with_name("snapshots")
TEXTUAL = ".".join(version("textual").split(".")[:2])
MADE_WITH = FOLDER / "textual.txt"

NOW = 1_780_000_000 * SECOND
MINUTE = 60 * SECOND

PATIENCE_SECONDS = 15.0
"""How long a picture may take to become the one that is kept."""

CHAT = [
    {"role": "system", "content": "You are the support agent of a web shop."},
    {"role": "user", "content": "My order 4711 arrived broken. Can I have my money back?"},
    {
        "role": "assistant",
        "content": "Let me look.",
        "tool_calls": [
            {
                "id": "c1",
                "type": "function",
                "function": {"name": "get_order", "arguments": '{"order": 4711}'},
            }
        ],
    },
    {"role": "tool", "tool_call_id": "c1", "content": '{"item": "desk lamp", "paid": 39.0}'},
]
STACK = 'Traceback (most recent call last):\n  File "agent.py", line 71, in create_refund\n    raise PaymentTimeout'
TOLD = "the payment service did not answer within 800 ms"


def ended(start_s: float, took_s: float) -> dict[str, int]:
    return {"at_ns": round(start_s * SECOND), "ended_ns": round((start_s + took_s) * SECOND)}


def support(number: int = 1) -> list[Event]:
    """A run that fails at its second attempt to pay somebody back."""
    answer = {"role": "assistant", "content": "A refund is allowed."}
    model = {"kind": "model", "model": "model-1", "cost": 0.0012}
    failed = {"kind": "tool", "status": "error", "error": TOLD, "error_type": "PaymentTimeout"}
    return run(
        number,
        "support-agent",
        span("understand", kind="agent", **ended(0, 0.9)),
        span(
            "model-1",
            parent="understand",
            payload=payload(input=CHAT, output=answer),
            **model,
            **ended(0, 0.7),
        ),
        span("get_order", kind="tool", parent="understand", **ended(0.7, 0.2)),
        span("search_policy", kind="retrieval", **ended(0.9, 0.4)),
        span("refund", kind="agent", status="error", error=TOLD, **ended(1.3, 2.4)),
        span(
            "first",
            "create_refund",
            parent="refund",
            payload=payload(stack=STACK),
            **failed,
            **ended(1.3, 0.8),
        ),
        span("back-off", kind="step", parent="refund", **ended(2.1, 0.3)),
        span("second", "create_refund", parent="refund", **failed, **ended(2.4, 0.8)),
        span("deep-1", "gateway", kind="agent", parent="get_order", **ended(0.7, 0.1)),
        span("deep-2", "needle", kind="generic", parent="deep-1", **ended(0.7, 0.1)),
        status="failed",
        ago_ns=3 * MINUTE,
        took_ns=round(3.8 * SECOND),
        ended={"error": TOLD, "error_type": "PaymentTimeout"},
        session="chat-93",
    )


def live() -> list[Event]:
    return run(
        2,
        "indexer",
        span("list", kind="tool", **ended(0, 2)),
        span("round-1", kind="agent", **ended(2, 4)),
        span("read", kind="tool", parent="round-1", **ended(2, 1)),
        span("sum-up", kind="model", parent="round-1", model="model-1", **ended(3, 3)),
        span("round-2", kind="agent", status="running", at_ns=6 * SECOND),
        span("read-2", "read", kind="tool", parent="round-2", status="running", at_ns=7 * SECOND),
        status="running",
        ago_ns=12 * SECOND,
    )


def several() -> list[Event]:
    stopped = {"status": "cancelled", "ended": {"error": "cancelled by ada", "error_type": "RunCancelled"}}
    return [
        *support(),
        *live(),
        *run(
            3, "writer", span("w", kind="model", model="m", cost=0.25), ago_ns=2 * HOUR, took_ns=95 * SECOND
        ),
        *run(4, "fact-checker", ago_ns=2 * HOUR - SECOND, parent_id=run_id(3)),
        *run(5, "crawler", ago_ns=50 * HOUR, took_ns=3 * HOUR, **stopped),
        *run(6, "检索助手", ago_ns=40 * 24 * HOUR),
    ]


Story = Callable[[Exploring], Awaitable[None]]


@dataclass(frozen=True)
class View:
    """One picture: what there is, how it is looked at, and in which terminal."""

    name: str
    story: Story
    size: tuple[int, int] = (100, 20)
    events: Callable[[], Sequence[Event]] = several
    run_id: str | None = None
    palette: Palette = DARK
    glyphs: Glyphs = UNICODE
    environment: tuple[tuple[str, str], ...] = ()


async def runs(it: Exploring) -> None:
    it.client.runs.cancel(run_id(2), reason="wrong folder", by="ada")
    await it.shows("5 runs", "cancel requested")
    await it.press("j")


async def filter_hint(it: Exploring) -> None:
    await it.shows("5 runs")
    await it.press("slash", *"status:failed", "enter")
    await it.shows("1 run ", "/ status:failed")
    await it.press("slash", *" agent:")
    await it.shows("support-agent")


async def grouped(it: Exploring) -> None:
    await it.shows("5 runs")
    await it.press("a")
    await it.shows("↳ fact-checker")
    await it.press("j", "space", "j", "space")
    await it.shows("2 marked")


async def cancel(it: Exploring) -> None:
    await it.shows("5 runs")
    await it.press("c")
    await it.shows("Ask to stop: indexer")


async def reconnecting(it: Exploring) -> None:
    await it.shows("5 runs")

    def away(**_: object) -> None:
        raise Unavailable("the server does not answer", "is it running?")

    it.client.runs.list = away  # type: ignore[method-assign, assignment]
    await it.shows("reconnecting")


async def tree(it: Exploring) -> None:
    await it.shows("create_refund", "agent       support")
    await it.press("r")
    await it.shows("name        create_refund", "Error")


async def chat(it: Exploring) -> None:
    await it.shows("create_refund", "agent       support")
    await it.press("j", "j")
    await it.shows("name        model-1", "Chat")
    await it.press("tab")
    await it.shows("desk lamp")


async def error(it: Exploring) -> None:
    await tree(it)
    await it.press("shift+tab")
    await it.shows("Traceback", "line 71")


async def running(it: Exploring) -> None:
    await it.shows("following", "round-2", "name        read")


async def found(it: Exploring) -> None:
    await it.shows("create_refund", "+2 spans")
    await it.press("slash", *"needle", "enter")
    await it.shows("name        needle")


async def help(it: Exploring) -> None:
    await it.shows("create_refund", "agent       support")
    await it.press("question_mark")
    await it.shows("Everywhere", "Signs")


async def light(it: Exploring) -> None:
    it.app.theme = "ansi-light"
    await tree(it)


FAILED = run_id(1)

VIEWS = (
    View("runs", runs, (130, 16)),
    View("filter", filter_hint, (100, 14)),
    View("grouped", grouped, (80, 16)),
    View("cancel", cancel, (100, 20)),
    View("reconnecting", reconnecting, (80, 12)),
    View("tree-80x24", tree, (80, 24), run_id=FAILED),
    View("tree-140x40", tree, (140, 40), run_id=FAILED),
    View("tree-300x80", tree, (300, 80), run_id=FAILED),
    View("chat", chat, (130, 24), run_id=FAILED),
    View("error", error, (130, 20), run_id=FAILED),
    View("live", running, (130, 20), run_id=run_id(2)),
    View("search", found, (130, 20), run_id=FAILED),
    View("help", help, (160, 44), run_id=FAILED),
    View("light", light, (130, 24), run_id=FAILED, palette=LIGHT),
    View("ascii", tree, (130, 24), run_id=FAILED, glyphs=ASCII, environment=(("NO_COLOR", "1"),)),
)


def kept(view: View) -> Path:
    return FOLDER / f"{view.name}.svg"


def painted(view: View, wanted: str | None = None) -> str:
    """The picture of a view, as soon as it is the wanted one, or changes no more."""

    async def told(client: LocalClient) -> str:
        app = Explorer(client, view.glyphs, run_id=view.run_id, by="ada")
        async with app.run_test(size=view.size, notifications=True) as pilot:
            it = Exploring(client, pilot, app)
            await view.story(it)
            return await _settled(it, view, wanted)

    with _at_noon(view), _stored(view) as client:
        return asyncio.run(told(client))


async def _settled(it: Exploring, view: View, wanted: str | None) -> str:
    before, until = "", time.monotonic() + PATIENCE_SECONDS
    while True:
        for field in it.app.screen.query(Input):
            field.cursor_blink = False
        picture = svg(lines_of(it.app), view.size[0], view.palette)
        if picture == wanted or (wanted is None and picture == before) or time.monotonic() > until:
            return picture
        before = picture
        await it.pilot.pause(0.5)


@contextmanager
def _at_noon(view: View) -> Iterator[None]:
    """One moment in one time zone, and no terminal but the view's."""
    environment = {"TZ": "UTC", "TERM": "xterm-256color", "COLORTERM": "truecolor", **dict(view.environment)}
    left_out = {name: os.environ[name] for name in ("NO_COLOR",) if name in os.environ}
    with patch.dict(os.environ, environment), patch("trodo_cli.model.ids.now_ns", lambda: NOW):
        for name in left_out.keys() - environment.keys():
            del os.environ[name]
        time.tzset()
        yield
    time.tzset()


@contextmanager
def _stored(view: View) -> Iterator[LocalClient]:
    client = LocalClient(SqliteStore(None), "local")
    client.publish(view.events(), alive=True)
    yield client
    client.close()


@pytest.mark.skipif(
    MADE_WITH.read_text().strip() != TEXTUAL,
    reason=f"the pictures were made with Textual {MADE_WITH.read_text().strip()}, this is {TEXTUAL}",
)
@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_a_view_looks_as_it_did(view: View) -> None:
    wanted = kept(view).read_text()
    picture = painted(view, wanted)
    changed = difflib.unified_diff(wanted.splitlines(), picture.splitlines(), "kept", "now", lineterm="", n=0)
    assert picture == wanted, "\n".join(line[:300] for line in list(changed)[:40])


def test_every_kept_picture_is_of_a_view() -> None:
    assert {path.name for path in FOLDER.glob("*.svg")} == {kept(view).name for view in VIEWS}
    assert len(VIEWS) <= 15


def main() -> None:
    """Paint all pictures anew."""
    for path in FOLDER.glob("*.svg"):
        path.unlink()
    for view in VIEWS:
        kept(view).write_text(painted(view))
        print(kept(view).name)
    MADE_WITH.write_text(f"{TEXTUAL}\n")


if __name__ == "__main__":
    main()
