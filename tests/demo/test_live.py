"""`--live` works until its time is over or until it is stopped, whichever comes first."""

from tests.demo.conftest import DEADLINE_SECONDS, Starter, announced
from trodo_cli.client.base import Client

DEMO = ("-m", "trodo_cli.demo", "--pace", "0")


def test_live_run_tells_its_id_while_it_is_at_work(start: Starter, client: Client) -> None:
    run = client.runs.get(announced(start(*DEMO, "--live", "600"), client))
    assert (run.agent, run.status) == ("demo-live", "running")


def test_live_run_cancelled_from_another_process_ends_quietly(start: Starter, client: Client) -> None:
    program = start(*DEMO, "--live", "600")
    run_id = announced(program, client)
    client.runs.cancel(run_id, by="tester", reason="seen enough")
    rest, stderr = program.communicate(timeout=DEADLINE_SECONDS)
    assert (program.returncode, rest) == (0, "")
    assert stderr == f"run {run_id} was cancelled by tester: seen enough\n"
    assert client.runs.get(run_id).status == "cancelled"
    assert not [span.name for span in client.traces.get(run_id).spans if span.is_open]


def test_live_run_completes_when_its_time_is_over(start: Starter, client: Client) -> None:
    program = start(*DEMO, "--live", "0")
    stdout, stderr = program.communicate(timeout=DEADLINE_SECONDS)
    assert (program.returncode, stderr) == (0, "")
    trace = client.traces.get(stdout.strip())
    assert trace.summary.status == "completed"
    assert trace.summary.details.output == {"rounds": 1}
    names = [span.name for span in trace.spans]
    assert names == ["demo-live", "list_packages", "round-1", "plan", "measure_code", "demo-extractive-1"]


def test_pipeline_cancelled_while_both_researchers_work_leaves_nothing_open(
    start: Starter, client: Client
) -> None:
    waiting = """if True:
        import asyncio, sys, trodo_cli
        from trodo_cli.demo import pipeline
        try:
            asyncio.run(pipeline.run(lambda run_id: print(run_id, flush=True), pace=600))
        except trodo_cli.RunCancelled:
            sys.exit("cancelled")
    """
    program = start("-c", waiting)
    run_id = announced(program, client)
    started = (event.span.name for event in client.traces.stream(run_id) if event.type == "span-start")
    assert "code-researcher" in started  # reads the stream until then
    client.runs.cancel(run_id)
    assert program.communicate(timeout=DEADLINE_SECONDS)[1] == "cancelled\n"
    trace = client.traces.get(run_id)
    outcomes = {span.name: span.status for span in trace.spans if span.kind == "agent"}
    assert outcomes == dict.fromkeys(
        ("article-pipeline", "research-phase", "package-researcher", "code-researcher"), "cancelled"
    )
    assert not [span.name for span in trace.spans if span.is_open]
