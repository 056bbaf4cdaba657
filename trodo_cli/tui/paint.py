"""Our lines as Textual's strips and as Rich's text. Nothing else in the explorer makes a strip or a style."""

from functools import lru_cache

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.strip import Strip

from trodo_cli.render.theme import STATUS_ROLES, STYLES, UNICODE, Line, Role, padded_line

PLAIN = Style.null()

CURSOR = Style(reverse=True)
"""The row that keys act on: text and ground change places, which stands out in any theme and without colours."""

PINNED = Style(underline=True)
"""An ancestor that stays at the top."""

_COLOURLESS: dict[Role | None, Role] = {"agent": "heading"}
"""What of a role is left under the cursor."""

_BAR = frozenset(UNICODE.bar + " ")


@lru_cache(maxsize=1024)
def style_of(role: Role | None, below: Style = PLAIN, over: Style = PLAIN) -> Style:
    """How a role looks, with one style below it and another one over it."""
    return below + (Style.parse(STYLES[role]) if role else PLAIN) + over


def strip(line: Line, width: int, below: Style = PLAIN, over: Style = PLAIN) -> Strip:
    """The line in exactly so many cells; who wants to see that something was cut off has fitted it before."""
    pieces = [(text, role) for text, role in padded_line(line, width, "") if text]
    if over is CURSOR:
        return Strip(_under_cursor(pieces, below), width)
    return Strip([Segment(text, style_of(role, below, over)) for text, role in pieces], width)


def _under_cursor(pieces: Line, below: Style) -> list[Segment]:
    """All in one colour but the status that stands first; a bar of the waterfall stays as it is."""
    segments: list[Segment] = []
    over, is_told = CURSOR, False
    for text, role in pieces:
        if _is_bar(text):
            over = PLAIN
        keeps_colour = over is not CURSOR or (role in STATUS_ROLES and not is_told)
        is_told |= role in STATUS_ROLES
        shown = role if keeps_colour else _COLOURLESS.get(role)
        segments.append(Segment(text, style_of(shown, below, over)))
    return segments


def text(lines: list[Line]) -> Text:
    """The lines for a widget of Textual's own; nothing in them is markup."""
    pieces = [piece for at, line in enumerate(lines) for piece in [("\n" if at else "", None), *line]]
    return Text.assemble(*((text, style_of(role)) for text, role in pieces))


def _is_bar(text: str) -> bool:
    """Whether a piece is a bar of the waterfall, drawn as a line: the cursor ends before it."""
    return not text.isspace() and _BAR.issuperset(text)
