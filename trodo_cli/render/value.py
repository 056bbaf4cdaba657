"""A JSON value as lines, made as they are looked at: what a person would write, not what a machine reads.

A text that stands alone is shown as it is. Inside a list or object a text in one line is quoted; a longer
one, or one with line breaks, quotes or backslashes, is a block behind a gutter, with nothing escaped:
so no text can look like a part of the value around it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from trodo_cli.render.excerpt import short_line
from trodo_cli.render.format import cells, fitted
from trodo_cli.render.lines import LazyLines
from trodo_cli.render.safe import safe_line
from trodo_cli.render.theme import Glyphs, Line, Piece, Role, line_cells
from trodo_cli.render.wrap import wrapped

NARROWEST = 12
"""The least number of cells that a value is laid out for."""

SHORT_CELLS = 60
SHORT_ITEMS = 12
"""A list or object of no more items, none of them a list or object, may share one line."""

_KEY: Role = "time"
_NUMBER: Role = "cost"
_TRUTH: Role = "accent"
_REST: Role = "muted"

_INDENT = 2
_NOT_QUOTED = frozenset('"\\\n')


@dataclass(slots=True, frozen=True)
class _Numbers:
    """Consecutive numbers of a list, as many as fit into a line."""

    text: str
    count: int


_Entry: TypeAlias = tuple[str | int, Any]
"""A key or place, and what is there."""


@dataclass(slots=True)
class _Level:
    """A list or object that is being shown."""

    entries: Iterator[_Entry]
    left: int
    """How many items are still to come."""
    closing: str = ""


class ValueLines(LazyLines):
    """The lines of a value from a payload; `width` in cells, 12 at least."""

    def __init__(self, value: object, glyphs: Glyphs, width: int) -> None:
        super().__init__(partial(value_lines, value, glyphs, width))


def value_lines(value: object, glyphs: Glyphs, width: int) -> Iterator[Line]:
    """The lines of a value, one after the other; whoever takes a few pays for a few."""
    width = max(width, NARROWEST)
    if isinstance(value, str) and value:
        return ([(row, None)] for row in wrapped(value, width))
    return _View(glyphs, width).lines(value)


@dataclass(slots=True, frozen=True)
class _View:
    glyphs: Glyphs
    width: int

    def lines(self, value: object) -> Iterator[Line]:
        """Depth first, with a stack of our own: no depth can exhaust it."""
        levels = [_Level(iter([("", value)]), 1)]
        while levels:
            if (entry := next(levels[-1].entries, None)) is not None:
                yield from self._item(*entry, levels)
                continue
            done = levels.pop()
            if levels:
                yield [(self._indent(len(levels) - 1), None), (done.closing + _comma(levels[-1]), _REST)]

    def _item(self, key: str | int, value: Any, levels: list[_Level]) -> Iterator[Line]:
        """The lines of an item; what is in a list or object comes later, as one more level."""
        level, label = levels[-1], self._label(key, self._indent(len(levels) - 1))
        level.left -= value.count if isinstance(value, _Numbers) else 1
        if (line := self._on_one_line(label, value, _comma(level))) is not None:
            yield line
        elif isinstance(value, list | dict):
            opening, closing = "[]" if isinstance(value, list) else "{}"
            yield [*label, (opening, _REST)]
            room = self.width - len(self._indent(len(levels))) - 1
            levels.append(_Level(_entries(value, room), len(value), closing))
        else:
            yield from self._block(key, label, value)

    def _indent(self, depth: int) -> str:
        """Beyond half of the width nothing moves further to the right."""
        return " " * min(depth * _INDENT, self.width // 2)

    def _label(self, key: str | int, indent: str) -> Line:
        """What stands before a value; a key that is too long is cut. Items of a list have none."""
        if isinstance(key, int) or not indent:
            return [(indent, None)]
        name = short_line(key, self.glyphs).replace("\\", "\\\\").replace('"', '\\"')
        name = fitted(name, self.width - len(indent) - 6, self.glyphs.ellipsis)
        return [(indent, None), (f'"{name}"', _KEY), (": ", _REST)]

    def _on_one_line(self, label: Line, value: object, comma: str) -> Line | None:
        room = self.width - line_cells(label) - len(comma)
        pieces = (
            _short(value, min(room, SHORT_CELLS)) if isinstance(value, list | dict) else _scalar(value, room)
        )
        return None if pieces is None else [*label, *pieces, (comma, _REST)]

    def _block(self, key: str | int, label: Line, value: object) -> Iterator[Line]:
        """A scalar below its label. In a list its place tells where one block ends and another begins."""
        indent, _ = label[0]
        if isinstance(key, int):
            yield [(indent, None), (fitted(f"{key}:", self.width - len(indent), ""), _REST)]
        elif len(label) > 1:
            yield [*label[:-1], (":", _REST)]
        text, role = (value, None) if isinstance(value, str) else _written(value)
        margin: Line = [(" " * (len(indent) + _INDENT), None), (self.glyphs.trunk[:2], _REST)]
        for row in wrapped(text, self.width - line_cells(margin)):
            yield [*margin, (row, role)]


def _entries(inside: list[Any] | dict[str, Any], room: int) -> Iterator[_Entry]:
    """The items in order; numbers of a list that follow each other as one, as far as there is room."""
    if isinstance(inside, dict):
        yield from inside.items()
        return
    place = 0
    while place < len(inside):
        texts = _numbers(inside, place, room)
        item = _Numbers(", ".join(texts), len(texts)) if len(texts) > 1 else inside[place]
        yield place, item
        place += len(texts) or 1


def _numbers(items: list[Any], place: int, room: int) -> list[str]:
    """The numbers from this place on that fit beside each other."""
    texts: list[str] = []
    while place < len(items) and _is_number(items[place]):
        text = repr(items[place])
        room -= len(text) + 2
        if room < -2:
            break
        texts.append(text)
        place += 1
    return texts


def _short(inside: list[Any] | dict[str, Any], room: int) -> list[Piece] | None:
    """A small list or object in one line; None for one that is not small."""
    if len(inside) > SHORT_ITEMS or room < 2:
        return None
    opening, closing = "[]" if isinstance(inside, list) else "{}"
    pieces: list[Piece] = [(opening, _REST)]
    room -= 2
    for key, value in inside.items() if isinstance(inside, dict) else enumerate(inside):
        label: list[Piece] = [] if len(pieces) == 1 else [(", ", _REST)]
        if isinstance(key, str):
            if (name := _quoted(key, room)) is None:
                return None
            label += [(name, _KEY), (": ", _REST)]
        if (scalar := _scalar(value, room - line_cells(label))) is None:
            return None
        pieces += [*label, *scalar]
        room -= line_cells(label) + line_cells(scalar)
    return [*pieces, (closing, _REST)]


def _scalar(value: object, room: int) -> Line | None:
    """A value that fits into so many cells; None for one that does not."""
    match value:
        case list() | dict():
            return None
        case str():
            text, role = _quoted(value, room), None
        case _Numbers():
            text, role = value.text, _NUMBER
        case _:
            text, role = _written(value)
    return None if text is None or cells(text) > room else [(text, role)]


def _written(value: object) -> Piece:
    """Null, a truth or a number."""
    if value is None:
        return ("null", _REST)
    if isinstance(value, bool):
        return (str(value).lower(), _TRUTH)
    return (repr(value), _NUMBER)


def _quoted(text: str, room: int) -> str | None:
    """A text in quotes; None when it is too long for the room or would need escapes."""
    if len(text) + 2 > room or not _NOT_QUOTED.isdisjoint(text):
        return None
    quoted = f'"{safe_line(text)}"'
    return quoted if cells(quoted) <= room else None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _comma(level: _Level) -> str:
    return "," if level.left > 0 else ""
