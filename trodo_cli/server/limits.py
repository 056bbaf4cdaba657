"""What a body may be: bounded in bytes, time and memory while it is read, and in shape before it is parsed."""

import asyncio
import io
import zlib
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing

from starlette.requests import ClientDisconnect, Request

from trodo_cli.errors import InvalidInput

KIB, MIB = 1024, 1024 * 1024

MAX_WIRE_BYTES = 16 * MIB
"""As sent, compressed or not."""

MAX_BODY_BYTES = 32 * MIB
"""After decompression."""

SMALL_BYTES = 256 * KIB
"""Up to here a body needs no slot, whatever length it announces: a slow sender shall not keep one from others."""

LARGE_SLOTS = 2
SLOT_SECONDS = 5.0
"""How long a large body waits for a slot."""

LARGE_SECONDS = 60.0
"""How long a body may take from there on."""

BODY_SECONDS = 20.0
MIN_BYTES_PER_SECOND = 1 * KIB
"""Over each `BODY_SECONDS`, from the first one on."""

MAX_LINE_BYTES = 8 * MIB
"""Of one line; parsed, it takes several times its length in memory."""

MAX_KEYS = 10_000
MAX_DEPTH = 100
MAX_DIGITS = 400
"""Of one number, its fraction and exponent included."""

MAX_VALUES = 1_000_000
"""Commas and brackets of one line: a list of `[],[],…` takes twenty times its length in memory."""

_WIRE_STEP, _STEP = 4 * KIB, 64 * KIB
"""How much is put into the decompressor, and how much taken out, before others have their turn."""

_WINDOWS = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
_DIGITS = bytes(ord("0") if chr(code) in "0123456789" else ord(" ") for code in range(256))
_STEPS = bytes(chr(code) in "[{" for code in range(256))
_NO_BRACKETS = bytes(code for code in range(256) if chr(code) not in "[]{}")


