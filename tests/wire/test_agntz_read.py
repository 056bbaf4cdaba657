"""What an agntz worker answers: read as ours, refused by field when it is wrong, and our own answers read back."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contract.events import payload
from tests.wire.agntz_made import HOSTILE, MS, bounded, runs, said, spans, texts, values, wired
from tests.wire.agntz_worker import LISTED, ROOT_SPAN, STARTED
from trodo_cli.errors import InvalidInput
from trodo_cli.model.ids import root_span_id
from trodo_cli.model.payload import Payload
from trodo_cli.model.run import Run, Totals
from trodo_cli.model.span import Span
from trodo_cli.model.trace import Trace
from trodo_cli.wire.agntz import page_object, run_object, span_object, summary_object, trace_object
from trodo_cli.wire.agntz_read import read_page, read_run, read_summary, read_trace
from trodo_cli.wire.agntz_read_span import read_span

# -- the examples of the contract -----------------------------------------------------------------------


def test_a_listed_run_of_a_worker_is_read() -> None:
    page = json.loads(LISTED)
    (run,), cursor = read_page(page, read_run)
    assert cursor == page["cursor"]
    assert (run.id, run.agent) == ("run_9YrD_5_7WR3w", "parent")
    assert (run.status, run.owner) == ("completed", "owner-a")
    assert (run.duration_ms, run.totals) == (136, Totals(input_tokens=44, output_tokens=28))
    assert (run.details.input, run.details.output) == ("go", "...")
    assert run.details.attributes == {
        "agentVersion": "2026-11-22T01:30:36.426Z",
        "retentionMode": "session",
        "model": "m",
        "provider": "openai",
        "requestedModel": "m",
        "finishReason": "stop",
    }


def test_a_listed_run_of_a_worker_is_told_again_as_it_was() -> None:
    told = json.loads(LISTED)["rows"][0]
    back = run_object(read_run(told), root_id=told["rootId"], depth=0)
    for of_worker, of_ours in ((told, back), (told["result"], back["result"])):
        assert {key: of_ours[key] for key in of_ours if key not in ("result", "usage", "model")}.items() <= (
            of_worker.items()
        )
    assert back["result"]["usage"] == {"promptTokens": 44, "completionTokens": 28, "totalTokens": 72}


def test_a_started_run_of_a_worker_comes_back_key_by_key() -> None:
    started = json.loads(STARTED)
    back = run_object(read_run(started), root_id=started["rootId"], depth=0)
    assert {"retentionMode": "session", **back} == started


def test_a_workers_root_span_becomes_the_run() -> None:
    root = json.loads(ROOT_SPAN)
    below = {
        **root,
        "spanId": "sp_b",
        "parentId": "sp_ypny",
        "runId": None,
        "name": "agent.manifest",
        "kind": "manifest",
    }
    summary = {
        "traceId": "run_1dPERkVdAY7N",
        "rootName": "echo",
        "status": "ok",
        "startedAt": root["startedAt"],
    }
    trace = read_trace({"summary": summary, "spans": [below, root]})
    assert [(span.name, span.parent_id) for span in trace.own] == [("agent.manifest", None)]
    assert trace.tree().orphans == set()
    assert (trace.summary.agent, trace.summary.session) == ("echo", "sess_BhJee9yPZh18")
    assert trace.summary.details == Payload()
    assert span_object(read_span(root), Run(id="x"))["attributes"] == root["attributes"]


# -- our own answers ---------------------------------------------------------------------------------


@bounded
@given(runs())
def test_a_run_comes_back_as_far_as_the_wire_tells_it(run: Run) -> None:
    back = read_run(wired(run_object(run, root_id=run.id, depth=0)))
    for field in ("id", "agent", "status", "parent_id", "parent_span_id", "session", "owner", "started_ns"):
        assert getattr(back, field) == getattr(run, field), field
    assert (back.ended_ns, back.error) == (run.ended_ns, run.error)
    if run.status == "completed":
        assert back.totals == msgspec.structs.replace(run.totals, spans=0)
        assert back.details.output == (None if run.details.output == "" else run.details.output)


@bounded
@given(st.dictionaries(texts, values, min_size=1) | st.lists(values, min_size=1))
def test_an_input_of_parts_is_sent_as_compact_json_text_and_read_back(value: Any) -> None:
    shown = run_object(Run(id="r", payload=payload(input=value)), root_id="r", depth=0)
    assert shown["input"] == msgspec.json.encode(value).decode()
    assert read_run(wired(shown)).details.input == value


@bounded
@given(spans(), runs())
def test_a_span_comes_back_whole(span: Span, run: Run) -> None:
    span.parent_id = span.parent_id or root_span_id(run.id)
    if span.id != root_span_id(run.id):
        assert said(read_span(wired(span_object(span, run)))) == said(span)


@bounded
@given(runs(), st.lists(spans(), max_size=4, unique_by=lambda span: span.id))
def test_a_trace_comes_back_whole(run: Run, found: list[Span]) -> None:
    root_id = root_span_id(run.id)
    for span in found:
        span.parent_id = None if span.parent_id == root_id else span.parent_id
    trace = Trace.from_rows(run, [span for span in found if span.id != root_id])
    back = read_trace(wired(trace_object(trace, owner="ada")))
    assert [said(span) for span in back.own] == [said(span) for span in trace.own]
    for field in ("id", "session", "started_ns", "ended_ns", "error", "totals", "details"):
        assert getattr(back.summary, field) == getattr(trace.summary, field), field


def test_a_link_to_a_run_below_is_read_as_an_agent_span_of_the_trace() -> None:
    child = Run(id="c", agent="helper", parent_span_id="call", status="failed", error="boom")
    trace = Trace.from_rows(Run(id="r", agent="top", started_ns=MS), [Span(id="call")], [child])
    back = read_trace(wired(trace_object(trace, owner="ada")))
    (link,) = back.tree().below("call")
    assert (link.id, link.kind, link.name, link.status, link.error) == (
        "c",
        "agent",
        "helper",
        "error",
        "boom",
    )
    assert link.details.attributes == {"agent.id": "helper", "agent.run.id": "c"}
    assert (back.summary.agent, back.summary.status) == ("top", "running")


def test_a_summary_comes_back_with_all_its_tokens_as_input() -> None:
    totals = Totals(spans=3, input_tokens=5, output_tokens=2, cost_nanos=7, costed_spans=1)
    run = Run(id="r", agent="a", owner="o", status="failed", started_ns=MS, ended_ns=2 * MS, totals=totals)
    (back,), cursor = read_page(page_object([wired(summary_object(run))], "next"), read_summary)
    told = Totals(spans=3, input_tokens=7, cost_nanos=7, costed_spans=1)
    assert (back, cursor) == (msgspec.structs.replace(run, totals=told), "next")


@pytest.mark.parametrize("ns", [-(2**63), -1, 0, 2**63 - 1])
def test_every_time_that_can_be_stored_can_be_shown(ns: int) -> None:
    shown = span_object(Span(id="s", started_ns=ns, ended_ns=ns, status="ok"), Run(id="r"))
    assert abs(read_span(shown).started_ns - ns) < MS
    assert read_span(span_object(Span(id="s", ended_ns=ns, status="ok"), Run(id="r"))).status == "ok"
    run = run_object(Run(id="r", started_ns=ns), root_id="r", depth=0)
    assert abs(read_run(run).started_ns - ns) < MS


# -- what is missing or wrong ------------------------------------------------------------------------


def test_missing_keys_are_no_error() -> None:
    assert read_run({"id": "r"}) == Run(id="r")
    assert read_span({"spanId": "s"}) == Span(id="s")
    assert read_summary({"traceId": "t"}) == Run(id="t")
    assert read_trace({"summary": {"traceId": "t"}}).own == []
    assert read_page({}, read_run) == ([], None)


def test_draining_reads_as_running_and_unfinished_usage_as_input() -> None:
    assert read_run({"id": "r", "status": "draining"}).status == "running"
    assert read_run({"id": "r", "result": {"usage": {"totalTokens": 5}}}).totals.input_tokens == 5


@pytest.mark.parametrize(
    ("data", "named"),
    [
        ([], "object"),
        ({}, "id"),
        ({"id": ""}, "id"),
        ({"id": "r" * 201}, "id"),
        ({"id": 1}, "id"),
        ({"id": "r", "status": "dancing"}, "status"),
        ({"id": "r", "startedAt": "2026-11-22T01:28:52.837Z"}, "startedAt"),
        ({"id": "r", "startedAt": float("nan")}, "startedAt"),
        ({"id": "r", "endedAt": 10**30}, "endedAt"),
        ({"id": "r", "result": "x"}, "result"),
        ({"id": "r", "parentId": "p" * 201}, "parentId"),
    ],
)
def test_a_run_that_is_none_is_refused_by_field(data: Any, named: str) -> None:
    with pytest.raises(InvalidInput, match=named):
        read_run(data)


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"spanId": None}, "spanId"),
        ({"startedAt": "yesterday"}, "startedAt"),
        ({"endedAt": 5}, "endedAt"),
        ({"endedAt": "9999-12-31T00:00:00Z"}, "endedAt"),
        ({"durationMs": float("inf")}, "durationMs"),
        ({"status": "completed"}, "status"),
        ({"attributes": []}, "attributes"),
        ({"events": ["x"]}, "events"),
    ],
)
def test_a_span_that_is_none_is_refused_by_field(more: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidInput, match=named):
        read_span({"spanId": "s", **more})
    with pytest.raises(InvalidInput, match=named):
        read_trace({"summary": {"traceId": "t"}, "spans": [{"spanId": "s", **more}]})


@pytest.mark.parametrize("data", [[], {"rows": {}}, {"rows": [{}]}, {"rows": [], "cursor": 5}])
def test_a_page_that_is_none_is_refused(data: Any) -> None:
    with pytest.raises(InvalidInput):
        read_page(data, read_run)


@pytest.mark.parametrize(
    ("told", "started_ms", "ended_ms"),
    [
        ({"durationMs": 5}, 0, 5),
        ({"startedAt": "1970-01-01T00:00:01Z", "durationMs": 5.5}, 1000, 1005.5),
        ({"endedAt": "1970-01-01T00:00:01Z", "durationMs": 5}, 995, 1000),
        (
            {
                "startedAt": "1970-01-01T00:00:01Z",
                "endedAt": "1970-01-01T01:00:02+01:00",
                "durationMs": 1e300,
            },
            1000,
            2000,
        ),
    ],
)
def test_a_duration_gives_the_time_that_is_missing(
    told: dict[str, Any], started_ms: float, ended_ms: float
) -> None:
    span = read_span({"spanId": "s", **told})
    assert (span.started_ns, span.ended_ns, span.status) == (started_ms * MS, ended_ms * MS, "ok")


def test_a_time_that_a_duration_leads_to_is_one_that_can_be_stored() -> None:
    latest = {"endedAt": "2262-04-11T23:47:16.854Z", "durationMs": -9e12}
    assert -(2**63) <= read_span({"spanId": "s", **latest}).started_ns < 2**63


def test_hostile_answers_are_made_storable() -> None:
    deep: Any = "end"
    for _ in range(5_000):
        deep = [deep]
    attributes = {
        "agent.tool.input": "{" * 9_000,
        "n": float("nan"),
        "agent.usage.prompt_tokens": "many",
        "deep": deep,
    }
    span = read_span(
        {"spanId": "a\0\ud800", "name": "\udc00", "costUsd": float("inf"), "attributes": attributes}
    )
    assert (span.id, span.name, span.cost, span.usage) == ("a␀\ufffd", "\ufffd", None, None)
    assert span.details.input == "{" * 9_000
    assert (span.details.attributes["n"], span.details.attributes["agent.usage.prompt_tokens"]) == (
        "NaN",
        "many",
    )
    assert read_run({"id": "r", "result": {"output": HOSTILE}}).details.output == HOSTILE
