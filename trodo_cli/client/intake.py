"""Lines or items of events into a store; one that cannot be read or stored does not spoil the others."""

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from trodo_cli.errors import InvalidInput, TrodoError
from trodo_cli.model.event import Event
from trodo_cli.stores.base import Appended
from trodo_cli.wire.native import read_event
from trodo_cli.wire.receipt import Receipt, Refusal

MAX_REFUSALS = 100
"""How many refused lines a receipt spells out."""

Numbered = tuple[int, Event]
CheckLine = Callable[[bytes], None]
"""Raises `InvalidInput` for a line that must not even be read."""

Admit = Callable[[Event], None]
"""Raises `InvalidInput` for an event that must not come in."""


Read = Callable[[bytes], Sequence[Event]]
"""The events behind a line or an item. Raises `InvalidInput`."""


class Publisher(Protocol):
    def publish(self, events: Sequence[Event], *, alive: bool = True) -> Appended: ...


def _read_line(line: bytes) -> Sequence[Event]:
    return (read_event(line),)


class Intake:
    """One batch on its way in."""

    def __init__(
        self,
        lines: Iterable[tuple[int, bytes]],
        check: CheckLine = lambda _line: None,
        admit: Admit = lambda _event: None,
        *,
        read: Read = _read_line,
        most_refusals: int = MAX_REFUSALS,
    ) -> None:
        self.events: list[Numbered] = []
        self._refused = 0
        self._refusals: list[Refusal] = []
        self._most_refusals = most_refusals
        for number, line in lines:
            try:
                check(line)
                events = read(line)
                for event in events:
                    admit(event)
                self.events += [(number, event) for event in events]
            except InvalidInput as error:
                self._refuse(number, error.message)

    def into(self, store: Publisher, *, alive: bool) -> Receipt:
        """Publish what could be read. Raises `Unavailable` or `StorageFull`; then nothing of it is stored."""
        appended = self._published(store, self.events, alive)
        self._refusals.sort(key=lambda refusal: refusal.line)
        return Receipt(appended.stored, appended.known, self._refused, self._refusals)

    def _published(self, store: Publisher, numbered: Sequence[Numbered], alive: bool) -> Appended:
        try:
            return store.publish([event for _, event in numbered], alive=alive)
        except TrodoError:
            raise
        except Exception as error:
            if len(numbered) == 1:
                self._refuse(numbered[0][0], f"cannot be stored: {type(error).__name__}")
                return Appended(0, 0)
        parts = [self._published(store, [one], alive) for one in numbered]
        return Appended(sum(part.stored for part in parts), sum(part.known for part in parts))

    def _refuse(self, line: int, error: str) -> None:
        self._refused += 1
        if len(self._refusals) < self._most_refusals:
            self._refusals.append(Refusal(line, error))