class Refused(Exception):
    """A request that is not taken; `retry_after` in seconds when it may be tried again."""

    def __init__(self, status: int, message: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.retry_after = retry_after


class BodyBudget:
    """The memory that the bodies of one server share: any number of small ones, a few large ones at a time."""

    def __init__(self, slots: int = LARGE_SLOTS) -> None:
        self._slots = asyncio.Semaphore(slots)

    async def take_slot(self) -> None:
        """Wait for a slot. The current task gives it back when it ends, for so long it holds the body."""
        try:
            async with asyncio.timeout(SLOT_SECONDS):
                await self._slots.acquire()
        except TimeoutError:
            raise Refused(503, "too many large bodies at a time", retry_after=1) from None
        if task := asyncio.current_task():
            task.add_done_callback(lambda _: self._slots.release())


async def read_body(request: Request, budget: BodyBudget) -> bytes:
    """The whole body, decompressed.

    Raises `Refused` beyond the bounds and for what cannot be decompressed, `ClientDisconnect` for a client that left.
    """
    unzip = _unzip(request)
    if int(request.headers.get("content-length") or 0) > MAX_WIRE_BYTES:
        raise _too_large_as_sent()
    try:
        async with asyncio.timeout(None) as limit:
            return await _collected(request, unzip, budget, limit)
    except TimeoutError:
        raise Refused(408, f"the body was not complete after {LARGE_SECONDS:g} s") from None


async def _collected(
    request: Request, unzip: "_Unzip | None", budget: BodyBudget, limit: asyncio.Timeout
) -> bytes:
    body = io.BytesIO()
    async with aclosing(_chunks(request)) as chunks:
        async for chunk in chunks:
            for number, piece in enumerate(unzip.pieces(chunk) if unzip else (chunk,)):
                if number:
                    await asyncio.sleep(0)
                size = body.tell() + len(piece)
                if size > MAX_BODY_BYTES:
                    raise Refused(413, f"the body has more than {MAX_BODY_BYTES:,} bytes")
                if limit.when() is None and size > SMALL_BYTES:
                    await budget.take_slot()
                    limit.reschedule(asyncio.get_running_loop().time() + LARGE_SECONDS)
                body.write(piece)
    if unzip and unzip.is_cut:
        raise Refused(400, "the compressed data is cut short")
    return body.getvalue()


async def _chunks(request: Request) -> AsyncGenerator[bytes, None]:
    """The body as it comes in."""
    clock = asyncio.get_running_loop().time
    size, due, deadline, more = 0, 0.0, 0.0, True
    while more:
        if size >= due:
            due, deadline = size + MIN_BYTES_PER_SECOND * BODY_SECONDS, clock() + BODY_SECONDS
        try:
            async with asyncio.timeout_at(deadline):
                message = await request.receive()
        except TimeoutError:
            raise Refused(408, f"the body came slower than {MIN_BYTES_PER_SECOND:,} bytes/s") from None
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk, more = message.get("body", b""), message.get("more_body", False)
        size += len(chunk)
        if size > MAX_WIRE_BYTES:
            raise _too_large_as_sent()
        yield chunk


def _too_large_as_sent() -> Refused:
    return Refused(413, f"the body has more than {MAX_WIRE_BYTES:,} bytes as it was sent")


def _unzip(request: Request) -> "_Unzip | None":
    """What undoes the body's encoding; None when it has none."""
    encoding = ",".join(request.headers.getlist("content-encoding")).strip().lower()
    if encoding in _WINDOWS:
        return _Unzip(_WINDOWS[encoding])
    if encoding in ("", "identity"):
        return None
    raise Refused(415, "the content encoding must be gzip or deflate, once, or none")


class _Unzip:
    """Decompresses step by step, so that nothing is held that was not asked for."""

    def __init__(self, window: int) -> None:
        self._window = window
        self._member = zlib.decompressobj(window)
        self._has_begun = False

    @property
    def is_cut(self) -> bool:
        return self._has_begun and not self._member.eof

    def pieces(self, chunk: bytes) -> Iterator[bytes]:
        """What a chunk holds, in pieces of 64 KiB at most, some of them empty."""
        for start in range(0, len(chunk), _WIRE_STEP):
            data = chunk[start : start + _WIRE_STEP]
            while data:
                if self._member.eof:
                    self._member = zlib.decompressobj(self._window)
                self._has_begun = True
                try:
                    yield self._member.decompress(data, _STEP)
                except zlib.error:
                    raise Refused(400, "the body is not compressed as it says, or damaged") from None
                data = self._member.unconsumed_tail or self._member.unused_data


def check_lines(body: bytes) -> Iterator[tuple[int, bytes]]:
    """The lines of NDJSON with their numbers, from 1; without line ends, blank ones left out."""
    for number, line in enumerate(io.BytesIO(body), start=1):
        if text := line.strip(b" \t\r\n"):
            yield number, text


def check_shape(
    line: bytes,
    *,
    most_bytes: int = MAX_LINE_BYTES,
    most_keys: int = MAX_KEYS,
    most_values: int = MAX_VALUES,
    most_levels: int = MAX_DEPTH,
) -> None:
    """Raises `InvalidInput` for JSON that costs more to parse than its length suggests."""
    if len(line) > most_bytes:
        raise InvalidInput(f"more than {most_bytes:,} bytes", "send large values in parts")
    if not _may_be_too_much(line, most_values):
        return
    bare = _without_strings(line)
    if bare.count(b":") > most_keys:
        raise InvalidInput(f"more than {most_keys:,} keys", "send large values as text")
    if _values(bare) > most_values:
        raise InvalidInput(f"more than {most_values:,} values", "send large values as text")
    if _has_long_number(bare):
        raise InvalidInput(f"a number of more than {MAX_DIGITS} digits", "send it as text")
    if _is_deep(bare, most_levels):
        raise InvalidInput(f"nested deeper than {most_levels} levels", "send deep values as text")


def check_batch(body: bytes) -> None:
    """Raises `Refused` for a body that costs too much to be taken apart; `check_shape` is for its parts."""
    if len(body) > MAX_LINE_BYTES:
        raise Refused(413, f"the batch has more than {MAX_LINE_BYTES:,} bytes")
    if _values(body) > MAX_VALUES and _values(_without_strings(body)) > MAX_VALUES:
        raise Refused(413, f"the batch has more than {MAX_VALUES:,} values")


def _values(text: bytes) -> int:
    return sum(map(text.count, (b",", b"[", b"{")))


def _may_be_too_much(line: bytes, most_values: int) -> bool:
    """A quick upper bound, which counts what stands in strings too."""
    return (
        len(line) - len(line.translate(None, b"[{")) > MAX_DEPTH
        or (len(line) > MAX_DIGITS and _has_long_number(line))
        or (len(line) > MAX_KEYS and _has_many_parts(line, most_values))
    )


def _has_many_parts(line: bytes, most_values: int) -> bool:
    return line.count(b":") > MAX_KEYS or line.count(b",") > most_values - MAX_DEPTH


def _has_long_number(text: bytes) -> bool:
    return b"0" * (MAX_DIGITS + 1) in text.translate(_DIGITS, b"+-.eE")


def _is_deep(bare: bytes, most_levels: int) -> bool:
    depth = 0
    for is_open in bare.translate(_STEPS, _NO_BRACKETS):
        depth += 1 if is_open else -1
        if depth > most_levels:
            return True
    return False


def _without_strings(line: bytes) -> bytes:
    """What stands outside of strings, quotes left out; a megabyte at a time, for quotes alone make long lists."""
    unescaped = line.replace(rb"\\", b"").replace(rb"\"", b"")
    outside: list[bytes] = []
    is_inside = False
    for start in range(0, len(unescaped), MIB):
        parts = unescaped[start : start + MIB].split(b'"')
        outside.append(b"".join(parts[is_inside::2]))
        is_inside ^= len(parts) % 2 == 0
    return b"".join(outside)
