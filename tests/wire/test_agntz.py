"""What we write as a worker's objects: what the published agntz client insists on, and nothing of ours lost."""

import json
from typing import Any

import msgspec
import pytest
from agntz.client import models
from hypothesis import given
from hypothesis import strategies as st

from tests.contract.events import NOW, SECOND, payload
from tests.wire.agntz_made import HOSTILE, MS, bounded, runs, spans, wild_runs, wild_spans, wired
from trodo_cli.model.ids import root_span_id
from trodo_cli.model.run import Run, Totals, root_span
from trodo_cli.model.span import Span, Usage
from trodo_cli.model.trace import Trace
from trodo_cli.wire.agntz import (
    iso_time,
    link_object,
    page_object,
    run_object,
    span_object,
    sse_json,
    summary_object,
    trace_object,
)
from trodo_cli.wire.agntz_read import read_run, read_summary, read_trace
from trodo_cli.wire.agntz_read_span import read_span

RUN_ID = "019ab3c47d2e7f10a4d2c81e4f1e88ba"
CHILD_ID = "019ab3c47d2e7f10a4d2c81e4f1e88bb"
ROOT_ID = root_span_id(RUN_ID)
SPAN_KEYS, SUMMARY_KEYS = (
    {field.alias or name for name, field in model.model_fields.items()}
    for model in (models.Span, models.TraceSummary)
)


# -- what the published client insists on ------------------------------------------------------------


@bounded
@given(wild_runs())
def test_any_run_is_taken_by_the_published_client_and_by_our_reader(run: Run) -> None:
    shown = wired(run_object(run, root_id="r", depth=2))
    taken = models.Run.model_validate(shown, strict=True)
    assert (taken.id, taken.root_id, taken.depth) == (run.id, "r", 2)
    assert taken.status in {"pending", "running", "completed", "failed", "cancelled"}
    assert models.RunListResult.model_validate(page_object([shown], None)).cursor is None
    assert read_run(shown).id == run.id


@bounded
@given(wild_spans(), wild_runs())
def test_any_span_is_taken_by_the_published_client_and_by_our_reader(span: Span, run: Run) -> None:
    shown = wired(span_object(span, run))
    taken = models.Span.model_validate(shown, strict=True)
    assert (taken.span_id, taken.trace_id, taken.name) == (span.id, run.id, span.name)
    assert (set(shown), {type(shown["durationMs"])} <= {int, type(None)}) == (SPAN_KEYS, True)
    assert not any(isinstance(value, dict | list) for value in shown["attributes"].values())
    assert read_span(shown).id == span.id


@bounded
@given(wild_runs(), st.lists(wild_spans(), max_size=3), st.lists(wild_runs(), max_size=2))
def test_any_trace_is_taken_by_the_published_client_and_by_our_reader(
    run: Run, found: list[Span], children: list[Run]
) -> None:
    shown = wired(trace_object(Trace.from_rows(run, found, children), owner="ada"))
    taken = models.TraceDetail.model_validate(shown, strict=True)
    ids = [span.span_id for span in taken.spans]
    assert taken.summary.span_count == len(ids) == len(set(ids))
    assert {span.trace_id for span in taken.spans} == {run.id}
    assert read_trace(shown).run_id == run.id


@bounded
@given(wild_runs())
def test_any_summary_is_taken_by_the_published_client_and_by_our_reader(run: Run) -> None:
    shown = wired(summary_object(run))
    assert set(shown) == SUMMARY_KEYS
    rows = models.TracesListResult.model_validate(page_object([shown], "next"), strict=True)
    assert (rows.cursor, rows.rows[0].span_count) == ("next", run.totals.spans + 1)
    assert read_summary(shown).id == run.id


# -- runs --------------------------------------------------------------------------------------------


def test_a_run_leaves_out_what_has_no_value() -> None:
    shown = run_object(Run(id="r", agent="a", started_ns=5 * MS + 999_999), root_id="r", depth=0)
    assert shown == {
        "id": "r", "rootId": "r", "agentId": "a", "status": "running", "startedAt": 5, "depth": 0
    }  # fmt: skip


@pytest.mark.parametrize(
    ("status", "shown", "summed"),
    [
        ("pending", "pending", "running"),
        ("running", "running", "running"),
        ("lost", "running", "running"),
        ("completed", "completed", "ok"),
        ("failed", "failed", "error"),
        ("cancelled", "cancelled", "cancelled"),
    ],
)
def test_a_run_status_is_one_that_agntz_knows(status: Any, shown: str, summed: str) -> None:
    run = Run(id="r", status=status, started_ns=NOW, ended_ns=NOW, error="boom")
    told = run_object(run, root_id="r", depth=0)
    assert (told["status"], summary_object(run)["status"]) == (shown, summed)
    assert ("error" in told, "result" in told, "endedAt" in told) == (
        status in ("failed", "cancelled"),
        status == "completed",
        run.is_terminal,
    )


