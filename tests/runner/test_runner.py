"""Turns, limits, force, and what a run's process is given."""

from pathlib import Path

import pytest

from tests.cli.program import eventually
from tests.runner.stage import GATES, STAGES, Stage, hosted_stage, local_stage
from trodo_cli.client import connect
from trodo_cli.errors import InvalidInput, NotFound, Unauthorized, Unavailable
from trodo_cli.runner.limits import Limits

SPY = """
import asyncio, os, subprocess, sys
from collections.abc import Iterator
import trodo

@trodo.agent("spy")
def spy() -> dict[str, str]:
    return {name: text for name, text in os.environ.items() if name.startswith("TRODO_")}

@trodo.agent("streams")
def streams(gate: str) -> Iterator[str]:
    import time
    from gated import wait_for
    yield "one "
    time.sleep(0.6)
    yield "two "
    wait_for(gate)
    yield "three"

@trodo.agent("helped")
def helped() -> str:
    source = "import sys, trodo\\nwith trodo.join_run(sys.argv[1]), trodo.span('in-helper'): pass"
    subprocess.run([sys.executable, "-c", source, trodo.current_run_id()], check=True)
    return "helped"

@trodo.agent("sleeps")
async def sleeps() -> None:
    with trodo.span("asleep"):
        await asyncio.sleep(3600)
"""


def test_agents_are_listed_alike_wherever_they_are(stage: Stage) -> None:
    agents = {agent.id: agent for agent in stage.client.agents.list()}
    assert set(agents) == {
        "web-researcher", "academic-researcher", "writer", "editor", "research-phase", "article-pipeline",
        "nested-runs",
    }  # fmt: skip
    pipeline, editor = agents["article-pipeline"], stage.client.agents.get("editor")
    assert (pipeline.kind, pipeline.description) == ("sequential", "Researches a topic and writes about it.")
    assert (pipeline.input, pipeline.output) == ({"type": "string"}, {"type": "string"})
    assert (editor.kind, editor.description) == ("function", "Makes it shorter.")
    assert editor.source.endswith("agents/article.py")
    with pytest.raises(NotFound, match="no agent nobody"):
        stage.client.agents.get("nobody")
    with pytest.raises(NotFound, match="no agent nobody"):
        stage.client.runs.start(agent_id="nobody")
    assert stage.every_run() == []


def test_a_changed_folder_is_noticed(stage: Stage) -> None:
    stage.client.agents.list()
    stage.write("new.py", "import trodo\n@trodo.agent('new')\ndef new(): ...")
    assert stage.client.agents.get("new").source.endswith("new.py")


def test_a_run_waits_for_its_turn_and_can_be_cancelled_while_it_waits(home: Path) -> None:
    with hosted_stage(home, Limits(runs=1, waiting=2)) as stage:
        first, second, third = (stage.start("editor", "draft") for _ in range(3))
        stage.reached("editor")
        with pytest.raises(Unavailable, match="2 runs wait already"):
            stage.start("editor", "draft")
        stage.client.runs.cancel(second, by="ada")
        run = stage.ended(second)
        assert (run.status, run.error, run.totals.spans) == ("cancelled", "cancelled by ada", 0)
        eventually(lambda: stage.client.runs.get(first).status == "running")
        assert stage.client.runs.get(third).status == "pending"
        stage.open(*GATES)
        assert [stage.ended(run_id).status for run_id in (first, third)] == ["completed", "completed"]


def test_one_owners_runs_do_not_keep_another_owner_waiting(home: Path) -> None:
    with local_stage(home, Limits(runs=1)) as stage:
        mine = stage.start("editor", "draft")
        stage.reached("editor")
        theirs = stage.local.of("bob").runs.start(agent_id="writer", input=["notes"])
        stage.reached("writer")
        with pytest.raises(NotFound):
            stage.client.runs.get(theirs.id)
        stage.open(*GATES)
        assert stage.ended(mine).status == "completed"
        eventually(lambda: stage.local.of("bob").runs.get(theirs.id).status == "completed")


def test_an_agent_that_names_a_target_of_its_own_still_records_where_it_was_started(local: Stage) -> None:
    local.write(
        "own.py",
        """
        import functools, trodo

        trodo.init("memory:")

        def logged(function):
            @functools.wraps(function)
            def call(*args, **kwargs):
                return f"logged {function(*args, **kwargs)}"
            return call

        @logged
        @trodo.agent("own")
        def own(name: str = "it") -> str:
            trodo.init("elsewhere.db")
            return name
        """,
    )
    run = local.performed("own")
    assert (run.status, run.details.output) == ("completed", "logged it")


@pytest.mark.parametrize("where", STAGES)
def test_a_run_is_ended_by_force_without_waiting_for_the_call_in_flight(home: Path, where: str) -> None:
    with STAGES[where](home, Limits(grace_seconds=3600)) as stage:
        run_id = stage.start("editor", "draft")
        stage.reached("editor")
        stage.client.runs.cancel(run_id, by="ada")
        stage.heard(run_id)
        assert not stage.client.runs.get(run_id).is_terminal
        stage.client.runs.cancel(run_id, by="bob", force=True)
        run = stage.ended(run_id)
        assert (run.status, run.error) == ("cancelled", "cancelled by ada")
        assert [span.status for span in stage.spans(run_id)] == ["running"]


def test_a_run_is_ended_by_the_time_limit(home: Path) -> None:
    with local_stage(home, Limits(seconds=1.0)) as stage:
        run = stage.performed("editor", "draft")
        assert (run.status, run.error, run.error_type) == (
            "failed",
            "ended after 1 s, the time limit",
            "TimeLimit",
        )


