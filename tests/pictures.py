"""What a terminal shows, as an SVG picture: one cell beside the other, whatever font the reader has.

Lines and blocks are drawn as shapes, since their characters only join in a font of exactly our height.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from xml.sax.saxutils import escape

from rich.color import Color, ColorType
from rich.segment import Segment
from rich.style import Style
from textual.app import App

from trodo_cli.render.format import cells

WIDE, HIGH = 8.4, 18.0
"""The size of a cell."""

_FONT = "'DejaVu Sans Mono', Menlo, Consolas, 'Liberation Mono', monospace"
_MARGIN, _HEAD = 12.0, 34.0


@dataclass(frozen=True)
class Palette:
    """A terminal's own colours: text, ground, and the 16."""

    text: str
    ground: str
    colours: tuple[str, ...]


DARK = Palette(
    "#d5d9e0", "#16191f",
    ("#20242c", "#f0716b", "#8fce75", "#e3be6c", "#6ca8f2", "#c98ee6", "#5fc7cf", "#d5d9e0",
     "#6b7280", "#ff8f88", "#a8e391", "#f5d68c", "#8fc1ff", "#dca9f5", "#83dfe6", "#ffffff"),
)  # fmt: skip
LIGHT = Palette(
    "#24292f", "#fbfbfa",
    ("#24292f", "#c8302b", "#26792f", "#8a6100", "#1f5fbf", "#8a3fb0", "#0f7180", "#d9dbde",
     "#6e7781", "#a3211c", "#1c5c24", "#6b4b00", "#174a96", "#6d2f8d", "#0b5864", "#ffffff"),
)  # fmt: skip

_STROKES = {
    "─": "lr", "│": "tb", "┌": "rb", "┐": "lb", "└": "tr", "┘": "tl", "├": "tbr", "┤": "tbl",
    "┬": "lrb", "┴": "lrt", "┼": "lrtb", "╭": "rb", "╮": "lb", "╰": "tr", "╯": "tl",
    "━": "lr", "╸": "l", "╺": "r", "┃": "tb", "╹": "t", "╻": "b",
}  # fmt: skip
_HEAVY = "━╸╺┃╹╻"
_ENDS = {"l": (0.0, 0.5), "r": (1.0, 0.5), "t": (0.5, 0.0), "b": (0.5, 1.0)}
_BLOCKS = {
    **{sign: (0.0, 0.0, eighths / 8, 1.0) for eighths, sign in enumerate("▏▎▍▌▋▊▉█", 1)},
    **{sign: (0.0, 1 - eighths / 8, 1.0, eighths / 8) for eighths, sign in enumerate("▁▂▃▄▅▆▇", 1)},
    "▀": (0.0, 0.0, 1.0, 0.5), "▔": (0.0, 0.0, 1.0, 0.125), "▐": (0.5, 0.0, 0.5, 1.0),
    "▕": (0.875, 0.0, 0.125, 1.0),
}  # fmt: skip
"""Left, top, width and height, as parts of a cell."""

Lines = Sequence[Iterable[Segment]]


def lines_of(app: App[None]) -> list[list[Segment]]:
    """What an app shows just now, what lies behind a question too."""
    compositor = app.screen._compositor
    update = compositor.render_update(full=True, screen_stack=app._background_screens)
    return [[segment for strip in line for segment in strip] for line in update.strips]  # type: ignore[union-attr]


def svg(lines: Lines, width: int, palette: Palette = DARK, title: str = "") -> str:
    """The picture; with a title, in a window."""
    head = _HEAD if title else _MARGIN
    wide, high = width * WIDE + 2 * _MARGIN, len(lines) * HIGH + head + _MARGIN
    shapes: list[str] = []
    for row, segments in enumerate(lines):
        shapes += _row(segments, head + row * HIGH, palette)
    return "\n".join([*_opening(wide, high, palette, title), *shapes, "</g>", "</svg>", ""])


def _opening(wide: float, high: float, palette: Palette, title: str) -> Iterator[str]:
    size = f'viewBox="0 0 {_n(wide)} {_n(high)}" width="{_n(wide)}" height="{_n(high)}"'
    yield f'<svg xmlns="http://www.w3.org/2000/svg" {size} shape-rendering="crispEdges">'
    yield (
        f'<rect width="{_n(wide)}" height="{_n(high)}" rx="8" fill="{palette.ground}" '
        f'stroke="{palette.colours[8]}" stroke-opacity="0.6"/>'
    )
    yield f'<g font-family="{_FONT}" font-size="14" fill="{palette.text}" xml:space="preserve">'
    if title:
        for place, colour in enumerate((palette.colours[1], palette.colours[3], palette.colours[2])):
            yield f'<circle cx="{_n(20 + 18 * place)}" cy="17" r="5.5" fill="{colour}"/>'
        yield (
            f'<text x="{_n(wide / 2)}" y="22" text-anchor="middle" fill="{palette.colours[8]}">'
            f"{escape(title)}</text>"
        )


