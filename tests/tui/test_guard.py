"""The second filter in front of the terminal: it holds whatever the first one missed, in every kind of widget."""

import asyncio
import base64
from collections.abc import Iterator, Sequence

import pytest
from rich.segment import Segment
from rich.style import Style
from textual.app import ComposeResult
from textual.binding import Binding
from textual.color import Color
from textual.content import Content
from textual.events import Paste
from textual.filter import LineFilter
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Footer, Input, Static

from tests.cli.hostile import HOSTILE, faults
from tests.tui.exploring import Exploring, explore, stored
from tests.tui.test_explorer import STORY
from trodo_cli.render.theme import UNICODE
from trodo_cli.tui.app import Explorer
from trodo_cli.tui.guard import GUARD, inert, inert_block

ATTACK = "A\x1b]52;c;aGk=\x07\x9b31m\u202e\u3164\udc00Z"
SHOWN = "A␛]52;c;aGk=␇�31m���Z"
BLACK = Color(0, 0, 0)


def guarded(*segments: Segment) -> list[Segment]:
    return GUARD.apply(list(segments), BLACK)


class Raw(Widget):
    """Paints a text just as it is."""

    DEFAULT_CSS = "Raw { height: 1; }"

    def render_line(self, y: int) -> Strip:
        linked = Style(link="https://a.invalid/\x1b\\\x1b]0;owned\x07")
        return Strip([Segment(ATTACK, Style(bold=True)), Segment("link", linked)])


class Forgetful(Screen[None]):
    """Every kind of widget, none of which makes its text inert."""

    BINDINGS = (Binding("f5", "nothing", ATTACK, tooltip=ATTACK),)

    def compose(self) -> ComposeResult:
        yield Raw()
        yield Static(Content(ATTACK, strip_control_codes=False))
        titled = Static("titled")
        titled.styles.border = ("solid", "red")
        titled.border_title = Content(ATTACK, strip_control_codes=False)
        yield titled
        yield Input(value=ATTACK)
        yield Input(placeholder=ATTACK)
        yield Footer()


class Unguarded(Explorer):
    def get_line_filters(self) -> Sequence[LineFilter]:
        return [of for of in super().get_line_filters() if of is not GUARD]


def painted(app: Explorer) -> list[Segment]:
    return [segment for strip in app.screen._compositor.render_strips() for segment in strip]


def painting(app_class: type[Explorer]) -> list[Segment]:
    async def told() -> list[Segment]:
        with stored([]) as client:
            app = app_class(client, UNICODE)
            async with app.run_test(size=(120, 24), notifications=True) as pilot:
                await app.push_screen(Forgetful())
                super(Explorer, app).notify(ATTACK, title=ATTACK, markup=False, timeout=60)
                await pilot.pause()
                await pilot.pause(0.3)
                return painted(app)

    return asyncio.run(told())


def foreign(segments: list[Segment]) -> set[str]:
    """What in these could act on a terminal."""
    links = {ascii(segment.style.link) for segment in segments if segment.style and segment.style.link}
    return links | {
        ascii(character) for segment in segments for character in segment.text if not character.isprintable()
    }


def test_no_widget_of_any_kind_gets_a_live_character_past_the_guard() -> None:
    segments = painting(Explorer)
    text = "".join(segment.text for segment in segments)
    assert foreign(segments) == set()
    assert text.count(SHOWN) == 3, "the line, the static text, the title of a border"
    assert text.count("␛]52;c;aGk=") >= 8, "two fields, the footer, title and text of the toast besides"


def test_without_the_guard_the_same_widgets_do() -> None:
    """If this fails, Textual or the widgets above stop what the guard is for, and the test above proves nothing."""
    found = foreign(painting(Unguarded))
    assert {r"'\x1b'", r"'\x9b'", r"'\u202e'"} <= found
    assert any("owned" in link for link in found)


