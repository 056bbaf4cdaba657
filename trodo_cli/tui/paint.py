"""Our lines as Textual's strips and as Rich's text. Nothing else in the explorer makes a strip or a style."""

from functools import lru_cache

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.strip import Strip

from trodo_cli.render.theme import ASCII, STATUS_ROLES, STYLES, UNICODE, Line, Role, padded_line

CURSOR = Style(reverse=True)
"""The row that keys act on: text and ground change places, which stands out in any theme and without colours."""

PINNED = Style(underline=True)
"""An ancestor that stays at the top."""

_BAR = frozenset(UNICODE.bar + ASCII.bar + " ")


@lru_cache(maxsize=256)
def style_of(role: Role | None, over: Style | None = None) -> Style:
    """How a role looks, with another style over it; under the cursor only a status keeps its colour."""
    style = Style.parse(STYLES[role]) if role else Style.null()
    if over is CURSOR and role not in STATUS_ROLES:
        style = Style(bold=style.bold)
    return style + over if over else style


def strip(line: Line, width: int, over: Style | None = None) -> Strip:
    """The line in exactly so many cells."""
    segments = []
    for text, role in padded_line(line, width):
        if over is CURSOR and _is_bar(text):
            over = None
        if text:
            segments.append(Segment(text, style_of(role, over)))
    return Strip(segments, width)


def text(lines: list[Line]) -> Text:
    """The lines for a widget of Textual's own; nothing in them is markup."""
    pieces = [piece for at, line in enumerate(lines) for piece in [("\n" if at else "", None), *line]]
    return Text.assemble(*((text, style_of(role)) for text, role in pieces))


def _is_bar(text: str) -> bool:
    """Whether a piece is a bar of the waterfall, which keeps its colour: the cursor ends before it."""
    return len(text) > 0 and not text.isspace() and _BAR.issuperset(text)
