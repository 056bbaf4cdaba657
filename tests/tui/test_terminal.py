"""The explorer in a real terminal: however it ends, the terminal is left as it was found."""

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from tests.cli.made import run, run_id, span
from tests.cli.program import DEADLINE_SECONDS, Cli, uncoloured
from tests.tui.seat import Seat, seated

STORY = run(1, "worker", span("work", status="error", error="broke"), status="failed")
VERDICT = "✗ failed  worker"


@pytest.fixture
def cli(tmp_path: Path) -> Iterator[Cli]:
    cli = Cli(tmp_path)
    cli.publish(STORY)
    yield cli
    cli.close()


def pressing(*keys: str) -> Callable[[Seat], None]:
    return lambda seat: seat.press(*keys)


def killing(number: signal.Signals) -> Callable[[Seat], None]:
    return lambda seat: os.kill(seat.child.pid, number)


WAYS: dict[str, tuple[Callable[[Seat], None], int]] = {
    "q": (pressing("q"), 6),
    "ctrl+q": (pressing("ctrl+q"), 6),
    "ctrl+c": (pressing("ctrl+c"), 130),
    "ctrl+c in a field": (pressing("/", "ctrl+c"), 130),
    "SIGINT": (killing(signal.SIGINT), 130),
    "SIGTERM": (killing(signal.SIGTERM), 143),
    "SIGHUP": (killing(signal.SIGHUP), 129),
}


@pytest.mark.parametrize("answers", [False, True], ids=["plain terminal", "modern terminal"])
@pytest.mark.parametrize("way", WAYS)
def test_leaving_gives_the_terminal_back_with_the_verdict_and_an_exit_code(
    cli: Cli, way: str, answers: bool
) -> None:
    leave, wanted = WAYS[way]
    with seated(cli, "tail", run_id(1), answers=answers) as seat:
        seat.shows("ended", "broke")
        seat.until(lambda: not answers or b"\x1b[?1016h" in seat.sent, "pixels of the mouse")
        leave(seat)
        assert seat.end() == wanted
        seat.check_given_back()
        assert (b"\x1b[?2048h" in seat.sent) == answers
        assert VERDICT in uncoloured(seat.left.partition(b"\x1b[?1004l")[2])


def test_ctrl_c_out_of_the_question_leaves_only_the_question(cli: Cli) -> None:
    cli.publish(run(2, "busy", span("work", status="running"), status="running"), alive=True)
    with seated(cli, "tail", run_id(2)) as seat:
        seat.shows("live")
        seat.press("c")
        seat.shows("Ask to stop")
        seat.press("ctrl+c")
        seat.no_longer_shows("Ask to stop")
        seat.press("q")
        assert seat.end() == 0
        seat.check_given_back()
    with cli.reading() as client:
        assert client.runs.get(run_id(2)).cancel is None


def test_the_pointer_is_the_usual_one_again(cli: Cli) -> None:
    with seated(cli, "tail", run_id(1)) as seat:
        seat.shows("ended")
        seat.press("\x1b[<35;3;30M")  # the mouse over the footer
        seat.until(lambda: b"\x1b]22;pointer\x07" in seat.sent, "another pointer")
        seat.press("q")
        seat.end()
        seat.check_given_back()


BROKEN = """
    import sys
    from trodo_cli import __main__
    from trodo_cli.tui import feed
    from trodo_cli.tui.widgets import detail, runs, verdict

    def broken(*_, **__):
        password = "in-a-local"
        raise KeyError("in-the-message " + password)

    where, name = sys.argv.pop(1).split(":")
    setattr(eval(where), name, broken)
    __main__.main()
"""

