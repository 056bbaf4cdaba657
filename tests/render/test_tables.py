"""Runs in Rich tables."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console, RenderableType

from tests.render.made import at, payload, run
from trodo_cli.model.run import Run, Totals
from trodo_cli.render.safe import guarded
from trodo_cli.render.tables import runs_table
from trodo_cli.render.theme import ASCII, UNICODE

TOTALS = Totals(
    spans=12, errors=1, input_tokens=1_200, output_tokens=300, cost_nanos=12_000_000, costed_spans=1
)


def printed(table: RenderableType, width: int = 80, colour: bool = False) -> str:
    out = io.StringIO()
    system = "standard" if colour else None
    Console(file=out, width=width, color_system=system, force_terminal=colour, legacy_windows=False).print(
        table
    )
    return out.getvalue()


def lines(*runs: Run, width: int = 80) -> list[str]:
    return [line.rstrip() for line in printed(runs_table(list(runs), at(123), UNICODE), width).splitlines()]


def test_a_page_of_runs_is_one_line_each_and_one_more_for_an_error() -> None:
    failed = run("failed", error="upstream timed out\nTraceback", error_type="TimeoutError", totals=TOTALS)
    assert lines(run(agent="support"), failed, run("running", totals=Totals(spans=1_240))) == [
        "status       agent             id        age     time  spans  tokens    cost",
        "✓ completed  support           4f1e88ba  2m      3.2s      0       -       -",
        "✗ failed     article-pipeline  4f1e88ba  2m      3.2s     12    1.5k  $0.012",
        "  TimeoutError: upstream timed out…",
        "● running    article-pipeline  4f1e88ba  2m   2m 03s…  1,240       -       -",
    ]


def test_in_a_narrow_terminal_only_the_agents_name_gives_way() -> None:
    [_, row] = lines(run(agent="an-agent-with-quite-a-long-name-indeed", totals=TOTALS), width=72)
    assert "…" in row
    for kept in ("✓ completed", "4f1e88ba", "3.2s", "1.5k", "$0.012"):
        assert kept in row


@given(st.text(), st.text(), st.sampled_from([UNICODE, ASCII]), st.booleans())
def test_tables_fit_eighty_columns_and_are_inert_whatever_the_run_says(name, error, glyphs, colour) -> None:
    said = payload(input={name: error}, output=error)
    one = run("failed", agent=name, error=error, session=name, tags=(name,), payload=said, totals=TOTALS)
    out = printed(runs_table([one], at(9), glyphs), colour=colour)
    assert guarded(out) == out
    plain = printed(runs_table([one], at(9), glyphs))
    assert len(plain.splitlines()) <= 3


@pytest.mark.parametrize(
    "text", ["[/]", "[bold]x[/bold]", "[link=http://x]y[/link]", ":smile:", "[@click=quit]"]
)
def test_markup_of_a_producer_is_just_text(text: str) -> None:
    assert text in printed(runs_table([run(agent=text)], at(9), UNICODE), 120)
