"""A run is watched while it goes on, and stopped from the keyboard: a real agent, a real server, a real terminal."""

import re
import signal
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from tests.cli.program import Cli, Running, uncoloured
from tests.tui.seat import Seat, seated

AGENT = """
    import sys, time
    from pathlib import Path
    import trodo_cli as trodo

    def wait(gate):
        while not Path(gate).exists():
            time.sleep(0.01)

    with trodo.wrap_agent("gatekeeper") as run:
        print(run.run_id, flush=True)
        with trodo.span("first-step", kind="tool"):
            wait("open-first")
        with trodo.span("second-step", kind="tool"):
            print("in the second", flush=True)
            wait("open-second")
        print("went on", flush=True)
        with trodo.span("third-step"):
            Path("third-has-begun").touch()
"""
"""Each step waits until a file appears."""


@pytest.fixture
def cli(tmp_path: Path) -> Iterator[Cli]:
    cli = Cli(tmp_path)
    yield cli
    cli.close()


@pytest.fixture(params=["on the file", "through a server"])
def target(cli: Cli, request: pytest.FixtureRequest) -> dict[str, str]:
    """Where agent and explorer meet."""
    if request.param == "on the file":
        return {}
    return {"TRODO_TARGET": cli.start("serve", "--port", "0").line()}


def test_a_span_is_seen_while_it_runs_and_a_cancel_stops_the_agent_before_its_next_step(
    cli: Cli, target: dict[str, str]
) -> None:
    agent = cli.agent(AGENT, **target)
    id = agent.line()
    with seated(cli, "tail", id, **target) as seat:
        seat.shows("gatekeeper", "● ⚙ first-step", "live", "following")
        (cli.folder / "open-first").touch()
        seat.shows("✓ ⚙ first-step", "● ⚙ second-step")
        agent.line_with("in the second")
        seat.press("c")
        seat.shows("Ask to stop: gatekeeper")
        seat.press("wrong customer", "enter")
        seat.shows("cancel requested by tester", ": wrong customer")
        seat.shows("acknowledged, the call in flight finishes")
        assert agent.process.poll() is None, "the call in flight goes on"
        (cli.folder / "open-second").touch()
        seat.shows("→ cancelled", "⊘ cancelled", "ended")
        assert "third-step" not in seat.screen
        ended = agent.end()
        assert (ended.code, "RunCancelled" in ended.err) == (1, True)
        assert "went on" not in ended.lines
        assert not (cli.folder / "third-has-begun").exists()
        seat.press("q")
        assert seat.end() == 7
        seat.check_given_back()
        assert "⊘ cancelled  gatekeeper" in uncoloured(seat.left.partition(b"\x1b[?1004l")[2])
    assert cli.ok("runs", "list", "--json", "id,status", **target).json == [{"id": id, "status": "cancelled"}]


def test_a_run_that_ends_by_itself_says_so_and_stays(cli: Cli, target: dict[str, str]) -> None:
    agent = cli.agent(AGENT, **target)
    id = agent.line()
    with seated(cli, "tail", id, **target) as seat:
        seat.shows("● ⚙ first-step", "live")
        (cli.folder / "open-first").touch()
        (cli.folder / "open-second").touch()
        assert agent.end().code == 0
        seat.shows("✓ completed", "third-step", "ended")
        seat.press("c")
        seat.shows("nothing to stop: it has ended")
        seat.press("q")
        assert seat.end() == 0


def test_a_run_that_begins_later_appears_in_the_list_and_is_opened_from_it(
    cli: Cli, target: dict[str, str]
) -> None:
    cli.ok("runs", "list", **target)
    with seated(cli, **target) as seat:
        seat.shows("0 runs")
        agent = cli.agent(AGENT, **target)
        agent.line()
        seat.shows("gatekeeper", "1 running")
        seat.press("enter")
        seat.shows("● ⚙ first-step")
        seat.press("c")
        seat.shows("Ask to stop: gatekeeper")
        seat.press("enter")
        seat.shows("acknowledged")
        (cli.folder / "open-first").touch()
        seat.shows("→ cancelled", "ended")
        agent.end()
        seat.press("escape")
        seat.shows("⊘ cancelled", "1 run")
        seat.press("q")
        assert seat.end() == 0


