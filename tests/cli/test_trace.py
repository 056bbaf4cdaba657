"""`trodo trace show`: what failed first, then the tree."""

import json
from typing import Any

import pytest

from tests.cli.made import MILLISECOND, SECOND, payload, run, run_id, span
from tests.cli.program import Cli, refused
from trodo_cli.model.ids import root_span_id
from trodo_cli.model.span import Usage

SPAN_FIELDS = [
    "id", "parent_id", "name", "kind", "status", "started_at", "ended_at", "duration_ms", "model",
    "provider", "tool", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens",
    "reasoning_tokens", "cost", "level", "error", "error_type", "status_code",
]  # fmt: skip
SPAN_DETAIL_FIELDS = [*SPAN_FIELDS, "input", "output", "attributes", "events", "stack", "priced", "origin"]

LONG_INPUT = "\n".join(f"line {number}" for number in range(40))


@pytest.fixture
def traces(cli: Cli) -> Cli:
    """The newest run completed and is four levels deep; the one before it failed three levels deep."""
    deep = [
        span("plan"),
        span("research", kind="agent", at_ns=100 * MILLISECOND),
        span("search", kind="tool", tool="web", parent="research", at_ns=150 * MILLISECOND),
        span("rank", parent="search", at_ns=160 * MILLISECOND),
        span("embed", kind="model", model="m-1", parent="rank", at_ns=170 * MILLISECOND, cost=0.5,
             usage=Usage(input=10, output=5), payload=payload(input="in", output={"o": 1}, attributes={"k": "v"})),
    ]  # fmt: skip
    broken = [
        span("healthy"),
        span("outer", kind="agent", status="error", error="inner broke", error_type="ToolError"),
        span("middle", parent="outer", status="error", error="inner broke", at_ns=10 * MILLISECOND),
        span("inner", kind="tool", parent="middle", status="error", error="connection refused\nby peer",
             error_type="ConnectionError", at_ns=20 * MILLISECOND, payload=payload(input=LONG_INPUT)),
        span("ignored", status="error", error="handled", at_ns=30 * MILLISECOND),
    ]  # fmt: skip
    cli.publish(
        [
            *run(1, "pipeline", *deep, ago_ns=60 * SECOND),
            *run(2, "auditor", *broken, status="failed", ago_ns=120 * SECOND,
                 ended={"error": "inner broke", "error_type": "ToolError"}),
        ]
    )  # fmt: skip
    return cli


def names(lines: list[str]) -> list[str]:
    """The first word of each row of the tree that is a name."""
    return [next(word for word in line.split() if word.isalpha()) for line in tree(lines)]


def tree(lines: list[str]) -> list[str]:
    """The rows of the tree."""
    begin = next(number for number, line in enumerate(lines) if line.startswith("trace")) + 1
    return [line for line in lines[begin : lines.index("", begin) if "" in lines[begin:] else None] if line]


def test_a_trace_is_the_verdict_then_two_open_levels_then_what_to_type_next(traces: Cli) -> None:
    done = traces.ok("trace", "show", "latest")
    assert done.lines[0].startswith("✓ completed  pipeline  b0000001  1.0s  5 spans  10→5 tokens  $0.50")
    assert names(done.lines) == ["pipeline", "plan", "research", "search"]
    assert tree(done.lines)[-1].endswith("+2 spans")
    assert "trodo trace show b0000001 --full" in done.out
    assert "why" not in done.lines
    assert "\x1b" not in done.out


def test_the_command_that_a_trace_proposes_works(traces: Cli) -> None:
    line = next(line for line in traces.ok("trace", "show", "latest").lines if "--full" in line)
    command = line.split("   ")[0].split()
    assert command[0] == "trodo"
    assert "embed" in traces.ok(*command[1:]).out


def test_full_opens_every_level(traces: Cli) -> None:
    done = traces.ok("trace", "show", "latest", "--full")
    assert names(done.lines) == ["pipeline", "plan", "research", "search", "rank", "embed"]
    assert "next" not in done.lines


def test_waterfall_draws_a_bar_beside_each_span_in_the_order_of_time(traces: Cli) -> None:
    lines = traces.shown("trace", "show", "latest", "--waterfall", "--full", columns=100)
    rows = tree(lines)
    starts = [min(row.index(sign) for sign in "█▏▎▍▌▋▊▉" if sign in row) for row in rows]
    assert names(lines) == ["pipeline", "plan", "research", "search", "rank", "embed"]
    assert starts == sorted(starts)
    assert starts[2] > starts[1]


