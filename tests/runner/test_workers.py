"""Agents behind a server of several workers: each has a runner of its own, and no run is anybody's twice."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.program import Cli, Running, eventually
from tests.runner.program import Machine, kill
from tests.runner.test_death import ends
from tests.workers import only, workers_of

SIGNALS = """
import signal
import trodo

@trodo.agent("signals")
def signals() -> bool:
    return signal.getsignal(signal.SIGINT) is signal.default_int_handler
"""


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    cli = Cli(tmp_path)
    yield Machine(cli)
    cli.close()


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def detached(machine: Machine, url: str, agent: str, value: str) -> str:
    started = machine.cli.ok("--target", url, "runs", "start", agent, "--detach", "--input", value)
    return started.out.strip()


def test_a_killed_worker_takes_its_runs_with_it_and_who_replaces_it_settles_them(machine: Machine) -> None:
    server, url = machine.serve("--workers", "2")
    detached(machine, url, "pids", '"pids"')
    machine.reached("pids")
    pids = machine.pids()
    worker = parent_of(machine.pid("guard"))
    assert parent_of(worker) == server.process.pid
    kill(worker)
    machine.gone(*pids)
    eventually(machine.settled)
    error = "what ran it has ended"
    assert ends(machine) == {("pids", "failed", error), ("inner", "failed", error)}
    stopped(server)


def test_every_worker_starts_runs_and_any_of_them_takes_the_request_to_stop_one(machine: Machine) -> None:
    server, url = machine.serve("--workers", "2", "--max-runs", "2")
    run_ids = []
    for worker in workers_of(server.process.pid):
        with only(worker, server.process.pid):
            run_ids += [detached(machine, url, "editor", '"draft"') for _ in range(3)]
    machine.reached("editor")
    for run_id in run_ids:
        machine.cli.ok("--target", url, "runs", "cancel", run_id, "--force", "--wait")
    eventually(machine.settled)
    assert sorted(run.id for run in machine.runs()) == sorted(run_ids), "each began once"
    assert {run.status for run in machine.runs()} == {"cancelled"}
    stopped(server)


def test_a_server_that_is_stopped_cancels_the_runs_of_all_its_workers(machine: Machine) -> None:
    server, url = machine.serve("--workers", "2")
    for worker in workers_of(server.process.pid):
        with only(worker, server.process.pid):
            detached(machine, url, "editor", '"draft"')
    machine.reached("editor")
    stopped(server)
    assert {run.status for run in machine.runs()} == {"cancelled"}
    assert machine.settled()


def test_an_agent_hears_ctrl_c_as_any_program_does(machine: Machine) -> None:
    (machine.folder / "agents" / "signals.py").write_text(SIGNALS)
    server, url = machine.serve("--workers", "2")
    done = machine.cli.ok("--target", url, "runs", "start", "signals", "--json", "output")
    assert done.json == {"output": True}
    unknown = machine.cli.run("--target", url, "runs", "start", "signal")
    assert (unknown.code, "did you mean signals?" in unknown.err) == (3, True)
    stopped(server)


def stopped(server: Running) -> None:
    os.kill(server.process.pid, signal.SIGTERM)
    done = server.end()
    assert (done.code, "Traceback" in done.err) == (0, False)
