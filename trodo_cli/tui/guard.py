"""The second filter in front of the terminal: whatever a widget paints is looked at once more before it is sent.

Independent of `render.safe`, so that one text that missed it is not yet a hole. Nothing may grow here, since the
place on the screen is given: each character that does not belong gets a sign of one cell.
"""

import re
import unicodedata

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

_BLANK = re.compile("[\u115f\u1160\u3164\uffa0\U000e0100-\U000e01ef]")
"""Printable by its category, and yet nobody sees it."""

_LINK = re.compile("https?://[!-~]+")


def inert(text: str) -> str:
    """One line in which everything can be seen and nothing acts: `␛` for an escape, `�` for what has no picture."""
    if text.isprintable() and (text.isascii() or not _BLANK.search(text)):
        return text
    return "".join(map(_sign, text))


def inert_block(text: str) -> str:
    """The same for a text of several lines, which keeps its tabs too."""
    return re.sub("[^\n\t]+", lambda part: inert(part[0]), text)


class Guard(LineFilter):
    """Makes every segment of a line inert, and takes away a link that is not plainly one to the web."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002
        passed = [_passed(segment) for segment in segments]
        if all(now is before for now, before in zip(passed, segments, strict=True)):
            return segments
        return Segment.adjust_line_length(passed, sum(segment.cell_length for segment in segments))


GUARD = Guard()


def _passed(segment: Segment) -> Segment:
    text, style, control = segment
    shown = inert(text)
    is_linked = style is not None and style.link and not _LINK.fullmatch(style.link)
    if shown is text and not is_linked and control is None:
        return segment
    return Segment(shown, style.update_link(None) if style and is_linked else style)


def _sign(character: str) -> str:
    if character.isprintable() and not _BLANK.match(character):
        return character
    point = ord(character)
    if point < 0x20:
        return chr(0x2400 + point)
    if point == 0x7F:
        return "\u2421"
    return " " if unicodedata.category(character) == "Zs" else "\ufffd"
