"""Whoever of a run is killed: nothing outlives it, and every run gets its one end."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.program import Cli, eventually
from tests.runner.program import Machine, kill


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    cli = Cli(tmp_path)
    yield Machine(cli)
    cli.close()


def ends(machine: Machine) -> set[tuple[str, str, str | None]]:
    """Agent, status and error of every run."""
    return {(run.agent, run.status, run.error) for run in machine.runs()}


KILLED = "its process was killed by SIGKILL"


@pytest.mark.parametrize("who", ["agent", "guard"])
def test_a_killed_process_ends_its_run_and_those_it_has_begun(machine: Machine, who: str) -> None:
    program, run_id = machine.begin("pids")
    machine.reached("pids")
    pids = machine.pids()
    kill(machine.pid(who))
    done = program.end()
    assert (done.code, done.lines) == (6, [run_id])
    assert f"{run_id} failed: {KILLED}" in done.err
    machine.gone(*pids)
    assert ends(machine) == {("pids", "failed", KILLED), ("inner", "failed", KILLED)}
    assert machine.settled()


def test_what_a_killed_program_has_started_ends_with_it_and_the_next_one_settles_it(machine: Machine) -> None:
    program, run_id = machine.begin("pids")
    machine.reached("pids")
    pids = machine.pids()
    program.process.kill()
    program.end()
    machine.gone(*pids)
    assert {run.status for run in machine.runs()} <= {"pending", "running", "lost"}
    machine.open("editor")
    assert machine.cli.run("runs", "start", "--agents", "agents", "editor", "--input", '"draft"').code == 0
    error = "what ran it has ended"
    assert ends(machine) == {
        ("pids", "failed", error), ("inner", "failed", error), ("editor", "completed", None),
    }  # fmt: skip
    with machine.cli.reading() as client:
        assert client.runs.get(run_id).error_type == "RunnerEnded"
    assert machine.settled()


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_the_end_of_its_terminal_is_a_request_to_stop(machine: Machine, number: int) -> None:
    program, run_id = machine.begin("editor", "--input", '"draft"')
    machine.reached("editor")
    program.process.send_signal(number)
    program.told("asked the run to stop")
    eventually(lambda: (cancel := machine.run(run_id).cancel) and cancel.delivered_ns)
    machine.open("editor")
    assert program.end().code == 7
    assert ends(machine) == {("editor", "cancelled", "cancelled by tester: ctrl-c")}
    assert machine.settled()


def test_a_terminal_that_is_gone_leaves_no_run_behind(machine: Machine) -> None:
    terminal = machine.cli.terminal("runs", "start", "--agents", "agents", "pids")
    machine.reached("pids")
    terminal.child.ptyproc.fileobj.close()
    machine.gone(*machine.pids())
    eventually(machine.settled)
    assert {run.status for run in machine.runs()} == {"cancelled"}


@pytest.mark.parametrize(
    ("command", "code"),
    [(("runs", "list"), 0), (("runs", "cancel", "latest", "--wait"), 0), (("tail", "latest"), 6)],
)
def test_any_command_settles_what_a_killed_program_has_left(
    machine: Machine, command: tuple[str, ...], code: int
) -> None:
    program, _ = machine.begin("pids")
    machine.reached("pids")
    pids = machine.pids()
    machine.cli.ok("runs", "list")
    assert not machine.settled(), "a run at work was taken for one that is left"
    program.process.kill()
    program.end()
    machine.gone(*pids)
    assert machine.cli.run(*command).code == code
    assert machine.settled()
    error = "what ran it has ended"
    assert ends(machine) == {("pids", "failed", error), ("inner", "failed", error)}


def test_whoever_follows_a_run_settles_it_when_its_program_is_killed(machine: Machine) -> None:
    program, run_id = machine.begin("pids")
    machine.reached("pids")
    tail = machine.cli.start("tail", run_id)
    tail.line()
    program.process.kill()
    program.end()
    done = tail.end()
    assert (done.code, done.lines[-1].startswith("■ failed")) == (6, True)
    assert machine.settled()


def test_a_server_that_is_started_again_settles_what_the_killed_one_left(machine: Machine) -> None:
    server, url = machine.serve("--max-runs", "1")
    for agent in ("pids", "editor"):
        machine.cli.ok("--target", url, "runs", "start", agent, "--detach", "--input", '"pids"')
    machine.reached("pids")
    pids = machine.pids()
    server.process.kill()
    server.end()
    machine.gone(*pids)
    again, _ = machine.serve()
    eventually(machine.settled)
    error = "what ran it has ended"
    assert ends(machine) == {
        ("pids", "failed", error),
        ("inner", "failed", error),
        ("editor", "failed", error),
    }
    again.process.terminate()
    assert again.end().code == 0


def test_a_server_that_is_stopped_cancels_what_it_has_started(machine: Machine) -> None:
    server, url = machine.serve()
    machine.cli.ok("--target", url, "runs", "start", "pids", "--detach")
    machine.reached("pids")
    server.process.terminate()
    done = server.end()
    assert (done.code, "Traceback" in done.err) == (0, False)
    machine.gone(*machine.pids())
    error = "cancelled by trodo: what ran it was stopped"
    assert ends(machine) == {("pids", "cancelled", error), ("inner", "cancelled", error)}
    assert machine.settled()
