"""A service in Node with OpenTelemetry's own packages joins a run of ours, by the `traceparent` header alone."""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.program import DEADLINE_SECONDS, eventually
from tests.server.served import Program, program

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (shutil.which("node") and shutil.which("npm")), reason="there is no node or npm"),
]

SERVICE = Path(__file__).with_name("service.cjs")
PACKAGES = (
    "@opentelemetry/api@1",
    "@opentelemetry/sdk-trace-node@2",
    "@opentelemetry/exporter-trace-otlp-http@0",
)
INSTALL_SECONDS = 180.0

CALLER = """
    import sys, urllib.request
    import trodo_cli as trodo

    with trodo.wrap_agent("caller") as run:
        with trodo.span("ask", kind="tool"):
            headers = {"traceparent": trodo.propagation_headers()["traceparent"]}
            where = f"http://127.0.0.1:{sys.argv[1]}/work"
            urllib.request.urlopen(urllib.request.Request(where, b"{}", headers)).read()
    trodo.flush()
    print(run.run_id)
"""


@pytest.fixture(scope="session")
def node_modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages, installed by the first process of the tests that asks."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "node"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            install = ["npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund", *PACKAGES]
            subprocess.run(install, check=True, capture_output=True, timeout=INSTALL_SECONDS)
            (folder / "complete").touch()
    return folder / "node_modules"


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Program]:
    with program(tmp_path) as serving:
        yield serving


def test_a_service_in_node_stands_below_the_span_that_called_it(
    serving: Program, node_modules: Path, tmp_path: Path
) -> None:
    command = ["node", str(SERVICE), serving.url, serving.key]
    environment = {"PATH": os.environ["PATH"], "NODE_PATH": str(node_modules)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as node:
        try:
            assert node.stdout is not None
            port = node.stdout.readline().strip()
            caller = serving.cli.agent(CALLER, port, TRODO_TARGET=serving.url, TRODO_API_KEY=serving.key)
            done = caller.end()
            assert done.code == 0, done
            assert node.stdout.readline() == "sent\n"
            assert node.wait(DEADLINE_SECONDS) == 0
        finally:
            node.kill()
    rows = serving.ask("GET", "/runs").json["rows"]
    assert [(row["id"].replace("-", ""), row["agentId"]) for row in rows] == [(done.lines[0], "caller")]

    def both() -> bool:
        return len(serving.cli.ok("trace", "show", "latest", "--json").json["spans"]) == 4

    eventually(both)
    told = serving.cli.ok("trace", "show", "latest", "--json").json
    spans = {span["name"]: span for span in told["spans"][1:]}
    assert (told["summary"]["status"], told["summary"]["errors"]) == ("completed", 1)
    assert spans["POST /work"]["parent_id"] == spans["ask"]["id"]
    assert spans["chat m"]["parent_id"] == spans["POST /work"]["id"]
    call = spans["chat m"]
    assert (call["kind"], call["model"], call["input_tokens"], call["error"]) == (
        "model",
        "m",
        7,
        "no answer",
    )
    assert call["origin"]["scope"] == {"name": "node-service", "version": "1.0"}
