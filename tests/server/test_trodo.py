"""The Trodo SDK's routes: what they answer, in the exact words that SDK goes by, and what is there afterwards."""

import gzip
import json
import resource
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.cli.hostile import HOSTILE
from tests.harness.api_fuzz import Reader
from tests.server.running import Answer
from tests.server.served import NORTH, SOUTH, Served, program
from trodo_cli.model import ids
from trodo_cli.model.run import Run
from trodo_cli.server import limits
from trodo_cli.server.app import OPERATIONS
from trodo_cli.wire.trodo import SILENCE_NS

BATCH = "/api/sdk/batch"
AT = "2026-11-22T01:42:29.467208Z"


def run_item(run_id: str, *spans: dict[str, Any], **said: Any) -> dict[str, Any]:
    """A finished run."""
    run = {"run_id": run_id, "agent_name": "a", "status": "ok", "started_at": AT, "ended_at": AT, **said}
    return {"run": run, "spans": list(spans)}


def span(span_id: str, **said: Any) -> dict[str, Any]:
    return {
        "span_id": span_id,
        "kind": "tool",
        "name": span_id,
        "status": "ok",
        "started_at": AT,
        "ended_at": AT,
        **said,
    }


def post(server: Served, target: str, said: Any, *headers: str, secret: str | None = None) -> Answer:
    """Send JSON, or bytes as they are."""
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    return server.ask("POST", target, "content-type: application/json", *headers, secret=secret, body=body)


def batch(server: Served, *items: Any, **more: Any) -> list[dict[str, Any]]:
    """The results of a batch."""
    answer = post(server, BATCH, {"items": list(items), **more})
    assert answer.status == 200, answer
    found: list[dict[str, Any]] = answer.json["results"]
    return found


def run_of(server: Served, run_id: str) -> Run:
    return server.of(NORTH).runs.get(run_id)


def span_names(server: Served, run_id: str) -> list[str]:
    return [span.name for span in server.of(NORTH).traces.get(run_id).own]


def test_every_item_has_a_result_in_its_place_and_a_bad_one_spoils_no_other(server: Served) -> None:
    good, other = ids.new_run_id(), ids.new_run_id()
    bad_run, bad_span = (
        {"run": {"agent_name": "x"}},
        {"run_id": good, "spans": [span("late"), {"name": "no id"}]},
    )
    results = batch(server, run_item(good, span("s")), bad_run, 5, bad_span, run_item(other), {})
    assert [result["status"] for result in results] == [200, 400, 400, 400, 200, 400]
    assert ["error" in result for result in results] == [False, True, True, True, False, True]
    assert "`run_id`" in results[1]["error"]
    assert span_names(server, good) == ["s"], "nothing of an item that was refused"
    assert run_of(server, other).status == "completed"


def test_a_batch_that_comes_again_changes_nothing(server: Served) -> None:
    run_id = ids.new_run_id()
    items = [run_item(run_id, span("s")), {"run_id": run_id, "feedback": {"rating": 1}}]
    batch(server, *items)
    before = server.ask("GET", f"/traces/{run_id}").body, run_of(server, run_id)
    assert [result["status"] for result in batch(server, *items)] == [200, 200]
    after = server.ask("GET", f"/traces/{run_id}").body, run_of(server, run_id)
    assert after[0] == before[0]
    assert (after[1].last_seq, after[1].feedback) == (before[1].last_seq, before[1].feedback)


def test_spans_from_before_their_run_and_from_after_its_end_are_in_its_tree(server: Served) -> None:
    run_id = ids.new_run_id()
    batch(server, {"run_id": run_id, "spans": [span("child", parent_span_id="parent")]})
    run = run_of(server, run_id)
    assert (run.agent, run.status, run.patience_ns) == ("child", "running", SILENCE_NS), (
        "its owner may come later"
    )
    batch(server, run_item(run_id, span("own"), span_count=0, total_tokens_in=0))
    batch(server, {"run_id": run_id, "spans": [span("parent", input_tokens=7)]})
    trace = server.of(NORTH).traces.get(run_id)
    assert {found.name: found.parent_id for found in trace.own} == {
        "child": "parent",
        "own": None,
        "parent": None,
    }
    assert trace.tree().orphans == set()
    assert (trace.summary.status, trace.summary.totals.spans) == ("completed", 3)
    assert trace.summary.totals.input_tokens == 7, "counted from the spans, whatever the counters say"


