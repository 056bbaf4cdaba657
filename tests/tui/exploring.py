"""The explorer driven without a terminal: keys in, the screen's text out."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager

from textual.events import Key
from textual.keys import key_to_character
from textual.pilot import Pilot

from trodo_cli.client.local import LocalClient
from trodo_cli.model.event import Event
from trodo_cli.render.theme import UNICODE
from trodo_cli.stores.sqlite import SqliteStore
from trodo_cli.tui.app import Explorer

DEADLINE_SECONDS = 60.0
"""When a test gives up waiting; far above what anything here takes."""


class Exploring:
    """One explorer over a store in memory."""

    def __init__(self, client: LocalClient, pilot: Pilot[None], app: Explorer) -> None:
        self.client, self.pilot, self.app = client, pilot, app

    @property
    def screen(self) -> str:
        """All that is shown, line by line."""
        width, height = self.app.size
        strips = self.app.screen._compositor.render_strips()
        return "\n".join(strip.text[:width].rstrip() for strip in strips[:height])

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    def burst(self, *keys: str) -> None:
        """Press keys as a program does, or a line that stutters: nobody waits for what one of them does."""
        for key in keys:
            self.app.post_message(Key("space" if key == " " else key, key_to_character(key)))

    async def shows(self, *texts: str) -> str:
        """Wait until every text is on the screen."""
        return await self.until(lambda: all(text in self.screen for text in texts), f"to see {texts}")

    async def no_longer_shows(self, text: str) -> str:
        return await self.until(lambda: text not in self.screen, f"for {text!r} to go")

    async def until(self, is_so: Callable[[], bool], what: str = "") -> str:
        """Wait for something; gives the screen."""
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                while not is_so():
                    await self.pilot.pause(0.02)
        except TimeoutError:
            raise AssertionError(f"waited in vain {what}:\n{self.screen}") from None
        return self.screen


@contextmanager
def stored(events: Sequence[Event]) -> Iterator[LocalClient]:
    client = LocalClient(SqliteStore(None), "local")
    client.publish(events, alive=True)
    yield client
    client.close()


def explore(
    events: Sequence[Event],
    story: Callable[[Exploring], Awaitable[None]],
    *,
    run_id: str | None = None,
    size: tuple[int, int] = (120, 40),
) -> None:
    """Tell a story of an explorer over these events."""

    async def told(client: LocalClient) -> None:
        app = Explorer(client, UNICODE, run_id=run_id, by="tester")
        async with app.run_test(size=size, notifications=True) as pilot:
            await story(Exploring(client, pilot, app))

    with stored(events) as client:
        asyncio.run(told(client))
