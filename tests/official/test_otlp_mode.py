"""The published `trodo-python` in its OTLP mode, as it is, against a real `trodo serve`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.program import eventually
from tests.official.conftest import Official
from tests.server.served import Program, program

pytestmark = pytest.mark.slow

AGENT = """
    import json, os
    import trodo

    errors = []
    trodo.init(site_id=os.environ["SITE_ID"], api_base=os.environ["API_BASE"], otel_mode="otlp",
               on_error=lambda error: errors.append(str(error)))

    @trodo.tool("look-up")
    def look_up(order):
        return {"order": order, "state": "on its way"}

    with trodo.wrap_agent("support-agent", distinct_id="ada", conversation_id="chat-9",
                          metadata={"env": "prod"}) as run:
        run.set_input("where is my parcel?")
        with trodo.span("plan", kind="agent"):
            look_up(4711)
            with trodo.span("answer", kind="llm") as span:
                span.set_input([{"role": "user", "content": "hi"}])
                span.set_llm(model="gpt-5", provider="openai", input_tokens=120, output_tokens=30, cost=0.25)
        try:
            with trodo.span("flaky", kind="tool") as span:
                span.set_tool("flaky_tool")
                raise TimeoutError("too slow")
        except TimeoutError:
            pass
        with trodo.span("find", kind="retrieval"):
            pass
        run.set_output("tomorrow")
    trodo.feedback(run.run_id, satisfaction="negative", rating=2, comment="wrong parcel", distinct_id="ada")
    trodo.flush()
    trodo.shutdown()
    print(json.dumps({"errors": errors, "run_id": run.run_id}))
"""


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Program]:
    (tmp_path / "server").mkdir()
    with program(tmp_path / "server") as serving:
        yield serving


def over(serving: Program) -> Any:
    """The only run, once it is over, as `trodo trace show --json` tells it."""
    rows = eventually(
        lambda: [row for row in serving.ask("GET", "/runs").json["rows"] if row["status"] == "completed"]
    )
    assert len(rows) == 1
    return serving.cli.ok("trace", "show", "latest", "--json").json


def test_an_agent_is_one_run_with_its_tree_its_tokens_and_its_feedback(
    otlp_site: Path, tmp_path: Path, serving: Program
) -> None:
    settings = {"SITE_ID": serving.key, "API_BASE": serving.url}
    told = json.loads(Official(otlp_site, tmp_path).run(AGENT, **settings)[-1])
    assert told["errors"] == []
    trace = over(serving)
    run, spans = trace["summary"], {span["name"]: span for span in trace["spans"][1:]}
    assert run["id"] == told["run_id"].replace("-", "")
    named = (run["agent"], run["user"], run["session"], run["tags"])
    assert named == ("support-agent", "ada", "chat-9", ["env=prod"])
    assert (run["input"], run["output"], run["metadata"]) == (
        "where is my parcel?", "tomorrow", {"env": "prod"},
    )  # fmt: skip
    (feedback,) = run["feedback"]
    assert (feedback["satisfaction"], feedback["rating"], feedback["comment"]) == (
        "negative", 2.0, "wrong parcel",
    )  # fmt: skip
    above = {name: span["parent_id"] for name, span in spans.items()}
    ids = {name: span["id"] for name, span in spans.items()}
    assert above == {
        "support-agent": run["id"][-16:], "plan": ids["support-agent"], "look-up": ids["plan"], "answer": ids["plan"],
        "flaky": ids["support-agent"], "find": ids["support-agent"],
    }  # fmt: skip
    kinds = {name: span["kind"] for name, span in spans.items()}
    assert kinds == {
        "support-agent": "agent", "plan": "step", "look-up": "tool", "answer": "model", "flaky": "tool",
        "find": "retrieval",
    }  # fmt: skip
    answer, flaky = spans["answer"], spans["flaky"]
    assert (answer["model"], answer["provider"]) == ("gpt-5", "openai")
    assert (answer["input_tokens"], answer["output_tokens"], answer["cost"]) == (120, 30, 0.25)
    assert answer["input"] == [{"role": "user", "content": "hi"}]
    assert (flaky["status"], flaky["error"], flaky["error_type"], flaky["tool"]) == (
        "error", "too slow", "TimeoutError", "flaky_tool",
    )  # fmt: skip
    assert spans["look-up"]["output"] == {"order": 4711, "state": "on its way"}
    assert (run["input_tokens"], run["output_tokens"], run["errors"]) == (120, 30, 1)