def test_a_late_start_does_not_overwrite_a_run_that_has_ended(server: Served) -> None:
    run_id = ids.new_run_id()
    batch(server, run_item(run_id, input="question", output="answer"))
    start = {"run": {"run_id": run_id, "agent_name": "late", "status": "running", "started_at": AT}}
    assert post(server, "/api/sdk/runs/start", start).status == 200
    run = run_of(server, run_id)
    assert (run.status, run.agent, run.details.input, run.details.output) == (
        "completed",
        "a",
        "question",
        "answer",
    )


def test_a_run_by_the_single_routes_is_the_same_as_in_a_batch(server: Served) -> None:
    run_id = ids.new_run_id()
    dashed = f"{run_id[:8]}-{run_id[8:12]}-{run_id[12:16]}-{run_id[16:20]}-{run_id[20:]}"
    start = {
        "run": {
            "run_id": dashed,
            "agent_name": "job",
            "status": "running",
            "started_at": AT,
            "metadata": {"a": 1},
        }
    }
    end = {"status": "ok", "ended_at": AT, "output": "done", "span_count": 0, "metadata": {"b": 2}}
    calls = [
        ("runs/start", start), (f"runs/{dashed}/spans", {"spans": [span("one"), span("two")]}),
        (f"runs/{run_id}/end", end), (f"runs/{dashed}/feedback", {"satisfaction": "positive"}),
        ("spans/append", {"spans": [span("three", run_id=dashed)]}),
        ("runs/ingest", run_item(ids.new_run_id())),
    ]  # fmt: skip
    for path, body in calls:
        answer = post(server, f"/api/sdk/{path}", body)
        assert (answer.status, answer.json["accepted"]) == (
            200,
            len(body.get("spans", [])) if "append" in path else 1,
        )
    run = run_of(server, run_id)
    assert (run.status, run.details.output, run.details.attributes) == ("completed", "done", {"a": 1, "b": 2})
    assert (run.feedback[0].satisfaction, run.totals.spans) == ("positive", 3)
    assert sorted(span_names(server, run_id)) == ["one", "three", "two"]


def test_spans_that_are_appended_are_judged_one_by_one(server: Served) -> None:
    call = span("tool.x", distinct_id="u", agent_name="MCP")
    answer = post(server, "/api/sdk/spans/append", {"spans": [span("nobody's"), call, 7]})
    assert (answer.status, answer.json["accepted"], len(answer.json["errors"])) == (200, 1, 2)
    assert run_of(server, "tool.x.run").agent == "MCP"
    answer = post(server, "/api/sdk/spans/append", {"spans": [span("nobody's")]})
    assert (answer.status, "`agent_name`" in answer.json["error"]) == (400, True)


