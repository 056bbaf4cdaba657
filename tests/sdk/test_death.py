"""Programs that die: what they had recorded is kept, what was open is shown open, the run is lost."""

import os
import random
import signal
import subprocess
from collections.abc import Callable

import pytest

from tests.sdk.host import Host, eventually, next_line, rest, tell
from trodo_cli.model import ids
from trodo_cli.model.run import LOST_AFTER_NS

DOOMED = """
import os
import sys
import trodo

way, count = sys.argv[1], int(sys.argv[2])
with trodo.wrap_agent("doomed") as run:
    print("run", run.run_id, flush=True)
    with trodo.span("quiet") as quiet, trodo.span("open") as outer:
        outer.set_input({"still": "open"})
        print("open", quiet.span_id, flush=True)
        print("open", outer.span_id, flush=True)
        for number in range(10_000):
            with trodo.span(f"step{number}", kind="tool") as span:
                span.set_output({"number": number})
            print("ended", span.span_id, flush=True)
            if way and number == count:
                break
        if way == "_exit":
            os._exit(3)
        if way == "abort":
            os.abort()
        raise RuntimeError("out of luck")
"""

ROUNDS = 20


def _lost_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read as if nobody had given a sign of life for long enough."""
    later = ids.now_ns() + LOST_AFTER_NS + 10**9
    monkeypatch.setattr(ids, "now_ns", lambda: later)


def _told(lines: list[str]) -> tuple[str, list[str], list[str]]:
    """The run, the open spans and the ended spans that a program spoke of before it died."""
    said: dict[str, list[str]] = {"run": [], "open": [], "ended": []}
    for line in lines:
        word, _, name = line.partition(" ")
        said[word].append(name)
    (run_id,) = said["run"]
    return run_id, said["open"], said["ended"]


def _killed_by(signal_number: int) -> Callable[[Host, int], tuple[list[str], int]]:
    def die(host: Host, count: int) -> tuple[list[str], int]:
        process = host.start(DOOMED, "", "0")
        lines = [next_line(process) for _ in range(count + 4)]
        process.send_signal(signal_number)
        out, err = rest(process)
        assert err == ""
        return [*lines, *out.splitlines()], process.returncode

    return die


def _by_itself(way: str) -> Callable[[Host, int], tuple[list[str], int]]:
    def die(host: Host, count: int) -> tuple[list[str], int]:
        process = host.start(DOOMED, way, str(count))
        out, err = rest(process)
        assert err == ""
        return out.splitlines(), process.returncode

    return die


@pytest.mark.parametrize(
    ("die", "code", "rounds"),
    [
        (_killed_by(signal.SIGKILL), -signal.SIGKILL, ROUNDS),
        (_killed_by(signal.SIGTERM), -signal.SIGTERM, ROUNDS),
        (_by_itself("_exit"), 3, ROUNDS),
        (_by_itself("abort"), -signal.SIGABRT, 3),
    ],
    ids=["kill -9", "SIGTERM", "os._exit", "abort"],
)
def test_every_span_whose_end_returned_survives_the_death_of_its_program(
    host: Host,
    monkeypatch: pytest.MonkeyPatch,
    die: Callable[[Host, int], tuple[list[str], int]],
    code: int,
    rounds: int,
) -> None:
    chance = random.Random(1)
    deaths = []
    for _ in range(rounds):
        lines, returncode = die(host, chance.randrange(60))
        assert returncode == code
        deaths.append(_told(lines))
        if chance.random() < 0.5:
            assert host.drain().troubles == []
    assert host.drain().troubles == []
    assert host.segments() == []
    _lost_now(monkeypatch)
    assert len(host.runs()) == rounds
    for run_id, open_ids, ended_ids in deaths:
        quiet_id, open_id = open_ids
        with host.reading() as client:
            run = client.runs.get(run_id)
        spans = {span.id: span for span in host.spans(run_id)}
        assert (run.status, run.ended_ns) == ("lost", None)
        assert [(spans[i].status, spans[i].ended_ns) for i in open_ids] == [("running", None)] * 2
        assert spans[open_id].details.input == {"still": "open"}
        assert {span_id: spans[span_id].status for span_id in ended_ids} == dict.fromkeys(ended_ids, "ok")
        assert [spans[i].details.output for i in ended_ids] == [{"number": n} for n in range(len(ended_ids))]
        assert {span.parent_id for span in spans.values()} <= {None, quiet_id, open_id}
    assert host.drops() == {}


def test_an_uncaught_exception_ends_the_run_as_failed_and_ships_everything(host: Host) -> None:
    process = host.start(DOOMED, "raise", "10")
    out, err = rest(process)
    run_id, open_ids, ended_ids = _told(out.splitlines())
    assert process.returncode == 1
    assert err.rstrip().endswith("RuntimeError: out of luck")
    assert "trodo" not in err.replace(str(host.folder), "").replace("trodo.wrap_agent", "")
    run = host.run_of("doomed")
    spans = {span.id: span for span in host.spans(run_id)}
    assert (run.status, run.error, run.error_type) == ("failed", "out of luck", "RuntimeError")
    assert [(spans[i].status, spans[i].error) for i in open_ids] == [("error", "out of luck")] * 2
    assert [spans[span_id].status for span_id in ended_ids] == ["ok"] * 11
    assert host.segments() == []


def test_what_a_dead_program_left_is_shipped_by_the_next_one(host: Host) -> None:
    lines, _ = _by_itself("_exit")(host, 5)
    run_id, _, ended_ids = _told(lines)
    process = host.start(
        """
        import trodo
        with trodo.wrap_agent("next"):
            input()
        """
    )
    eventually(host.segments, lambda segments: len(segments) == 1)
    tell(process)
    rest(process)
    assert {span.id for span in host.spans(run_id)} >= set(ended_ids)


def test_draining_again_after_a_death_in_the_middle_of_shipping_changes_nothing(host: Host) -> None:
    lines, _ = _by_itself("_exit")(host, 20)
    run_id, _, ended_ids = _told(lines)
    (segment,) = host.segments()
    copy, cursor = segment.read_bytes(), segment.with_suffix(".cursor")
    assert host.drain().troubles == []
    before = host.spans(run_id)
    segment.write_bytes(copy)
    cursor.unlink(missing_ok=True)
    assert host.drain().troubles == []
    assert host.spans(run_id) == before
    assert len(before) == len(ended_ids) + 2


def test_a_run_that_was_never_shipped_before_its_program_died_is_lost(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = host.start(
        """
        import os, signal
        from trodo import *
        from trodo_cli.sdk import recorder
        recorder._open_sink = lambda target, given: 1 / 0
        with wrap_agent("unheard"):
            os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    rest(process)
    assert host.drain().troubles == []
    assert host.run_of("unheard").status == "lost"
    _lost_now(monkeypatch)
    assert host.run_of("unheard").status == "lost"


