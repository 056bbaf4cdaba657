"""Texts that try to drive a terminal, hide, reorder or forge; and what may reach a terminal instead."""

import re
import unicodedata
from collections.abc import Callable

import pyte

_OSC52 = "52;c;cm0gLXJmIH4="

HOSTILE = {
    "osc52-bel": f"a\x1b]{_OSC52}\x07z",
    "osc52-st": f"a\x1b]{_OSC52}\x1b\\z",
    "osc52-query": "a\x1b]52;c;?\x07z",
    "osc8-link": "\x1b]8;;file:///etc/passwd\x1b\\click\x1b]8;;\x1b\\",
    "osc0-title": "\x1b]0;owned\x07",
    "title-report": "\x1b[21t",
    "decrqss": "\x1bP$qm\x1b\\",
    "device-attributes": "\x1b[c",
    "cursor-report": "\x1b[6n",
    "version-query": "\x1b[>0q",
    "clear-screen": "\x1b[2J\x1b[3J\x1b[Hforged",
    "alternate-screen": "\x1b[?1049l\x1b[?1003l",
    "paste-end": "\x1b[201~\rrm -rf ~\r",
    "escape-last": "a\x1b",
    "rest-of-a-sequence": "]0;owned\x07",
    "nested": "\x1b\x1b[2J[2J",
    "csi-8bit": "\x9b31m",
    "osc-8bit": "\x9d0;owned\x9c",
    "dcs-8bit": "\x90$qm\x9c",
    "own-colour": "\x1b[31mred\x1b[0m",
    "blink": "\x1b[5;7;8mhidden",
    "carriage-return": "ERROR\rOK   ",
    "backspace": "rm\x08\x08ls",
    "delete": "abc\x7f\x7f\x7f",
    "nul": "a\0b",
    "shift-out": "a\x0eb\x0fc\x05",
    "bell": "\x07" * 5,
    "escaped-json": '{"a": "\\u001b]0;owned\\u0007 \\u009b31m"}',
    "bidi-override": "abc\u202edcba",
    "bidi-isolates": "\u2066\u2067\u2068\u2069\u200e\u200f\u061c",
    "zero-width": "pro\u200bd\u200d\ufeff\u2060",
    "tag-characters": "a\U000e0041\U000e0042\U000e007f",
    "variation-selectors": "a\U000e0100\U000e01ef",
    "cyrillic-twin": "\u0440r\u043ed",
    "combining-marks": "a" + "\u0301" * 600,
    "emoji-family": "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "wide-and-blank": "\ufdfa\u3164\uffa0",
    "line-separators": "a\u2028b\u2029c\x85d\x0be\x1cf",
    "markup-close": "[/]",
    "markup-open": "[/ list[/str]",
    "markup-link": "[link=https://evil.invalid]x[/link]",
    "markup-click": "[@click=app.quit]x[/]",
    "markup-error": "[error=timeout after 3s]",
    "markdown": "![x](https://evil.invalid/x.png) [y](javascript:alert(1))",
    "formula": '=HYPERLINK("https://evil.invalid")',
    "script": "<script>alert(1)</script>",
    "high-surrogate": "a\ud800b",
    "low-surrogate": "a\udc00b",
    "surrogate-pair": "\ud83d\ude00",
    "lines-and-tabs": "one\n\ttwo\r\nthree",
    "forged-lines": "ok\n■ completed 1s\ntrodo: all is well",
    "noncharacters": "\ufffe\uffff\U0010ffff",
    "private-use": "\ue000\U000f0000",
    "format-characters": "\u00ad\u070f\ufff9\ufffb",
    "percent-and-braces": "%s %n {0} ${HOME} `id`",
    "option": "--help",
    "long-word": "x" * 190,
}
"""Numbers 1 to 30 of the 40 hostile inputs, and a few more."""

STORED = {
    "nul": "a\u2400b",
    "high-surrogate": "a\ufffdb",
    "low-surrogate": "a\ufffdb",
    "surrogate-pair": "\U0001f600",
}
"""How a text is kept that no store can hold as it is; all others are kept as they are."""


def stored(name: str) -> str:
    """The text as it is kept."""
    return STORED.get(name, HOSTILE[name])


_COLOUR = re.compile(r"\x1b\[(?:0|1|2|3[1-6])(?:;(?:1|2|3[1-6]))*m")
"""The colours of our own theme."""

_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_MAX_MARKS = 8


def faults(sent: bytes, *, terminal: bool, json: bool = False, tabs: bool | None = None) -> set[str]:
    """What in an output is neither printable nor a line end, a colour (on a terminal) or a tab (piped)."""
    text = sent.decode("utf-8")
    text = _COLOUR.sub("", text).replace("\r\n", "") if terminal else text.replace("\n", "")
    if not terminal if tabs is None else tabs:
        text = text.replace("\t", "")
    found = {ascii(character) for character in text if unicodedata.category(character) in _HIDDEN}
    if not json and _most_marks(text) > _MAX_MARKS:
        found.add("a pile of combining marks")
    return found


def _most_marks(text: str) -> int:
    """How many combining marks stand on one character at most."""
    most = marks = 0
    for character in text:
        marks = (
            marks + 1 if not character.isascii() and unicodedata.category(character) in ("Mn", "Me") else 0
        )
        most = max(most, marks)
    return most


def deeds(sent: bytes, columns: int) -> set[str]:
    """What an output does to a terminal besides showing text, beginning lines and changing the colour."""
    screen = _Watched(columns, 24)
    stream = pyte.ByteStream(screen)
    screen.done.clear()
    stream.feed(sent)
    return screen.done


class _Watched(pyte.Screen):
    """A screen that notes what it is told."""

    def __init__(self, columns: int, lines: int) -> None:
        self.done: set[str] = set()
        super().__init__(columns, lines)


def _noted(name: str) -> Callable[..., None]:
    """What the screen does by this name, noted."""
    does = getattr(pyte.Screen, name)

    def note(screen: _Watched, *values: object, **settings: object) -> None:
        screen.done.add(name)
        does(screen, *values, **settings)

    return note


_HARMLESS = {"draw", "linefeed", "carriage_return", "select_graphic_rendition"}
_USED_BY_HARMLESS = {"index", "cursor_down"}

for _name in (pyte.Stream.events - _HARMLESS - _USED_BY_HARMLESS) | {"write_process_input"}:
    setattr(_Watched, _name, _noted(_name))
