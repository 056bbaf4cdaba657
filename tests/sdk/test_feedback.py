"""Feedback on a run, and calls of an MCP server that have no run of their own."""

import json

import pytest

import trodo_cli
from tests.sdk.host import Recording
from trodo_cli.model.run import Feedback


def test_feedback_is_kept_with_its_run_also_after_its_end_and_by_either_spelling_of_its_id(
    recording: Recording,
) -> None:
    with trodo_cli.wrap_agent("a") as run:
        pass
    one = run.run_id
    dashed = f"{one[:8]}-{one[8:12]}-{one[12:16]}-{one[16:20]}-{one[20:]}"
    trodo_cli.feedback(one, satisfaction="positive", rating=5, distinct_id="ada", metadata={"page": {"x": 1}})
    trodo_cli.feedback(dashed, comment="wrong\ud83d parcel")
    first, second = recording.run_of("a").feedback
    assert (first.satisfaction, first.rating, first.user, first.attributes) == (
        "positive",
        5.0,
        "ada",
        {"page": {"x": 1}},
    )
    assert second == Feedback(at_ns=second.at_ns, comment="wrong\ufffd parcel")
    assert recording.run_of("a").status == "completed"


@pytest.mark.parametrize("run_id", ["", "x" * 201, None, 5])
def test_feedback_on_nothing_raises_nothing(recording: Recording, run_id: object) -> None:
    trodo_cli.feedback(run_id, rating="many", metadata=3)  # type: ignore[arg-type]
    trodo_cli.feedback(run_id, comment="c")  # type: ignore[arg-type]
    assert recording.runs() == []


def test_a_call_of_an_mcp_server_is_a_run_of_its_own(recording: Recording) -> None:
    span_id = trodo_cli.track_mcp(
        tool="search", distinct_id="ada", input={"q": 1}, output=["found"], duration_ms=250, session_id="s",
        client_label="editor", attributes={"n": 1},
    )  # fmt: skip
    trodo_cli.track_mcp(tool="search", distinct_id="ada", error="boom", agent_name="failing")
    run = recording.run_of("MCP")
    (span,) = recording.spans(run.id)
    assert (run.status, run.user, run.session) == ("completed", "ada", "s")
    assert (span.id, span.name, span.tool, span.kind) == (span_id, "tool.search", "search", "tool")
    assert (span.duration_ms, run.duration_ms, span.details.output) == (250, 250, ["found"])
    assert json.loads(json.dumps(span.details.attributes)) == {"n": 1, "mcp_client_label": "editor"}
    assert (recording.run_of("failing").status, recording.run_of("failing").error) == ("failed", "boom")


def test_a_call_that_cannot_be_recorded_raises_nothing(recording: Recording) -> None:
    assert len(trodo_cli.track_mcp(tool=None, distinct_id=object(), duration_ms="long")) == 16  # type: ignore[arg-type]
