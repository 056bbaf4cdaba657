"""A run is stopped from the keyboard: real agents in processes of their own."""

import pytest

from tests.cli.made import run, run_id
from tests.cli.program import Cli, Running

SYNC = """
    import time
    import trodo_cli as trodo

    with trodo.wrap_agent("loop") as run:
        print(run.run_id, flush=True)
        for number in range(50):
            with trodo.span(f"step-{number}"):
                print(number, flush=True)
                for _ in range(200):
                    time.sleep(0.01)
                    if number == 0:
                        break
    print("went on to the end", flush=True)
"""
"""50 spans of two seconds each, all but the first."""

ASYNC = """
    import asyncio
    import trodo_cli as trodo

    async def main():
        async with trodo.wrap_agent("sleeper") as run:
            print(run.run_id, flush=True)
            async with trodo.span("nap"):
                print(0, flush=True)
                await asyncio.sleep(600)
        print("went on to the end", flush=True)

    asyncio.run(main())
"""
"""Waits ten minutes inside a span."""

STUBBORN = """
    import time
    import trodo_cli as trodo

    with trodo.wrap_agent("stubborn") as run:
        print(run.run_id, flush=True)
        for number in range(5000):
            try:
                with trodo.span("try"):
                    print(number, flush=True)
                    time.sleep(0.02)
            except Exception:
                pass
"""
"""Swallows every `Exception`."""


def at_work(cli: Cli, source: str) -> tuple[Running, str]:
    """An agent inside its first span, and the id of its run, which the store has."""
    agent = cli.agent(source)
    id = agent.line()
    agent.line_with("0")
    tail = cli.start("tail", id)
    tail.line_with("→ ")
    tail.interrupt()
    tail.end()
    return agent, id


@pytest.mark.parametrize(("source", "name"), [(SYNC, "loop"), (ASYNC, "sleeper"), (STUBBORN, "stubborn")])
def test_a_cancelled_agent_ends_its_run_is_cancelled_and_tail_says_so(
    cli: Cli, source: str, name: str
) -> None:
    agent, id = at_work(cli, source)
    tail = cli.start("tail", id)
    tail.line_with(f"▶ {name}")
    asked = cli.ok("runs", "cancel", "latest", "--reason", "wrong question")
    assert id[-8:] in asked.err
    ended = agent.end()
    assert ended.code == 1  # the exception that nobody caught
    assert f"RunCancelled: run {id} was cancelled by tester: wrong question" in ended.err
    assert "went on to the end" not in ended.out
    followed = tail.end()
    assert followed.code == 7
    assert any(line.startswith("✋ cancel ") for line in followed.lines)
    assert followed.lines[-1].startswith("■ cancelled")
    found = cli.ok("runs", "show", id, "--json").json
    assert (found["status"], found["cancel"]["by"], found["cancel"]["reason"]) == (
        "cancelled", "tester", "wrong question",
    )  # fmt: skip
    assert found["cancel"]["requested_at"] <= found["cancel"]["delivered_at"] <= found["ended_at"]
    spans = cli.ok("trace", "show", id, "--json", "status").json
    assert not [span for span in spans if span["status"] == "running"]


def test_no_further_step_begins_after_the_one_in_flight(cli: Cli) -> None:
    agent, id = at_work(cli, SYNC)
    cli.ok("runs", "cancel", id, "--wait")
    steps = [line for line in agent.end().lines if line.isdigit()]
    assert len(steps) <= 3  # the first, the second, and at most the one that the request met
    assert len(cli.ok("trace", "show", id, "--json", "id").json) == len(steps) + 1


@pytest.mark.parametrize("source", [SYNC, ASYNC])
def test_wait_stays_until_the_run_has_ended(cli: Cli, source: str) -> None:
    agent, id = at_work(cli, source)
    done = cli.ok("runs", "cancel", id, "--wait", "--json", "status")
    assert done.json == {"status": "cancelled"}
    assert f"{id[-8:]} was cancelled" in done.err
    agent.end()


def test_waiting_can_be_given_up_and_the_request_stands(cli: Cli) -> None:
    hold = """
        import sys, time
        import trodo_cli as trodo
        with trodo.wrap_agent("deaf") as run:
            print(run.run_id, flush=True)
            print("0", flush=True)
            with trodo.span("deaf"):
                time.sleep(60)
    """
    _, id = at_work(cli, hold)
    cancel = cli.start("runs", "cancel", id, "--wait", "--reason", "later")
    cancel.told("asked")
    cancel.interrupt()
    assert cancel.end().code == 130
    assert cli.ok("runs", "show", id, "--json", "cancel").json["cancel"]["reason"] == "later"


def test_waiting_for_a_run_that_gives_no_sign_of_life_ends_with_6(cli: Cli) -> None:
    cli.publish(run(1, "gone", status="running"))
    done = cli.run("runs", "cancel", "latest", "--wait", "--json", "status")
    assert done.code == 6
    assert done.json == {"status": "lost"}
    assert f"{run_id(1)[-8:]} is lost" in done.err


def test_cancelling_a_run_that_has_just_been_cancelled_says_so(cli: Cli) -> None:
    agent, id = at_work(cli, ASYNC)
    cli.ok("runs", "cancel", id, "--wait", "--reason", "first")
    agent.end()
    again = cli.ok("runs", "cancel", id, "--reason", "second")
    assert "nothing to cancel" in again.err
    assert cli.ok("runs", "show", id, "--json", "cancel").json["cancel"]["reason"] == "first"


def test_an_agent_that_ends_by_itself_before_it_hears_the_request_keeps_its_own_result(cli: Cli) -> None:
    quick = """
        import trodo_cli as trodo
        with trodo.wrap_agent("quick") as run:
            print(run.run_id, flush=True)
    """
    agent = cli.agent(quick)
    id = agent.line()
    assert agent.end().code == 0
    assert "already completed" in cli.ok("runs", "cancel", id).err
    assert cli.status(id) == "completed"
