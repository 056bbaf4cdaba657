"""The published `agntz` client starts, streams and cancels runs on `trodo serve --agents`."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from agntz.client import AgntzError

from tests.cli.program import Cli, eventually
from tests.runner.program import Machine
from tests.runner.stage import GATES
from tests.server.test_agntz_client import KINDS, Client

STREAM = """
import time
import trodo
from collections.abc import Iterator
from gated import wait_for

@trodo.agent("streams")
def streams() -> Iterator[str]:
    yield "one "
    time.sleep(0.6)
    yield "two "
    wait_for("stream")
    yield "three"
"""


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    cli = Cli(tmp_path)
    yield Machine(cli)
    cli.close()


@pytest.fixture(params=KINDS)
def client(request: pytest.FixtureRequest, machine: Machine) -> Iterator[Client]:
    server, url = machine.serve()
    (key,) = (machine.cli.home / "servers").glob("*.key")
    client = KINDS[request.param](url, key.read_text().strip())
    yield client
    client.close()
    server.process.terminate()
    assert server.end().code == 0


def test_a_run_is_started_and_streamed_to_its_end(client: Client, machine: Machine) -> None:
    listed = client(lambda api: api.agents.list())
    assert {"id", "name", "description", "kind"} <= set(listed[0])
    run = client(lambda api: api.runs.start(agent_id="article-pipeline", input="AI", session_id="chat-7"))
    assert (run.agent_id, run.input, run.session_id, run.root_id) == (
        "article-pipeline",
        "AI",
        "chat-7",
        run.id,
    )
    assert run.status in ("pending", "running")
    machine.open(*GATES)
    events = list(client.events(lambda api: api.runs.stream(run_id=run.id)))
    assert (events[0].type, events[-1].type) == ("run-spawn", "run-complete")
    after = client(lambda api: api.runs.get(run.id))
    assert (after.status, after.result["output"]) == ("completed", "gpt-5.4-mini says")
    trace = client(lambda api: api.traces.get(run.id))
    assert trace.summary.span_count == 11


def test_the_text_of_a_stream_comes_as_it_grows(client: Client, machine: Machine) -> None:
    (machine.folder / "agents" / "streaming.py").write_text(STREAM)
    run = client(lambda api: api.runs.start(agent_id="streams", input={}))
    heard, texts = [], []
    for event in client.events(lambda api: api.runs.stream(run_id=run.id)):
        heard.append(event.type)
        if event.type == "text-delta":
            texts.append(event.text)
            machine.open("stream")
    assert "".join(texts) == "one two three"
    assert len(texts) >= 2
    assert (heard[0], heard[-1]) == ("run-spawn", "run-complete")


def test_an_agent_has_one_version(client: Client, machine: Machine) -> None:
    machine.open(*GATES)
    for version, status in (("@latest", "completed"), ("@2", "failed")):
        run = client(lambda api, version=version: api.runs.start(agent_id=f"editor{version}", input="draft"))
        list(client.events(lambda api, run_id=run.id: api.runs.stream(run_id=run_id)))
        assert client(lambda api, run_id=run.id: api.runs.get(run_id)).status == status
    assert {found.agent for found in machine.runs()} == {"editor", "editor@2"}


def test_a_run_is_cancelled(client: Client, machine: Machine) -> None:
    run = client(lambda api: api.runs.start(agent_id="editor", input="draft"))
    machine.reached("editor")
    client(lambda api: api.runs.cancel(run.id))
    eventually(lambda: machine.run(run.id).cancel.delivered_ns)  # type: ignore[union-attr]
    machine.open(*GATES)
    events = list(client.events(lambda api: api.runs.stream(run_id=run.id)))
    assert events[-1].type == "run-cancelled"
    assert client(lambda api: api.runs.get(run.id)).status == "cancelled"


def test_what_does_not_fit_is_a_400_and_an_unknown_agent_a_run_that_failed(
    client: Client, machine: Machine
) -> None:
    with pytest.raises(AgntzError) as refusal:
        client(lambda api: api.runs.start(agent_id="editor", input={"a": 1}))
    assert refusal.value.status == 400
    run = client(lambda api: api.runs.start(agent_id="nobody", input={}))
    assert (run.status, run.error) == ("failed", 'Agent "nobody" not found')


def test_the_answer_to_a_start_is_201_with_its_location(machine: Machine) -> None:
    _, url = machine.serve()
    (key,) = (machine.cli.home / "servers").glob("*.key")
    machine.open(*GATES)
    answer = httpx.post(
        f"{url}/runs",
        json={"agentId": "editor", "input": "draft"},
        headers={"authorization": f"Bearer {key.read_text().strip()}"},
        trust_env=False,
    )
    assert (answer.status_code, answer.headers["location"]) == (201, f"/runs/{answer.json()['id']}")
    eventually(lambda: machine.run(answer.json()["id"]).is_terminal)