def test_a_completed_run_has_a_result_with_its_usage() -> None:
    totals = Totals(spans=3, input_tokens=44, output_tokens=28, cost_nanos=1_500_000, costed_spans=1)
    run = Run(
        id="r",
        status="completed",
        started_ns=NOW,
        ended_ns=NOW + SECOND,
        totals=totals,
        payload=payload(output=[1]),
    )
    assert run_object(run, root_id="r", depth=0)["result"] == {
        "output": [1],
        "invocationId": "r",
        "sessionId": "",
        "toolCalls": [],
        "usage": {"promptTokens": 44, "completionTokens": 28, "totalTokens": 72, "cost": 0.0015},
        "duration": 1000,
        "model": "",
    }


def test_a_row_of_a_list_has_no_input() -> None:
    row = run_object(Run(id="r", status="completed", started_ns=NOW, ended_ns=NOW), root_id="r", depth=0)
    assert ("input" in row, row["result"]["output"]) == (False, "")


def test_the_last_page_has_no_cursor() -> None:
    assert page_object([{"a": 1}], None) == {"rows": [{"a": 1}]}
    assert page_object([], "c") == {"rows": [], "cursor": "c"}


# -- spans -------------------------------------------------------------------------------------------


def test_a_span_uses_the_attribute_names_of_a_worker() -> None:
    model = Span(
        id="m",
        kind="model",
        model="m-1",
        usage=Usage(input=11, output=7),
        cost=0.5,
        payload=payload(input=[{"role": "user"}], output="hi", attributes={"own": {"a": [1]}, "n": 1}),
    )
    assert span_object(model, Run(id="r"))["attributes"] == {
        "own": '{"a":[1]}',
        "n": 1,
        "agent.model": "m-1",
        "agent.usage.prompt_tokens": 11,
        "agent.usage.completion_tokens": 7,
        "agent.usage.total_tokens": 18,
        "agent.cost_usd": 0.5,
        "agent.prompt": '[{"role":"user"}]',
        "agent.completion": "hi",
    }
    tool = Span(id="t", kind="tool", tool="search", payload=payload(input="q", output=""))
    assert span_object(tool, Run(id="r"))["attributes"] == {
        "agent.tool.name": "search", "agent.tool.input": "q", "agent.tool.output": ""
    }  # fmt: skip


def test_the_run_is_the_root_of_its_spans() -> None:
    run = Run(
        id=RUN_ID, agent="a", owner="o", session="s", started_ns=NOW, ended_ns=NOW + SECOND, status="failed"
    )
    root = span_object(root_span(run), run)
    assert (root["parentId"], root["runId"], root["kind"]) == (None, RUN_ID, "run")
    assert (root["durationMs"], root["status"]) == (1000, "error")
    assert root["attributes"] == {"agent.id": "a", "agent.run.id": RUN_ID}
    below = span_object(Span(id="s", kind="agent", started_ns=NOW), run)
    assert (below["parentId"], below["runId"], below["kind"]) == (ROOT_ID, None, "invoke")
    assert (below["ownerId"], below["sessionId"], below["traceId"]) == ("o", "s", RUN_ID)


def test_a_moment_inside_a_span_without_a_time_is_put_at_its_start() -> None:
    events = [{"name": "retry", "at_ns": NOW + SECOND, "attributes": {"n": 2}}, {"name": ["odd"]}]
    shown = span_object(Span(id="s", started_ns=NOW, payload=payload(events=events)), Run(id="r"))["events"]
    assert shown == [
        {"ts": iso_time(NOW + SECOND), "name": "retry", "data": {"n": 2}},
        {"ts": iso_time(NOW), "name": '["odd"]'},
    ]


# -- traces ------------------------------------------------------------------------------------------


def test_spans_stand_by_start_and_then_by_id() -> None:
    found = [Span(id=name, started_ns=NOW + at) for name, at in (("c", 0), ("b", 400_000), ("a", 2 * MS))]
    shown = trace_object(Trace.from_rows(Run(id="z", started_ns=NOW), found), owner="ada")
    assert [span["spanId"] for span in shown["spans"]] == ["b", "c", "z", "a"]
    assert {span["ownerId"] for span in shown["spans"]} == {"ada"}
    assert shown["summary"]["ownerId"] == "ada"


