"""Agents that are broken, greedy or deaf: their own run fails in words, and nobody else notices."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.program import eventually
from tests.runner.stage import Stage, hosted_stage
from trodo_cli.errors import InvalidInput, NotFound
from trodo_cli.runner.limits import Limits

BAD = """
import os, re, signal, sys, time
from collections.abc import Iterator
import trodo

@trodo.agent("fine")
def fine() -> str:
    return "fine"

@trodo.agent("raises")
def raises() -> None:
    print("so far so good")
    raise RuntimeError("out of \\x1b[31mink")

@trodo.agent("not-json")
def not_json():
    return object()

@trodo.agent("lies")
def lies() -> int:
    return "three"

@trodo.agent("leaves")
def leaves(code: int) -> None:
    os._exit(code)

@trodo.agent("dies")
def dies() -> None:
    print("about to die", file=sys.stderr, flush=True)
    os.kill(os.getpid(), signal.SIGSEGV)

@trodo.agent("exits")
def exits() -> None:
    sys.exit(3)

@trodo.agent("hungry")
def hungry() -> int:
    return len(bytearray(8 * 1024**3))

@trodo.agent("loud")
def loud(blocks: int) -> str:
    block = b"x" * 1_000_000
    for _ in range(blocks):
        sys.stdout.buffer.write(block)
    sys.stderr.write("the end")
    return "said it all"

@trodo.agent("deaf")
def deaf() -> None:
    with trodo.span("busy"):
        while True:
            try:
                time.sleep(0.01)
            except BaseException:
                pass

@trodo.agent("grips")
def grips() -> None:
    trodo.flush()
    re.match("(a+)+$", "a" * 64 + "b")

@trodo.agent("bomb")
def bomb() -> None:
    while True:
        try:
            os.fork()
        except OSError:
            pass

@trodo.agent("daemon")
def daemon(path: str) -> str:
    if not os.fork():
        os.setsid()
        if not os.fork():
            with open(path, "w") as file:
                file.write(str(os.getpid()))
            time.sleep(600)
        os._exit(0)
    while not os.path.exists(path) or not open(path).read():
        time.sleep(0.01)
    return open(path).read()
"""

LATE = """
import os, trodo

@trodo.agent("late")
def late() -> None: ...

if os.environ["TRODO_TARGET"].startswith("run://"):
    raise OSError("no disk")
