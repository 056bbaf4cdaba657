"""Runs followed live: server-sent events read from the store, numbered, resumable, with a sign of life.

A viewer has no queue: it asks for what comes after the last number it was told, so a slow one holds up nobody and
misses nothing.
"""

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

import anyio
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from trodo_cli.errors import TrodoError
from trodo_cli.model import ids
from trodo_cli.model.event import Event, TraceDone
from trodo_cli.model.payload import NO_PAYLOAD
from trodo_cli.model.run import Run
from trodo_cli.server.call import Call, in_thread, read_seq
from trodo_cli.server.traces import wants_payload
from trodo_cli.wire.agntz_frames import Frame, Told, run_events, sse_frame, trace_events, trace_snapshot

HEARTBEAT_NS = 15 * 10**9
SEND_SECONDS = 60.0
"""How long a viewer may take to accept a chunk before it is let go."""

COALESCE_SECONDS = 0.01
"""How long a viewer rests after a chunk, so that what comes quickly travels together."""

PAGE_EVENTS = 200

WriteEvent = Callable[[Event], list[Frame]]

_HEARTBEAT = b":\n\n"


class _Piece(NamedTuple):
    """A part of a stream: its bytes, the number it goes up to, whether it is the last, and whether more is there."""

    data: bytes
    seq: int
    is_last: bool
    is_full: bool = False


async def stream_trace(call: Call) -> "EventStream":
    """The run's events in the words of the trace stream; in ours for our own client."""
    after = _asked_after(call)
    run = await in_thread(_known, call.client.traces.traced, call)
    if call.is_native:
        return await _opened(call, after or 0, _native, "text/event-stream; profile=trodo")
    if after is None and run.is_terminal:
        data = await in_thread(_snapshot, call)
        return EventStream(call, _Piece(data, 0, True), _native)
    told = Told()
    return await _opened(call, after or 0, lambda event: trace_events(event, run=run, told=told))


async def stream_run(call: Call) -> "EventStream":
    """The run's events in the words of the run stream."""
    after = _asked_after(call)
    run = await in_thread(_known, call.client.runs.get, call)
    told = Told.until(run) if after else Told()
    return await _opened(call, after or 0, lambda event: run_events(event, run=run, told=told))


def _known(get: Callable[[str], Run], call: Call) -> Run:
    """The run as it is when its stream begins, as heavy as is asked for."""
    run = get(call.path("run"))
    if not wants_payload(call):
        run.payload = NO_PAYLOAD
    return run


async def _opened(
    call: Call, after: int, write: WriteEvent, media_type: str = "text/event-stream"
) -> "EventStream":
    """A stream whose first piece has been read, so that a missing run is an ordinary 404."""
    call.service.check_crowd(call.principal.key_id)
    beat = call.service.pulse.now
    first = await in_thread(_read, call, after, write)
    return EventStream(call, first, write, beat, media_type)


class EventStream(Response):
    """An answer that goes on until the run has ended, the viewer leaves, or the viewer accepts nothing any more."""

    def __init__(
        self,
        call: Call,
        first: _Piece,
        write: WriteEvent,
        beat: asyncio.Event | None = None,
        media_type: str = "text/event-stream",
    ) -> None:
        super().__init__(headers={"content-type": media_type, **_HEADERS})
        del self.headers["content-length"]
        self._call, self._first, self._write, self._beat = call, first, write, beat

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        if scope["method"] != "HEAD":
            with self._call.service.viewing(self._call.principal.key_id):
                async with anyio.create_task_group() as group:
                    group.start_soon(_until_gone, receive, group.cancel_scope)
                    await self._send_chunks(send)
                    group.cancel_scope.cancel()
        await send({"type": "http.response.body", "body": b""})

    async def _send_chunks(self, send: Send) -> None:
        with anyio.CancelScope() as patience:
            async for chunk in self._chunks():
                patience.deadline = anyio.current_time() + SEND_SECONDS
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
                patience.deadline = math.inf

    async def _chunks(self) -> AsyncIterator[bytes]:
        """What there is to tell, then what comes, and a heartbeat when nothing does."""
        service, piece, beat = self._call.service, self._first, self._beat
        told_ns = ids.monotonic_ns()
        while True:
            if piece.data:
                yield piece.data
                told_ns = ids.monotonic_ns()
            if piece.is_last or service.stopping:
                return
            if piece.is_full:
                await asyncio.sleep(0)
            elif piece.data:
                await asyncio.sleep(COALESCE_SECONDS)
            else:
                await service.pulse.after(beat or service.pulse.now)
            if ids.monotonic_ns() - told_ns > HEARTBEAT_NS:
                yield _HEARTBEAT
                told_ns = ids.monotonic_ns()
            beat = service.pulse.now
            piece = await in_thread(_read_on, self._call, piece.seq, self._write)


def _read_on(call: Call, after: int, write: WriteEvent) -> _Piece:
    """The next piece of a stream that has begun: it ends well when the run, or the store, went away."""
    try:
        return _read(call, after, write)
    except TrodoError:
        return _Piece(b"", after, True)


def _read(call: Call, after: int, write: WriteEvent) -> _Piece:
    """The next piece; the last one when the run is over, or the key was revoked meanwhile. Raises `NotFound`."""
    if not call.service.doorkeeper.still_knows(call.principal):
        return _Piece(b"", after, True)
    events = call.client.traces.news(call.path("run"), after, payload=wants_payload(call), limit=PAGE_EVENTS)
    data = b"".join(_frames(event, write) for event in events)
    is_last = bool(events) and isinstance(events[-1], TraceDone)
    seq = max((event.seq for event in events), default=after)
    return _Piece(data, seq, is_last, len(events) >= PAGE_EVENTS)


def _frames(event: Event, write: WriteEvent) -> bytes:
    """The frames of one event. Only the last has the number, so that a resume never begins between them."""
    frames = write(event)
    seqs = [None] * (len(frames) - 1) + [event.seq or None]
    return b"".join(sse_frame(name, data, seq) for (name, data), seq in zip(frames, seqs, strict=False))


def _native(event: Event) -> list[Frame]:
    return [(event.type, event)]


def _snapshot(call: Call) -> bytes:
    trace = call.client.traces.get(call.path("run"), payload=wants_payload(call))
    return sse_frame(*trace_snapshot(trace, call.principal.owner), None)


def _asked_after(call: Call) -> int | None:
    """The number to go on after: `since`, else `Last-Event-ID`; None when neither says one.

    Raises `InvalidInput` for a `since` that is no number. A header is sent by machines and ignored then.
    """
    asked = call.seq("since")
    return read_seq(call.request.headers.get("last-event-id", "")) if asked is None else asked


async def _until_gone(receive: Receive, scope: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


_HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no", "vary": "Accept"}
