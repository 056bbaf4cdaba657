"""The tabs of the explorer's detail pane: which ones a span or run has, and the lines in each."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from trodo_cli.model.run import Run
from trodo_cli.model.span import Span
from trodo_cli.render.chat import chat_lines
from trodo_cli.render.conversation import conversation
from trodo_cli.render.excerpt import details_of, pretty, short_line
from trodo_cli.render.facts import spaced, took
from trodo_cli.render.format import size
from trodo_cli.render.lines import LazyLines
from trodo_cli.render.overview import Seen, overview
from trodo_cli.render.safe import json_escaped, safe_block
from trodo_cli.render.theme import Glyphs, Line, Role, fitted_line, plain
from trodo_cli.render.value import value_lines
from trodo_cli.render.wrap import wrapped
from trodo_cli.wire.values import is_cut

NARROWEST = 20
"""The least number of cells that a tab is laid out for."""

AHEAD = 500
"""Lines that are made beyond those that somebody has looked at, to know how far the tab goes on."""

TEXT_CELLS = 100
"""The width of lines that leave the explorer."""

_MARGIN = "  "


class Tab:
    """A name, and lines that are laid out for the width at which somebody looks."""

    def __init__(self, name: str, make: Callable[[int], Iterator[Line]], value: Any = None) -> None:
        self.name = name
        self._make = make
        self._value = value
        self._width = 0
        self._lines = LazyLines(lambda: iter(()))
        self._seen = 0

    def lines(self, first: int, count: int, width: int) -> list[Line]:
        """So many lines from number `first` (from 0) on; fewer where they end."""
        self._seen = max(self._seen, first + count)
        return self._at(width).lines(first, count)

    def height(self, width: int) -> int:
        """How many lines there are; of a long tab those that were looked at and some more."""
        lines = self._at(width)
        lines.lines(self._seen, AHEAD)
        return lines.known

    def all(self, width: int) -> list[Line]:
        """Every line; of a large value that is a lot."""
        return list(self._at(width))

    def text(self) -> str:
        """What it shows for use elsewhere, inert: a value as it is or as JSON, anything else in wide lines."""
        if self._value is None:
            return "\n".join(plain(line).rstrip() for line in self._make(TEXT_CELLS))
        text = pretty(self._value)
        return safe_block(text) if isinstance(self._value, str) else json_escaped(text)

    def _at(self, width: int) -> LazyLines:
        width = max(width, NARROWEST)
        if width != self._width:
            self._width, self._lines = width, LazyLines(partial(self._make, width))
        return self._lines


def tabs(of: Span | Run, glyphs: Glyphs, seen: Seen) -> list[Tab]:
    """The tabs that have something to show, Overview first; the payload is decoded once, here."""
    said = details_of(of)
    chat = conversation(said.input, said.output, of_model=isinstance(of, Span) and of.kind == "model")
    values = {
        "Input": said.input,
        "Output": said.output,
        "Attributes": said.attributes or None,
        "Origin": said.origin or None,
    }
    made = [Tab("Overview", partial(overview, of, said, chat, seen, glyphs))]
    if chat:
        made.append(Tab("Chat", partial(chat_lines, chat, glyphs)))
    made += [
        Tab(name, partial(_value_lines, value, glyphs), value)
        for name, value in values.items()
        if value is not None
    ]
    if said.events:
        made.append(Tab("Events", partial(_event_lines, said.events, of.started_ns, glyphs), said.events))
    if of.error or of.error_type or said.stack:
        made.append(Tab("Error", partial(_error_lines, of, said.stack, glyphs)))
    return made


def _value_lines(value: Any, glyphs: Glyphs, width: int) -> Iterator[Line]:
    """A value; of one that was cut when it was recorded that this is so, then how it begins."""
    if not is_cut(value):
        yield from value_lines(value, glyphs, width)
        return
    kept, whole = size(len(value["text"].encode())), size(value["bytes"])
    for row in wrapped(f"recorded in part: the first {kept} of {whole}", width):
        yield [(row, "warning")]
    yield []
    yield from value_lines(value["text"], glyphs, width)


def _event_lines(events: list[dict[str, Any]], started_ns: int, glyphs: Glyphs, width: int) -> Iterator[Line]:
    """Each moment inside the span by its name, how long after the start it was, and what was said of it."""
    for place, event in enumerate(events):
        if place:
            yield []
        said = dict(event)
        name = said.pop("name") if isinstance(said.get("name"), str) else ""
        after = said.pop("at_ns") - started_ns if started_ns and isinstance(said.get("at_ns"), int) else None
        yield fitted_line(_event_heading(name, after, glyphs), width, glyphs.ellipsis)
        if isinstance(said.get("attributes"), dict):
            said = {**said.pop("attributes"), **said}
        for line in value_lines(said, glyphs, width - len(_MARGIN)) if said else ():
            yield [(_MARGIN, None), *line]


def _event_heading(name: str, after_ns: int | None, glyphs: Glyphs) -> Line:
    heading: Line = [(short_line(name, glyphs) or "event", "heading")]
    if after_ns is None:
        return heading
    return spaced(heading, [(f"{'+' if after_ns >= 0 else ''}{took(after_ns, glyphs)}", "time")])


def _error_lines(of: Span | Run, stack: str | None, glyphs: Glyphs, width: int) -> Iterator[Line]:
    """Type and code, then all of the message and the stack."""
    code = of.status_code if isinstance(of, Span) else None
    kind = short_line(of.error_type, glyphs) or "error"
    heading = spaced([(kind, "heading")], [(short_line(code, glyphs), "muted")])
    yield fitted_line(heading, width, glyphs.ellipsis)
    yield from _text(of.error, "error", width)
    if stack:
        yield []
        yield [("stack", "heading")]
        yield from _text(stack, None, width)


def _text(text: str | None, role: Role | None, width: int) -> Iterator[Line]:
    for row in wrapped(text, width - len(_MARGIN)) if text else ():
        yield [(_MARGIN, None), (row, role)]
