"""The beginning of a long text from a trace, and how much of it was left out.

A value is shown as a person would write it: text as text, everything else as indented JSON.
"""

import re

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

_COMPACT_CHARACTERS = 60
_COMPACTED_CHARACTERS = 50_000
"""A longer document is left as it is: nobody sees more than its beginning."""

_JSON_TOKEN = re.compile(r"""\"(?:[^"\\]|\\.)*"|[\[{](?:[^\[\]{}"]|"(?:[^"\\]|\\.)*")*[\]}]""")
"""A string, which stays, or a list or object that holds no other."""


def short_line(text: str | None, glyphs: Glyphs, limit: int = NAME_CHARACTERS) -> SafeText:
    """The text on one line, inert; an ellipsis where it is longer than the limit."""
    if text is None or len(text) <= limit:
        return safe_line(text or "")
    return SafeText(safe_line(text[:limit]) + glyphs.ellipsis)


def first_line(text: str | None, glyphs: Glyphs) -> SafeText:
    """The first line of a message, inert; an ellipsis where it goes on."""
    first, _, rest = (text or "").strip("\r\n").partition("\n")
    shown = short_line(first.rstrip("\r"), glyphs)
    return SafeText(shown + glyphs.ellipsis) if rest and not shown.endswith(glyphs.ellipsis) else shown


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
        text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    except (ValueError, TypeError, RecursionError):
        return "(nested too deeply to be shown here; --json has it)"
    return _JSON_TOKEN.sub(_compacted, text) if len(text) <= _COMPACTED_CHARACTERS else text


def excerpt(text: str, glyphs: Glyphs, width: int | None, limit: int) -> list[Line]:
    """The first lines of a text, each cut to the width, then how many more there are, if any."""
    rows, more = _beginning(text, limit)
    lines: list[Line] = [[(_cut(row, glyphs, width), None)] for row in rows]
    return [*lines, *_told_more(more, glyphs)]


def message(text: str, role: Role | None, glyphs: Glyphs, width: int | None, limit: int | None) -> list[Line]:
    """The first lines of a message, broken at words so that the margin takes nothing away."""
    rows, more = _beginning(text, limit)
    lines: list[Line] = [[(part, role)] for row in rows for part in _broken(safe_block(row), width)]
    return [*lines, *_told_more(more, glyphs)]


def indented(lines: list[Line], by: int) -> list[Line]:
    """The lines moved to the right."""
    return [[(" " * by, None), *line] for line in lines]


def _compacted(match: re.Match[str]) -> str:
    """A short innermost list or object on one line."""
    text = match[0]
    if text[0] == '"':
        return text
    inner = " ".join(line.strip() for line in text[1:-1].split("\n")).strip()
    return f"{text[0]}{inner}{text[-1]}" if len(inner) <= _COMPACT_CHARACTERS else text


def _told_more(more: int, glyphs: Glyphs) -> list[Line]:
    return [[(f"{glyphs.ellipsis} {counted(more, 'more line')}", "muted")]] if more else []


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
    """The row in parts of at most so many cells, broken behind a space where there is one."""
    if width is None or cells(row) <= width:
        return [row]
    parts: list[str] = []
    at = 0
    while at < len(row):
        part = fitted(row[at : at + width], width, "")
        space = part.rfind(" ") + 1
        if at + len(part) < len(row) and space > len(part) // 2:
            part = part[:space]
        parts.append(part.rstrip())
        at += len(part)
    return parts
