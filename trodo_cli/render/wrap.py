"""A long text as the rows of a screen, made one after the other: the first of 50 MiB come at once."""

from collections.abc import Iterator

from trodo_cli.render.format import cells, fitted
from trodo_cli.render.safe import SafeText, safe_block

CHUNK = 4_096
"""Characters that are looked at in one go; a line may be the whole of a long document."""


def wrapped(text: str, width: int) -> Iterator[SafeText]:
    """The text's own lines, inert and broken at words to so many cells (two at least).

    Nothing is left out but the last line's end: spaces stay where a line is broken.
    """
    held, at = "", 0
    while at < len(text) or at == 0:
        end, is_end = _chunk(text, at)
        *rows, held = broken(safe_block(held + text[at:end]), max(width, 2))
        for row in rows:
            yield SafeText(row)
        if is_end:
            yield SafeText(held)
            held = ""
        at = _behind(text, end) if is_end else end


def broken(row: str, width: int) -> Iterator[str]:
    """An inert line in parts of at most so many cells, broken behind a space where there is one."""
    at = 0
    while len(row) - at > width or cells(row[at:]) > width:
        part = _part(row, at, width)
        yield part
        at += len(part)
    yield row[at:]


def _chunk(text: str, at: int) -> tuple[int, bool]:
    """Where the next piece of the text ends, and whether a line ends there."""
    end = text.find("\n", at, at + CHUNK)
    if end >= 0:
        return (end - 1 if text[at:end].endswith("\r") else end), True
    if at + CHUNK >= len(text):
        return len(text), True
    end = at + CHUNK
    return (end - 1 if text[end - 1] == "\r" else end), False


def _behind(text: str, end: int) -> int:
    """Where the next line begins."""
    return end + (2 if text.startswith("\r\n", end) else 1)


def _part(row: str, at: int, width: int) -> str:
    part = row[at : at + width + 1]
    part = part[:width] if part.isascii() else fitted(row[at : at + 2 * width], width, "")
    space = part.rfind(" ") + 1
    return part[:space] if space > len(part) // 2 else part
