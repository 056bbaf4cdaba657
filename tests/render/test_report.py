"""What `trodo trace show` prints."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.render.made import NOON, at, failed_trace, payload, run, span, texts, trace
from trodo_cli.model.run import Cancel
from trodo_cli.model.span import Usage
from trodo_cli.model.trace import Trace
from trodo_cli.render.report import trace_report
from trodo_cli.render.safe import guarded, is_safe
from trodo_cli.render.theme import ASCII, UNICODE, line_cells


def report(of: Trace, now: float = 9, **options: object) -> list[str]:
    return texts(trace_report(of, UNICODE, at(now), **options))


def section(lines: list[str], heading: str) -> list[str]:
    """The lines below a heading, up to the next empty one; none when there is no such heading."""
    if heading not in lines:
        return []
    rest = lines[lines.index(heading) + 1 :]
    return rest[: rest.index("")] if "" in rest else rest


def test_a_failed_run_is_told_failure_first() -> None:
    assert report(failed_trace(payload=payload(input={"query": "batteries"}))) == [
        "✗ failed  article-pipeline  4f1e88ba  3.2s  6 spans",
        "",
        "why",
        "  article-pipeline › research › ⚙ search  1.9s",
        "  timed out",
        "  input",
        '    {"query": "batteries"}',
        "",
        "trace",
        "✗ ◆ article-pipeline  3.2s  error: research: search failed",
        "├─ ✓ ◆ plan  800ms",
        "│  └─ ✓ ✦ gpt-4o  600ms",
        "└─ ✗ ◆ research  2.2s  error: search failed",
        "   ├─ ✓ ⌕ store  100ms  +1 span",
        "   └─ ✗ ⚙ search  1.9s  error: timed out",
        "",
        "next",
        "  trodo trace show 4f1e88ba --full   every span, nothing left out",
    ]


def test_the_verdict_tells_tokens_and_cost() -> None:
    spans = [span("chat", kind="model", usage=Usage(input=1_200, output=300), cost=0.012)]
    assert report(trace(spans))[0] == (
        "✓ completed  article-pipeline  4f1e88ba  3.2s  1 span  1.2k→300 tokens  $0.012"
    )


def test_a_cost_that_is_not_known_in_full_says_so() -> None:
    call = {"kind": "model", "usage": Usage(input=1_200, output=300)}
    spans = [span("chat", cost=0.012, **call), span("other", **call)]
    assert report(trace(spans))[0].endswith("2.4k→600 tokens  $0.012+")
    assert report(trace(spans[1:]))[0].endswith("  $?")


def test_a_run_that_completed_has_no_why_and_nothing_more_to_type() -> None:
    lines = report(trace([span("a")]))
    assert "why" not in lines
    assert "next" not in lines


def test_errors_that_did_not_fail_the_run_are_counted_in_the_verdict() -> None:
    assert report(trace([span("a", status="error")]))[0].endswith("1 span  1 error")


def test_a_long_input_is_cut_and_the_cut_is_counted() -> None:
    text = "\n".join(f"line {n}" for n in range(52))
    of = failed_trace(payload=payload(input=text))
    assert "    … 40 more lines" in report(of)
    full = report(of, full=True)
    assert "    line 51" in full
    assert "next" not in full


def test_the_stack_is_there_when_nothing_is_to_be_left_out() -> None:
    of = failed_trace(payload=payload(stack="Traceback\n  line 7"))
    assert "      line 7" in report(of, full=True)
    assert "  stack" not in report(of)


def test_a_long_error_is_broken_not_cut() -> None:
    long = "the upstream service said that " + "it is not well and " * 8 + "THE END"
    spans = [span("search", status="error", error=long)]
    lines = section(report(trace(spans, run("failed"))), "why")
    assert lines[-1].endswith("THE END")
    assert all(len(line) <= 80 for line in lines)


def test_other_failures_and_failed_child_runs_are_pointed_at() -> None:
    child = run("failed", id="c" * 31 + "1", agent="checker", parent_span_id="a")
    spans = [span("a", status="error", error="x"), span("b", end=2, status="error", error="y")]
    lines = report(trace(spans, run("failed", error="x"), (child,)))
    assert section(lines, "why")[-2:] == [
        "  a run started there failed as well: ccccccc1",
        "  1 other span failed too",
    ]
    assert "  trodo trace show ccccccc1   the run below that failed" in lines


def test_a_run_that_failed_by_itself_tells_its_own_error_and_input() -> None:
    of = trace([span("a")], run("failed", error="out of money", payload=payload(input="go")))
    assert section(report(of), "why") == ["  ◆ article-pipeline  3.2s", "  out of money", "  input", "    go"]


@pytest.mark.parametrize(
    ("status", "delivered", "told"),
    [
        ("running", None, "  not delivered yet"),
        ("running", at(1.5), "  delivered to the run after 500ms"),
        ("completed", None, "  the run ended before it heard of it"),
    ],
)
def test_a_cancel_request_tells_how_far_it_got(status: str, delivered: int | None, told: str) -> None:
    cancel = Cancel(requested_ns=at(1), by="alice", reason="too expensive", delivered_ns=delivered)
    [asked, state] = section(report(trace([], run(status, cancel=cancel))), "cancel")
    assert asked.startswith("  requested by alice at ")
    assert asked.endswith(": too expensive")
    assert state == told


def test_a_running_run_tells_what_it_is_at_and_how_to_stop_it() -> None:
    spans = [span("a", end=None), span("b", "a", 1, None), span("c", "a", 1)]
    lines = report(trace(spans, run("running")), now=5)
    assert section(lines, "running now") == ["  a › ⚙ b  4.0s…"]
    assert section(lines, "next") == [
        "  trodo tail 4f1e88ba          follow it live",
        "  trodo runs cancel 4f1e88ba   ask it to stop",
    ]


def test_a_run_that_was_asked_to_stop_is_not_offered_to_be_asked_again() -> None:
    lines = report(trace([], run("running", cancel=Cancel(requested_ns=1))))
    assert not any("runs cancel" in line for line in lines)


def test_the_time_of_a_lost_run_ends_with_its_last_sign_of_life() -> None:
    lines = report(trace([span("a", end=None)], run("lost", heartbeat_ns=at(3))), now=9_999)
    assert lines[0].startswith("? lost  article-pipeline  4f1e88ba  3.0s…")
    assert section(lines, "open when it was last heard of") == ["  ⚙ a  3.0s…"]


def test_many_open_spans_and_many_rows_are_counted() -> None:
    spans = [span(f"{n:04}", end=None) for n in range(1_000)]
    lines = report(trace(spans, run("running")))
    assert "  … 992 more open spans" in lines
    assert "… 801 more rows" in lines
    assert section(lines, "next")[0].endswith("every span, nothing left out")
    assert len(report(trace(spans, run("running")), full=True)) > 2_000


def test_the_waterfall_has_a_ruler_and_keeps_to_the_width() -> None:
    lines = trace_report(failed_trace(), UNICODE, at(9), waterfall=True, full=True, width=80)
    ruler = next(text for text in texts(lines) if text.startswith("trace"))
    assert ruler == f"{'trace':56}0{'3.2s':>23}"
    assert all(line_cells(line) <= 80 for line in lines)


def test_no_line_is_cut_when_there_is_no_width() -> None:
    of = failed_trace(payload=payload(input="word " * 300))
    assert any(len(line) > 1_000 for line in report(of, width=None))


def test_a_foreign_run_id_is_quoted_for_the_shell() -> None:
    lines = report(trace([], run("running", id="x; rm -rf ~")))
    assert "  trodo tail 'x; rm -rf ~'          follow it live" in lines


def test_a_chain_of_ten_thousand_failures_is_told_in_a_few_lines() -> None:
    chain = [span(f"{n:05}", f"{n - 1:05}" if n else None, status="error", error="x") for n in range(10_000)]
    lines = section(report(trace(chain, run("failed"))), "why")
    assert " ".join(line.strip() for line in lines) == (
        "article-pipeline › 00000 › 00001 › … 9,994 levels … › 09996 › 09997 › 09998 › ⚙ 09999  1.0s x"
    )


@given(st.text(), st.text(), st.integers(24, 100), st.booleans(), st.sampled_from([UNICODE, ASCII]))
def test_a_report_is_inert_and_keeps_to_the_width_whatever_the_trace_says(
    name, text, width, full, glyphs
) -> None:
    spans = [
        span(name, id="a", status="error", error=text, error_type=name, payload=payload(input={name: text}))
    ]
    child = run("failed", id="\x1b[31m" + name, agent=text, parent_span_id="a", started_ns=NOON)
    cancel = Cancel(requested_ns=NOON, by=name, reason=text)
    of = trace(spans, run("failed", agent=name, error=text, cancel=cancel), (child,))
    for line in trace_report(of, glyphs, at(9), full=full, width=width):
        [shown] = texts([line])
        assert is_safe(shown)
        assert "\n" not in shown
        assert guarded(shown) == shown
        assert line_cells(line) <= width
