"""A TCP proxy on loopback that cuts connections: at a random byte, in either direction, politely or not."""

import asyncio
import random
import socket
import struct
import threading
import time
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from itertools import cycle
from typing import Literal, NamedTuple

READ_BYTES = 64 * 1024
REQUEST_BYTES = 600
"""About what a request to follow a run has."""

HEADER_BYTES = 500
"""About what the answer's headers have."""

IDLE_SECONDS = 0.3
"""An answer that says nothing for so long is cut where it is."""

Outcome = Literal["ended", "full", "silent"]

_RESET = struct.pack("ii", 1, 0)


class Cut(NamedTuple):
    """Where a connection ends: after so many bytes of the request or of the answer, by RST or by FIN."""

    in_request: bool
    room: int
    resets: bool
    in_silence: bool = False
    """There were not so many bytes: it was cut when nothing more came."""


class Cuts:
    """So many cuts, which several proxies may share."""

    def __init__(self, wanted: int) -> None:
        self.wanted = wanted
        self.made: list[Cut] = []

    @property
    def is_enough(self) -> bool:
        return len(self.made) >= self.wanted


class Proxy:
    """Stands before servers of this machine until it is closed; the next connection goes to the next one."""

    def __init__(self, ports: Sequence[int], cuts: Cuts, usual_bytes: int, chance: random.Random) -> None:
        self._ports, self._cuts, self._usual_bytes, self._chance = cycle(ports), cuts, usual_bytes, chance
        self.cut_at: list[float] = []
        """When this proxy cut, seconds of the monotonic clock."""
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._loop = asyncio.new_event_loop()
        self._stopped = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="proxy")
        self._thread.start()

    def close(self) -> None:
        """Cut what is open and listen no more."""
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._listen())

    async def _listen(self) -> None:
        server = await asyncio.start_server(self._serve, sock=self._listener)
        await self._stopped.wait()
        server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        resets = True
        ends = [writer]
        with suppress(OSError):
            try:
                answers, requests = await asyncio.open_connection("127.0.0.1", next(self._ports))
                ends.append(requests)
                self.connections += 1
                resets = await self._pass_both(reader, requests, answers, writer)
            finally:
                for end in ends:
                    _close(end, resets=resets)

    async def _pass_both(
        self,
        reader: asyncio.StreamReader,
        requests: asyncio.StreamWriter,
        answers: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> bool:
        """Until one side ends or we cut; whether the connection is to be reset."""
        if self._cuts.is_enough:
            await _first(_pass(reader, requests), _pass(answers, writer))
            return False
        cut = self._draw()
        request_room, answer_room = (cut.room, None) if cut.in_request else (None, cut.room)
        outcome = await _first(
            _pass(reader, requests, request_room), _pass(answers, writer, answer_room, IDLE_SECONDS)
        )
        if outcome == "ended":
            return False
        self._cuts.made.append(cut._replace(in_silence=outcome == "silent"))
        self.cut_at.append(time.monotonic())
        return cut.resets

    def _draw(self) -> Cut:
        """One of three kinds: inside the request, around the answer's headers, or anywhere in what follows."""
        resets, kind = self._chance.random() < 0.5, self._chance.random()
        if kind < 0.1:
            return Cut(True, self._chance.randrange(REQUEST_BYTES), resets)
        if kind < 0.2:
            return Cut(False, self._chance.randrange(2 * HEADER_BYTES), resets)
        return Cut(False, HEADER_BYTES + int(self._chance.expovariate(1 / self._usual_bytes)), resets)


async def _first(*ways: Coroutine[None, None, Outcome]) -> Outcome:
    """Pass both ways until one of them is done; how it was."""
    tasks = [asyncio.ensure_future(way) for way in ways]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
    outcomes = [task.result() for task in done]
    return next((outcome for outcome in outcomes if outcome != "ended"), "ended")


async def _pass(
    source: asyncio.StreamReader,
    sink: asyncio.StreamWriter,
    room: int | None = None,
    patience: float | None = None,
) -> Outcome:
    """Until the source ends, or `room` bytes have passed, or it is silent for too long after it began."""
    try:
        data = await source.read(READ_BYTES)
        while data:
            sink.write(data if room is None else data[:room])
            await sink.drain()
            if room is not None:
                room -= len(data)
                if room <= 0:
                    return "full"
            async with asyncio.timeout(patience):
                data = await source.read(READ_BYTES)
    except TimeoutError:
        return "silent"
    except OSError:
        pass
    return "ended"


def _close(writer: asyncio.StreamWriter, *, resets: bool) -> None:
    if not resets:
        writer.close()
        return
    with suppress(OSError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()
