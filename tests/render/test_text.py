"""Rows and events as lines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.render.made import NOON, RUN_ID, SECOND, at, failed_trace, run, span, trace
from trodo_cli.model.event import CancelRequested, RunEnd, RunStart, SpanEnd, SpanStart, SpanUpdate, TraceDone
from trodo_cli.model.run import Cancel, Totals
from trodo_cli.model.span import Span, Usage
from trodo_cli.render.format import cells
from trodo_cli.render.rows import Row, ViewState, flatten
from trodo_cli.render.safe import is_safe
from trodo_cli.render.text import event_line, row_line
from trodo_cli.render.theme import ASCII, UNICODE, line_cells, plain
from trodo_cli.render.timeline import Window


def line_of(one: Span, now: float = 9, **row: object) -> str:
    return plain(row_line(Row(one.id, one, None, 1, **row), UNICODE, at(now)))


def event_text(event: object) -> str | None:
    line = event_line(event)
    return None if line is None else plain(line)


def test_a_row_tells_name_time_and_error() -> None:
    search = span("search", end=0.123, status="error", error="timeout\nTraceback")
    assert line_of(search) == "└─ ✗ ⚙ search  123ms  error: timeout…"


def test_a_row_tells_model_tokens_and_cost() -> None:
    call = span("chat", kind="model", model="gpt-4o", usage=Usage(input=1_200, output=300), cost=0.012)
    assert line_of(call) == "└─ ✓ ✦ chat  gpt-4o  1.0s  1.2k→300  $0.012"


def test_a_model_that_the_name_tells_is_not_told_again() -> None:
    assert line_of(span("chat gpt-4o", kind="model", model="gpt-4o")) == "└─ ✓ ✦ chat gpt-4o  1.0s"


def test_running_work_shows_its_time_so_far() -> None:
    assert line_of(span("search", end=None), now=2) == "└─ ● ⚙ search  2.0s…"
    assert line_of(span("search", start=5, end=None), now=2) == "└─ ● ⚙ search  0ms…"


def test_an_error_keeps_its_type_and_does_not_say_it_twice() -> None:
    for said in ("no", "ValueError: no"):
        failed = span("a", status="error", error=said, error_type="ValueError")
        assert line_of(failed) == "└─ ✗ ⚙ a  1.0s  ValueError: no"
    assert line_of(span("a", status="error", error_type="ValueError")) == "└─ ✗ ⚙ a  1.0s  ValueError"


def test_what_is_folded_and_what_is_odd_is_told() -> None:
    assert line_of(span("a"), hidden=12).endswith("  +12 spans")
    assert line_of(span("a"), hidden=1).endswith("  +1 span")
    assert line_of(span("a"), mark="orphan").endswith("  its parent is missing")
    assert line_of(span("a"), mark="cycle").endswith("  its parents form a circle")
    assert line_of(span("a", level="warning")).endswith("  warning")


def test_the_first_row_tells_the_totals_of_the_run() -> None:
    spans = [span("chat", kind="model", usage=Usage(input=1_200, output=300), cost=0.012)]
    [first, _] = flatten(trace(spans), ViewState())
    assert plain(row_line(first, UNICODE, NOON)) == "✓ ◆ article-pipeline  3.2s  1.2k→300  $0.012"


def test_a_link_row_tells_the_child_runs_agent_status_totals_and_id() -> None:
    child = run("failed", agent="checker", error="no sources", totals=Totals(spans=7, input_tokens=900))
    text = plain(row_line(Row(child.id, None, child, 1), UNICODE, NOON))
    assert text == "└─ ✗ ↳ checker  failed  run 4f1e88ba  3.2s  7 spans  900→0  error: no sources"


def test_a_lost_run_is_not_shown_as_running() -> None:
    [first] = flatten(trace([], run("lost")), ViewState())
    assert plain(row_line(first, UNICODE, at(1))).startswith("? ◆ article-pipeline  1.0s…")


def test_a_waterfall_row_has_its_time_and_bar_on_the_right() -> None:
    window = Window(at(0), at(4))
    row = Row("search", span("search", start=2, end=4), None, 1)
    text = plain(row_line(row, UNICODE, at(9), 80, window))
    assert text == f"{'└─ ✓ ⚙ search':45}     2.0s  {' ' * 12}{'━' * 12}"


@given(st.integers(20, 120), st.booleans())
def test_no_row_is_wider_than_its_width(width: int, with_bars: bool) -> None:
    window = Window(at(0), at(4)) if with_bars else None
    for row in flatten(failed_trace(tool="固体電池の研究"), ViewState(levels=None)):
        assert line_cells(row_line(row, UNICODE, at(9), width, window)) <= max(width, 24)


def test_ascii_rows_are_ascii() -> None:
    call = span("chat", end=0, kind="model", usage=Usage(input=1_200, output=300))
    call.ended_ns = call.started_ns + 850_000
    for row in (Row("a", call, None, 70), Row("a", span("b", end=None), None, 2, guides=3)):
        assert plain(row_line(row, ASCII, at(9), 60)).isascii()
    assert plain(row_line(Row("a", call, None, 1), ASCII, NOON)) == "`- + ~ chat  850us  1.2k->300  $?"


@given(st.text(), st.text(), st.text())
def test_nothing_hostile_gets_through_a_row_or_an_event(name: str, error: str, kind: str) -> None:
    one = span(name, status="error", error=error, error_type=kind, kind=kind, model=error, id="x")
    child = run("failed", agent=name, error=error, id="\x1b" + name)
    assert is_safe(line_of(one))
    assert is_safe(plain(row_line(Row("x", None, child, 1), UNICODE, NOON)))
    for event in (
        SpanStart(run_id="r", span=one),
        SpanEnd(run_id="r", span=one),
        RunStart(run_id="r", run=child),
        RunEnd(run_id="r", run=child),
        CancelRequested(run_id="r", cancel=Cancel(requested_ns=1, by=name, reason=error)),
    ):
        text = event_text(event)
        assert text is not None
        assert is_safe(text)
        assert "\n" not in text


@pytest.mark.parametrize(
    "text", ["[/]", "[/", "list[/str]", "[link=x]", "[@click=app.quit]", "[error=timeout]"]
)
def test_markup_of_a_producer_is_just_text(text: str) -> None:
    assert line_of(span(text)) == f"└─ ✓ ⚙ {text}  1.0s"


def test_span_events_begin_with_arrow_and_name() -> None:
    done = span("search", end=0.123)
    failed = span("search", end=0.123, status="error", error="timed out")
    stopped = span("search", end=0.123, status="cancelled")
    assert event_text(SpanStart(run_id="r", span=done)) == "→ search"
    assert event_text(SpanEnd(run_id="r", span=done)) == "← search 123ms"
    assert event_text(SpanEnd(run_id="r", span=failed)) == "← search 123ms error: timed out"
    assert event_text(SpanEnd(run_id="r", span=stopped)) == "← search 123ms cancelled"


def test_run_events_tell_agent_and_outcome() -> None:
    assert event_text(RunStart(run_id=RUN_ID, run=run())) == "▶ article-pipeline run 4f1e88ba"
    assert event_text(RunStart(run_id=RUN_ID, run=run(agent=""))) == "▶ run 4f1e88ba"
    assert event_text(RunEnd(run_id=RUN_ID, run=run(ends=1.2))) == "■ completed 1.2s"
    assert event_text(RunEnd(run_id=RUN_ID, run=run("failed", error="no"))) == "■ failed 3.2s error: no"
    assert event_text(RunEnd(run_id=RUN_ID, run=run("cancelled"))) == "■ cancelled 3.2s"
    assert event_text(RunEnd(run_id=RUN_ID, run=run("failed", started_ns=0))) == "■ failed error"


def test_a_cancel_request_tells_who_and_why() -> None:
    asked = Cancel(requested_ns=NOON, by="alice", reason="too expensive")
    assert (
        event_text(CancelRequested(run_id="r", cancel=asked)) == "✋ cancel requested by alice: too expensive"
    )
    assert event_text(CancelRequested(run_id="r", cancel=Cancel(requested_ns=1))) == "✋ cancel requested"


def test_updates_and_the_end_of_the_stream_say_nothing() -> None:
    assert event_text(SpanUpdate(run_id="r", span=span("a"))) is None
    assert event_text(TraceDone(run_id="r", run=run())) is None


def test_a_span_without_a_name_is_called_by_its_kind() -> None:
    assert event_text(SpanStart(run_id="r", span=span("", kind="retrieval"))) == "→ retrieval"


def test_a_name_of_megabytes_is_cut_where_it_is_seen() -> None:
    text = line_of(span("x" * 5_000_000, id="x"))
    assert "…" in text
    assert cells(text) < 1_100


def test_time_goes_on_only_while_work_is_open() -> None:
    ended_without_time = span("a", end=None, status="error")
    assert line_of(ended_without_time) == "└─ ✗ ⚙ a"
    assert line_of(span("a", end=None, start=-NOON / SECOND)) == "└─ ● ⚙ a"
