"""Agents that turn against their guard: the runner ends them all the same, and nothing of them is left."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.program import eventually
from tests.runner.stage import Stage, local_stage
from trodo_cli.runner import process
from trodo_cli.runner.limits import Limits

AGAINST = """
import os, signal, threading, time
from pathlib import Path
import trodo

HERE = Path(__file__).parent.parent

def escaped() -> None:
    '''Out of the session, without an environment, and nobody's child.'''
    if os.fork():
        return
    os.setsid()
    if not os.fork():
        script = f'echo $$ > {HERE}/pid-stray; while :; do kill -STOP $0; sleep 0.01; done'
        os.execve("/bin/sh", ["/bin/sh", "-c", script, GUARD], {})
    os._exit(0)

GUARD = str(os.getppid())

def hold(times: int) -> None:
    for _ in range(times):
        os.kill(int(GUARD), signal.SIGSTOP)
        time.sleep(0.01)

@trodo.agent("holds")
def holds() -> str:
    hold(1)
    time.sleep(600)

@trodo.agent("holds-on")
def holds_on() -> str:
    escaped()
    hold(60_000)

@trodo.agent("leaves-a-holder")
def leaves_a_holder() -> str:
    escaped()
    while not (HERE / "pid-stray").exists():
        time.sleep(0.01)
    return "done"

@trodo.agent("kills")
def kills() -> None:
    if not os.fork():
        os.setsid()
        (HERE / "pid-stray").write_text(str(os.getpid()))
        time.sleep(600)
    while not (HERE / "pid-stray").exists():
        time.sleep(0.01)
    os.kill(int(GUARD), signal.SIGKILL)
    time.sleep(600)
"""


@pytest.fixture
def stage(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setattr(process, "GUARD_SECONDS", 1.0)
    with local_stage(home, Limits(seconds=3.0)) as stage:
        stage.write("against.py", AGAINST)
        yield stage


def stray_is_gone(stage: Stage) -> bool:
    pid = int((stage.folder / "pid-stray").read_text())
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


@pytest.mark.parametrize("agent", ["holds", "holds-on"])
def test_a_held_guard_does_not_lift_the_time_limit(stage: Stage, agent: str) -> None:
    run = stage.performed(agent)
    assert (run.status, run.error_type) == ("failed", "TimeLimit")
    assert agent == "holds" or stray_is_gone(stage)


def test_what_an_agent_has_left_behind_to_hold_its_guard_is_ended(stage: Stage) -> None:
    run = stage.performed("leaves-a-holder")
    assert (run.status, run.details.output) == ("completed", "done")
    assert stray_is_gone(stage)


def test_a_run_with_a_held_guard_is_ended_by_force(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "GUARD_SECONDS", 1.0)
    with local_stage(home) as stage:
        stage.write("against.py", AGAINST)
        run_id = stage.start("holds-on")
        eventually(lambda: (stage.folder / "pid-stray").exists())
        stage.client.runs.cancel(run_id, force=True)
        assert stage.ended(run_id).status == "cancelled"
        assert stray_is_gone(stage)


def test_closing_ends_a_run_with_a_held_guard(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "GUARD_SECONDS", 1.0)
    with local_stage(home) as stage:
        stage.write("against.py", AGAINST)
        stage.start("holds-on")
        eventually(lambda: (stage.folder / "pid-stray").exists())
    assert stray_is_gone(stage)


def test_a_run_that_kills_its_guard_ends_with_all_that_it_has_started(stage: Stage) -> None:
    run = stage.performed("kills")
    assert (run.status, run.error) == ("failed", "its process was killed by SIGKILL")
    assert stray_is_gone(stage)
