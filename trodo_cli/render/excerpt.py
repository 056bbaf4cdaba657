"""The beginning of a long text from a trace, and how much of it was left out.

A value is shown as a person would write it: text as text, everything else as indented JSON.
"""

from textwrap import wrap

import msgspec

from trodo_cli.model.payload import Payload
from trodo_cli.model.run import Run
from trodo_cli.model.span import Span
from trodo_cli.render.format import counted, fitted
from trodo_cli.render.safe import safe_block, safe_line
from trodo_cli.render.theme import Glyphs, Line, Role

LINE_LIMIT = 12
NAME_CHARACTERS = 200
LINE_CHARACTERS = 2_000
"""Characters of one line that are looked at; a line may be the whole of a 50 MiB document."""


def short_line(text: str | None, glyphs: Glyphs, limit: int = NAME_CHARACTERS) -> str:
    """The first line of a text, inert; an ellipsis where it goes on."""
    first, rest = _first_line(text or "")
    cut = glyphs.ellipsis if len(first) > limit or rest else ""
    return safe_line(first[:limit].rstrip()) + cut


def details_of(owner: Span | Run) -> Payload:
    """The payload of a span or run; an empty one when what was stored cannot be read."""
    try:
        return owner.details
    except (ValueError, RecursionError):
        return Payload()


def pretty(value: object) -> str:
    """A value from a payload as text: a string as it is, anything else as JSON with two spaces."""
    if isinstance(value, str):
        return value
    try:
        return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    except (ValueError, TypeError, RecursionError):
        return "(nested too deeply to be shown; --json has it)"


def excerpt(
    text: str, glyphs: Glyphs, width: int | None, limit: int | None = LINE_LIMIT, indent: str = "    "
) -> list[Line]:
    """The first lines of a text, each cut to the width, and a line that tells how many more there are."""
    text = text.rstrip("\n")
    rows = text.split("\n", -1 if limit is None else limit)[:limit]
    lines = [[(indent, None), (_fitting(row, glyphs, width, len(indent)), None)] for row in rows]
    if more := text.count("\n") + 1 - len(rows):
        lines.append([(indent, None), (f"{glyphs.ellipsis} {counted(more, 'more line')}", "muted")])
    return list[Line](lines)


def wrapped(
    text: str, role: Role, glyphs: Glyphs, width: int | None, limit: int | None = LINE_LIMIT, indent: str = "  "
) -> list[Line]:
    """The first lines of a message, broken at words so that none of it is lost at the margin."""
    shown: list[Line] = []
    for line in excerpt(text, glyphs, None, limit, ""):
        (_, _), (row, own_role) = line
        rows = wrap(row, max(width - len(indent), 20), drop_whitespace=False) if width else [row]
        shown += [[(indent + part.rstrip(), own_role or role)] for part in rows or [""]]
    return shown


def _first_line(text: str) -> tuple[str, str]:
    first, _, rest = text.strip("\r\n").partition("\n")
    return first, rest


def _fitting(row: str, glyphs: Glyphs, width: int | None, indent_cells: int) -> str:
    cut = glyphs.ellipsis if len(row) > LINE_CHARACTERS else ""
    shown = safe_block(row[:LINE_CHARACTERS]) + cut
    return shown if width is None else fitted(shown, width - indent_cells, glyphs.ellipsis)
