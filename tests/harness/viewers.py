"""Many open streams read with plain HTTP: what each connection told, and whether it was ended as it should be."""

import asyncio
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import cycle

import httpx

from tests.harness.audit import Told, told
from trodo_cli.client.http import NATIVE
from trodo_cli.model.event import TraceDone
from trodo_cli.wire.native import told_event

PATIENCE_SECONDS = 60.0
RETRY_SECONDS = 0.02


class Viewer:
    """Follows one run, from where the connection before ended, each time on the next server."""

    def __init__(self, urls: Iterable[str], run_id: str, key: str, *, light: bool) -> None:
        self._urls, self.run_id = cycle(urls), run_id
        self.log: list[Told] = []
        self.is_live = self.is_done = False
        self.broken = ""
        """How a connection ended that had begun to answer, when it did not end with a last chunk."""
        self._query = {"payload": "false"} if light else {}
        self._headers = {"accept": f"{NATIVE}, text/event-stream", "authorization": f"Bearer {key}"}

    async def follow(self, client: httpx.AsyncClient, is_open: asyncio.Event) -> None:
        """Until the run has ended; connects only while there is a server."""
        while not self.is_done and not self.broken:
            await is_open.wait()
            with suppress(httpx.HTTPError):
                await self._read(client)
            await asyncio.sleep(RETRY_SECONDS)

    async def _read(self, client: httpx.AsyncClient) -> None:
        query = {**self._query, "since": str(self.log[-1].seq if self.log else 0)}
        url = f"{next(self._urls)}/traces/{self.run_id}/stream"
        async with client.stream("GET", url, params=query, headers=self._headers) as response:
            if not response.is_success:
                self.broken = f"HTTP {response.status_code}"
                return
            self.is_live = True
            try:
                await self._read_frames(response)
            except httpx.HTTPError as error:
                self.broken = f"{type(error).__name__}: {error}"
            finally:
                self.is_live = False

    async def _read_frames(self, response: httpx.Response) -> None:
        rest = b""
        async for data in response.aiter_bytes():
            *frames, rest = (rest + data).split(b"\n\n")
            for frame in frames:
                self._take(frame)
        if rest:
            self.broken = "the last frame is cut off"

    def _take(self, frame: bytes) -> None:
        for line in frame.split(b"\n"):
            if line.startswith(b"data: "):
                event = told_event(line.removeprefix(b"data: "))
                if isinstance(event, TraceDone):
                    self.is_done = True
                else:
                    self.log.append(told(event))


class Audience:
    """All of them, in a thread with a loop of its own."""

    def __init__(self, viewers: Sequence[Viewer]) -> None:
        self.viewers = viewers
        self._loop = asyncio.new_event_loop()
        self._is_open = asyncio.Event()
        self._stopped = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="audience")
        self._thread.start()

    @property
    def live(self) -> int:
        """How many streams are open."""
        return sum(viewer.is_live for viewer in self.viewers)

    @property
    def is_done(self) -> bool:
        return all(viewer.is_done for viewer in self.viewers)

    @property
    def broken(self) -> list[str]:
        return [viewer.broken for viewer in self.viewers if viewer.broken]

    def open(self) -> None:
        """There is a server: connect."""
        self._loop.call_soon_threadsafe(self._is_open.set)

    def wait(self) -> None:
        """There will be none for a while: when a stream ends, do not connect again yet."""
        asyncio.run_coroutine_threadsafe(self._shut(), self._loop).result(PATIENCE_SECONDS)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join()

    async def _shut(self) -> None:
        self._is_open.clear()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._follow())

    async def _follow(self) -> None:
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        async with httpx.AsyncClient(limits=limits, timeout=PATIENCE_SECONDS, trust_env=False) as client:
            tasks = [asyncio.ensure_future(viewer.follow(client, self._is_open)) for viewer in self.viewers]
            await self._stopped.wait()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