@pytest.mark.parametrize("columns", [40, 80])
@pytest.mark.parametrize("options", [(), ("--full",), ("--full", "--waterfall")])
def test_no_line_is_wider_than_the_terminal(traces: Cli, columns: int, options: tuple[str, ...]) -> None:
    for reference in ("latest", "@2"):
        lines = traces.shown("trace", "show", reference, *options, columns=columns)
        assert max(map(len, lines)) <= columns


def test_a_failed_run_begins_with_why_and_shows_the_failing_call_with_its_input(traces: Cli) -> None:
    done = traces.ok("trace", "show", "latest:auditor")
    why = done.lines[: done.lines.index("trace")]
    assert why[0].startswith("✗ failed  auditor")
    assert why[2:7] == [
        "why",
        "  auditor › outer › middle › ⚙ inner  100ms",
        "  ConnectionError: connection refused",
        "  by peer",
        "  input",
    ]
    assert "    line 0" in why
    assert "    line 39" not in why
    assert any("more lines" in line for line in why)
    assert any("1 other span failed too" in line for line in why)


def test_the_failed_path_is_open_however_deep_it_is(traces: Cli) -> None:
    assert "inner" in names(traces.ok("trace", "show", "latest:auditor").lines)


def test_full_shows_the_whole_input_of_the_failing_call(traces: Cli) -> None:
    assert "    line 39" in traces.ok("trace", "show", "latest:auditor", "--full").lines


def test_json_alone_is_the_run_and_its_spans_with_everything(traces: Cli) -> None:
    found = traces.ok("trace", "show", "latest", "--json").json
    assert list(found) == ["summary", "spans"]
    assert found["summary"]["id"] == run_id(1)
    assert [list(of) for of in found["spans"]] == [SPAN_DETAIL_FIELDS] * 6
    spans = {of["name"]: of for of in found["spans"]}
    assert found["spans"][0]["id"] == root_span_id(run_id(1))
    assert (spans["embed"]["input"], spans["embed"]["output"]) == ("in", {"o": 1})
    assert (spans["embed"]["attributes"], spans["embed"]["cost"]) == ({"k": "v"}, 0.5)
    assert spans["search"]["parent_id"] == "research"


def test_json_with_names_gives_those_fields_of_each_span(traces: Cli) -> None:
    done = traces.ok("trace", "show", "latest", "--json", "name,status")
    assert done.json[1] == {"name": "plan", "status": "ok"}
    assert [list(row) for row in done.json] == [["name", "status"]] * 6


def test_json_is_the_same_on_a_terminal(traces: Cli) -> None:
    code, sent = traces.terminal("trace", "show", "latest", "--json").end()
    assert (code, json.loads(sent)) == (0, traces.ok("trace", "show", "latest", "--json").json)


def test_a_run_at_work_shows_what_it_is_at_and_how_to_follow_and_stop_it(cli: Cli) -> None:
    at_work = [span("outer", status="running"), span("inner", parent="outer", status="running")]
    cli.publish(run(1, "worker", *at_work, status="running", ago_ns=SECOND), alive=True)
    lines = cli.ok("trace", "show", "latest").lines
    assert "running now" in lines
    assert any("outer › · inner" in line for line in lines)
    text = "\n".join(lines)
    assert "trodo tail b0000001" in text
    assert "trodo runs cancel b0000001" in text


def test_a_run_that_was_started_below_is_linked_and_its_own_trace_can_be_opened(cli: Cli) -> None:
    below: dict[str, Any] = {"parent_id": run_id(1), "parent_span_id": "step"}
    cli.publish([*run(1, "parent", span("step")), *run(2, "child", span("work"), **below)])
    (row,) = [line for line in cli.ok("trace", "show", run_id(1)).lines if "↳" in line]
    assert "child  completed  run b0000002" in row
    assert "work" in cli.ok("trace", "show", "b0000002").out


def test_a_cancelled_run_tells_who_asked_and_why(cli: Cli) -> None:
    cli.publish(run(1, ago_ns=0, status="running"), alive=True)
    cli.ok("runs", "cancel", "latest", "--reason", "budget")
    lines = cli.ok("trace", "show", "latest").lines
    at = lines.index("cancel")
    assert lines[at + 1].startswith("  requested by tester at ")
    assert lines[at + 1].endswith(": budget")
    assert lines[at + 2] == "  not delivered yet"


def test_a_trace_that_is_not_there_is_named(traces: Cli) -> None:
    refused(traces.run("trace", "show", "nobody"), 3, "nobody", "trodo runs list")
