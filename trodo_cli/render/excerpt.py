"""The beginning of a long text from a trace, and how much of it was left out.

A value is shown as a person would write it: text as text, everything else as indented JSON.
"""

from textwrap import wrap

import msgspec

from trodo_cli.model.payload import Payload
from trodo_cli.model.run import Run
from trodo_cli.model.span import Span
from trodo_cli.render.format import cells, counted, fitted
from trodo_cli.render.safe import SafeText, safe_block, safe_line
from trodo_cli.render.theme import Glyphs, Line, Role

LINE_LIMIT = 12
NAME_CHARACTERS = 200
LINE_CHARACTERS = 2_000
"""Characters of one line that are looked at; a line may be the whole of a 50 MiB document."""


def short_line(text: str | None, glyphs: Glyphs, limit: int = NAME_CHARACTERS) -> SafeText:
    """The first line of a text, inert; an ellipsis where it goes on."""
    first, _, rest = (text or "").strip("\r\n").partition("\n")
    cut = glyphs.ellipsis if len(first) > limit or rest else ""
    return SafeText(safe_line(first[:limit].rstrip("\r")) + cut)


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
        return "(nested too deeply to be shown here; --json has it)"


def excerpt(text: str, glyphs: Glyphs, width: int | None, limit: int | None = LINE_LIMIT) -> list[Line]:
    """The first lines of a text, each cut to the width, then how many more there are, if any."""
    rows, more = _beginning(text, limit)
    lines: list[Line] = [[(_cut(row, glyphs, width), None)] for row in rows]
    if more:
        lines.append([(f"{glyphs.ellipsis} {counted(more, 'more line')}", "muted")])
    return lines


def message(text: str, role: Role, glyphs: Glyphs, width: int | None, limit: int | None) -> list[Line]:
    """The first lines of a message, broken at words so that the margin takes nothing away."""
    lines: list[Line] = []
    for [(row, own_role)] in excerpt(text, glyphs, None, limit):
        lines += [[(part, own_role or role)] for part in _broken(row, width)]
    return lines


def indented(lines: list[Line], by: int) -> list[Line]:
    """The lines moved to the right."""
    return [[(" " * by, None), *line] for line in lines]


def _beginning(text: str, limit: int | None) -> tuple[list[str], int]:
    """The first lines, and the number of all others."""
    text = text.replace("\r\n", "\n").rstrip("\n")
    if limit is None:
        return text.split("\n"), 0
    rows = text.split("\n", limit)[:limit]
    return rows, text.count("\n") + 1 - len(rows)


def _cut(row: str, glyphs: Glyphs, width: int | None) -> str:
    cut = glyphs.ellipsis if len(row) > LINE_CHARACTERS else ""
    shown = safe_block(row[:LINE_CHARACTERS]) + cut
    return shown if width is None else fitted(shown, width, glyphs.ellipsis)


def _broken(row: str, width: int | None) -> list[str]:
    if width is None or cells(row) <= width:
        return [row]
    return wrap(row, width if cells(row) == len(row) else width // 2)