"""

LIMITS = Limits(seconds=30, grace_seconds=0.3, memory_bytes=2 * 1024**3, processes=16)


@pytest.fixture
def stage(home: Path) -> Iterator[Stage]:
    with hosted_stage(home, LIMITS) as stage:
        stage.write("bad.py", BAD)
        yield stage


def test_what_goes_wrong_is_told_by_the_run(stage: Stage) -> None:
    ids = {
        agent: stage.start(agent, value)
        for agent, value in [
            ("raises", None), ("not-json", None), ("lies", None), ("leaves", 0), ("dies", None), ("exits", None),
            ("hungry", None),
        ]
    }  # fmt: skip
    told = {agent: stage.ended(run_id) for agent, run_id in ids.items()}
    assert {run.status for run in told.values()} == {"failed"}
    words = {agent: (run.error_type, run.error) for agent, run in told.items()}
    assert words["raises"] == ("RuntimeError", "out of \x1b[31mink")
    assert words["not-json"][0] == "InvalidInput"
    assert "not JSON-serialisable" in str(words["not-json"][1])
    assert "the output of lies does not fit: Expected `int`, got `str`" in str(words["lies"][1])
    assert words["leaves"] == ("ProcessEnded", "its process ended with code 0 before the run did")
    assert words["dies"] == ("ProcessEnded", "its process was killed by SIGSEGV: about to die")
    assert words["exits"][0] == "SystemExit"
    assert words["hungry"][0] == "MemoryError"
    printed = told["raises"].details.attributes
    assert printed["stdout"] == "so far so good\n"
    assert "bad.py" in printed["stderr"]
    assert "performance.py" not in printed["stderr"]


def test_a_lot_of_output_is_read_and_only_its_end_is_kept(stage: Stage) -> None:
    run = stage.performed("loud", 50)
    said = run.details.attributes
    assert (run.status, run.details.output) == ("completed", "said it all")
    assert (len(said["stdout"]), said["stdout_bytes"]) == (LIMITS.output_bytes, 50_000_000)
    assert (said["stderr"], "stderr_bytes" in said) == ("the end", False)


def test_an_agent_that_does_not_hear_a_cancel_is_ended_after_the_grace_time(stage: Stage) -> None:
    run_ids = [stage.start("deaf"), stage.start("grips")]
    eventually(lambda: all(stage.client.runs.get(run_id).status == "running" for run_id in run_ids))
    for run_id in run_ids:
        stage.client.runs.cancel(run_id, by="ada", reason="enough")
    for run_id in run_ids:
        run = stage.ended(run_id)
        assert (run.status, run.error) == ("cancelled", "cancelled by ada: enough")


def test_a_fork_bomb_is_held_and_the_server_and_other_runs_go_on(stage: Stage) -> None:
    bomb = stage.start("bomb")
    assert stage.performed("fine").details.output == "fine"
    run = stage.ended(bomb)
    assert (run.status, run.error) == ("failed", "ended with more than 16 processes")
    assert run.error_type == "ProcessLimit"


def test_nothing_that_an_agent_leaves_behind_outlives_its_run(stage: Stage, tmp_path: Path) -> None:
    run = stage.performed("daemon", str(tmp_path / "pid"))
    assert run.status == "completed"
    eventually(lambda: not Path(f"/proc/{run.details.output}").exists())


def test_a_file_that_cannot_be_imported_is_named_and_the_others_are_there(stage: Stage) -> None:
    stage.write("a_broken.py", "import no_such_module")
    stage.write("b_leaves.py", "raise SystemExit(1)")
    stage.write("c_twice.py", "import trodo\n@trodo.agent('fine')\ndef other(): ...")
    stage.write("d_hints.py", "import trodo\n@trodo.agent('odd')\ndef odd(a: 'Nothing'): ...")
    assert stage.performed("fine").status == "completed"
    broken = {found.source.rpartition("/")[2]: found.error for found in stage.local.agents.broken()}
    assert (
        broken["a_broken.py"] == "cannot be imported: ModuleNotFoundError: No module named 'no_such_module'"
    )
    assert broken["b_leaves.py"] == "cannot be imported: SystemExit: 1"
    assert "the agent fine is in" in broken["c_twice.py"]
    assert broken["d_hints.py"].startswith("odd: its type hints cannot be read")
    with pytest.raises(NotFound):
        stage.client.runs.start(agent_id="odd", input={"a": 1})


def test_an_agent_that_breaks_between_its_listing_and_its_start_makes_a_run_that_failed(stage: Stage) -> None:
    stage.write("late.py", "import trodo\n@trodo.agent('late')\ndef late(): ...")
    assert stage.client.agents.get("late")
    run_id = stage.start("late")
    assert stage.ended(run_id).status == "completed"
    stage.write("late.py", LATE)
    run = stage.performed("late")
    assert (run.status, run.error) == ("failed", "cannot be imported: OSError: no disk")


def test_a_bad_input_is_refused_before_there_is_a_run(stage: Stage) -> None:
    with pytest.raises(InvalidInput, match="the input of loud does not fit"):
        stage.client.runs.start(agent_id="loud", input="many")
    with pytest.raises(InvalidInput, match="not JSON-serialisable"):
        stage.local.runs.start(agent_id="fine", input=object())
    with pytest.raises(InvalidInput, match="more than"):
        stage.client.runs.start(agent_id="fine", input="x" * 2_000_000)
    assert stage.every_run() == []
