"""One heartbeat for all who follow: wakes them after every commit, of this process or of another one."""

import asyncio
import threading

from trodo_cli.errors import TrodoError
from trodo_cli.live import Hub

IDLE_SECONDS = 1.0
"""How long a wait lasts at most; a run that gives no sign of life turns `lost` without any commit."""


class Pulse:
    """Belongs to one event loop. Its thread asks the store only while somebody waits."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._loop: asyncio.AbstractEventLoop | None = None
        self._beat = asyncio.Event()
        self._wanted = threading.Event()
        self._waiting = 0
        self._stopped = False

    @property
    def now(self) -> asyncio.Event:
        """Take this before reading; `after` it returns once something was committed since."""
        self._start()
        return self._beat

    async def after(self, beat: asyncio.Event, seconds: float = IDLE_SECONDS) -> None:
        """Return once something was committed since `beat` was taken, or after so many seconds."""
        self._waiting += 1
        self._wanted.set()
        try:
            async with asyncio.timeout(seconds):
                await beat.wait()
        except TimeoutError:
            pass
        finally:
            self._waiting -= 1

    def stop(self) -> None:
        """Wake everybody and let the thread end."""
        self._stopped = True
        self._wanted.set()
        self._strike()

    def _start(self) -> None:
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            threading.Thread(target=self._watch, args=(self._loop,), name="trodo-pulse", daemon=True).start()

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        mark: object = None
        while not self._stopped:
            if not self._waiting:
                self._wanted.wait()
                self._wanted.clear()
                continue
            latest = self._changed(mark)
            if latest != mark and not loop.is_closed():
                mark = latest
                loop.call_soon_threadsafe(self._strike)

    def _changed(self, mark: object) -> object:
        """The mark after the next commit, or the same one after a while; trouble with the store only delays."""
        try:
            self._hub.wait(mark, IDLE_SECONDS)
            return self._hub.store.change_mark()
        except TrodoError:
            threading.Event().wait(IDLE_SECONDS)
            return mark

    def _strike(self) -> None:
        struck, self._beat = self._beat, asyncio.Event()
        struck.set()
