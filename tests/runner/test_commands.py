"""`trodo agents` and `trodo runs start`, as a person uses them."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.program import Cli, eventually, refused
from tests.runner.program import Machine
from tests.runner.stage import GATES


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    cli = Cli(tmp_path)
    machine = Machine(cli)
    machine.open(*GATES)
    yield machine
    cli.close()


def test_the_projects_file_names_agents(machine: Machine) -> None:
    cli = machine.cli
    (machine.folder / "jobs.py").write_text("def triple(number: int) -> int:\n    return 3 * number\n")
    (machine.folder / "trodo.toml").write_text('agents = ["./agents", "jobs:triple"]\n')
    rows = {row[0]: row for row in cli.ok("agents", "list").rows}
    assert rows["editor"] == ["editor", "function", "./agents/article.py", "Makes it shorter."]
    assert rows["triple"] == ["triple", "function", "jobs:triple", ""]
    shown = cli.ok("agents", "show", "triple", "--json").json
    assert (shown["input"], shown["output"]) == ({"type": "integer"}, {"type": "integer"})
    done = cli.ok("runs", "start", "triple", "--input", "14", "--json")
    assert (done.json["status"], done.json["output"]) == ("completed", 42)


def test_sources_that_cannot_be_used_are_told_and_fail_the_list_only_when_there_is_nothing_else(
    machine: Machine,
) -> None:
    (machine.folder / "bad").mkdir()
    (machine.folder / "bad" / "leaves.py").write_text("import os; os._exit(3)")
    for shape in ((), ("--json",)):
        done = machine.cli.run("agents", "list", "--agents", "bad", *shape)
        assert done.code == 1
        assert "trodo: bad/leaves.py: cannot be imported: its process ended with code 3" in done.err
    beside = machine.cli.run("agents", "list", "--agents", "bad", "--agents", "agents")
    assert (beside.code, "bad/leaves.py" in beside.err, "editor" in beside.out) == (0, True, True)


def test_a_run_is_started_waited_for_and_told(machine: Machine) -> None:
    cli, where = machine.cli, ("--agents", "agents")
    done = cli.ok("runs", "start", "article-pipeline", *where, "--input", '"AI"')
    (run_id,) = done.lines
    assert cli.ok("runs", "show", run_id, "--json", "status,input").json == {
        "status": "completed",
        "input": "AI",
    }
    (machine.folder / "draft.json").write_text('"draft"')
    followed = cli.ok("runs", "start", "editor", *where, "--input", "@draft.json", "--follow")
    assert "← gpt-5.4-mini" in followed.out
    piped = cli.run("runs", "start", "editor", *where, "--input", "-", "--follow", "--json", input='"draft"')
    assert [event["type"] for event in piped.json_lines][-1] == "trace-done"
    assert piped.code == 0


STREAM = """
import time
import trodo
from collections.abc import Iterator
from gated import wait_for

@trodo.agent("streams")
def streams(last: str = "three") -> Iterator[str]:
    yield "one "
    time.sleep(0.6)
    yield "two\\n\x1b[2J"
    wait_for("stream")
    yield last

@trodo.agent("lists")
def lists() -> list[int]:
    return [1, 2]
