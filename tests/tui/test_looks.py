"""The explorer in every theme, without colours, and without any sign beyond ASCII."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from rich.segment import Segment
from textual.app import App
from textual.strip import Strip

from tests.cli.made import HOUR, SECOND, run, run_id, span
from tests.pictures import DARK, LIGHT, colours, lines_of
from tests.tui.exploring import Exploring, stored
from trodo_cli.model.event import Event
from trodo_cli.render.theme import ASCII, UNICODE, Glyphs
from trodo_cli.tui.app import THEMES, Explorer

LEAST_CONTRAST = 2.5
"""Of the dimmest text; WCAG asks 3 for what is large or only accompanies."""

Look = Callable[[Exploring], Awaitable[None]]


def events() -> list[Event]:
    model = span("answer", kind="model", at_ns=1, model="m-1", cost=0.02)
    deep = span("deep", kind="tool", at_ns=2, parent="answer", status="error", error="no such page")
    return [
        *run(1, "writer", model, deep, status="failed", ago_ns=SECOND * 9, ended={"error": "no such page"}),
        *run(2, "reader", span("open", status="running"), status="running", ago_ns=SECOND),
        *run(3, "stopped", status="cancelled", ago_ns=HOUR, ended={"error": "by ada"}),
        *run(4, "below", ago_ns=HOUR, parent_id=run_id(3)),
    ]


async def every_view(it: Exploring, look: Callable[[str], None]) -> None:
    """Go through all there is to see, and look at each."""
    await it.shows("3 runs", "writer")
    await it.press("a")
    await it.shows("4 runs")
    look("the list")
    await it.press("j", "space", "k")
    await it.shows("1 marked")
    look("a mark")
    await it.press("slash", *"status:")
    await it.shows("pending  running")
    look("a hint")
    await it.press(*"brok")
    await it.shows("unknown status")
    look("a wrong filter")
    await it.press("escape", "escape", "home", "c")
    await it.shows("Ask to stop: reader")
    look("the question")
    await it.press("escape", "question_mark")
    await it.shows("esc closes")
    look("the help")
    await it.press("end")
    await it.pilot.pause()
    look("the end of the help")
    await it.press("escape", "ctrl+p")
    await it.shows("find a command", "all runs")
    look("the palette")
    await it.press("escape", "j", "enter")
    await it.shows("deep", "Overview")
    look("a run")
    await it.press("r")
    await it.shows("name        deep")
    look("an error")
    await it.press("shift+tab", "slash", *"x")
    await it.pilot.pause()
    look("a search")
    await it.press("enter")
    await it.shows("nothing fits")
    look("a message")


def looked_at(
    look: Callable[[Exploring, str], None], size: tuple[int, int], glyphs: Glyphs, theme: str = ""
) -> None:
    async def told() -> None:
        with stored(events()) as client:
            app = Explorer(client, glyphs)
            async with app.run_test(size=size, notifications=True) as pilot:
                it = Exploring(client, pilot, app)
                app.theme = theme or app.theme
                await every_view(it, lambda what: look(it, what))

    asyncio.run(told())


def shown(app: App[None]) -> str:
    """All that a terminal shows, what lies behind a question too."""
    return "\n".join(
        "".join(segment.text for segment in line if not segment.control) for line in lines_of(app)
    )


def in_front(app: App[None]) -> list[list[Segment]]:
    """What an app shows; of a question before another screen, which is dimmed, only the question."""
    lines = lines_of(app)
    if not app.screen.is_modal:
        return lines
    box = app.screen.children[0].region
    return [list(Strip(line).crop(box.x, box.right)) for line in lines[box.y : box.bottom]]


@pytest.mark.parametrize("size", [(130, 24), (60, 16)])
def test_without_signs_every_view_is_ascii(size: tuple[int, int]) -> None:
    def look(it: Exploring, what: str) -> None:
        foreign = {character for character in shown(it.app) if not character.isascii()}
        assert not foreign, f"{what} shows {foreign}:\n{shown(it.app)}"

    looked_at(look, size, ASCII)


@pytest.mark.parametrize("theme", ["ansi-dark", "textual-light"])
def test_without_colours_every_view_is_in_the_terminals_own(
    theme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    def look(it: Exploring, what: str) -> None:
        for line in lines_of(it.app):
            for segment in line:
                style = segment.style
                told = [style.color, style.bgcolor] if style else []
                assert all(colour is None or colour.is_default for colour in told), f"{what}: {segment!r}"

    looked_at(look, (110, 24), UNICODE, theme)


@pytest.mark.parametrize("theme", THEMES)
def test_in_every_theme_all_that_is_shown_can_be_read(theme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    palette = LIGHT if theme.endswith("light") else DARK

    def look(it: Exploring, what: str) -> None:
        for line in in_front(it.app):
            for segment in line:
                if segment.text.strip() and any(character.isalnum() for character in segment.text):
                    text, ground = colours(segment.style, palette)
                    seen = contrast(text, ground)
                    assert seen >= LEAST_CONTRAST, (
                        f"{what}: {segment.text!r} {text} on {ground} is {seen:.1f}"
                    )

    looked_at(look, (110, 24), UNICODE, theme)


def contrast(one: str, other: str) -> float:
    """How two colours differ in brightness, as WCAG has it: from 1 to 21."""
    darker, brighter = sorted((brightness(one), brightness(other)))
    return (brighter + 0.05) / (darker + 0.05)


def brightness(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
