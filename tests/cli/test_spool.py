"""Events that are on disk and not yet at their target: seen, shipped, never lost."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest

from tests.cli.program import Cli, Running, refused

SPANS = 30

KILLED = f"""
    import os, signal, sys
    import trodo_cli as trodo

    run = trodo.wrap_agent("killed")
    run.__enter__()
    for number in range({SPANS}):
        with trodo.span(f"step-{{number}}"):
            pass
    trodo.span("open").__enter__()
    print(run.run_id, flush=True)
    sys.stdin.readline() if sys.argv[1:] else None
    os.kill(os.getpid(), signal.SIGKILL)
"""
"""Records, then dies as `kill -9` lets it die."""


@contextmanager
def held(database: Path) -> Iterator[None]:
    """Nobody else can write to the database meanwhile."""
    connection = apsw.Connection(str(database))
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.close()


def killed(cli: Cli, **environment: str) -> str:
    """A program died before it could ship anything; the id of its run."""
    cli.ok("runs", "list")  # so that there is a database to hold
    with held(cli.database):
        agent: Running = cli.agent(KILLED, **environment)
        id = agent.line()
        assert agent.end().code == -9
    return id


@pytest.mark.parametrize(
    "command",
    [
        ("runs", "list"), ("runs", "show", "latest"), ("trace", "show", "latest"), ("doctor",),
        ("spool", "drain"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_the_next_command_ships_what_a_killed_program_left(cli: Cli, command: tuple[str, ...]) -> None:
    id = killed(cli)
    assert list(cli.spool.glob("*.seg"))
    cli.ok(*command)
    assert list(cli.spool.glob("*")) == []
    spans = cli.ok("trace", "show", id, "--json", "name,status").json
    assert spans[1:] == [
        *({"name": f"step-{number}", "status": "ok"} for number in range(SPANS)),
        {"name": "open", "status": "running"},
    ]


def test_what_a_dead_program_left_is_no_sign_of_life(cli: Cli) -> None:
    id = killed(cli)
    assert cli.ok("runs", "show", id, "--json", "status").json == {"status": "lost"}


def test_tail_of_a_run_that_is_still_in_the_spool_tells_all_of_it(cli: Cli) -> None:
    id = killed(cli)
    done = cli.run("tail", id)
    assert done.code == 6
    assert len([line for line in done.lines if line.startswith("← ")]) == SPANS


def test_drain_says_how_many_events_it_shipped(cli: Cli) -> None:
    killed(cli)
    done = cli.ok("spool", "drain")
    assert (done.out, done.err) == ("", f"shipped {2 * SPANS + 2} events\n")
    assert cli.ok("spool", "drain").err == "shipped 0 events\n"


def test_status_tells_what_waits_whose_it_is_and_touches_nothing(cli: Cli) -> None:
    killed(cli)
    (segment,) = cli.spool.glob("*.seg")
    before = segment.read_bytes()
    (row,) = cli.ok("spool", "status", "--json").json
    assert row == {
        "segment": segment.name,
        "state": "left",
        "target": str(cli.database),
        "waiting_bytes": len(before),
        "bytes": len(before),
        "key": None,
    }
    assert cli.ok("spool", "status").rows == [[str(value or "") for value in row.values()]]
    assert segment.read_bytes() == before


def test_status_of_a_program_at_work_says_that_its_segment_is_in_use(cli: Cli) -> None:
    work = """
        import sys, time
        from pathlib import Path
        import trodo_cli as trodo
        with trodo.wrap_agent("worker"):
            print("recorded", flush=True)
            while not Path(sys.argv[1]).exists():
                time.sleep(0.01)
    """
    gate = cli.folder / "gate"
    agent = cli.agent(work, str(gate))
    agent.line()
    (row,) = cli.ok("spool", "status", "--json", "state").json
    gate.touch()
    assert row == {"state": "in use"}
    assert agent.end().code == 0
    assert cli.ok("spool", "status", "--json").json == []


def test_status_of_an_empty_spool_says_so(cli: Cli) -> None:
    done = cli.ok("spool", "status")
    assert done.out == ""
    assert done.err == f"the spool is empty ({cli.spool})\n"


def test_events_for_a_target_that_cannot_be_used_stay_and_every_command_goes_on(cli: Cli) -> None:
    cli.ok("runs", "list")
    agent = cli.agent(KILLED, TRODO_TARGET="/proc/nowhere/trodo.db")
    agent.line()
    agent.end()
    (segment,) = cli.spool.glob("*.seg")
    before = segment.read_bytes()
    assert "shipped" not in cli.ok("runs", "list").err, "it is for another target than the one asked"
    asked = cli.run("runs", "list", "--target", "/proc/nowhere/trodo.db")
    assert "could not be shipped" in asked.err
    assert "trodo spool status" in asked.err
    drained = cli.run("spool", "drain")
    assert drained.code == 5
    assert "/proc/nowhere" in drained.err
    assert segment.read_bytes() == before


def test_doctor_tells_of_what_waits(cli: Cli) -> None:
    agent = cli.agent(KILLED, TRODO_TARGET="/proc/nowhere/trodo.db")
    agent.line()
    agent.end()
    findings = {row["name"]: row["finding"] for row in json.loads(cli.run("doctor", "--json").out)}
    assert "1 segments" in findings["spool"]


def test_a_torn_segment_gives_what_is_whole(cli: Cli) -> None:
    id = killed(cli)
    (segment,) = cli.spool.glob("*.seg")
    segment.write_bytes(segment.read_bytes()[:-7])
    cli.ok("spool", "drain")
    names = [row["name"] for row in cli.ok("trace", "show", id, "--json", "name").json]
    assert names[1:] == [f"step-{number}" for number in range(SPANS)]


def test_a_file_in_the_spool_that_is_no_segment_of_ours_stops_nothing(cli: Cli) -> None:
    id = killed(cli)
    junk = cli.spool / "0000-junk.seg"
    junk.write_bytes(b"not a segment at all")
    cli.ok("spool", "status")
    cli.ok("runs", "list")
    assert cli.ok("runs", "show", id, "--json", "spans").json == {"spans": SPANS + 1}
    kept = [path.read_bytes() for path in cli.spool.iterdir()]
    assert kept == [b"not a segment at all"]


def test_a_segment_that_is_set_aside_is_told_of(cli: Cli) -> None:
    cli.spool.mkdir(parents=True)
    (cli.spool / "0000-junk.seg").write_bytes(b"not a segment at all")
    assert "0000-junk" in cli.run("spool", "drain").err


def test_status_with_an_unknown_field_lists_the_fields(cli: Cli) -> None:
    refused(cli.run("spool", "status", "--json", "nope"), 2, "nope", "waiting_bytes")