REFUSED: dict[str, tuple[int, bytes, tuple[str, ...]]] = {
    "no JSON": (400, b"{", ()),
    "no batch": (400, b"[]", ()),
    "no items": (400, b"{}", ()),
    "no list of items": (400, b'{"items":{}}', ()),
    "no gzip": (400, b"{}", ("content-encoding: gzip",)),
    "half a gzip": (400, gzip.compress(b'{"items":[]}')[:-4], ("content-encoding: gzip",)),
    "another encoding": (415, b'{"items":[]}', ("content-encoding: br",)),
    "too many items": (413, json.dumps({"items": [{}] * 1_001}).encode(), ()),
    "too many values": (413, b'{"items":[%b0]}' % (b"[]," * 400_000), ()),
    "too many bytes": (413, b'{"items":["%b"]}' % (b"x" * limits.MAX_LINE_BYTES), ()),
    "deeper than any reader goes": (413, b'{"items":[%b%b]}' % (b"[" * 50_000, b"]" * 50_000), ()),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_body_that_is_no_batch_is_refused_with_the_status_that_the_sdk_goes_by(
    server: Served, name: str
) -> None:
    status, body, headers = REFUSED[name]
    answer = post(server, BATCH, body, *headers)
    assert (answer.status, bool(answer.json["error"])) == (status, True)


def test_a_batch_of_four_mebibytes_and_four_hundred_spans_a_run_is_taken(server: Served) -> None:
    run_id, text = ids.new_run_id(), "x" * 2_000
    noted = {f"key {number}": number for number in range(60)}
    item = run_item(run_id, *(span(f"s{number}", input=text, attributes=noted) for number in range(400)))
    items = [item, *(run_item(ids.new_run_id(), span("s", input=text * 450)) for _ in range(4))]
    body = json.dumps({"items": items}).encode()
    assert len(body) > 4 * 2**20
    answer = post(server, BATCH, gzip.compress(body), "content-encoding: gzip")
    assert [result["status"] for result in answer.json["results"]] == [200] * 5
    assert run_of(server, run_id).totals.spans == 400


@pytest.mark.parametrize("header", ["x-trodo-site-id: {}", "authorization: Bearer {}"])
def test_either_credential_opens_and_a_wrong_one_is_401(server: Served, header: str) -> None:
    secret = server.secret(SOUTH, "ingest")
    body = {"items": [run_item(ids.new_run_id())]}
    assert post(server, BATCH, body, header.format(secret), secret="").status == 200
    assert post(server, BATCH, body, header.format(secret + "x"), secret="").status == 401
    reader = server.secret(SOUTH, "read")
    assert post(server, BATCH, body, header.format(reader), secret="").status == 403


def test_what_the_sdk_dropped_is_added_to_the_owners_count(fresh: Served) -> None:
    for _ in range(2):
        batch(fresh, dropped={"count": 4, "by_reason": {"queue_full": 3, "shutdown": 1}})
    assert fresh.ask("GET", "/v1/drops").json == {"dropped": {"queue_full": 6, "shutdown": 2}}


def test_without_room_nothing_is_taken_and_the_sdk_sends_it_again(tmp_path: Path) -> None:
    with program(tmp_path) as serving:
        body = json.dumps(
            {
                "items": [run_item("r", span("s", input="x" * 500_000))],
                "dropped": {"by_reason": {"shutdown": 1}},
            }
        )
        unlimited = resource.RLIM_INFINITY
        resource.prlimit(serving.pid, resource.RLIMIT_FSIZE, (1_000, unlimited))
        for target, sent in ((BATCH, body), ("/api/sdk/runs/ingest", json.dumps(run_item("r")))):
            answer = serving.ask("POST", target, body=sent.encode())
            assert (answer.status, answer["retry-after"]) == (503, "5")
        resource.prlimit(serving.pid, resource.RLIMIT_FSIZE, (unlimited, unlimited))
        assert serving.ask("POST", BATCH, body=body.encode()).json == {"results": [{"status": 200}]}
        assert serving.ask("GET", "/runs/r").json["status"] == "completed"
        assert serving.ask("GET", "/v1/drops").json == {"dropped": {"shutdown": 1}}


@pytest.mark.parametrize("path", [one.path for one in OPERATIONS if one.handle.__name__ == "ignore"])
def test_product_analytics_are_taken_and_leave_nothing(fresh: Served, path: str) -> None:
    answer = post(fresh, path.replace("{method}", "set_once"), {"sessionData": {"a": 1}})
    assert (answer.status, isinstance(answer.json, dict)) == (200, True)
    assert fresh.of(NORTH).runs.list().rows == []


@pytest.mark.parametrize(
    "target", ["/api/sdk/prompts", "/api/sdk/datasets/x/items", "/api/sdk/experiments/ingest"]
)
def test_what_needs_a_real_backend_is_404(server: Served, target: str) -> None:
    assert post(server, target, {}).status == 404


# -- fuzz ----------------------------------------------------------------------------------------------

texts = st.text(max_size=12) | st.sampled_from(sorted(HOSTILE.values())) | st.just("\ud83d")
numbers = st.integers() | st.floats() | st.integers(-9, 9)
jsons = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
names = st.sampled_from(["a", "b", "6f9619ff-8b86-4d01-b42d-00cf4fc964ff"]) | texts | jsons
times = st.sampled_from([AT, "2026-11-22T01:42:29+00:00", "2026-11-22"]) | texts | jsons
of_spans = {
    "span_id": names, "run_id": names, "parent_span_id": names, "kind": texts, "name": texts, "status": texts,
    "started_at": times, "ended_at": times, "duration_ms": numbers, "input": jsons, "output": jsons, "level": texts,
    "usage_details": st.dictionaries(st.sampled_from(["input", "prompt_tokens", "reasoning"]), numbers) | jsons,
    "cost": numbers, "cost_details": jsons, "input_tokens": numbers, "status_code": jsons, "attributes": jsons,
    "agent_name": names, "distinct_id": names, "stack_trace": jsons, "new": jsons,
}  # fmt: skip
of_runs = {
    "run_id": names, "agent_name": names, "distinct_id": names, "conversation_id": names, "parent_run_id": names,
    "status": texts, "input": jsons, "output": jsons, "started_at": times, "ended_at": times, "duration_ms": numbers,
    "metadata": jsons, "attributes": jsons, "user": jsons, "error_summary": jsons, "total_cost": jsons, "level": texts,
}  # fmt: skip


def with_id(key: str, ids: str, of: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Objects that are mostly good."""
    optional = {name: values for name, values in (of | good_times).items() if name != key}
    return st.fixed_dictionaries({key: st.sampled_from(ids)}, optional=optional)


good_times = dict.fromkeys(("started_at", "ended_at"), st.just(AT))
good_spans = with_id("span_id", "abc", of_spans)
spans = st.lists(good_spans | st.fixed_dictionaries({}, optional=of_spans), max_size=3) | jsons
good_runs = with_id("run_id", "rst", of_runs)
feedback = st.fixed_dictionaries(
    {},
    optional={
        "satisfaction": texts,
        "rating": numbers,
        "comment": jsons,
        "distinct_id": names,
        "attributes": jsons,
    },
)
items = st.one_of(
    st.fixed_dictionaries(
        {"run": st.fixed_dictionaries({}, optional=of_runs) | jsons}, optional={"spans": spans}
    ),
    st.fixed_dictionaries({"run_id": names}, optional={"spans": spans}),
    st.fixed_dictionaries({"run_id": names, "feedback": feedback | jsons}),
    st.fixed_dictionaries({"spans": spans}),
    st.fixed_dictionaries({"run": good_runs, "spans": st.lists(good_spans, max_size=2)}),
    jsons,
)


def test_whatever_a_batch_holds_each_item_is_judged_and_what_was_taken_can_be_shown(fresh: Served) -> None:
    statuses: set[int] = set()

    @settings(max_examples=150, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(items, max_size=5), jsons)
    def play(sent: list[Any], dropped: Any) -> None:
        answer = post(fresh, BATCH, {"items": sent, "dropped": dropped})
        assert answer.status == 200, (answer, sent)
        results = answer.json["results"]
        assert len(results) == len(sent)
        assert all((result["status"] == 200) != bool(result.get("error")) for result in results)
        statuses.update(result["status"] for result in results)

    play()
    assert statuses == {200, 400}
    with closing(Reader(fresh.url, fresh.secret())) as reader:
        reader.read()
    assert (reader.problems, reader.shown["runs"] > 0, reader.shown["spans"] > 0) == ([], True, True)


def test_a_body_that_was_damaged_on_the_way_is_no_failure_of_the_server(fresh: Served) -> None:
    whole = json.dumps(
        {"items": [run_item("r", span("s", input={"a": [1, "\ud83d"]}), metadata={"k": float("nan")})]}
    )

    @settings(max_examples=150, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.integers(0, len(whole) - 1), st.binary(max_size=3), st.integers(0, 4))
    def play(at: int, put: bytes, cut: int) -> None:
        damaged = whole.encode()[:at] + put + whole.encode()[at + cut :]
        assert post(fresh, BATCH, damaged).status in (200, 400)

    play()
    with closing(Reader(fresh.url, fresh.secret())) as reader:
        reader.read()
    assert reader.problems == []
