"""The names on the way from a run down to one of its spans: `article-pipeline › research › ⚙ search  1.9s`.

The last name is the one that matters: a long chain loses its middle, a wide one goes on in the next line.
"""

from trodo_cli.model.span import Span
from trodo_cli.render.excerpt import short_line
from trodo_cli.render.facts import elapsed, flowed
from trodo_cli.render.format import counted, fitted
from trodo_cli.render.theme import Glyphs, Line, Piece

CHAIN_ENDS = 3
"""Names shown at either end of a long chain, beside the last one."""

NAME_CELLS = 32
"""How wide one name may be."""


def chain(path: list[Span], now_ns: int, glyphs: Glyphs, width: int | None) -> list[Line]:
    """The path in as few lines as it needs, with the time of its last span."""
    *above, last = path
    names: list[Piece] = [(name, None) for name in _shortened(above, glyphs)]
    names.append((f"{glyphs.kind(last.kind)} {_name(last, glyphs)}", "heading"))
    first, *rest = names
    steps: list[Piece] = [(f"{glyphs.separator} {name}", role) for name, role in rest]
    time = elapsed(last.started_ns, last.ended_ns, last.status, now_ns, glyphs)
    return flowed([first], [*steps, (f" {time}" if time else "", "time")], width, gap=" ")


def _shortened(spans: list[Span], glyphs: Glyphs) -> list[str]:
    more = len(spans) - 2 * CHAIN_ENDS
    if more <= 1:
        return [_name(span, glyphs) for span in spans]
    ends = [_name(span, glyphs) for span in (*spans[:CHAIN_ENDS], *spans[-CHAIN_ENDS:])]
    middle = f"{glyphs.ellipsis} {counted(more, 'level')} {glyphs.ellipsis}"
    return [*ends[:CHAIN_ENDS], middle, *ends[CHAIN_ENDS:]]


def _name(span: Span, glyphs: Glyphs) -> str:
    return fitted(short_line(span.name or span.kind, glyphs), NAME_CELLS, glyphs.ellipsis)
