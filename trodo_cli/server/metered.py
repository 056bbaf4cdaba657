"""A store whose calls are counted and timed for the server's board."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, cast

from trodo_cli.model import ids
from trodo_cli.model.event import Event
from trodo_cli.server.board import STORE_CALLS, Board
from trodo_cli.stores.base import Appended, Store


def metered(store: Store, board: Board) -> Store:
    """The same store; what is asked of it shows on the board."""
    return cast(Store, _Metered(store, board))


class _Metered:
    """Has all that the store has; what is no call of `STORE_CALLS` is the store's own."""

    def __init__(self, store: Store, board: Board) -> None:
        self._store, self._board = store, board
        self._calls = {
            name: self._timed(number, getattr(store, name)) for number, name in enumerate(STORE_CALLS)
        }

    def append(self, owner: str, events: Sequence[Event], now_ns: int, *, alive: bool) -> Appended:
        appended: Appended = self._calls["append"](owner, events, now_ns, alive=alive)
        self._board.events(Counter(map(type, events)))
        self._board.taken(stored=appended.stored, known=appended.known)
        return appended

    def record_drops(self, owner: str, counts: dict[str, int], now_ns: int) -> None:
        self._calls["record_drops"](owner, counts, now_ns)
        self._board.drops(sum(counts.values()))

    def __getattr__(self, name: str) -> Any:
        return self._calls[name] if name in self._calls else getattr(self._store, name)

    def _timed(self, number: int, call: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **named: Any) -> Any:
            began_ns = ids.monotonic_ns()
            try:
                return call(*arguments, **named)
            finally:
                self._board.store_call(number, ids.monotonic_ns() - began_ns)

        return timed
