"""A run's events over a connection that may break: every one once and in order, however often it breaks."""

import threading
from collections.abc import Callable, Iterator
from typing import cast

import httpx
from httpx_sse import EventSource, SSEError

from trodo_cli.client.backoff import Backoff
from trodo_cli.client.base import OnState, StreamState
from trodo_cli.client.http import SILENCE_SECONDS, Http
from trodo_cli.errors import InvalidInput, StorageFull, Unavailable
from trodo_cli.model import ids
from trodo_cli.model.event import Event, TraceDone
from trodo_cli.wire.native import told_event

MAX_FRAME_CHARACTERS = 64 * 1024 * 1024
"""A server that sends more without an end of line is not followed any more."""


STEADY_NS = 10**9
"""A connection that lasted so long was a good one, whatever it told."""


class Follower:
    """Follows one run of a server of ours from a number on."""

    def __init__(self, http: Http, path: str, after: int, *, payload: bool, on_state: OnState | None) -> None:
        self._http, self._path, self._after = http, path, after
        self._query = {} if payload else {"payload": "false"}
        self._tell = _changes(on_state)
        self._backoff = Backoff()
        self._gap_at: int | None = None

    def events(self) -> Iterator[Event]:
        """The events, ended by `TraceDone`. Raises `NotFound` and `Unauthorized`; anything else is tried again."""
        while True:
            began_ns = ids.monotonic_ns()
            wanted = None
            try:
                for event in self._one_connection():
                    yield event
                    if isinstance(event, TraceDone):
                        self._tell("ended")
                        return
            except StorageFull:
                raise
            except Unavailable as error:
                wanted = error.retry_after_seconds
            if self._http.is_closed:
                return
            lasted_ns = ids.monotonic_ns() - began_ns
            if lasted_ns > STEADY_NS:
                self._backoff.worked()
            self._tell("stale" if lasted_ns > SILENCE_SECONDS * 1e9 and wanted is None else "reconnecting")
            threading.Event().wait(self._backoff.pause(wanted))

    def _one_connection(self) -> Iterator[Event]:
        """What one connection tells, as far as it follows on what is known; ends when the connection does."""
        with self._http.stream(self._path, {**self._query, "since": str(self._after)}) as response:
            self._tell("live")
            for data in frames(response):
                event = _read(data)
                if (skipped := _first_untold(event)) > self._after + 1:
                    self._gap(skipped)
                    return
                if isinstance(event, TraceDone):
                    yield event
                    return
                if event.seq <= self._after:
                    continue
                self._after = event.seq
                self._backoff.worked()
                yield event

    def _gap(self, seq: int) -> None:
        """Ask again for what was left out, once."""
        if self._gap_at == self._after:
            raise InvalidInput(
                f"the server tells event {seq} after {self._after}",
                "report it; events in between are missing",
            )
        self._gap_at = self._after


def frames(response: httpx.Response) -> Iterator[str]:
    """The data of a stream's frames; raises `Unavailable` when the connection breaks or says something else."""
    source = EventSource(cast(httpx.Response, _Bounded(response)))
    try:
        for frame in source.iter_sse():
            if frame.data:  # a comment after a numbered frame comes as one without data
                yield frame.data
    except SSEError as error:
        raise Unavailable(f"no stream of events: {error}") from None


class _Bounded:
    """A response whose text is cut off when a line has no end."""

    def __init__(self, response: httpx.Response) -> None:
        self.headers = response.headers
        self._response = response

    def iter_text(self) -> Iterator[str]:
        unended = 0
        is_first = True
        for text in self._response.iter_text():
            unended = unended + len(text) if "\n" not in text else 0
            if unended > MAX_FRAME_CHARACTERS:
                raise Unavailable("the server sends a line without an end")
            yield text.removeprefix("\ufeff") if is_first else text
            is_first = False


def _first_untold(event: Event) -> int:
    """The number up to which everything must have been told before this event."""
    return event.run.last_seq + 1 if isinstance(event, TraceDone) else event.seq


def _read(data: str) -> Event:
    try:
        return told_event(data.encode())
    except InvalidInput as error:
        raise InvalidInput(
            f"the server tells what this version cannot read: {error}", "upgrade trodo"
        ) from None


def _changes(on_state: OnState | None) -> Callable[[StreamState], None]:
    """Tells a state only when it is another one than before."""
    last: list[StreamState] = []

    def tell(state: StreamState) -> None:
        if on_state is not None and last[-1:] != [state]:
            last[:] = [state]
            on_state(state)

    return tell
