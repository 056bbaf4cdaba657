"""One connection: uvicorn's, with bounds on the time and size of all that comes before and between bodies."""

import asyncio
from asyncio.events import TimerHandle
from collections.abc import Callable
from typing import Any, Literal

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from trodo_cli.server.errors import failure
from trodo_cli.server.gate import secured

HEADER_SECONDS = 8.0
"""How long a request's headers may take: the first ones from the connection on, others from their first byte."""

LINGER_SECONDS = 2.0
"""How long the rest of a body may take that was answered before its end."""

MAX_HEADER_BYTES = 64 * 1024
MAX_HEADERS = 100
MAX_TARGET_BYTES = 16 * 1024
MAX_PIPELINED = 16

_READ_BYTES = 16 * 1024
"""How much is parsed before the bounds are looked at again."""


class Connection(HttpToolsProtocol):
    """Its timers are the loop's: a connection costs no task while nothing happens."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._stage: Literal["idle", "headers", "body"] = "idle"
        self._overhead = 0
        """Bytes since the last ones of use: headers not complete yet, sizes of chunks, trailers."""
        self._deadline: TimerHandle | None = None
        self._running: RequestResponseCycle | None = None
        """The request that the application works on, or worked on last; others wait in the pipeline."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        self._relax()
        if self._running is not None and not self._running.response_complete:
            self._running.disconnected = True
            self._running.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        for start in range(0, len(data), _READ_BYTES):
            piece = data[start : start + _READ_BYTES]
            self._overhead += len(piece)
            super().data_received(piece)
            if self._overhead > MAX_HEADER_BYTES:
                self._refuse(431, f"the headers have more than {MAX_HEADER_BYTES:,} bytes")
            if self.transport.is_closing():
                return
        if self._stage != "body" and self._deadline is None and self._is_unwatched:
            self._expect_headers()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._stage = "headers"

    def on_headers_complete(self) -> None:
        if problem := self._problem():
            self._refuse(431, problem)
            raise httptools.HttpParserError(problem)
        super().on_headers_complete()
        self._relax()
        self._overhead = 0
        self._stage = "body"
        self.headers = []  # of trailers, which are nobody's: the application keeps the list it was given

    def on_body(self, body: bytes) -> None:
        self._overhead = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._relax()
        self._overhead = 0
        self._stage = "idle"

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._stage == "body" and self.cycle.response_complete and not self.transport.is_closing():
            self._expect(LINGER_SECONDS, self.transport.close)

    def send_400_response(self, msg: str) -> None:
        self._refuse(400, msg)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def _problem(self) -> str:
        """What is too much about the headers that have just come."""
        if len(self.headers) > MAX_HEADERS:
            return f"there are more than {MAX_HEADERS} headers"
        if len(self.url) > MAX_TARGET_BYTES:
            return f"the path and query have more than {MAX_TARGET_BYTES:,} bytes"
        return "too many requests at a time" if len(self.pipeline) >= MAX_PIPELINED else ""

    @property
    def _is_unwatched(self) -> bool:
        """Whether bytes of a next request came, and neither an application nor a timer is at work."""
        if self._stage == "headers":
            return True
        return self.cycle.response_complete and self.timeout_keep_alive_task is None

    def _expect_headers(self) -> None:
        self._expect(HEADER_SECONDS, self._too_slow)

    def _too_slow(self) -> None:
        self._refuse(408, f"the headers were not complete after {HEADER_SECONDS:g} s")

    def _expect(self, seconds: float, otherwise: Callable[[], None]) -> None:
        self._relax()
        self._deadline = self.loop.call_later(seconds, otherwise)

    def _relax(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _refuse(self, status: int, message: str) -> None:
        """Close, with an answer if none is under way that it would end up in."""
        if self.transport.is_closing():
            return
        if self._may_answer:
            self.transport.write(_answer(status, message))
        if self._running is not None:
            self._running.disconnected = True
        self.transport.close()

    @property
    def _may_answer(self) -> bool:
        if self._stage == "body":
            return self._running is self.cycle and not self.cycle.response_started
        return self._running is None or self._running.response_complete


def _answer(status: int, message: str) -> bytes:
    answer = failure(status, message, "REFUSED")
    headers = [*secured(answer.raw_headers), (b"connection", b"close")]
    return b"".join(
        [STATUS_LINE[status], *(b"%b: %b\r\n" % header for header in headers), b"\r\n", bytes(answer.body)]
    )