def test_a_run_that_was_started_below_is_a_link_in_the_trace() -> None:
    run = Run(id=RUN_ID, agent="top", session="s", started_ns=NOW)
    child = Run(
        id=CHILD_ID,
        agent="helper",
        parent_id=RUN_ID,
        parent_span_id="call",
        session="t",
        status="failed",
        started_ns=NOW + SECOND,
        ended_ns=NOW + 3 * SECOND,
        error="boom",
        error_type="ValueError",
        totals=Totals(spans=7, cost_nanos=1, costed_spans=1),
        payload=payload(input="secret", events=[{"name": "its own"}]),
    )
    trace = Trace.from_rows(run, [Span(id="call", started_ns=NOW)], [child])
    shown = trace_object(trace, owner="ada")
    assert shown["spans"][-1] == {
        "spanId": root_span_id(CHILD_ID),
        "traceId": RUN_ID,
        "parentId": "call",
        "ownerId": "ada",
        "runId": CHILD_ID,
        "sessionId": "t",
        "name": "helper",
        "kind": "invoke",
        "startedAt": iso_time(NOW + SECOND),
        "endedAt": iso_time(NOW + 3 * SECOND),
        "durationMs": 2000,
        "status": "error",
        "error": "boom",
        "attributes": {"agent.id": "helper", "agent.run.id": CHILD_ID},
        "events": [],
        "scores": {},
        "costUsd": None,
    }
    assert (shown["summary"]["spanCount"], summary_object(trace.summary)["spanCount"]) == (3, 2)


@pytest.mark.parametrize("status", ["pending", "running", "lost"])
def test_a_link_to_a_run_that_has_not_ended_is_running_below_the_run(status: Any) -> None:
    child = Run(id=CHILD_ID, status=status, started_ns=NOW)
    link = link_object(child, Run(id=RUN_ID))
    assert (link["status"], link["endedAt"], link["durationMs"]) == ("running", None, None)
    assert link["parentId"] == ROOT_ID


def test_an_id_stands_once_in_a_trace() -> None:
    found = [Span(id="r", name="own", started_ns=NOW), Span(id="s", name="own", started_ns=NOW)]
    children = [Run(id="s", agent="link"), Run(id="r" * 16 + "t", agent="link")]
    shown = trace_object(Trace.from_rows(Run(id="r", agent="top"), found, children), owner="")
    named = {span["spanId"]: span["name"] for span in shown["spans"]}
    assert named == {"r": "top", "s": "own", "r" * 15 + "t": "link"}
    assert shown["summary"]["spanCount"] == len(shown["spans"]) == 3


# -- values ------------------------------------------------------------------------------------------


@given(st.recursive(st.text() | st.just(HOSTILE), lambda of: st.dictionaries(st.text(), of, max_size=3)))
def test_sse_json_is_one_line_of_printable_ascii(value: Any) -> None:
    text = sse_json({"value": value}).decode("ascii")
    assert text.isprintable()
    assert len(text.splitlines()) == 1
    assert json.loads(text) == {"value": value}


def test_sse_json_takes_what_is_not_even_text() -> None:
    assert sse_json("\x7f") == b'"\\u007f"'
    assert json.loads(sse_json({"a\ud800": ["\udc00\x85", object]}))["a\ufffd"][0] == "\ufffd\x85"


def test_numbers_that_json_cannot_hold_are_left_out() -> None:
    assert span_object(Span(id="s", cost=float("inf")), Run(id="r"))["costUsd"] is None
    assert sse_json({"n": float("nan")}) == b'{"n":null}'


@pytest.mark.parametrize(
    ("ns", "shown"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (NOW + 999_999, "2027-01-15T08:00:00.000Z"),
        (2**63 - 1, "2262-04-11T23:47:16.854Z"),
        (2**80, "2262-04-11T23:47:16.854Z"),
        (-(2**63), "1677-09-21T00:12:43.146Z"),
    ],
)
def test_a_time_is_shown_in_whole_milliseconds_rounded_down(ns: int, shown: str) -> None:
    assert iso_time(ns) == shown


@bounded
@given(runs(), st.lists(spans(), max_size=2))
def test_showing_a_trace_changes_nothing_of_it(run: Run, found: list[Span]) -> None:
    trace = Trace.from_rows(run, found)
    before = msgspec.json.encode([trace.summary, trace.spans])
    trace_object(trace, owner="somebody")
    assert msgspec.json.encode([trace.summary, trace.spans]) == before
