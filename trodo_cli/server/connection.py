"""One connection: uvicorn's, with bounds on the time and size of all that comes before and between bodies."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, NoReturn

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from trodo_cli.server.errors import failure
from trodo_cli.server.gate import secured

HEADER_SECONDS = 8.0
"""How long a request's headers may take: the first ones from the connection on, others from their first byte."""

FAREWELL_SECONDS = 0.25
"""How long a connection that has asked nothing yet may still ask when the server ends: it came before anyone knew."""

LINGER_SECONDS = 2.0
LINGER_BYTES = 1024 * 1024
"""How long and how much the rest of a body may be that was answered before its end."""

MAX_HEADER_BYTES = 64 * 1024
MAX_HEADERS = 100
MAX_TARGET_BYTES = 16 * 1024
MAX_PIPELINED = 16

MAX_PIECES = 256
"""Parts of bodies in one step, or 64 bytes each: a byte at a time, they cost a thousand times their length."""

_STEP = 16 * 1024
"""How many bytes are parsed before the bounds are looked at again."""


class Connection(HttpToolsProtocol):
    """Its timers are the loop's: a connection costs no task while nothing happens."""

    def __init__(
        self, *arguments: Any, on_refused: Callable[[int], None] = lambda _status: None, **named: Any
    ) -> None:
        super().__init__(*arguments, **named)
        self._on_refused = on_refused
        self._deadline: asyncio.TimerHandle | None = None
        self._overhead = 0
        """Bytes since the last ones of use: headers not complete yet, sizes of chunks, trailers."""
        self._pieces = 0
        self._unread = 0
        """Bytes of bodies that were answered before their end."""
        self._trailers = self.headers
        """Headers that come after a body: nobody's. `headers` is this list until the next request begins."""
        self._earlier: deque[RequestResponseCycle] = deque(maxlen=MAX_PIPELINED)
        """Requests that were not answered when the next one came."""
        self._is_last = False
        """Whether the next request is the last one."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_end_within(HEADER_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        self._relax()
        for cycle in self._earlier:
            cycle.disconnected = True
            cycle.message_event.set()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """End when what was asked is answered."""
        has_asked = self.cycle is not None
        if has_asked or self._is_last:
            super().shutdown()
        else:
            self._is_last = True
            self.loop.call_later(FAREWELL_SECONDS, self.shutdown)

    def data_received(self, data: bytes) -> None:
        for start in range(0, len(data), _STEP):
            piece = data[start : start + _STEP]
            self._overhead += len(piece)
            self._pieces = 0
            super().data_received(piece)
            if self._overhead > MAX_HEADER_BYTES:
                self._refuse(431, f"the headers have more than {MAX_HEADER_BYTES:,} bytes")
            if self.transport.is_closing():
                return
        if self._deadline is None:
            if self._has_begun:
                self._expect_end_within(HEADER_SECONDS)
            elif self.cycle.response_complete:
                self._expect_end_within(LINGER_SECONDS)

    def on_headers_complete(self) -> None:
        if problem := self._problem():
            self._reject(431, problem)
        before = self.cycle
        super().on_headers_complete()
        if before is not None and not before.response_complete:
            self._earlier.append(before)
        if self._is_last:
            self.cycle.keep_alive = False
        self.headers = self._trailers = []
        self._overhead = 0
        self._relax()

    def on_body(self, body: bytes) -> None:
        self._overhead = 0
        self._pieces += 1
        if self._pieces > MAX_PIECES:
            self._reject(400, "the body comes in too many small chunks")
        super().on_body(body)
        if self.cycle.response_complete:
            self._unread += len(body)
            if self._unread > LINGER_BYTES:
                self.transport.close()

    def send_400_response(self, msg: str) -> None:
        self._refuse(400, msg)

    @property
    def _has_begun(self) -> bool:
        """Whether a part of a request's headers is there."""
        return self.headers is not self._trailers

    def _problem(self) -> str:
        """What is too much about the headers that have just come."""
        if len(self.headers) > MAX_HEADERS:
            return f"there are more than {MAX_HEADERS} headers"
        if len(self.url) > MAX_TARGET_BYTES:
            return f"the path and query have more than {MAX_TARGET_BYTES:,} bytes"
        return "too many requests at a time" if len(self.pipeline) >= MAX_PIPELINED else ""

    def _expect_end_within(self, seconds: float) -> None:
        self._deadline = self.loop.call_later(seconds, self._too_slow, seconds)

    def _too_slow(self, seconds: float) -> None:
        self._refuse(408, f"the headers were not complete after {seconds:g} s")

    def _relax(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _reject(self, status: int, message: str) -> NoReturn:
        """Refuse, and stop the parser."""
        self._refuse(status, message)
        raise httptools.HttpParserError(message)

    def _refuse(self, status: int, message: str) -> None:
        """Close, with an answer if none was given that this one would follow, or end up in."""
        if self.transport.is_closing():
            return
        self._on_refused(status)
        if self._may_answer():
            self.transport.write(_answer(status, message))
        if self.cycle is not None:
            self.cycle.disconnected = True
        self.transport.close()

    def _may_answer(self) -> bool:
        if self.cycle is not None and self.cycle.more_body and not self._has_begun:  # in the middle of a body
            return not self.cycle.response_started and not self.pipeline
        return self.cycle is None or self.cycle.response_complete


def _answer(status: int, message: str) -> bytes:
    answer = failure(status, message, "REFUSED")
    headers = [*secured(answer.raw_headers), (b"connection", b"close")]
    return b"".join(
        [STATUS_LINE[status], *(b"%b: %b\r\n" % header for header in headers), b"\r\n", bytes(answer.body)]
    )
