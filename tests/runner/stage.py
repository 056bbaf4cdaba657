"""A folder of agents, a store, and a client that starts them: in the test's own process, or through a server."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent
from typing import Any

from tests.cli.program import eventually
from tests.server.running import running
from trodo_cli.client import connect
from trodo_cli.client.base import Client
from trodo_cli.client.local import LocalClient
from trodo_cli.model.key import SCOPES
from trodo_cli.model.run import Run
from trodo_cli.model.span import Span
from trodo_cli.query.plan import RunFilter
from trodo_cli.runner.guard import below
from trodo_cli.runner.limits import Limits
from trodo_cli.server.app import create_app
from trodo_cli.server.service import Service

GATED = '''
import time
from pathlib import Path
import trodo

HERE = Path(__file__).parent.parent

def wait_for(name):
    """Work in flight, until the test says that it is over, or over once it is to stop."""
    (HERE / f"at-{name}").touch()
    gate = HERE / f"go-{name}"
    while not gate.exists() or (gate.read_text() == "once cancelled" and not is_cancelled()):
        time.sleep(0.005)

def is_cancelled():
    try:
        trodo.check_cancelled()
    except trodo.RunCancelled:
        return True
    return False

def ask(model, text, gate):
    with trodo.span(model, kind="model.call", input=text) as span:
        wait_for(gate)
        span.set_llm(model=model, input_tokens=3, output_tokens=4)
        span.set_output(f"{model} says")
        return f"{model} says"
'''

ARTICLE = '''
import trodo
from gated import ask

@trodo.agent("web-researcher")
def web_researcher(topic: str) -> str:
    return ask("gpt-5.4", topic, "web")

@trodo.agent("academic-researcher")
def academic_researcher(topic: str) -> str:
    return ask("gpt-5.4", topic, "academic")

@trodo.agent("writer")
def writer(notes: list[str]) -> str:
    return ask("claude-sonnet-4-6", " ".join(notes), "writer")

@trodo.agent("editor")
def editor(draft: str) -> str:
    """Makes it shorter."""
    return ask("gpt-5.4-mini", draft, "editor")

research_phase = trodo.parallel("research-phase", web_researcher, academic_researcher)
article_pipeline = trodo.sequential(
    "article-pipeline",
    research_phase,
    trodo.sequential("write-review", writer, editor),
    description="Researches a topic and writes about it.",
)
nested_runs = trodo.sequential("nested-runs", research_phase, trodo.as_run(writer), editor)
'''

GATES = ("web", "academic", "writer", "editor")


class Stage:
    """Where the agents of a test are performed."""

    def __init__(self, folder: Path, client: Client, local: LocalClient) -> None:
        self.folder, self.client, self.local = folder, client, local

    def write(self, name: str, source: str) -> None:
        """A file of the agents' folder."""
        (self.folder / "agents" / name).write_text(dedent(source))

    def open(self, *gates: str) -> None:
        """Let what waits for these go on."""
        for gate in gates:
            (self.folder / f"go-{gate}").touch()

    def open_once_cancelled(self, *gates: str) -> None:
        """Let what waits for these go on when its own process has heard that it is to stop."""
        for gate in gates:
            text = self.folder / f"{gate}.text"
            text.write_text("once cancelled")
            text.rename(self.folder / f"go-{gate}")

    def reached(self, *gates: str) -> None:
        """Wait until work in flight is there."""
        eventually(lambda: all((self.folder / f"at-{gate}").exists() for gate in gates))

    def start(self, agent_id: str, value: Any = None) -> str:
        return self.client.runs.start(agent_id=agent_id, input=value).id

    def ended(self, run_id: str) -> Run:
        """The run once it has ended, and everything of it is gone and settled."""
        eventually(lambda: self.client.runs.get(run_id).is_terminal)
        eventually(lambda: not (self.folder / "home" / "runs" / run_id).exists())
        return self.client.runs.get(run_id)

    def performed(self, agent_id: str, value: Any = None) -> Run:
        """Start an agent and wait for its end."""
        return self.ended(self.start(agent_id, value))

    def heard(self, run_id: str) -> None:
        """Wait until a cancel request has reached the run's process."""
        eventually(lambda: (cancel := self.client.runs.get(run_id).cancel) and cancel.delivered_ns)

    def spans(self, run_id: str) -> list[Span]:
        return self.client.traces.get(run_id).own

    def tree(self, run_id: str) -> str:
        """The run's tree as the seed draws it."""
        return drawn(self.client, run_id)

    def every_run(self) -> list[Run]:
        return self.client.runs.list(limit=1000, wanted=RunFilter(roots_only=False)).rows


def drawn(client: Client, run_id: str) -> str:
    """Kind and name of each span, two spaces a level, in the order of their names below each parent."""
    trace = client.traces.get(run_id)
    words = {"agent": "agent.invoke", "model": "model.call", "tool": "tool.execute"}
    (root, *spans) = trace.spans
    below_of: dict[str, list[Span]] = {}
    for span in spans:
        below_of.setdefault(span.parent_id or root.id, []).append(span)

    def lines(span: Span, depth: int) -> Iterator[str]:
        mode = span.details.attributes.get("mode")
        note = f" ({mode})" if mode == "parallel" else ""
        yield f"{'  ' * depth}{words.get(span.kind, span.kind)} {span.name}{note}"
        for child in below_of.get(span.id, []):
            yield from lines(child, depth + 1)

    return "\n".join(lines(root, 0))


@contextmanager
def local_stage(folder: Path, limits: Limits | None = None) -> Iterator[Stage]:
    with _store(folder, limits) as client:
        yield Stage(folder, client, client)


@contextmanager
def hosted_stage(folder: Path, limits: Limits | None = None) -> Iterator[Stage]:
    with _store(folder, limits) as local:
        service = Service(local)
        _, secret = local.keys.create("ada", SCOPES)
        with running(create_app(service), on_stopping=service.stop) as server:
            client = connect(server.url, key_of=lambda: secret)
            try:
                yield Stage(folder, client, local)
            finally:
                client.close()


@contextmanager
def _store(folder: Path, limits: Limits | None) -> Iterator[LocalClient]:
    (folder / "agents").mkdir(exist_ok=True)
    (folder / "agents" / "gated.py").write_text(GATED)
    (folder / "agents" / "article.py").write_text(ARTICLE)
    before = set(below(os.getpid()))
    client = connect(str(folder / "home" / "trodo.db"), agents=[str(folder / "agents")])
    assert isinstance(client, LocalClient)
    assert client.starter is not None
    client.starter.limits = limits
    try:
        yield client
    finally:
        client.close()
    assert set(below(os.getpid())) <= before, "a process is left"
    assert not list((folder / "home" / "runs").glob("*")), "a run is not settled"


STAGES: dict[str, Callable[..., Any]] = {"local": local_stage, "hosted": hosted_stage}
