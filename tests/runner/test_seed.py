"""Seed 2: its pipeline as a folder of agents, started and cancelled, here and through a server."""

import pytest

from tests.runner.stage import GATES, Stage

SEED = """\
agent.invoke article-pipeline
  agent.invoke research-phase (parallel)
    agent.invoke web-researcher
      model.call gpt-5.4
    agent.invoke academic-researcher
      model.call gpt-5.4
  agent.invoke write-review
    agent.invoke writer
      model.call claude-sonnet-4-6
    agent.invoke editor
      model.call gpt-5.4-mini"""


def test_the_pipeline_of_the_seed_draws_its_tree(stage: Stage) -> None:
    stage.open(*GATES)
    run = stage.performed("article-pipeline", "AI")
    assert (run.status, run.error, run.agent) == ("completed", None, "article-pipeline")
    assert (run.details.input, run.details.output) == ("AI", "gpt-5.4-mini says")
    assert (run.totals.spans, run.totals.input_tokens, run.totals.output_tokens) == (10, 12, 16)
    assert stage.tree(run.id) == SEED
    assert [run.id] == [found.id for found in stage.every_run()]


def test_a_long_job_starts_and_is_cancelled_in_the_words_of_the_seed(stage: Stage) -> None:
    stage.write(
        "long.py",
        """
        import time, trodo

        @trodo.agent("long-job")
        def long_job(steps: int = 100_000) -> None:
            for number in range(steps):
                with trodo.span("step"):
                    time.sleep(0.005)
        """,
    )
    client = stage.client
    run = client.runs.start(agent_id="long-job", input={})
    assert run.status in ("pending", "running")
    client.runs.cancel(run.id)
    ended = stage.ended(run.id)
    assert (ended.status, ended.error_type) == ("cancelled", "RunCancelled")


PHASES = {
    "research": (("web", "academic"), ("writer", "editor")),
    "write": (("writer",), ("editor",)),
    "review": (("editor",), ()),
}
"""Which model calls are in flight, and which must never begin."""


@pytest.mark.parametrize("phase", PHASES)
def test_a_cancel_lets_the_call_in_flight_finish_and_nothing_further_start(stage: Stage, phase: str) -> None:
    in_flight, never = PHASES[phase]
    stage.open(*(gate for gate in GATES if gate not in in_flight + never))
    run_id = stage.start("article-pipeline", "AI")
    stage.reached(*in_flight)
    stage.client.runs.cancel(run_id, reason="enough", by="ada")
    stage.heard(run_id)
    stage.open_once_cancelled(*in_flight)
    stage.open(*never)
    run = stage.ended(run_id)
    assert (run.status, run.error) == ("cancelled", "cancelled by ada: enough")
    spans = stage.spans(run_id)
    models = [span for span in spans if span.kind == "model"]
    assert len(models) == 4 - len(never)
    assert all(
        (span.status, span.error, span.details.output is not None) == ("ok", None, True) for span in models
    )
    assert not any((stage.folder / f"at-{gate}").exists() for gate in never)
    ends = [span.ended_ns for span in spans]
    assert None not in ends
    assert run.ended_ns is not None
    assert max(end for end in ends if end is not None) <= run.ended_ns, (
        "the run ended before a call in flight"
    )
    assert {span.status for span in spans} <= {"ok", "cancelled"}
    assert "cancelled" in {span.status for span in spans if span.kind == "agent"}


def test_a_cancel_goes_down_to_a_run_inside_the_pipeline(stage: Stage) -> None:
    stage.open("web", "academic")
    run_id = stage.start("nested-runs", "AI")
    stage.reached("writer")
    stage.client.runs.cancel(run_id)
    stage.heard(run_id)
    stage.open_once_cancelled("writer")
    stage.open("editor")
    assert stage.ended(run_id).status == "cancelled"
    (child,) = [run for run in stage.every_run() if run.parent_id == run_id]
    assert (child.agent, child.status) == ("writer", "cancelled")
    (call,) = stage.spans(child.id)
    assert (call.name, call.status) == ("claude-sonnet-4-6", "ok")
    assert not (stage.folder / "at-editor").exists()
