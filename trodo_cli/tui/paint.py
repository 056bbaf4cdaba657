"""Our lines as Textual's strips. Nothing else in the explorer makes a strip or a style."""

from functools import lru_cache

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from trodo_cli.render.theme import STYLES, Line, Role, padded_line

CURSOR = Style(reverse=True)
"""The row that keys act on; in one colour, so that it stands out."""

PINNED = Style(underline=True)
"""An ancestor that stays at the top."""


@lru_cache(maxsize=1024)
def style_of(role: Role | None, below: Style, over: Style | None = None) -> Style:
    """How a role looks, with one style below it and another one over it."""
    style = below + Style.parse(STYLES[role]) if role and over is not CURSOR else below
    return style + over if over else style


def strip(line: Line, width: int, below: Style, over: Style | None = None) -> Strip:
    """The line in exactly so many cells."""
    segments = [Segment(text, style_of(role, below, over)) for text, role in padded_line(line, width) if text]
    return Strip(segments, width)
