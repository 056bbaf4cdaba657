"""A server is killed while its run is watched: at the end the screen shows what the store holds."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import trodo_cli
from tests.cli.made import run, run_id, span
from tests.cli.program import Cli, Running
from tests.tui.exploring import DEADLINE_SECONDS, Exploring
from trodo_cli.client.base import Client
from trodo_cli.model.event import Event
from trodo_cli.render.rows import ViewState, flatten
from trodo_cli.render.theme import UNICODE
from trodo_cli.tui.app import Explorer

AT_ONCE = 6
"""Spans that a producer sends between two incidents."""

ROW = re.compile(r"(\S) \S (step-\d+)")


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cli]:
    cli = Cli(tmp_path)
    monkeypatch.setenv("TRODO_HOME", str(cli.home))
    yield cli
    cli.close()


class Server:
    """A server that is killed and started again at the same place."""

    def __init__(self, cli: Cli) -> None:
        self._cli = cli
        self._running, self.url = self._start("0")

    def kill(self) -> None:
        self._running.process.kill()
        self._running.process.wait()

    def start(self) -> None:
        self._running, url = self._start(self.url.rpartition(":")[2])
        assert url == self.url

    def _start(self, port: str) -> tuple[Running, str]:
        running = self._cli.start("serve", "--port", port)
        return running, running.line()


def part(number: int) -> list[Event]:
    """So many steps, each below the one before; every third goes on, and the last part's went wrong or ended."""
    events: list[Event] = []
    for at in range(number * AT_ONCE, (number + 1) * AT_ONCE):
        status = ("ok", "error", "running")[at % 3]
        events += span(f"step-{at}", kind="tool", at_ns=at, status=status, parent=f"step-{at - at % 2 - 1}")
    for at in range((number - 1) * AT_ONCE + 2, number * AT_ONCE, 3) if number else ():
        events += span(f"step-{at}", kind="tool", at_ns=at, parent=f"step-{at - at % 2 - 1}")[1:]
    for event in events:
        event.run_id = run_id(1)
    return events


def held(it: Exploring) -> dict[str, str]:
    """Every step on the screen with its sign."""
    return {name: sign for sign, name in ROW.findall(it.screen)}


def kept(cli: Cli) -> dict[str, str]:
    """Every step in the store with its sign."""
    with cli.reading() as client:
        rows = flatten(client.traces.get(run_id(1)), ViewState(levels=None))[1:]
    return {row.span.name: UNICODE.status(row.status) for row in rows if row.span}


async def equal(it: Exploring, cli: Cli) -> None:
    """Wait until the screen shows what the store holds, each step once."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while held(it) != kept(cli):
            await it.pilot.pause(0.02)
    assert len(ROW.findall(it.screen)) == len(kept(cli))


def watching(client: Client, story) -> None:  # type: ignore[no-untyped-def]
    async def told() -> None:
        app = Explorer(client, UNICODE, run_id=run_id(1))
        async with app.run_test(size=(100, 80), notifications=True) as pilot:
            await story(Exploring(client, pilot, app))  # type: ignore[arg-type]

    asyncio.run(told())


def test_what_was_recorded_while_the_server_was_away_is_shown_and_nothing_twice(cli: Cli) -> None:
    server = Server(cli)
    open_run = run(1, "worker", status="running")
    end = run(1, "worker", status="failed", ended={"error": "enough"})[1:]
    cli.publish([*open_run, *part(0)], alive=True)

    async def story(it: Exploring) -> None:
        await it.shows("step-5", "live")
        await it.press("d", *["plus"] * 30)
        for number in (1, 2, 3):
            await asyncio.to_thread(server.kill)
            await it.shows("reconnecting")
            await asyncio.to_thread(cli.publish, part(number), alive=True)
            await asyncio.to_thread(server.start)
            await it.shows("live", f"step-{(number + 1) * AT_ONCE - 1}")
            await equal(it, cli)
        await asyncio.to_thread(server.kill)
        await it.shows("reconnecting")
        await asyncio.to_thread(cli.publish, end)
        await asyncio.to_thread(server.start)
        await it.shows("✗ failed", "ended")
        await equal(it, cli)
        assert len(held(it)) == 4 * AT_ONCE

    client = trodo_cli.connect(server.url)
    try:
        watching(client, story)
    finally:
        client.close()
