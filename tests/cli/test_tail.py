"""`trodo tail`: a run's events as they happen, read by one process while another one makes them."""

import json
import os
import random
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from tests.cli.made import SECOND, run, run_id, span
from tests.cli.program import DEADLINE_SECONDS, Cli, Done, Running, uncoloured
from trodo_cli.model import ids
from trodo_cli.model.event import CancelRequested
from trodo_cli.model.run import Cancel

HELD = """
    import sys, time
    from pathlib import Path
    import trodo_cli as trodo

    gate, give_up = Path(sys.argv[1]), time.monotonic() + 60
    with trodo.wrap_agent("holder") as run:
        print(run.run_id, flush=True)
        with trodo.span("before"):
            pass
        with trodo.span("held", kind="tool"):
            while not gate.exists() and time.monotonic() < give_up:
                time.sleep(0.01)
"""
"""Goes on inside a span until a file appears."""

STEPS = """
    import sys, time
    from pathlib import Path
    import trodo_cli as trodo

    folder, give_up = Path(sys.argv[1]), time.monotonic() + 60
    with trodo.wrap_agent("stepper") as run:
        print(run.run_id, flush=True)
        for step in range(int(sys.argv[2])):
            for number in range(20):
                with trodo.span(f"{step}-{number}"):
                    pass
            while not (folder / f"go-{step}").exists() and time.monotonic() < give_up:
                time.sleep(0.01)
"""
"""Makes 40 events, waits for a file, and so on."""


def resume_hint(done: Done) -> int:
    """The number in what a stopped tail proposes."""
    found = re.search(r"go on with: trodo tail \S+ --since (\d+)", done.err)
    assert found, f"no hint on stderr: {done}"
    return int(found[1])


def seqs(done: Done) -> list[int]:
    """The numbers of the events that a tail has written; its closing word has none."""
    return [event["seq"] for event in done.json_lines if event["type"] != "trace-done"]