def test_what_the_explorer_itself_paints_passes_untouched() -> None:
    async def story(it: Exploring) -> None:
        changed: list[Segment] = []

        class Watch(LineFilter):
            def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
                if GUARD.apply(segments, background) is not segments:
                    changed.extend(segments)
                return segments

        watch = Watch()
        it.app.get_line_filters = lambda: [watch]  # type: ignore[method-assign]
        await it.press("j", "enter")
        await it.shows("plan")
        for keys in (["tab"], ["slash", "x", "enter"], ["c"], ["escape"], ["ctrl+p"], ["escape"], ["?"]):
            await it.press(*keys)
        await it.shows("esc closes")
        assert changed == []

    explore(STORY, story)


@pytest.mark.parametrize("name", HOSTILE)
def test_every_hostile_text_is_inert_and_takes_the_place_it_had(name: str) -> None:
    segment = Segment(HOSTILE[name], Style(bold=True))
    shown = guarded(segment, Segment("after"))
    text = "".join(part.text for part in shown)
    assert faults(text.encode(), terminal=True) - {"a pile of combining marks"} == set()
    assert sum(part.cell_length for part in shown) == segment.cell_length + 5


def test_a_line_that_is_inert_is_handed_on_as_it_is() -> None:
    segments = [
        Segment("├─ ✓ 固体電池 \U0001f600 é ﷺ"),
        Segment(" x", Style(link="https://a.invalid/b?c=%20")),
    ]
    assert guarded(*segments)[0] is segments[0]
    assert GUARD.apply(segments, BLACK) is segments


@pytest.mark.parametrize(
    "link", ["file:///etc/passwd", "javascript:alert(1)", "https://a\x1b\\b", "https://a\u202eb", "https://é"]
)
def test_a_link_that_is_not_plainly_one_to_the_web_is_taken_away(link: str) -> None:
    (shown,) = guarded(Segment("here", Style(bold=True, link=link)))
    assert shown.text == "here"
    assert shown.style is not None
    assert (shown.style.link, shown.style.bold) == (None, True)


def test_control_segments_are_text_like_any_other() -> None:
    (shown,) = guarded(Segment("\x1b[2J", None, [(2,)]))  # type: ignore[list-item]
    assert (shown.control, "\x1b" in shown.text) == (None, False)


def test_every_single_character_ends_up_printable() -> None:
    assert [point for point in range(0x110000) if not inert(chr(point)).isprintable()] == []


def test_a_block_keeps_its_lines_and_tabs() -> None:
    assert inert_block("a\n\tb\x1b\r\n") == "a\n\tb␛␍\n"


def copied(texts: list[str], copy: str) -> Iterator[str]:
    """What is in the clipboard after each text was copied this way."""

    async def told() -> list[str]:
        sent: list[str] = []
        with stored([]) as client:
            app = Explorer(client, UNICODE)
            async with app.run_test():
                assert app._driver is not None
                app._driver.write = sent.append  # type: ignore[method-assign]
                for text in texts:
                    getattr(app, copy)(text)
        return [text for text in sent if text.startswith("\x1b]52")]

    for sequence in asyncio.run(told()):
        assert sequence.startswith("\x1b]52;c;")
        assert sequence.endswith("\a")
        yield base64.b64decode(sequence[7:-1]).decode()


@pytest.mark.parametrize("copy", ["copy", "copy_to_clipboard"])
def test_copied_text_is_clean_whoever_copies(copy: str) -> None:
    found = list(copied([f"{text}\n\n" for text in HOSTILE.values()], copy))
    assert len(found) == len(HOSTILE)
    for text in found:
        assert faults(text.encode(), terminal=False) - {"a pile of combining marks"} == set()
        assert not text.endswith("\n")


def test_pasted_text_is_inert_before_a_field_has_it() -> None:
    async def story(it: Exploring) -> None:
        await it.shows("writer")
        await it.press("slash")
        it.app.post_message(Paste("agent:\x1b[201~w\x9b\u202e\nsecond"))
        await it.shows("agent:␛[201~w<U+009B><U+202E>")
        assert it.app.screen.query_one(Input).value == "agent:␛[201~w<U+009B><U+202E>"

    explore(STORY, story)


def test_a_notice_is_shown_as_it_is_and_inert() -> None:
    async def story(it: Exploring) -> None:
        it.app.notify("[red]x[/] \x1b[2J [/", title="\x07[b]", timeout=60)
        await it.shows("[red]x[/] ␛[2J [/", "␇[b]")

    explore(STORY, story)
