"""A run as a line of the explorer's list."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trodo_cli.model.run import Cancel, Run
from trodo_cli.model.totals import NANOS, Totals
from trodo_cli.render.run_lines import Columns, heading, outcome, run_line
from trodo_cli.render.theme import ASCII, UNICODE, Line, line_cells, plain

NOW = 1_780_000_000 * NANOS
DAY = 86_400 * NANOS


def made(**said: object) -> Run:
    known = {
        "agent": "writer",
        "status": "completed",
        "started_ns": NOW - 5 * NANOS,
        "ended_ns": NOW - 3 * NANOS,
    }
    return Run(id="a" * 24 + "b0000001", **{**known, **said})  # type: ignore[arg-type]


def line(run: Run, width: int = 120, **said: bool) -> Line:
    return run_line(run, Columns.of(width), UNICODE, NOW, **said)


def ends(word: str, text: str) -> list[int]:
    """Where a word ends in a text."""
    return [match.end() for match in re.finditer(rf"\b{re.escape(word)}\b", text)]


def test_every_value_stands_below_its_name() -> None:
    run = made(
        totals=Totals(spans=1_234, input_tokens=900, output_tokens=300, cost_nanos=NANOS // 4, costed_spans=1)
    )
    names, values = plain(heading(Columns.of(120))), plain(line(run))
    for name, value in (
        ("id", "b0000001"),
        ("age", "5s"),
        ("time", "2.0s"),
        ("spans", "1,234"),
        ("tokens", "1.2k"),
    ):
        assert ends(name, names) == ends(value, values)


@pytest.mark.parametrize(
    ("ago", "shown"), [(0, "now"), (90, "1m"), (7_200, "2h"), (3 * 86_400, "3d"), (400 * 86_400, "400d")]
)
def test_an_age_is_short_however_old_the_run(ago: int, shown: str) -> None:
    assert f" {shown} " in plain(line(made(started_ns=NOW - ago * NANOS)))


def test_where_it_is_narrow_the_status_and_the_agent_stay() -> None:
    assert plain(line(made(), width=24)).startswith("  ✓ completed  writer")
    assert Columns.of(45).names == ("time",)
    assert Columns.of(79).names == ("id", "age", "time", "tokens", "cost")


def test_a_marked_run_and_one_below_another_keep_the_columns() -> None:
    ways = [line(made()), line(made(), marked=True), run_line(made(), Columns.of(120), UNICODE, NOW, depth=1)]
    assert len({plain(way).index("b0000001") for way in ways}) == 1
    assert plain(ways[1]).startswith("▌ ")
    assert "↳ writer" in plain(ways[2])


def test_the_error_of_a_failed_run_stands_in_its_line_where_there_is_room() -> None:
    failed = made(status="failed", error="no such page\nat all", error_type="NotFound")
    assert line(failed, width=200)[-1] == ("NotFound: no such page…", "error")
    assert "NotFound" not in plain(line(failed, width=80))


def test_a_run_that_was_asked_to_stop_says_how_far_that_came() -> None:
    asked = Cancel(requested_ns=NOW, by="ada", reason="wrong customer")
    assert (
        plain(outcome(made(status="running", cancel=asked), UNICODE))
        == "cancel requested by ada: wrong customer"
    )
    assert (
        plain(outcome(made(status="completed", cancel=asked), UNICODE))
        == "cancel requested by ada → the run completed first: wrong customer"
    )
    assert "ada -> cancelled: wrong" in plain(outcome(made(status="cancelled", cancel=asked), ASCII))
    assert outcome(made(), UNICODE) == []


runs = st.builds(
    made,
    agent=st.text(max_size=60),
    status=st.sampled_from(["running", "completed", "failed", "lost"]),
    error=st.none() | st.text(max_size=40),
    started_ns=st.integers(0, 2**63),
    parent_id=st.none() | st.just("p"),
)


@given(runs, st.integers(1, 320), st.booleans(), st.sampled_from([UNICODE, ASCII]))
def test_the_columns_hold_whatever_a_run_says(run: Run, width: int, marked: bool, glyphs) -> None:
    columns = replace(Columns.of(width), error=0)
    fixed = 15 + columns.agent + sum(2 + _CELLS[name] for name in columns.names)
    assert line_cells(run_line(run, columns, glyphs, NOW, marked=marked)) == fixed
    assert fixed <= width or not columns.names


_CELLS = {"id": 8, "age": 6, "time": 8, "spans": 6, "tokens": 6, "cost": 8}
