"""Somebody who follows a run, in a thread of their own."""

import threading
from typing import Any

from tests.server.running import DEADLINE_SECONDS
from trodo_cli.client.base import Client, StreamState
from trodo_cli.model.event import Event, SpanEnd, SpanStart, SpanUpdate
from trodo_cli.model.trace import Trace


class Listener:
    """What a stream told so far, the states it was in, and the error that ended it."""

    def __init__(self, client: Client, run_id: str, **said: Any) -> None:
        self.events: list[Event] = []
        self.states: list[StreamState] = []
        self.error: Exception | None = None
        self._following = (client, run_id, said)
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def end(self) -> list[Event]:
        """All that was told, once the stream has ended."""
        self._thread.join(DEADLINE_SECONDS)
        assert not self._thread.is_alive(), f"still following after {self.told()}"
        if self.error is not None:
            raise self.error
        return self.events

    def told(self) -> list[str]:
        """The events in words."""
        return [words(event) for event in list(self.events)]

    def _follow(self) -> None:
        client, run_id, said = self._following
        try:
            for event in client.traces.stream(run_id, on_state=self.states.append, **said):
                self.events.append(event)
        except Exception as error:
            self.error = error


def words(event: Event) -> str:
    """An event's type, and the span it is about: `span-start model.1`."""
    is_about_span = isinstance(event, SpanStart | SpanUpdate | SpanEnd)
    return f"{event.type} {event.span.id}" if is_about_span else event.type


def folded(events: list[Event]) -> Trace:
    """The trace that events make."""
    trace = Trace(events[0].run_id)
    for event in events:
        trace.apply(event)
    return trace