def test_a_span_is_told_before_it_has_ended_in_the_other_process(cli: Cli, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    agent = cli.agent(HELD, str(gate))
    tail = cli.start("tail", agent.line())
    assert tail.line_with("held") == "→ held"
    gate.touch()  # only now can the span end
    assert tail.line().startswith("← held ")
    assert tail.line().startswith("■ completed")
    assert tail.end().code == 0


def test_events_are_told_in_order_one_a_line_each_once(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "gate").touch()
    id = cli.agent(HELD, str(tmp_path / "gate")).line()
    done = cli.start("tail", id).end()
    words = [re.sub(r" \S+s$", "", line) for line in done.lines]
    assert words == [f"▶ holder run {id[-8:]}", "→ before", "← before", "→ held", "← held", "■ completed"]
    assert "\x1b" not in done.out


def test_a_tail_that_is_stopped_and_started_again_tells_every_event_once(cli: Cli, tmp_path: Path) -> None:
    rounds = 4
    agent = cli.agent(STEPS, str(tmp_path), str(rounds))
    id = agent.line()
    told: list[int] = []
    for step in range(rounds):
        tail = cli.start("tail", id, "--json", "--since", str(len(told)))
        whole = 1 + 40 * (step + 1)
        while len(told) < whole:
            told.append(json.loads(tail.line())["seq"])
        tail.interrupt()
        stopped = tail.end()
        assert (stopped.code, resume_hint(stopped)) == (130, whole)
        assert seqs(stopped) == told[-len(seqs(stopped)) :]
        (tmp_path / f"go-{step}").touch()
    last = cli.run("tail", id, "--json", "--since", str(len(told)))
    assert last.code == 0
    assert told + seqs(last) == list(range(1, 40 * rounds + 3))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_tail_that_is_stopped_while_it_catches_up_leaves_neither_gap_nor_repeat(
    cli: Cli, seed: int
) -> None:
    count = 3_000
    cli.publish(run(1, "big", *(span(f"{n:016x}") for n in range(count)), status="completed"))
    chance, told, since = random.Random(seed), list[int](), 0
    for _ in range(3):
        tail = cli.start("tail", run_id(1), "--json", "--since", str(since))
        for _ in range(chance.randrange(1, 300)):
            tail.line()
        tail.interrupt()
        stopped = tail.end()
        assert stopped.code == 130
        told += seqs(stopped)
        since = resume_hint(stopped)
    told += seqs(cli.run("tail", run_id(1), "--json", "--since", str(since)))
    assert told == list(range(1, 2 * count + 3))


@pytest.mark.parametrize(
    ("status", "code"), [("completed", 0), ("failed", 6), ("cancelled", 7), ("running", 6)]
)
def test_the_exit_code_is_the_result_of_the_run(cli: Cli, status: str, code: int) -> None:
    cli.publish(run(1, "worker", span("work"), status=status))
    done = cli.run("tail", "latest")
    assert done.code == code
    assert ("is lost" in done.err) == (status == "running")


def test_a_lost_run_ends_the_tail_and_says_how_to_go_on(cli: Cli) -> None:
    cli.publish(run(1, "worker", span("work"), span("open", status="running"), status="running"))
    done = cli.run("tail", "latest", "--json")
    assert done.code == 6
    assert done.json_lines[-1]["run"]["status"] == "lost"
    assert f"trodo tail {run_id(1)} --since 4" in done.err


def test_the_exit_code_is_the_same_for_events_that_were_all_told_before(cli: Cli) -> None:
    cli.publish(run(1, status="failed"))
    done = cli.run("tail", "latest", "--since", "2", "--json")
    assert done.code == 6
    assert [event["type"] for event in done.json_lines] == ["trace-done"]


@pytest.mark.parametrize("reference", ["id", "dashed", "latest", "latest:holder"])
def test_tail_waits_for_a_run_that_has_not_begun(cli: Cli, tmp_path: Path, reference: str) -> None:
    id = "0192f0aa00007000800000000000beef"
    dashed = "0192f0aa-0000-7000-8000-00000000beef"
    tail = cli.start("tail", {"id": id, "dashed": dashed}.get(reference, reference))
    tail.told("waiting for")
    (tmp_path / "gate").touch()
    begin = f'''
        import trodo_cli as trodo
        trodo.start_run("holder", run_id="{id}")
        with trodo.join_run("{id}"), trodo.span("work"):
            pass
        trodo.end_run("{id}")
    '''
    assert cli.agent(begin).end() == Done(0, "", "")
    done = tail.end()
    assert (done.code, done.lines[0]) == (0, "▶ holder run 0000beef")
    assert done.lines[1] == "→ work"


def test_ctrl_c_while_waiting_leaves_with_130(cli: Cli) -> None:
    tail = cli.start("tail", "latest")
    tail.told("waiting for")
    tail.interrupt()
    assert tail.end().code == 130


def test_a_run_that_can_never_begin_is_not_waited_for(cli: Cli) -> None:
    for reference in ("abc", "@3"):
        assert cli.run("tail", reference).code == 3


@pytest.mark.parametrize("options", [(), ("--json",), ("--plain",)])
def test_a_reader_that_goes_away_ends_the_tail_without_a_word(cli: Cli, options: tuple[str, ...]) -> None:
    cli.publish(run(1, "big", *(span(f"{n:016x}") for n in range(3_000))))
    assert headed(cli, "tail", "latest", *options).err == ""


def test_a_reader_that_goes_away_is_no_error(cli: Cli) -> None:
    cli.publish(run(1, "big", *(span(f"{n:016x}") for n in range(3_000))))
    assert headed(cli, "tail", "latest").code == 0


def headed(cli: Cli, *arguments: str) -> Done:
    """The command with `| head -1`."""
    tail = subprocess.Popen(
        [sys.executable, "-m", "trodo_cli", *arguments],
        env=cli.environment,
        cwd=cli.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with tail:
        assert tail.stdout is not None
        assert tail.stderr is not None
        line = tail.stdout.readline()
        tail.stdout.close()
        err = tail.stderr.read()
        return Done(tail.wait(DEADLINE_SECONDS), line, err)


def test_a_follower_whose_reader_goes_away_ends_with_the_next_event(cli: Cli, tmp_path: Path) -> None:
    agent = cli.agent(STEPS, str(tmp_path), "2")
    reader, writer = os.pipe()
    tail = subprocess.Popen(
        [sys.executable, "-m", "trodo_cli", "tail", agent.line()],
        env=cli.environment,
        cwd=cli.folder,
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
    )
    with tail:
        os.close(writer)
        os.read(reader, 1)
        os.close(reader)
        (tmp_path / "go-0").touch()
        assert tail.communicate(timeout=DEADLINE_SECONDS)[1] == ""
    (tmp_path / "go-1").touch()
    assert agent.end().code == 0


def test_json_gives_one_object_a_line_closed_by_the_result(cli: Cli) -> None:
    cli.publish(run(1, "worker", span("work")))
    events = cli.ok("tail", "latest", "--json").json_lines
    assert [event["type"] for event in events] == [
        "run-start", "span-start", "span-end", "run-end", "trace-done",
    ]  # fmt: skip
    assert events[-1]["run"]["status"] == "completed"
    assert events[2]["span"]["name"] == "work"


def test_json_with_names_gives_those_parts_of_each_event(cli: Cli) -> None:
    cli.publish(run(1))
    done = cli.ok("tail", "latest", "--json", "type,seq")
    assert done.json_lines == [
        {"type": "run-start", "seq": 1}, {"type": "run-end", "seq": 2}, {"type": "trace-done"},
    ]  # fmt: skip


def test_lines_on_a_terminal_are_coloured_and_plain_ones_are_not(cli: Cli) -> None:
    cli.publish(run(1, "worker", span("work", status="error", error="broke"), status="failed"))
    code, sent = cli.terminal("tail", "latest", "--since", "0").end()
    plain_code, plain = cli.terminal("tail", "latest", "--plain").end()
    assert (code, plain_code) == (6, 6)
    assert b"\x1b[31m" in sent
    assert b"\x1b" not in plain
    assert uncoloured(sent) == plain.decode()
    assert "error: broke\r\n" in plain.decode()


def test_a_request_to_stop_is_told_with_who_and_why_and_that_it_was_heard(cli: Cli, tmp_path: Path) -> None:
    agent = cli.agent(HELD, str(tmp_path / "gate"))
    tail = cli.start("tail", agent.line())
    tail.line_with("→ held")
    cli.ok("runs", "cancel", "latest", "--reason", "enough")
    tail.line_with("✋ cancel acknowledged")
    (tmp_path / "gate").touch()
    done = tail.end()
    assert done.code == 7
    assert "✋ cancel requested by tester: enough" in done.lines


def test_a_request_that_was_heard_long_ago_is_told_with_who_and_why_too(cli: Cli) -> None:
    asked = Cancel(requested_ns=ids.now_ns(), by="tester", reason="enough", delivered_ns=ids.now_ns())
    cli.publish([*run(1, status="running"), CancelRequested(run_id=run_id(1), cancel=asked)])
    cli.publish([event for event in run(1, status="cancelled") if event.type == "run-end"])
    done = cli.run("tail", "latest")
    assert done.code == 7
    assert "requested by tester: enough" in done.out


def test_a_run_that_comes_back_can_be_followed_again_where_it_was_left(cli: Cli) -> None:
    cli.publish(run(1, "worker", span("one"), status="running"))
    first = cli.run("tail", "latest", "--json")
    cli.publish([event for event in run(1, "worker", span("one"), span("two")) if event.type != "run-start"])
    second = cli.run("tail", "latest", "--json", "--since", str(seqs(first)[-1]))
    assert (first.code, second.code) == (6, 0)
    assert all(after == before + 1 for before, after in pairwise(seqs(first) + seqs(second)))


def test_two_followers_of_one_run_are_told_the_same(cli: Cli, tmp_path: Path) -> None:
    agent = cli.agent(STEPS, str(tmp_path), "2")
    id = agent.line()
    tails: list[Running] = [cli.start("tail", id, "--json") for _ in range(2)]
    for step in range(2):
        tails[step].line_with(f'"{step}-19"')
        (tmp_path / f"go-{step}").touch()
    one, other = (tail.end() for tail in tails)
    assert seqs(one) == seqs(other) == list(range(1, 83))


def test_seconds_are_not_what_since_takes(cli: Cli) -> None:
    cli.publish(run(1, ago_ns=SECOND))
    done = cli.run("tail", "latest", "--since", "2h")
    assert done.code == 2
    assert "number of the last event" in done.err