@pytest.mark.parametrize("years", [-10, 10])
def test_a_program_with_a_wrong_clock_is_lost_by_the_readers_clock(
    host: Host, monkeypatch: pytest.MonkeyPatch, years: int
) -> None:
    process = host.start(
        """
        import os, sys, time
        from trodo_cli.model import ids
        skew = int(sys.argv[1]) * 365 * 24 * 3600 * 10**9
        ids.now_ns = lambda: time.time_ns() + skew
        import trodo
        with trodo.wrap_agent("skewed"), trodo.span("s"):
            os._exit(0)
        """,
        str(years),
    )
    rest(process)
    host.drain()
    _lost_now(monkeypatch)
    assert host.run_of("skewed").status == "lost"


STOPPABLE = """
import trodo
from trodo_cli.sdk import ship
ship.HEARTBEAT_SECONDS = 0.2
with trodo.wrap_agent("stopped") as run:
    print(run.run_id, flush=True)
    input()
"""


def test_a_stopped_program_is_lost_and_comes_back_with_its_next_heartbeat(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = host.start(STOPPABLE)
    host.eventually_visible(next_line(process))
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
    last_beat = host.run_of("stopped").heartbeat_ns
    assert last_beat
    with monkeypatch.context() as patch:
        patch.setattr(ids, "now_ns", lambda: last_beat + LOST_AFTER_NS - 1)
        assert host.run_of("stopped").status == "running"
        patch.setattr(ids, "now_ns", lambda: last_beat + LOST_AFTER_NS + 1)
        assert host.run_of("stopped").status == "lost"
        process.send_signal(signal.SIGCONT)
        eventually(lambda: host.run_of("stopped").status, lambda status: status == "running")
    tell(process)
    assert rest(process) == ("", "")
    assert host.run_of("stopped").status == "completed"


def test_a_program_whose_main_thread_never_yields_is_alive(host: Host) -> None:
    process = host.start(
        """
        import threading, trodo
        from trodo_cli.sdk import ship
        ship.HEARTBEAT_SECONDS = 0.1
        done = threading.Event()
        threading.Thread(target=lambda: (input(), done.set()), daemon=True).start()
        with trodo.wrap_agent("busy") as run:
            print(run.run_id, flush=True)
            while not done.is_set():
                sum(range(1_000))
        """
    )
    host.eventually_visible(next_line(process))
    first = host.run_of("busy").heartbeat_ns or 0
    eventually(lambda: host.run_of("busy").heartbeat_ns or 0, lambda beat: beat > first + 10**9)
    tell(process)
    assert rest(process) == ("", "")


def test_no_process_is_left_behind(host: Host) -> None:
    host.run("import trodo\nwith trodo.wrap_agent('a'): pass")
    children = subprocess.run(
        ["ps", "--ppid", str(os.getpid()), "-o", "stat="], capture_output=True, text=True, check=False
    ).stdout.split()
    assert not [state for state in children if state.startswith("Z")]