def test_an_async_agent_is_cancelled_where_it_waits(local: Stage) -> None:
    local.write("spy.py", SPY)
    run_id = local.start("sleeps")
    eventually(lambda: local.client.runs.get(run_id).totals.spans)
    local.client.runs.cancel(run_id)
    assert local.ended(run_id).status == "cancelled"
    assert [span.status for span in local.spans(run_id)] == ["cancelled"]


CALLING = """
import asyncio
import trodo
from gated import HERE, is_cancelled, wait_for

@trodo.llm("call")
async def call() -> str:
    (HERE / "at-call").touch()
    while not (HERE / "go-call").exists():
        await asyncio.sleep(0.005)
    return "answer"

@trodo.agent("calling")
async def calling() -> str:
    return await call()

@trodo.agent("plain")
def plain() -> None:
    wait_for("plain")

beside = trodo.parallel("beside", calling, trodo.sequential("plainly", plain, plain))
"""


def test_the_model_call_of_an_async_agent_finishes_when_its_run_is_cancelled(stage: Stage) -> None:
    stage.write("calling.py", CALLING)
    run_id = stage.start("beside")
    stage.reached("call", "plain")
    stage.client.runs.cancel(run_id)
    stage.open_once_cancelled("plain")
    stage.heard(run_id)
    eventually(lambda: any(span.name == "plain" and not span.is_open for span in stage.spans(run_id)))
    stage.open("call")
    assert stage.ended(run_id).status == "cancelled"
    (call,) = [span for span in stage.spans(run_id) if span.name == "call"]
    assert (call.status, call.details.output) == ("ok", "answer")
    assert [span.name for span in stage.spans(run_id)].count("plain") == 1


def test_a_process_is_given_no_key_and_no_place_of_ours(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRODO_API_KEY", "secret")
    monkeypatch.setenv("TRODO_PROFILE", "work")
    with hosted_stage(home) as stage:
        stage.write("spy.py", SPY)
        run = stage.performed("spy")
    assert run.details.output == {
        "TRODO_HOME": str(home / "home" / "runs" / run.id),
        "TRODO_TARGET": f"run://{run.id}",
    }


def test_what_a_stream_has_given_so_far_is_seen_while_it_goes_on(stage: Stage) -> None:
    stage.write("spy.py", SPY)
    run_id = stage.start("streams", "gate")
    stage.reached("gate")
    eventually(lambda: stage.client.runs.get(run_id).details.output == "one two ")
    assert stage.client.runs.get(run_id).status == "running"
    stage.open("gate")
    assert stage.ended(run_id).details.output == "one two three"


def test_what_a_helper_process_records_into_the_run_is_there_at_its_end(stage: Stage) -> None:
    stage.write("spy.py", SPY)
    run = stage.performed("helped")
    assert run.status == "completed", run.details
    assert [span.name for span in stage.spans(run.id)] == ["in-helper"]


def test_a_key_without_the_scope_control_starts_nothing(home: Path) -> None:
    with hosted_stage(home) as stage:
        _, secret = stage.local.keys.create("ada", ("read", "ingest"))
        client = connect(stage.client._http.url, key_of=lambda: secret)  # type: ignore[attr-defined]
        try:
            assert client.agents.list()
            with pytest.raises(Unauthorized, match="lacks the scope `control`"):
                client.runs.start(agent_id="editor", input="draft")
        finally:
            client.close()


def test_closing_a_client_stops_what_it_has_started(home: Path) -> None:
    with local_stage(home, Limits(runs=1)) as stage:
        at_work, waiting = stage.start("editor", "draft"), stage.start("writer", ["notes"])
        stage.reached("editor")
    with local_stage(home) as stage:
        for run_id in (at_work, waiting):
            run = stage.client.runs.get(run_id)
            assert (run.status, run.error) == ("cancelled", "cancelled by trodo: what ran it was stopped")


def test_places_that_hold_no_agents_are_refused(home: Path) -> None:
    with pytest.raises(InvalidInput, match="no agents at"):
        connect("memory:", agents=[str(home / "nowhere")])
    with pytest.raises(InvalidInput, match="a server starts its own agents only"):
        connect("http://127.0.0.1:1", agents=[str(home)])


GIVEN = """
import trodo

@trodo.agent("given")
def given(x: str | None = "dflt") -> str:
    return repr(x)

@trodo.agent("config")
def config(x: dict[str, int] = {"a": 1}) -> str:
    return repr(x)

pipeline = trodo.sequential("first-given", given)

@trodo.agent("invokes")
def invokes() -> list[str]:
    return [trodo.invoke("given"), trodo.invoke("given", None)]
"""


def test_an_input_that_was_not_given_is_none_and_null_is_null(stage: Stage) -> None:
    stage.write("given.py", GIVEN)
    for agent_id in ("given", "first-given"):
        without = stage.ended(stage.client.runs.start(agent_id=agent_id).id)
        with_null = stage.ended(stage.client.runs.start(agent_id=agent_id, input=None).id)
        assert (without.details.output, with_null.details.output) == ("'dflt'", "None")
        assert (without.details.input, with_null.details.input) == (None, None)
    assert stage.performed("config", {}).details.output == "{}"
    assert stage.performed("config", None).details.output == "{'a': 1}"
    assert stage.performed("invokes").details.output == ["'dflt'", "None"]
