"""Keys in the order they were pressed: one is not looked at before all is done that the one before it has set off.

Whoever types on a line that stutters, or by a program, sends many at once; a letter behind the key that opens a field
belongs into that field, and must not act on what is below it.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence

from textual.app import App
from textual.events import Event
from textual.message_pump import MessagePump

ROUNDS = 3
"""How often all who may have a part in a key are waited for: it is pressed, its field says so, its bar acts on that."""


class Keyboard:
    """Holds back what is typed; `hear` is how the app takes one key, or one paste."""

    def __init__(self, app: App[None], hear: Callable[[Event], Awaitable[None]]) -> None:
        self._app, self._hear = app, hear
        self._waiting: deque[Event] = deque()
        self._is_at_work = False
        self._is_closed = False

    def close(self) -> None:
        """Look at nothing any more: what is typed behind the key that leaves finds no screen."""
        self._is_closed = True

    async def take(self, event: Event) -> None:
        """Take something typed; called by the app as it comes."""
        self._waiting.append(event)
        if not self._is_at_work:
            self._is_at_work = True
            await self._next()

    async def _next(self) -> None:
        if self._is_closed or not self._waiting:
            self._is_at_work = False
            return
        path = list((self._app.focused or self._app.screen).ancestors_with_self)
        await self._hear(self._waiting.popleft())
        self._follow(self._parts(path))

    def _follow(self, parts: Iterator[MessagePump]) -> None:
        """Go on to the next part when this one has done all that it was told until now; then to the next key."""
        for part in parts:
            if part.call_later(self._follow, parts):
                return
        self._app.call_later(self._next)

    def _parts(self, path: Sequence[MessagePump]) -> Iterator[MessagePump]:
        """Who hears a key, from the field to the app, and then the screen that it may have opened."""
        for _ in range(ROUNDS):
            yield from path
            yield from self._app.screen_stack[-1:]
            yield self._app
