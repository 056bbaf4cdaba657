"""The only place with colour names and glyphs: what a role looks like, and the lines made of such pieces.

Colours are the 16 of the user's own terminal theme; no meaning is carried by colour alone, so each
status has a glyph of its own, with an ASCII form for terminals without the others.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from trodo_cli.render.format import cells, fitted

Role = Literal[
    "ok", "error", "running", "cancelled", "lost", "pending", "muted", "name", "agent",
    "model", "tool", "retrieval", "step", "time", "cost", "accent", "heading", "warning",
]  # fmt: skip
ROLES: tuple[Role, ...] = get_args(Role)

Piece: TypeAlias = tuple[str, Role | None]
Line: TypeAlias = list[Piece]

STYLES: Mapping[Role, str] = {
    "ok": "green",
    "error": "red",
    "running": "cyan",
    "cancelled": "magenta",
    "lost": "yellow",
    "pending": "dim",
    "muted": "dim",
    "name": "",
    "agent": "bold",
    "model": "magenta",
    "tool": "blue",
    "retrieval": "cyan",
    "step": "dim",
    "time": "cyan",
    "cost": "green",
    "accent": "bold cyan",
    "heading": "bold",
    "warning": "yellow",
}
"""Each role in the words that Rich and Textual understand too."""

_SGR = {
    "bold": "1",
    "dim": "2",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "blue": "34",
    "magenta": "35",
    "cyan": "36",
}
SGR_CODES = frozenset(("0", *_SGR.values()))
"""Every parameter of an escape sequence that our own output may hold."""

_ESCAPES = {role: ";".join(_SGR[word] for word in style.split()) for role, style in STYLES.items()}

_STATUS_ROLES: Mapping[str, Role] = {
    "ok": "ok",
    "completed": "ok",
    "error": "error",
    "failed": "error",
    "running": "running",
    "cancelled": "cancelled",
    "lost": "lost",
    "pending": "pending",
}
STATUS_ROLES = frozenset(_STATUS_ROLES.values())
"""The roles that say how something went."""

_KIND_ROLES: Mapping[str, Role] = {
    "agent": "agent",
    "model": "model",
    "tool": "tool",
    "retrieval": "retrieval",
    "step": "step",
}


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The signs of one character set; each of one cell but for `cancel_request`."""

    statuses: Mapping[Role, str]
    kinds: Mapping[Role, str]
    generic: str
    link: str
    branch: str
    last_branch: str
    trunk: str
    deep: str
    bar: str
    """A full cell, then the parts of one from the narrowest up."""
    arrow: str
    back_arrow: str
    begin: str
    end: str
    cancel_request: str
    mark: str
    """Beside a run that is meant together with others."""
    separator: str
    ellipsis: str
    micro: str

    def status(self, status: str) -> str:
        """The sign of a run's or a span's status."""
        return self.statuses[status_role(status)]

    def kind(self, kind: str) -> str:
        """The sign of a span's kind; one for all kinds that trodo does not know."""
        role = kind_role(kind)
        return self.kinds[role] if role else self.generic


UNICODE = Glyphs(
    statuses={"ok": "✓", "error": "✗", "running": "●", "cancelled": "⊘", "lost": "?", "pending": "○"},
    kinds={"agent": "◆", "model": "✦", "tool": "⚙", "retrieval": "⌕", "step": "▸"},
    generic="·",
    link="↳",
    branch="├─ ",
    last_branch="└─ ",
    trunk="│  ",
    deep="⋯",
    bar="━╸",
    arrow="→",
    back_arrow="←",
    begin="▶",
    end="■",
    cancel_request="✋",
    mark="▌",
    separator="›",
    ellipsis="…",
    micro="µ",
)

ASCII = Glyphs(
    statuses={"ok": "+", "error": "x", "running": "*", "cancelled": "/", "lost": "?", "pending": "."},
    kinds={"agent": "@", "model": "~", "tool": "$", "retrieval": "%", "step": "-"},
    generic=":",
    link="^",
    branch="|- ",
    last_branch="`- ",
    trunk="|  ",
    deep="..",
    bar="=-",
    arrow="->",
    back_arrow="<-",
    begin=">",
    end="#",
    cancel_request="!",
    mark="*",
    separator=">",
    ellipsis="...",
    micro="u",
)


def status_role(status: str) -> Role:
    """The role of a run's or a span's status; a status nobody knows looks pending."""
    return _STATUS_ROLES.get(status, "pending")


def kind_role(kind: str) -> Role | None:
    """The role of a span's kind; none for a kind that trodo does not know."""
    return _KIND_ROLES.get(kind)


def ansi(line: Line, colour: bool) -> str:
    """The line as text for a terminal, with SGR sequences where colour is wanted."""
    if not colour:
        return plain(line)
    return "".join(_coloured(text, role) for text, role in line)


def plain(line: Line) -> str:
    """The line's text alone."""
    return "".join([text for text, _ in line])


def line_cells(line: Line) -> int:
    """How many terminal cells the line takes."""
    return sum(cells(text) for text, _ in line)


def fitted_line(line: Line, width: int, ellipsis: str = "…") -> Line:
    """The line cut to so many cells, with an ellipsis where something was cut off."""
    if line_cells(line) <= width:
        return line
    kept: Line = []
    room = width - len(ellipsis)
    for text, role in line:
        used = cells(text)
        if used > room:
            kept.append((fitted(text, room, "") + ellipsis[: max(width, 0)], role))
            break
        kept.append((text, role))
        room -= used
    return kept


def padded_line(line: Line, width: int, ellipsis: str = "…") -> Line:
    """The line in exactly so many cells: cut or filled up with spaces."""
    line = fitted_line(line, width, ellipsis)
    return [*line, (" " * (width - line_cells(line)), None)]


def _coloured(text: str, role: Role | None) -> str:
    codes = _ESCAPES[role] if role and text else ""
    return f"\x1b[{codes}m{text}\x1b[0m" if codes else text
