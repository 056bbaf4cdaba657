"""The default demo leaves a history and a pipeline behind, and says nothing but the pipeline's id."""

from tests.demo.conftest import Recorded
from trodo_cli.insight.failure import failure
from trodo_cli.model.span import Span
from trodo_cli.model.trace import Trace


def parents(trace: Trace) -> dict[str, set[str]]:
    """The names of the spans below each name; the run itself has its agent's name."""
    names = {span.id: span.name for span in trace.spans}
    below: dict[str, set[str]] = {}
    for span in trace.tree().spans.values():
        above = names.get(span.parent_id or "", trace.summary.agent)
        below.setdefault(above, set()).add(span.name)
    return below


def of_kind(trace: Trace, kind: str) -> list[Span]:
    return [span for span in trace.tree().spans.values() if span.kind == kind]


def test_only_the_id_of_the_pipeline_is_printed(recorded: Recorded) -> None:
    assert recorded.status == 0
    assert recorded.stdout == f"{recorded.run_id}\n"
    assert recorded.stderr == ""
    assert recorded.client.runs.get(recorded.run_id).agent == "article-pipeline"


def test_history_holds_a_run_of_every_outcome(recorded: Recorded) -> None:
    rows = recorded.client.runs.list().rows
    assert [(run.agent, run.status) for run in rows if run.parent_id is None] == [
        ("article-pipeline", "completed"),
        ("code-indexer", "cancelled"),
        ("licence-audit", "failed"),
        ("package-finder", "completed"),
    ]


def test_every_run_has_a_user_a_session_and_a_tag(recorded: Recorded) -> None:
    pipeline = recorded.client.traces.get(recorded.run_id)
    for run in [*recorded.client.runs.list().rows, *pipeline.children]:
        assert (run.user, run.session) == ("demo", "demo")
        assert "demo" in run.tags


def test_no_span_is_left_open(recorded: Recorded) -> None:
    for run in recorded.client.runs.list().rows:
        trace = recorded.client.traces.get(run.id)
        assert not [span.name for span in trace.spans if span.is_open]
        assert not trace.tree().orphans


def test_pipeline_has_the_shape_of_its_picture(recorded: Recorded) -> None:
    below = parents(recorded.client.traces.get(recorded.run_id))
    assert below == {
        "article-pipeline": {"research-phase", "write-review"},
        "research-phase": {"list_requirements", "package-researcher", "code-researcher"},
        "package-researcher": {"read_metadata", "demo-extractive-1"},
        "code-researcher": {"measure_code", "demo-extractive-1"},
        "write-review": {"writer", "editor"},
        "writer": {"demo-extractive-1"},
        "editor": {"demo-extractive-1"},
    }


def test_spans_of_the_pipeline_have_their_kinds(recorded: Recorded) -> None:
    trace = recorded.client.traces.get(recorded.run_id)
    assert {span.name for span in of_kind(trace, "agent")} == {
        "research-phase",
        "package-researcher",
        "code-researcher",
        "write-review",
        "writer",
        "editor",
    }
    assert {span.tool for span in of_kind(trace, "tool")} == {"list_requirements", "measure_code"}
    assert {span.name for span in of_kind(trace, "retrieval")} == {"read_metadata"}
    assert len(of_kind(trace, "model")) == 4


def test_model_calls_tell_who_answered_and_what_it_took(recorded: Recorded) -> None:
    trace = recorded.client.traces.get(recorded.run_id)
    for call in of_kind(trace, "model"):
        assert (call.model, call.provider, call.cost) == ("demo-extractive-1", "local", 0.0)
        assert call.usage is not None
        assert call.usage.input
        assert call.usage.output
        assert [message["role"] for message in call.details.input] == ["system", "user"]
        assert "local demo model" in call.details.output["content"]
    assert trace.summary.totals.input_tokens > 0
    assert trace.summary.totals.output_tokens > 0


def test_pipeline_reads_and_answers_in_chat_messages(recorded: Recorded) -> None:
    details = recorded.client.runs.get(recorded.run_id).details
    assert [message["role"] for message in details.input] == ["user"]
    assert details.output["role"] == "assistant"
    assert details.output["content"]


def test_fact_checker_is_a_run_below_the_review(recorded: Recorded) -> None:
    trace = recorded.client.traces.get(recorded.run_id)
    (child,) = trace.children
    review = next(span for span in trace.spans if span.name == "write-review")
    assert (child.agent, child.status) == ("fact-checker", "completed")
    assert (child.parent_id, child.parent_span_id) == (recorded.run_id, review.id)
    below = parents(recorded.client.traces.get(child.id))
    assert below == {"fact-checker": {"read_metadata", "measure_code", "compare"}}


def test_every_claim_of_the_article_is_confirmed(recorded: Recorded) -> None:
    (child,) = recorded.client.traces.get(recorded.run_id).children
    trace = recorded.client.traces.get(child.id)
    verdict = next(span for span in trace.spans if span.name == "compare").details.output
    assert verdict["claims"] == verdict["confirmed"] > 0


def test_failed_run_leads_from_the_run_over_the_agent_to_the_tool(recorded: Recorded) -> None:
    trace = recorded.trace("licence-audit")
    found = failure(trace)
    assert found is not None
    assert [span.name for span in found.path] == ["licence-audit", "licence-reader", "read_metadata"]
    assert {span.status for span in found.path} == {"error"}
    assert {span.error_type for span in found.path} == {"PackageNotFoundError"}
    assert "not-installed-here" in (found.error or "")
    assert found.span.details.input == {"package": "not-installed-here"}


def test_cancelled_run_tells_who_stopped_it_and_stops_between_two_spans(recorded: Recorded) -> None:
    trace = recorded.trace("code-indexer")
    run = trace.summary
    assert run.cancel is not None
    assert (run.cancel.by, run.cancel.reason) == ("demo", "nobody needs the index any more")
    assert run.cancel.delivered_ns is not None
    assert run.error_type == "RunCancelled"
    assert {span.status for span in of_kind(trace, "agent")} == {"cancelled"}
