"""The client of an agntz worker: lists, runs and traces, and what such a server does not have."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.types import Receive, Scope, Send

import trodo_cli
from tests.client.fake_state import BEGAN_MS
from tests.client.fake_worker import KEY, FakeWorker
from tests.server.running import answer, running
from trodo_cli.client.base import Client
from trodo_cli.errors import Ambiguous, InvalidInput, NotFound, Unauthorized, Unavailable
from trodo_cli.model.event import RunStart
from trodo_cli.model.payload import NO_PAYLOAD
from trodo_cli.model.run import Run
from trodo_cli.query.plan import RunFilter

MS = 10**6


@pytest.fixture
def five(worker: FakeWorker) -> FakeWorker:
    """Runs a to e, one of each status, that began 100 ms apart, and a child of the first."""
    for number, status in enumerate(("completed", "failed", "cancelled", "pending", "running")):
        began = {"startedAt": BEGAN_MS + 100 * number, "status": status}
        worker.begin(f"run_{'abcde'[number]}", f"agent-{number % 2}", **began)
    worker.begin("run_child", "__manifest_step_a_1", parent_id="run_a", startedAt=BEGAN_MS)
    return worker


def names(client: Client, **said: Any) -> str:
    """The last letters of the runs in a list."""
    return "".join(run.id[-1] for run in client.runs.list(**said).rows)


# -- lists ------------------------------------------------------------------------------------------------

LISTS: dict[str, tuple[dict[str, Any], str]] = {
    "all": ({}, "edcba"),
    "of an agent": ({"agent_id": "agent-1"}, "db"),
    "of a status": ({"status": "failed"}, "b"),
    "ok": ({"status": "ok"}, "a"),
    "error": ({"status": "error"}, "b"),
    "both": ({"agent_id": "agent-0", "status": "cancelled"}, "c"),
    "children too": ({"wanted": RunFilter(roots_only=False)}, "edcbda"),
    "since": ({"wanted": RunFilter(started_after_ns=(BEGAN_MS + 200) * MS)}, "edc"),
    "since a little later": ({"wanted": RunFilter(started_after_ns=(BEGAN_MS + 200) * MS + 1)}, "ed"),
    "until": ({"wanted": RunFilter(started_before_ns=(BEGAN_MS + 200) * MS)}, "cba"),
    "until a little earlier": ({"wanted": RunFilter(started_before_ns=(BEGAN_MS + 200) * MS - 1)}, "ba"),
    "at most": ({"limit": 2}, "ed"),
}


@pytest.mark.parametrize("case", LISTS)
def test_a_list_is_narrowed_by_what_a_worker_can_filter_by(
    five: FakeWorker, client: Client, case: str
) -> None:
    said, expected = LISTS[case]
    assert names(client, **said) == expected


def test_the_rows_of_a_list_are_runs_without_payload(five: FakeWorker, client: Client) -> None:
    row = client.runs.list(limit=1).rows[0]
    assert (row.id, row.agent, row.status, row.session) == (
        "run_e",
        "agent-0",
        "running",
        "sess_zvMMppSXsOT3",
    )
    assert row.started_ns == (BEGAN_MS + 400) * MS
    assert row.payload == NO_PAYLOAD
    assert client.runs.get("run_e").details.input == "question"


def test_a_long_list_is_made_of_several_pages_and_goes_on_where_it_ended(
    worker: FakeWorker, client: Client
) -> None:
    ids = [f"run_{number:03}" for number in range(450)]
    for id in ids:
        worker.begin(id)
    page = client.runs.list(limit=430)
    rest = client.runs.list(limit=430, cursor=page.cursor)
    assert [run.id for run in page.rows + rest.rows] == ids[::-1]
    assert (len(page.rows), rest.cursor) == (430, None)
    asked = [parse_qs(urlsplit(line.split()[1]).query)["limit"] for line in worker.asked]
    assert asked == [["200"], ["200"], ["30"], ["200"]]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("model", "m"),
        ("tool", "search"),
        ("min_cost", 0.0),
        ("min_duration_ns", 0),
        ("max_cost", 1.0),
        ("max_duration_ns", 1),
        ("words", ("w",)),
        ("user", "u"),
        ("session", "s"),
        ("tags", ("t",)),
        ("parent_id", "run_a"),
        ("with_trace", True),
    ],
)
def test_a_filter_that_a_worker_lacks_is_refused_by_name(
    worker: FakeWorker, client: Client, field: str, value: Any
) -> None:
    name = field.removesuffix("_ns").replace("_", " ")
    with pytest.raises(InvalidInput, match=f"cannot filter by {name}$") as found:
        client.runs.list(wanted=RunFilter(**{field: value}))
    assert found.value.hint
    assert worker.asked == []


@pytest.mark.parametrize("status", ["lost", "open", "nonsense"])
def test_a_status_that_a_worker_lacks_is_refused_with_those_it_has(client: Client, status: str) -> None:
    with pytest.raises(InvalidInput, match=status) as found:
        client.runs.list(status=status)
    assert "pending, running, completed, failed, cancelled" in found.value.hint


@pytest.mark.parametrize("limit", [0, -1, 1_001])
def test_a_limit_out_of_bounds_is_refused(client: Client, limit: int) -> None:
    with pytest.raises(InvalidInput, match=f"limit is {limit}"):
        client.runs.list(limit=limit)


# -- runs -------------------------------------------------------------------------------------------------

FOUND = {
    "latest": "run_-zz_top",
    "latest:echo": "run_Ab-cd",
    "@1": "run_-zz_top",
    "@3": "run_Ab-ef",
    "run_Ab-cd": "run_Ab-cd",
    "run_Ab-c": "run_Ab-cd",
    "b-ef": "run_Ab-ef",
    "_top": "run_-zz_top",
    "run_below": "run_below",
    "below": "run_below",
}


@pytest.fixture
def named(worker: FakeWorker) -> FakeWorker:
    for run_id, agent in (("run_Ab-ef", "echo"), ("run_Ab-cd", "echo"), ("run_-zz_top", "other")):
        worker.begin(run_id, agent)
    worker.begin("run_below", "step", parent_id="run_Ab-ef")
    return worker


@pytest.mark.parametrize("reference", FOUND)
def test_a_run_is_found_by_what_a_person_says(named: FakeWorker, client: Client, reference: str) -> None:
    assert client.runs.find(reference) == FOUND[reference]


def test_an_id_is_found_among_runs_that_begin_with_it(worker: FakeWorker, client: Client) -> None:
    for run_id in ("run_a", "run_ab"):
        worker.begin(run_id)
    assert client.runs.find("run_a") == "run_a"


def test_what_fits_several_runs_is_ambiguous(named: FakeWorker, client: Client) -> None:
    with pytest.raises(Ambiguous, match=r"several runs fit run_: run_below, run_-zz_top, run_Ab-cd, …"):
        client.runs.find("run_")


@pytest.mark.parametrize("reference", ["run_none", "a/b", "..", "?", "@4", "latest:nobody"])
def test_what_fits_no_run_is_not_found(named: FakeWorker, client: Client, reference: str) -> None:
    with pytest.raises(NotFound) as found:
        client.runs.find(reference)
    assert found.value.hint


def test_a_part_of_an_id_is_looked_for_among_the_newest_only(worker: FakeWorker, client: Client) -> None:
    for number in range(201):
        worker.begin(f"run_{number:03}")
    with pytest.raises(NotFound, match="newest 200"):
        client.runs.find("_000")
    assert client.runs.find("run_000") == "run_000"


def test_a_run_is_read_with_what_it_was_given_and_what_came_of_it(worker: FakeWorker, client: Client) -> None:
    worker.finished("run_a", input='{"q":1}')
    run = client.runs.get("run_a")
    assert (run.status, run.duration_ms, run.totals.input_tokens) == ("completed", 25, 11)
    assert (run.details.input, run.details.output) == ({"q": 1}, "answer")


def test_an_id_may_hold_any_sign(worker: FakeWorker, client: Client) -> None:
    for run_id in ("-", "a b", "50%25?x=1#y", "ü𝄞"):
        worker.finished(run_id)
        assert client.runs.get(run_id).id == client.traces.get(run_id).run_id == run_id
        assert list(client.traces.stream(run_id))[-1].run_id == run_id


def test_a_run_that_is_asked_to_stop_is_cancelled_a_moment_later(worker: FakeWorker, client: Client) -> None:
    worker.begin("run_a")
    assert client.runs.cancel("run_a", reason="enough", by="tester").status == "running"
    run = client.runs.get("run_a")
    assert (run.status, run.error) == ("cancelled", "cancelled by user")


@pytest.mark.parametrize("evicted", [False, True])
def test_a_run_that_has_ended_stays_as_it_is(worker: FakeWorker, client: Client, evicted: bool) -> None:
    worker.finished("run_a")
    worker.evicted |= {"run_a"} if evicted else set()
    assert client.runs.cancel("run_a").status == "completed"


def test_a_run_that_the_worker_only_remembers_cannot_be_stopped(worker: FakeWorker, client: Client) -> None:
    worker.begin("run_a")
    worker.evicted.add("run_a")
    with pytest.raises(Unavailable, match="run_a cannot be stopped"):
        client.runs.cancel("run_a")


def test_runs_are_not_deleted(worker: FakeWorker, client: Client) -> None:
    worker.finished("run_a")
    with pytest.raises(InvalidInput, match="deletes no runs"):
        client.runs.delete("run_a")
    assert "run_a" in worker.runs


# -- traces -----------------------------------------------------------------------------------------------


def test_a_trace_has_its_spans_and_what_the_run_says_of_itself(worker: FakeWorker, client: Client) -> None:
    worker.finished("run_a")
    trace = client.traces.get("run_a")
    (span,) = trace.own
    assert (span.id, span.parent_id, span.kind, span.model) == ("run_a.m", None, "model", "m")
    assert (trace.summary.status, trace.summary.agent) == ("completed", "echo")
    assert (trace.summary.details.input, trace.summary.details.output) == ("question", "answer")
    assert (trace.summary.totals.spans, trace.summary.totals.input_tokens) == (1, 11)
    assert client.traces.span("run_a", "run_a.m") == span


def test_a_trace_without_payload_is_light(worker: FakeWorker, client: Client) -> None:
    worker.begin("run_a")
    worker.open("run_a", "s", attributes={"note": "heavy"})
    worker.end("run_a")
    assert client.traces.span("run_a", "s").details.attributes == {"note": "heavy"}
    light = client.traces.get("run_a", payload=False)
    assert all(span.payload == NO_PAYLOAD for span in light.spans)


def test_texts_arrive_whole_and_a_cut_one_with_a_mark(worker: FakeWorker, client: Client) -> None:
    worker.begin("run_a", "an\u2028agent", input="cut within a character: \ud83d")
    worker.open("run_a", "s", "a\u2028\u2029\x85name \ud83d", attributes={"agent.prompt": "cut \ud83d"})
    worker.end("run_a")
    trace = client.traces.get("run_a")
    assert trace.summary.agent == "an\u2028agent"
    assert trace.summary.details.input == "cut within a character: \ufffd"
    assert (trace.spans[1].name, trace.spans[1].details.input) == (
        "a\u2028\u2029\x85name \ufffd",
        "cut \ufffd",
    )


def test_the_trace_of_a_run_at_work_is_the_run_alone(worker: FakeWorker, client: Client) -> None:
    worker.begin("run_a")
    worker.open("run_a", "s")
    trace = client.traces.get("run_a")
    assert (trace.summary.status, len(trace.spans)) == ("running", 1)
    assert trace.summary.details.input == "question"
    with pytest.raises(NotFound, match="no span s"):
        client.traces.span("run_a", "s")


def test_a_trace_that_is_written_a_moment_after_the_end_is_waited_for(
    worker: FakeWorker, client: Client
) -> None:
    worker.finished("run_a")
    worker.late["run_a"] = 3
    assert len(client.traces.get("run_a").spans) == 2


@pytest.mark.parametrize("status", ["running", "completed"])
def test_a_child_is_part_of_its_roots_trace(worker: FakeWorker, client: Client, status: str) -> None:
    worker.finished("run_root")
    worker.begin("run_mid", parent_id="run_root", status=status)
    worker.begin("run_child", parent_id="run_mid", status=status)
    for ask in (client.traces.get, client.traces.delete, lambda id: list(client.traces.stream(id))):
        with pytest.raises(NotFound, match="part of run run_root") as found:
            ask("run_child")
        assert "trodo trace show run_root" in found.value.hint


def test_a_cancelled_run_is_cancelled_in_its_trace_and_its_spans_are_errors(
    worker: FakeWorker, client: Client
) -> None:
    worker.begin("run_a")
    worker.open("run_a", "s")
    client.runs.cancel("run_a")
    trace = client.traces.get("run_a")
    assert (trace.summary.status, trace.summary.error) == ("cancelled", "cancelled by user")
    assert [span.status for span in trace.spans] == ["cancelled", "error"]


def test_a_deleted_trace_is_gone_and_its_run_stays(worker: FakeWorker, client: Client) -> None:
    worker.finished("run_a")
    client.traces.delete("run_a")
    assert client.runs.get("run_a").status == "completed"
    for ask in (client.traces.delete, client.traces.get, lambda id: list(client.traces.stream(id))):
        with pytest.raises(NotFound, match="no trace run_a"):
            ask("run_a")


def test_what_is_missing_is_called_by_its_name(worker: FakeWorker, client: Client) -> None:
    runs, traces = client.runs, client.traces
    for ask in (runs.get, runs.cancel, traces.get, traces.delete, lambda id: list(traces.stream(id))):
        with pytest.raises(NotFound, match="no run run_-_none"):
            ask("run_-_none")


# -- what is not a worker's -------------------------------------------------------------------------------


def test_events_are_refused_in_a_way_that_keeps_them(worker: FakeWorker, client: Client) -> None:
    event = RunStart(run_id="r", run=Run(id="r"))
    for send in (
        lambda: client.publish([event], alive=False),
        lambda: client.publish_lines([b"{}"], alive=True),
        lambda: client.heartbeat(["r"]),
        lambda: client.asked_to_stop(["r"]),
        lambda: client.record_drops({"full": 1}),
    ):
        with pytest.raises(Unavailable, match=f"{worker.url} takes no events") as found:
            send()
        assert found.value.hint
    assert worker.asked == []


def test_a_worker_has_no_keys_of_ours_and_knows_of_no_drops(client: Client) -> None:
    with pytest.raises(InvalidInput, match="keys"):
        client.keys.list()
    assert client.drops() == {}
    assert client.health() == {"status": "ok", "service": "worker"}


def test_a_server_that_is_no_worker_either_is_told_apart() -> None:
    async def other(scope: Scope, receive: Receive, send: Send) -> None:
        is_health = scope["path"] == "/health"
        await answer(send, 200 if is_health else 404, b'{"status":"ok"}' if is_health else b"404 Not Found")

    with running(other) as server:
        client = trodo_cli.connect(server.url, api_key=KEY)
        with pytest.raises(InvalidInput, match="neither trodo's nor an agntz worker"):
            client.runs.list()
        with pytest.raises(NotFound, match="no run run_a"):
            client.runs.get("run_a")
        client.close()


def test_a_worker_is_asked_for_plain_json_with_the_key(worker: FakeWorker, client: Client) -> None:
    worker.finished("run_a")
    client.runs.list()
    list(client.traces.stream("run_a"))
    assert worker.accepted == {"application/json"}
    stranger = trodo_cli.connect(worker.url, api_key="another")
    with pytest.raises(Unauthorized):
        stranger.runs.list()
    stranger.close()


@pytest.mark.parametrize(
    "wrong", [{"status": "asleep"}, {"startedAt": "2026-11-22"}, {"result": []}, {"id": 7}, {"id": ""}]
)
def test_a_run_that_cannot_be_read_is_an_error_in_words(
    worker: FakeWorker, client: Client, wrong: dict[str, Any]
) -> None:
    worker.begin("run_a")
    worker.runs["run_a"] |= wrong
    with pytest.raises(InvalidInput, match="cannot read"):
        client.runs.get("run_a")