"""


def test_what_a_stream_gives_is_told_as_it_comes_and_every_result_at_the_end(machine: Machine) -> None:
    cli = machine.cli
    (machine.folder / "agents" / "streaming.py").write_text(STREAM)
    following = cli.start("runs", "start", "streams", "--agents", "agents", "--follow")
    assert following.line_with("output ") == "output one two␊␛[2J"
    tailing = cli.start("tail", "latest")
    late = cli.start("tail", "latest", "--since", "2")
    assert tailing.line_with("output ") == "output one two␊␛[2J"
    machine.open("stream")
    for told in (following.end(), tailing.end()):
        assert (told.code, told.lines[-2]) == (0, "output three")
        assert told.lines[-1].startswith("■ completed")
    assert [line for line in late.end().lines if "output" in line][-1].endswith("three")
    done = cli.ok("runs", "start", "lists", "--agents", "agents", "--follow")
    assert done.lines[-2] == "output [1,2]"


def test_what_cannot_be_started_is_told_and_makes_no_run(machine: Machine) -> None:
    cli, where = machine.cli, ("--agents", "agents")
    refused(cli.run("runs", "start", "nobody", *where), 3, "no agent nobody", "there are ", "editor")
    refused(cli.run("runs", "start", "editr", *where), 3, "no agent editr", "did you mean editor?")
    refused(cli.run("runs", "start", "nobody"), 3, "no agent nobody", "--agents")
    refused(cli.run("runs", "start", "editor", *where, "--input", "draft"), 2, "--input is no JSON")
    refused(
        cli.run("runs", "start", "editor", *where, "--input", "3"), 2, "does not fit", "agents show editor"
    )
    refused(cli.run("runs", "start", "editor", *where, "--input", "@nowhere"), 1, "cannot read nowhere")
    refused(cli.run("runs", "start", "editor", "--agents", "nowhere"), 2, "no agents at nowhere")
    refused(cli.run("runs", "start", "editor", *where, "--follow", "--detach"), 2, "do not go together")
    refused(cli.run("runs", "start", "nobody", *where, "--detach"), 3, "no agent nobody")
    assert cli.ok("runs", "list").out == ""


def test_an_input_that_is_left_out_is_another_than_null(machine: Machine) -> None:
    (machine.folder / "agents" / "given.py").write_text(
        "import trodo\n@trodo.agent('given')\ndef given(x: str | None = 'dflt') -> str: return repr(x)"
    )
    start = ("runs", "start", "given", "--agents", "agents")
    assert machine.cli.ok(*start, "--json").json["output"] == "'dflt'"
    assert machine.cli.ok(*start, "--input", "null", "--json").json["output"] == "None"
    (run_id,) = machine.cli.ok(*start, "--detach").lines
    eventually(machine.settled)
    assert machine.run(run_id).details.output == "'dflt'"


def test_a_detached_run_goes_on_by_itself(machine: Machine) -> None:
    (machine.folder / "go-editor").unlink()
    (run_id,) = machine.cli.ok(
        "runs", "start", "editor", "--agents", "agents", "--input", '"d"', "--detach"
    ).lines
    machine.reached("editor")
    machine.open("editor")
    eventually(lambda: machine.run(run_id).status == "completed")
    eventually(machine.settled)


def test_a_run_is_held_to_the_limits_that_are_said(machine: Machine) -> None:
    (machine.folder / "go-editor").unlink()
    said = ("runs", "start", "editor", "--agents", "agents", "--input", '"draft"', "--max-time")
    done = machine.cli.run(*said, "1s", "--max-memory", "512")
    assert done.code == 6
    assert "ended after 1 s, the time limit" in done.err
    refused(machine.cli.run(*said, "soon"), 2, "--max-time 'soon' is no duration")
    refused(machine.cli.run(*said, "1s", "--target", "http://127.0.0.1:1"), 2, "limits of its own")


def test_ctrl_c_asks_the_run_to_stop_and_a_second_one_ends_it_by_force(machine: Machine) -> None:
    program, run_id = machine.begin("pids")
    machine.reached("pids")
    program.process.terminate()
    program.told("asked the run to stop")
    program.interrupt()
    done = program.end()
    assert done.code == 7
    run = machine.run(run_id)
    assert (run.status, run.error) == ("cancelled", "cancelled by tester: ctrl-c")
    machine.gone(*machine.pids())


def test_a_run_on_a_server_is_started_followed_and_ended_by_force(machine: Machine) -> None:
    server, url = machine.serve()
    there = ("--target", url)
    assert "article-pipeline" in machine.cli.ok(*there, "agents", "list").out
    done = machine.cli.ok(*there, "runs", "start", "article-pipeline", "--input", '"AI"')
    assert machine.cli.ok(*there, "runs", "show", *done.lines, "--json", "status").json == {
        "status": "completed"
    }
    (run_id,) = machine.cli.ok(*there, "runs", "start", "pids", "--detach").lines
    machine.reached("pids")
    cancelled = machine.cli.run(*there, "runs", "cancel", run_id, "--force", "--wait", "--json", "status")
    assert cancelled.json == {"status": "cancelled"}
    refused(machine.cli.run(*there, "runs", "start", "editor", "--input", "3"), 2, "does not fit")
    refused(
        machine.cli.run(*there, "runs", "start", "editor", "--agents", "agents"), 2, "its own agents only"
    )
    server.process.terminate()
    assert server.end().code == 0


def test_a_server_never_looks_for_agents_by_itself(machine: Machine) -> None:
    (machine.folder / "trodo.toml").write_text('agents = "./agents"\n')
    for named, found in (((), []), (("--agents", "trodo.toml"), ["article-pipeline"])):
        server = machine.cli.start("serve", "--port", "0", *named)
        url = server.line()
        listed = json.loads(machine.cli.ok("--target", url, "agents", "list", "--json", "id").out)
        assert [agent["id"] for agent in listed if agent["id"] == "article-pipeline"] == found
        server.process.terminate()
        server.end()
