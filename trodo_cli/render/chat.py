"""A chat as lines: who speaks at the margin, what was said behind it, each tool call beside its result.

Only words of ours begin at the left margin, so that no message can look like another one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from trodo_cli.render.excerpt import indented, short_line
from trodo_cli.render.facts import spaced
from trodo_cli.render.format import counted, size
from trodo_cli.render.messages import Message
from trodo_cli.render.parts import Call, Media, Other, Part, Result, Text
from trodo_cli.render.theme import Glyphs, Line, Piece, Role, fitted_line, line_cells
from trodo_cli.render.value import value_lines
from trodo_cli.render.wrap import wrapped

TEXT_CHARACTERS = 6_000
TEXT_LINES = 80
"""How much of a text is shown, in lines of its own; the rest is counted."""

VALUE_LINES = 40
PART_LIMIT = 200

_INDENT = 2

_ROLES: dict[str, Role] = {
    "system": "muted",
    "developer": "muted",
    "user": "accent",
    "human": "accent",
    "assistant": "model",
    "ai": "model",
    "model": "model",
    "tool": "tool",
    "function": "tool",
}


def chat_lines(messages: list[Message], glyphs: Glyphs, width: int) -> Iterator[Line]:
    """The messages, one after the other; `width` in cells, 20 at least."""
    view = _View(glyphs, width)
    for place, message in enumerate(messages):
        if place:
            yield []
        for line in view.message(message):
            yield fitted_line(line, width, glyphs.ellipsis)


@dataclass(slots=True, frozen=True)
class _View:
    glyphs: Glyphs
    width: int

    def message(self, message: Message) -> Iterator[Line]:
        if message.note:
            yield self._note(message.note)
            return
        yield self._heading(message)
        for part in message.parts[:PART_LIMIT]:
            yield from self._part(part, message.tab)
        if (more := len(message.parts) - PART_LIMIT) > 0:
            yield self._note(f"{counted(more, 'more part')} in {message.tab}")
        if not message.parts:
            yield [("  (empty)", "muted")]

    def _heading(self, message: Message) -> Line:
        role = short_line(message.role, self.glyphs) or "message"
        said = short_line(message.name, self.glyphs)
        answer = "answer" if message.tab == "Output" else ""
        return spaced([(role, _ROLES.get(message.role, "heading"))], [(said, "muted"), (answer, "muted")])

    def _part(self, part: Part, tab: str) -> Iterator[Line]:
        match part:
            case Text():
                yield from self._thought(part, tab) if part.is_thought else self._behind(part.text, tab)
            case Call():
                yield from self._call(part, tab)
            case Result():
                yield [self._arrow(part), (short_line(part.name, self.glyphs) or "result", "tool")]
                yield from self._behind(part.value, tab)
            case Media():
                yield self._media(part)
            case Other():
                if part.kind:
                    yield [(f"{self.glyphs.generic} {short_line(part.kind, self.glyphs)}", "muted")]
                yield from self._behind(part.value, tab)

    def _thought(self, thought: Text, tab: str) -> Iterator[Line]:
        """Set further in than what was said, so that it can be told apart without colours."""
        indent = 2 * _INDENT
        yield [("thinking", "muted")]
        yield from indented(self._text(thought.text, "muted", self.width - indent, tab), indent)

    def _behind(self, value: Any, tab: str) -> list[Line]:
        """A value, clear of the margin."""
        return indented(self._value(value, self.width - _INDENT, tab), _INDENT)

    def _call(self, call: Call, tab: str) -> Iterator[Line]:
        """The tool with its arguments, in one line if they fit; then what came of it."""
        name = short_line(call.name, self.glyphs) or "tool"
        head: Line = [(f"{self.glyphs.kind('tool')} {name}", "tool")]
        rows = self._value(call.arguments, self.width - _INDENT, tab) if call.arguments else []
        if len(rows) == 1 and line_cells(head) + _INDENT + line_cells(rows[0]) <= self.width:
            yield [*head, (" " * _INDENT, None), *rows[0]]
        else:
            yield head
            yield from indented(rows, _INDENT)
        if call.result is not None:
            yield from self._result(call.result, tab)

    def _result(self, result: Result, tab: str) -> Iterator[Line]:
        arrow = self._arrow(result)
        indent = len(arrow[0])
        first, *rest = self._value(result.value, self.width - indent, tab)
        yield [arrow, *first]
        yield from indented(rest, indent)

    def _arrow(self, result: Result) -> Piece:
        if result.is_error:
            return (f"{self.glyphs.status('error')} ", "error")
        return (f"{self.glyphs.arrow} ", "tool")

    def _media(self, media: Media) -> Line:
        kind = short_line(media.kind, self.glyphs)
        facts = [short_line(media.mime, self.glyphs), size(media.size_bytes) if media.size_bytes else ""]
        facts.append(short_line(media.place, self.glyphs))
        return spaced([(f"{self.glyphs.generic} {kind}", "muted")], [(said, None) for said in facts])

    def _value(self, value: Any, width: int, tab: str) -> list[Line]:
        """The beginning of a value, with a word about the rest."""
        if isinstance(value, str):
            return self._text(value, None, width, tab)
        rows = list(islice(value_lines(value, self.glyphs, width), VALUE_LINES + 1))
        return rows if len(rows) <= VALUE_LINES else [*rows[:-1], self._note(f"more in {tab}")]

    def _text(self, text: str, role: Role | None, width: int, tab: str) -> list[Line]:
        kept = _beginning(text)
        rows: list[Line] = [[(row, role)] for row in wrapped(kept, width)]
        if more := len(text) - len(kept):
            rows.append(self._note(f"{counted(more, 'more character')} in {tab}"))
        return rows

    def _note(self, text: str) -> Line:
        return [(f"{self.glyphs.ellipsis} {text}", "muted")]


def _beginning(text: str) -> str:
    kept = text[:TEXT_CHARACTERS]
    lines = kept.split("\n", TEXT_LINES)
    return "\n".join(lines[:TEXT_LINES]) if len(lines) > TEXT_LINES else kept
