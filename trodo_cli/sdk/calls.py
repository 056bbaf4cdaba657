"""Model calls in flight: before a cancel request reaches asyncio code, they finish."""

import sys
from collections.abc import Callable
from functools import partial
from typing import Any


class Calls:
    """The model calls that go on in a run and in the runs inside it.

    Used by several threads, without a lock: each step is one of a set or of a list.
    """

    __slots__ = ("_open", "_waiting")

    def __init__(self) -> None:
        self._open: set[object] = set()
        self._waiting: list[Callable[[], None]] = []

    def __len__(self) -> int:
        return len(self._open)

    def __contains__(self, call: object) -> bool:
        return call in self._open

    def begin(self, call: object) -> None:
        self._open.add(call)

    def end(self, call: object) -> None:
        """With the last one, those who wait go on."""
        self._open.discard(call)
        self._tell()

    def forget(self) -> None:
        """Wait for none of them any more."""
        self._open.clear()
        self._tell()

    def then(self, go_on: Callable[[], None]) -> None:
        """Call this once, as soon as no call is in flight: perhaps now, perhaps in another thread."""
        self._waiting.append(go_on)
        self._tell()

    async def over(self) -> None:
        """Wait until no call is in flight; elsewhere than in asyncio nothing is waited for."""
        asyncio = sys.modules.get("asyncio")
        try:
            loop = asyncio.get_running_loop() if asyncio is not None else None
        except RuntimeError:
            return
        if loop is not None and self._open:
            over = loop.create_future()
            self.then(partial(_wake, loop, over))
            await over

    def _tell(self) -> None:
        while not self._open and self._waiting:
            try:
                go_on = self._waiting.pop(0)
            except IndexError:
                return
            go_on()


def _wake(loop: Any, future: Any) -> None:
    try:
        loop.call_soon_threadsafe(_resolve, future)
    except RuntimeError:  # the loop has been closed meanwhile
        return


def _resolve(future: Any) -> None:
    if not future.done():
        future.set_result(None)