def _row(segments: Iterable[Segment], top: float, palette: Palette) -> Iterator[str]:
    """Grounds first, so that no letter is cut off by the ground of the next one."""
    placed: list[tuple[float, str, Style]] = []
    left = _MARGIN
    for text, style, control in segments:
        if control or not text:
            continue
        placed.append((left, text, style or Style.null()))
        left += cells(text) * WIDE
    for x, text, style in placed:
        if (ground := colours(style, palette)[1]) != palette.ground:
            yield _rect(x, top, cells(text) * WIDE, HIGH, ground)
    for x, text, style in placed:
        yield from _drawn(x, top, text, style, palette)


def _drawn(x: float, top: float, text: str, style: Style, palette: Palette) -> Iterator[str]:
    colour = colours(style, palette)[0]
    for kind, group in groupby(text, _kind):
        part = "".join(group)
        if kind in ("stroke", "heavy"):
            yield _strokes(part, x, top, colour)
        elif kind == "block":
            yield from _blocks(part, x, top, colour)
        elif part.strip():
            yield _text(part, x, top, colour, style, palette)
        if style.underline:
            yield _rect(x, top + HIGH - 2, cells(part) * WIDE, 1, colour)
        x += cells(part) * WIDE


def _kind(character: str) -> str:
    if character in _STROKES:
        return "heavy" if character in _HEAVY else "stroke"
    return "block" if character in _BLOCKS else "text"


def _text(part: str, x: float, top: float, colour: str, style: Style, palette: Palette) -> str:
    x += (len(part) - len(part.lstrip())) * WIDE
    part = part.strip()
    looks = f' fill="{colour}"' if colour != palette.text else ""
    looks += ' font-weight="bold"' if style.bold else ""
    looks += ' font-style="italic"' if style.italic else ""
    places = _places(part, x)
    return f'<text x="{places}" y="{_n(top + HIGH * 0.74)}"{looks}>{escape(part)}</text>'


def _places(part: str, x: float) -> str:
    """Where each character begins: a font of another width then leaves gaps, but moves nothing."""
    found = []
    for character in part:
        found.append(_n(x))
        x += cells(character) * WIDE
    return " ".join(found)


def _strokes(part: str, x: float, top: float, colour: str) -> str:
    moves = []
    for at, sign in enumerate(part):
        for end in _STROKES[sign]:
            across, down = _ENDS[end]
            left = x + at * WIDE
            moves.append(
                f"M{_n(left + WIDE / 2)} {_n(top + HIGH / 2)}L{_n(left + across * WIDE)} {_n(top + down * HIGH)}"
            )
    width = 3.4 if part[0] in _HEAVY else 1.2
    return f'<path d="{"".join(moves)}" stroke="{colour}" stroke-width="{width}"/>'


def _blocks(part: str, x: float, top: float, colour: str) -> Iterator[str]:
    """One shape for blocks of the same sign: a seam between full ones would be seen."""
    for sign, group in groupby(part):
        count = len(list(group))
        left, above, width, height = _BLOCKS[sign]
        steps = [(0, count * width)] if width == 1 else [(at, width) for at in range(count)]
        for at, wide in steps:
            yield _rect(x + (at + left) * WIDE, top + above * HIGH, wide * WIDE, height * HIGH, colour)
        x += count * WIDE


def _rect(x: float, y: float, width: float, height: float, colour: str) -> str:
    return f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}" fill="{colour}"/>'


def colours(style: Style | None, palette: Palette) -> tuple[str, str]:
    """Of the text, and of its ground."""
    style = style or Style.null()
    text = _hex(style.color, palette, palette.text)
    ground = _hex(style.bgcolor, palette, palette.ground)
    if style.reverse:
        text, ground = ground, text
    return (_mixed(text, ground) if style.dim else text), ground


def _hex(colour: Color | None, palette: Palette, default: str) -> str:
    if colour is None or colour.type is ColorType.DEFAULT:
        return default
    if colour.number is not None and colour.number < 16:
        return palette.colours[colour.number]
    return colour.get_truecolor().hex


def _mixed(text: str, ground: str) -> str:
    """A dim colour."""
    pairs = [(int(text[at : at + 2], 16), int(ground[at : at + 2], 16)) for at in (1, 3, 5)]
    return "#" + "".join(f"{round(one * 0.58 + other * 0.42):02x}" for one, other in pairs)


def _n(number: float) -> str:
    return f"{number:.1f}".rstrip("0").rstrip(".")
