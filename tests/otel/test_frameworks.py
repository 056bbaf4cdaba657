"""Real OpenTelemetry, and real agents with their instrumentations, against a real `trodo serve`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.program import eventually
from tests.otel.installed import FRAMEWORKS, JSON_EXPORTER, installed, play
from tests.server.served import Program, program

PLAYED = Path(__file__).with_name("programs.py")


@pytest.fixture(scope="module")
def frameworks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return installed(tmp_path_factory, "frameworks", FRAMEWORKS)


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Program]:
    with program(tmp_path) as serving:
        yield serving


def shown(serving: Program) -> Any:
    """The only run, once it is over, as `trodo trace show --json` tells it."""

    def is_over() -> bool:
        rows = serving.ask("GET", "/runs").json["rows"]
        return [row["status"] for row in rows] == ["completed"]

    eventually(is_over)
    return json.loads(serving.cli.ok("trace", "show", "latest", "--json").out)


def named(told: Any, kind: str) -> list[Any]:
    return [span for span in told["spans"][1:] if span["kind"] == kind]


def test_an_agent_of_pydantic_ai_is_shown_as_it_ran(serving: Program, frameworks: Path) -> None:
    used = json.loads(play(frameworks, PLAYED, "pydantic_ai", serving.url, serving.key))
    told = shown(serving)
    run = told["summary"]
    assert (run["agent"], run["status"], run["errors"]) == ("weather-agent", "completed", 0)
    assert (run["input_tokens"], run["output_tokens"]) == (used["input"], used["output"])
    assert run["session"]
    (agent,), (tool,), (first, second) = (named(told, kind) for kind in ("agent", "tool", "model"))
    assert [span["parent_id"] for span in (tool, first, second)] == [agent["id"]] * 3
    assert (tool["tool"], tool["input"], tool["output"]) == ("weather", {"city": "a"}, "sunny in a")
    assert first["input"][-1]["parts"][0]["content"] == "How is it in Bern?"
    assert first["output"][0]["parts"][0]["type"] == "tool_call"
    assert "sunny in a" in json.dumps(second["input"])
    assert (first["model"], run["cost"]) == ("test", None)


@pytest.mark.parametrize(
    ("what", "models", "errors"), [("openinference", 2, 1), ("openllmetry", 1, 0), ("both", 2, 0)]
)
def test_calls_of_openai_are_shown_and_priced_once_by_each_instrumentation(
    serving: Program, frameworks: Path, what: str, models: int, errors: int
) -> None:
    play(frameworks, PLAYED, what, serving.url, serving.key)
    told = shown(serving)
    run, calls = told["summary"], named(told, "model")
    assert (run["agent"], run["errors"], len(calls)) == ("answer", errors, models)
    assert (run["input_tokens"], run["output_tokens"]) == (1_000, 100)
    assert run["cost"] == pytest.approx((600 * 2.5 + 400 * 1.25 + 100 * 10) / 1e6)
    call = next(span for span in calls if span["status"] == "ok")
    assert (call["model"], call["provider"]) == ("gpt-4o-2024-08-06", "openai")
    assert (call["cache_read_tokens"], call["reasoning_tokens"]) == (400, 20)
    assert "genai-prices" in call["priced"]
    assert "Weather?" in json.dumps(call["input"][-1])
    assert "Blue sky." in json.dumps(call["output"])


@pytest.mark.parametrize("encoding", ["protobuf", "json"])
def test_spans_of_opentelemetry_itself_come_in_both_encodings_one_by_one(
    serving: Program, frameworks: Path, tmp_path_factory: pytest.TempPathFactory, encoding: str
) -> None:
    folder = installed(tmp_path_factory, "exporter", JSON_EXPORTER) if encoding == "json" else frameworks
    play(folder, PLAYED, "plain", serving.url, serving.key, encoding)
    told = shown(serving)
    run = told["summary"]
    assert (run["agent"], run["user"], run["session"], run["errors"]) == ("handle", "ada", "s", 1)
    root = next(span for span in told["spans"][1:] if span["parent_id"] == told["spans"][0]["id"])
    assert root["attributes"] == {
        "user.id": "ada", "session.id": "s", "list": [1, 2], "half": 0.5, "yes": True
    }  # fmt: skip
    assert root["origin"]["resource"]["attributes"]["service.name"] == "weather"
    assert root["origin"]["scope"] == {"name": "app", "version": "1.2"}
    (tool,) = named(told, "tool")
    assert (tool["tool"], tool["error_type"], tool["error"]) == ("look", "ValueError", "ValueError: no\nluck")
    assert "Traceback" in tool["stack"]
    assert [event["name"] for event in tool["events"]] == ["exception"]