PLACES = {
    "a line": ("runs:run_line", ()),
    "a thread": ("feed.RunsFeed:hear", ()),
    "a worker": ("detail.Detail:_fetch", ("tail", run_id(1))),
    "the head": ("verdict.Verdict:_lines", ("tail", run_id(1))),
    "the beginning": ("runs.Runs:__init__", ()),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_crash_gives_the_terminal_back_and_tells_where_but_no_value(cli: Cli, place: str) -> None:
    where, arguments = PLACES[place]
    script = cli.folder / "broken.py"
    script.write_text(dedent(BROKEN))
    child = cli.terminal_python(str(script), where, *arguments, columns=120).child
    seat = Seat(child)
    assert seat.end() == 1
    seat.check_given_back()
    sent = bytes(seat.sent)
    assert b"trodo: the explorer crashed: KeyError" in seat.left
    assert b"broken.py:9 in broken" in seat.left
    assert b"in-a-local" not in sent
    assert b"in-the-message" not in sent
    assert b"Traceback" not in sent
    assert b"textual" not in seat.left


def test_a_window_that_is_closed_ends_the_explorer(cli: Cli) -> None:
    with seated(cli, "tail", run_id(1)) as seat:
        seat.shows("ended")
        assert seat.close_window() in (1, 129)


def test_a_terminal_that_goes_away_without_a_word_ends_it_too(cli: Cli) -> None:
    """A terminal that does not control the program sends it no signal."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "trodo_cli", "tail", run_id(1)],
        env=cli.environment, cwd=cli.folder, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
    )  # fmt: skip
    os.close(slave)
    sent = b""
    while b"broke" not in sent:
        sent += os.read(master, 65536)
    os.close(master)
    try:
        assert process.wait(DEADLINE_SECONDS) != 0
    finally:
        process.kill()
        process.wait()


def test_suspended_it_gives_the_terminal_back_and_fg_paints_it_again(cli: Cli) -> None:
    """A shell of one job: it starts the program, and when that stops lets it go on."""
    shell = """
        import os, signal, subprocess, sys, termios
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        job = subprocess.Popen([sys.executable, "-m", "trodo_cli", *sys.argv[1:]], process_group=0)
        os.tcsetpgrp(0, job.pid)
        _, status = os.waitpid(job.pid, os.WUNTRACED)
        os.tcsetpgrp(0, os.getpgrp())
        print("stopped", os.WIFSTOPPED(status), flush=True)
        input()
        os.tcsetpgrp(0, job.pid)
        os.kill(job.pid, signal.SIGCONT)
        _, status = os.waitpid(job.pid, 0)
        os.tcsetpgrp(0, os.getpgrp())
        sys.exit(os.waitstatus_to_exitcode(status))
    """
    script = cli.folder / "shell.py"
    script.write_text(dedent(shell))
    seat = Seat(cli.terminal_python(str(script), "tail", run_id(1), columns=120).child)
    seat.shows("ended")
    seat.press("ctrl+z")
    seat.until(lambda: b"stopped True" in seat.left, "stopped")
    seat.check_given_back()
    seat.press("\r")
    seat.until(lambda: seat.sent.count(b"\x1b[?1049h") == 2, "painted again")
    seat.shows("ended", "broke")
    seat.press("q")
    assert seat.end() == 6
    seat.check_given_back()


PAGER = """
    import signal, sys
    signal.signal(signal.SIGINT, lambda *_: print("interrupted", flush=True) or sys.exit(1))
    print(sys.stdin.read(), flush=True)
    print("paging", flush=True)
    signal.pause()
"""


def test_ctrl_c_in_the_pager_is_the_pagers(cli: Cli) -> None:
    script = cli.folder / "pager.py"
    script.write_text(dedent(PAGER))
    with seated(cli, "tail", run_id(1), PAGER=f"{sys.executable} {script}") as seat:
        seat.shows("ended", "Overview")
        seat.press("o")
        seat.until(lambda: b"paging" in seat.left, "the pager")
        seat.check_given_back()
        seat.press("ctrl+c")
        seat.until(lambda: seat.sent.count(b"\x1b[?1049h") == 2, "the explorer again")
        assert b"interrupted" in seat.sent
        seat.shows("ended", "Overview")
        seat.press("q")
        assert seat.end() == 6
        seat.check_given_back()


@pytest.mark.parametrize("pager", ["no-such-pager", 'less "'])
def test_a_pager_that_is_not_there_is_told(cli: Cli, pager: str) -> None:
    with seated(cli, "tail", run_id(1), PAGER=pager) as seat:
        seat.shows("ended", "Overview")
        seat.press("o")
        seat.shows("no pager")
        seat.press("q")
        assert seat.end() == 6
        seat.check_given_back()


@pytest.mark.parametrize("arguments", [("tail", run_id(1)), ()])
def test_without_a_terminal_for_all_three_streams_nothing_is_painted(
    cli: Cli, arguments: tuple[str, ...]
) -> None:
    script = 'import os, sys; sys.stderr.flush(); os.dup2(os.open("told", os.O_CREAT | os.O_WRONLY), 2)'
    run_main = "from trodo_cli.__main__ import main; main()"
    child = cli.terminal_python("-c", f"{script}; {run_main}", *arguments).child
    seat = Seat(child)
    assert seat.end() == (6 if arguments else 0)
    assert b"\x1b[?1049h" not in seat.sent
    assert (cli.folder / "told").read_bytes() == b""


def test_the_explorer_asked_for_without_a_terminal_says_what_it_needs(cli: Cli) -> None:
    done = cli.run("trace", "show", run_id(1), "--tui")
    assert (done.code, done.out) == (2, "")
    assert "needs a terminal" in done.err