def test_a_cancelled_run_whose_process_is_killed_is_not_called_cancelled(cli: Cli) -> None:
    agent = cli.agent(AGENT)
    id = agent.line()
    with seated(cli, "tail", id) as seat:
        seat.shows("● ⚙ first-step", "live")
        agent.process.kill()
        agent.process.wait()
        seat.press("c")
        seat.shows("Ask to stop")
        seat.press("enter")
        seat.shows("cancel requested by tester")
        seat.shows("the run gives no sign of life", "? lost")
        assert "→ cancelled" not in seat.screen
        seat.press("q")
        assert seat.end() == 6


def served(cli: Cli, port: str = "0") -> tuple[Running, str]:
    server = cli.start("serve", "--port", port)
    return server, server.line()


def test_a_killed_server_is_told_and_the_explorer_goes_on_when_it_is_back(cli: Cli) -> None:
    server, url = served(cli)
    target = {"TRODO_TARGET": url}
    agent = cli.agent(AGENT, **target)
    id = agent.line()
    with seated(cli, "tail", id, **target) as seat:
        seat.shows("● ⚙ first-step", "live")
        server.process.kill()
        server.process.wait()
        seat.shows("reconnecting")
        (cli.folder / "open-first").touch()
        agent.line_with("in the second")
        (port,) = re.findall(r":(\d+)$", url)
        server, again = served(cli, port)
        assert again == url
        seat.shows("✓ ⚙ first-step", "● ⚙ second-step", "live")
        assert "reconnecting" not in seat.screen
        (cli.folder / "open-second").touch()
        seat.shows("third-step", "✓ completed", "ended")
        seat.press("q")
        assert seat.end() == 0


def test_the_list_tells_a_killed_server_too(cli: Cli) -> None:
    server, url = served(cli)
    with seated(cli, TRODO_TARGET=url) as seat:
        seat.shows("0 runs", "live")
        server.process.kill()
        server.process.wait()
        seat.shows("reconnecting")
        served(cli, url.rpartition(":")[2])
        seat.shows("live")
        seat.no_longer_shows("reconnecting")
        seat.press("q")
        assert seat.end() == 0


PATIENT = "from trodo_cli.client import http; http.ANSWER_SECONDS = 3600.0; from trodo_cli.__main__ import main; main()"
"""The program, waiting an hour for an answer."""


def test_one_can_leave_while_a_server_answers_nothing(cli: Cli) -> None:
    server, url = served(cli)
    target = {"TRODO_TARGET": url}
    id = cli.agent(AGENT, **target).line()
    seat = Seat(cli.terminal_python("-c", PATIENT, "tail", id, columns=120, **target).child)
    seat.shows("● ⚙ first-step", "live")
    server.process.send_signal(signal.SIGSTOP)
    try:
        seat.press("c")
        seat.shows("Ask to stop")
        seat.press("enter")
        seat.no_longer_shows("Ask to stop")
        seat.press("j", "q")
        assert seat.end() == 0
        seat.check_given_back()
        assert f"trodo: no answer whether {id} was asked to stop".encode() in seat.left
    finally:
        server.process.send_signal(signal.SIGCONT)


def test_who_leaves_at_once_has_still_asked(cli: Cli) -> None:
    id = cli.agent(AGENT).line()
    slow = """
        import time
        from trodo_cli.client import local
        cancel = local.LocalRuns.cancel

        def slowly(self, *values, **settings):
            time.sleep(1)
            return cancel(self, *values, **settings)

        local.LocalRuns.cancel = slowly
        from trodo_cli.__main__ import main
        main()
    """
    seat = Seat(cli.terminal_python("-c", dedent(slow), "tail", id, columns=120).child)
    seat.shows("● ⚙ first-step", "live")
    seat.press("c")
    seat.shows("Ask to stop")
    seat.press("too slow", "enter")
    seat.no_longer_shows("Ask to stop")
    seat.press("q")
    assert seat.end() == 0
    with cli.reading() as client:
        asked = client.runs.get(id).cancel
    assert asked is not None
    assert asked.reason == "too slow"
