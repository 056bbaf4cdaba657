"""Text that came from a trace is hostile: here it is made inert, and what was removed stays visible.

Filtered by character, never by sequence: nested and split sequences defeat patterns. `guarded` is a
second, independent filter over whole output, so that one forgotten `safe_line` is not yet a hole.
"""

import re
import unicodedata
from typing import NewType

from trodo_cli.render.theme import SGR_CODES

SafeText = NewType("SafeText", str)
"""Text that can neither drive a terminal nor hide or reorder itself; see `safe_line`, `safe_block`."""

MAX_MARKS = 4
"""Combining marks kept on one character; a natural script needs no more."""

TAB_CELLS = 4

_FILLERS = "\u115f\u1160\u3164\uffa0"
"""Hangul fillers: letters by category, blank on the screen."""

_SUSPECT = re.compile(rf"[^ -~\w]|[{_FILLERS}]")
"""All that is neither ASCII text nor a letter or digit of any script; who is meant decides `_is_inert`."""

_SUSPECT_IN_BLOCK = re.compile(rf"[^\n -~\w]|[{_FILLERS}]")
_SUSPECT_IN_JSON = re.compile(rf"[^\0-~\w]|[{_FILLERS}]")
_SUSPECT_IN_OUTPUT = re.compile(rf"\x1b\[[0-9;]+m|[^\n\t -~\w]|[{_FILLERS}]")
_MAYBE_MARKS = re.compile(rf"[^\0-\u02ff\w]{{{MAX_MARKS + 1},}}")
"""A run that may hold too many marks: no mark is a letter or digit, so ordinary text has none of these."""

_NOT_ASCII = re.compile("[^\x00-\x7e]")

_HIDDEN_VARIATIONS = range(0xE0100, 0xE01F0)
"""Variation selectors that carry any byte unseen; U+FE0F, which makes an emoji of a sign, is not one."""


def safe_line(text: str) -> SafeText:
    """The text on one line, inert: newline and tab show as `␊` and `␉`."""
    if text.isascii() and text.isprintable():
        return SafeText(text)
    return SafeText(_fewer_marks(_SUSPECT.sub(_visible_match, text)))


def safe_block(text: str) -> SafeText:
    """The text with its line breaks, inert: a tab becomes spaces."""
    text = text.replace("\r\n", "\n").expandtabs(TAB_CELLS)
    return SafeText(_fewer_marks(_SUSPECT_IN_BLOCK.sub(_visible_match, text)))


def json_escaped(text: str, *, ascii_only: bool = False) -> str:
    """A JSON document that means the same and holds nothing a terminal could act on, or nothing but ASCII."""
    if ascii_only:
        return _NOT_ASCII.sub(lambda match: _escaped(match[0]), text)
    return text if text.isascii() and "\x7f" not in text else _SUSPECT_IN_JSON.sub(_escaped_match, text)


def guarded(output: str) -> str:
    """The last filter before stdout: text, line breaks, tabs and the colours of our own theme pass."""
    return _SUSPECT_IN_OUTPUT.sub(_guarded_match, output)


def is_safe(text: str) -> bool:
    """Whether a text holds only printable characters and line breaks, none of them invisible."""
    inert = all(character == "\n" or _is_inert(character) for character in text)
    return inert and _fewer_marks(text) == text


def _is_inert(character: str) -> bool:
    return character.isprintable() and character not in _FILLERS and ord(character) not in _HIDDEN_VARIATIONS


def _visible(character: str) -> str:
    point = ord(character)
    if point < 0x20:
        return chr(0x2400 + point)
    if point == 0x7F:
        return "\u2421"
    if unicodedata.category(character) == "Zs":
        return " "
    return f"<U+{point:04X}>"


def _visible_match(match: re.Match[str]) -> str:
    character = match[0]
    return character if _is_inert(character) else _visible(character)


def _escaped_match(match: re.Match[str]) -> str:
    character = match[0]
    return character if _is_inert(character) else _escaped(character)


def _escaped(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def _guarded_match(match: re.Match[str]) -> str:
    found = match[0]
    if len(found) == 1:
        return _visible_match(match)
    if SGR_CODES.issuperset(found[2:-1].split(";")):
        return found
    return _visible(found[0]) + found[1:]


def _fewer_marks(text: str) -> str:
    return text if text.isascii() else _MAYBE_MARKS.sub(_fewer_marks_match, text)


def _fewer_marks_match(match: re.Match[str]) -> str:
    kept: list[str] = []
    marks = 0
    for character in f"{match[0]}\0":
        if unicodedata.category(character) in ("Mn", "Me"):
            marks += 1
            if marks <= MAX_MARKS:
                kept.append(character)
            continue
        if marks > MAX_MARKS:
            kept.append(f"<+{marks - MAX_MARKS} marks>")
        marks = 0
        kept.append(character)
    return "".join(kept[:-1])
