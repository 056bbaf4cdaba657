"""Runs as Rich tables, for a terminal; the only module that imports Rich.

Cells are `Text` made of inert strings, never markup: `[/]` in an agent's name is just that.
"""

from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from trodo_cli.model.run import Run
from trodo_cli.render.excerpt import short_line
from trodo_cli.render.facts import error_text, run_label, run_money, run_time
from trodo_cli.render.format import NOTHING, age, tokens
from trodo_cli.render.theme import STYLES, Glyphs, Line, Piece, status_role

_NUMBERS = ("time", "spans", "tokens", "cost")
_COLUMNS = ("status", "agent", "id", "age", *_NUMBERS)
_ERROR_INDENT = "  "


class RunsTable(Table):
    """A table of one line a row, with a line of the full width below each run that failed."""

    def __init__(self) -> None:
        super().__init__(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style=STYLES["muted"])
        self.errors: dict[int, Text] = {}
        """By the number of the row."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        row = -1
        for part in super().__rich_console__(console, options):
            yield part
            if isinstance(part, Segment) and part.text == "\n":
                if row in self.errors:
                    yield self.errors[row]
                row += 1


def runs_table(runs: list[Run], now_ns: int, glyphs: Glyphs) -> RunsTable:
    """A page of runs, one a line; where it is narrow only the agent's name gives way."""
    table = RunsTable()
    for name in _COLUMNS:
        is_number = name in _NUMBERS
        table.add_column(
            name,
            justify="right" if is_number else "left",
            no_wrap=name != "agent",
            overflow="ellipsis",
        )
    for number, run in enumerate(runs):
        table.add_row(*(_text([piece]) for piece in _cells(run, now_ns, glyphs)))
        if error := error_text(run.error, run.error_type, glyphs):
            table.errors[number] = _text([(_ERROR_INDENT + error, "error")])
    return table


def _cells(run: Run, now_ns: int, glyphs: Glyphs) -> list[Piece]:
    """One piece for each of `_COLUMNS`."""
    totals = run.totals
    used = totals.input_tokens + totals.output_tokens
    return [
        (f"{glyphs.status(run.status)} {run.status}", status_role(run.status)),
        (short_line(run.agent, glyphs), "agent"),
        (run_label(run, glyphs), "muted"),
        (age(run.started_ns, now_ns).removesuffix(" ago"), None),
        run_time(run, now_ns, glyphs),
        (f"{totals.spans:,}", None),
        (tokens(used or None), None),
        (run_money(run) or NOTHING, "cost"),
    ]


def _text(line: Line) -> Text:
    text = Text(no_wrap=True, overflow="ellipsis")
    for piece, role in line:
        text.append(piece, STYLES[role] if role else None)
    return text
