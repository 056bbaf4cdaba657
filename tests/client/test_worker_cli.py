"""The commands against an agntz worker: what works as on any target, and what such a server lacks, in words."""

from tests.cli.program import Cli, eventually, refused
from tests.client.fake_worker import FakeWorker
from trodo_cli.sdk.segment import segments_in

AGENT = """
    import trodo_cli as trodo

    with trodo.wrap_agent("recorder"):
        with trodo.span("step"):
            pass
"""


def test_runs_are_listed_and_shown(cli: Cli, worker: FakeWorker) -> None:
    worker.finished("run_-a_1", "echo")
    worker.begin("run_b", "slow")
    worker.begin("run_c", "__manifest_step_slow_1", parent_id="run_b")
    assert cli.ok("runs", "list", "--json", "id,agent,status,duration_ms,input_tokens").json == [
        {"id": "run_b", "agent": "slow", "status": "running", "duration_ms": None, "input_tokens": 0},
        {"id": "run_-a_1", "agent": "echo", "status": "completed", "duration_ms": 25, "input_tokens": 11},
    ]
    assert [row[0] for row in cli.ok("runs", "list", "--all").rows] == ["run_c", "run_b", "run_-a_1"]
    assert cli.ok("runs", "list", "--status", "ok", "--since", "2026-11-22", "--json", "id").json == [
        {"id": "run_-a_1"}
    ]
    shown = cli.ok("runs", "show", "_-a_1", "--json", "id,input,output").json
    assert shown == {"id": "run_-a_1", "input": "question", "output": "answer"}


def test_a_trace_is_shown_with_what_failed_first(cli: Cli, worker: FakeWorker) -> None:
    worker.begin("run_a", "echo")
    worker.open("run_a", "s", "agent.tool.execute", "tool")
    worker.close("run_a", "s", "error", "boom", **{"agent.tool.name": "search"})
    worker.end("run_a", "failed", error="boom")
    done = cli.ok("trace", "show", "latest")
    assert done.lines[0].startswith("✗ failed  echo  run_a")
    assert done.lines.index("  boom") < done.lines.index("trace")
    assert "agent.tool.execute" in done.out
    spans = cli.ok("trace", "show", "latest:echo", "--json", "name,status,tool").json
    assert spans[1] == {"name": "agent.tool.execute", "status": "error", "tool": "search"}
    worker.begin("run_b", "slow")
    assert cli.ok("trace", "show", "run_b", "--json").json["summary"]["status"] == "running"


def test_a_live_run_is_tailed_and_cancelled(cli: Cli, worker: FakeWorker) -> None:
    worker.begin("run_a", "slow")
    tail = cli.start("tail", "latest")
    eventually(lambda: worker.viewers("run_a"))
    worker.open("run_a", "s", "agent.model.call")
    assert tail.line_with("agent.model.call") == "→ agent.model.call"
    done = cli.ok("runs", "cancel", "run_a", "--reason", "enough", "--wait")
    assert "run_a was cancelled" in done.err
    ended = tail.end()
    assert ended.code == 7
    assert ended.lines[-1].startswith("■ cancelled")
    assert "already" not in ended.err + done.err
    assert "was already cancelled" in cli.ok("runs", "cancel", "run_a").err


def test_what_a_worker_lacks_is_said_with_a_next_step(cli: Cli, worker: FakeWorker) -> None:
    worker.finished("run_a")
    refused(cli.run("runs", "list", "--tool", "search"), 2, "this server cannot filter by tool")
    refused(cli.run("runs", "list", "--status", "lost"), 2, "cannot filter by the status 'lost'")
    refused(cli.run("runs", "delete", "run_a", "--yes"), 2, "deletes no runs")
    refused(cli.run("tail", "run_a", "--since", "3"), 2, "keeps no event numbers")
    refused(cli.run("runs", "show", "run_none"), 3, "no run run_none")
    refused(cli.run("runs", "list", TRODO_API_KEY="another"), 4, "does not know this key")


def test_doctor_finds_nothing_wrong_with_a_worker(cli: Cli, worker: FakeWorker) -> None:
    worker.finished("run_a")
    rows = {name: (state, said) for name, state, said in cli.ok("doctor").rows}
    assert rows["service"] == ("ok", "worker")
    assert rows["newest run"] == ("info", "run_a echo completed")


def test_what_a_program_records_for_a_worker_stays_in_the_spool(cli: Cli, worker: FakeWorker) -> None:
    done = cli.agent(AGENT).end()
    assert (done.code, done.out) == (0, "")
    (segment,) = segments_in(cli.spool)
    size = segment.stat().st_size
    told = cli.ok("runs", "list")
    assert "could not be shipped" in told.err
    assert "takes no events" in told.err
    assert [left.stat().st_size for left in segments_in(cli.spool)] == [size]
