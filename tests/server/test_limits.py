"""What a body may be: its bytes, its time, the memory that all bodies share, and the shape of its lines."""

import asyncio
import gzip
import json
import random
import re
import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from typing import Any
from weakref import WeakSet

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope, Send

from tests.server.running import DEADLINE_SECONDS, Raw, Running, answer, eventually, running
from trodo_cli.errors import InvalidInput
from trodo_cli.server import limits
from trodo_cli.server.limits import BodyBudget, Refused, check_lines, check_shape, read_body

KIB, MIB = 1024, 1024 * 1024
POST = "POST / HTTP/1.1\r\nHost: localhost\r\n"
CHUNKED = (POST + "Transfer-Encoding: chunked\r\n\r\n").encode()


class Reader:
    """Answers how long the body was and what it begins with; a held one waits before it answers."""

    def __init__(self) -> None:
        self.budget = BodyBudget()
        self.gone = threading.Event()
        self.may_go = asyncio.Event()
        self.held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await read_body(Request(scope, receive), self.budget)
        except ClientDisconnect:
            self.gone.set()
            return
        except Refused as refused:
            await answer(send, refused.status, f"{refused.message} {refused.retry_after}".encode())
            return
        if scope["path"] == "/held":
            self.held += 1
            await self.may_go.wait()
        await answer(send, 200, b"%d " % len(body) + body[:5])


@pytest.fixture
def reader() -> Reader:
    return Reader()


@pytest.fixture
def server(reader: Reader) -> Iterator[Running]:
    with running(reader) as server:
        yield server


class Produced:
    """What all decompressors have made, step by step, and the most that those still in use had made together."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.peak = 0
        self._in_use: WeakSet[Any] = WeakSet()

    def counting(self, make: Callable[..., Any]) -> type:
        """A class to stand in for `zlib.decompressobj`."""

        class Counting:
            def __init__(member, *arguments: Any) -> None:
                member.real, member.made = make(*arguments), 0
                self._in_use.add(member)

            def decompress(member, *arguments: Any) -> bytes:
                piece: bytes = member.real.decompress(*arguments)
                member.made += len(piece)
                self.sizes.append(len(piece))
                self.peak = max(self.peak, sum(other.made for other in self._in_use))
                return piece

            def __getattr__(member, name: str) -> Any:
                return getattr(member.real, name)

        return Counting


@pytest.fixture
def produced(monkeypatch: pytest.MonkeyPatch) -> Produced:
    produced = Produced()
    monkeypatch.setattr(zlib, "decompressobj", produced.counting(zlib.decompressobj))
    return produced


def posted(body: bytes, encoding: str | None = None, path: str = "/") -> bytes:
    """A whole request."""
    said = f"Content-Encoding: {encoding}\r\n" if encoding is not None else ""
    head = POST.replace(" / ", f" {path} ") + f"{said}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def zeros(size: int) -> bytes:
    """A gzip body of so many MiB of zeros: the same block again and again."""
    pack = zlib.compressobj(9, wbits=-15)
    block = pack.compress(bytes(MIB)) + pack.flush(zlib.Z_FULL_FLUSH)
    checksum = 0
    for _ in range(size):
        checksum = zlib.crc32(bytes(MIB), checksum)
    end = struct.pack("<II", checksum, size * MIB)
    return gzip.compress(b"")[:10] + block * size + b"\x03\x00" + end


def random_bytes(size: int) -> bytes:
    return random.Random(size).randbytes(size)


TAKEN = {
    "empty": (b"", None, b""),
    "plain": (b"hello", None, b"hello"),
    "identity": (b"hello", "identity", b"hello"),
    "gzip": (gzip.compress(b"hello"), "gzip", b"hello"),
    "old name": (gzip.compress(b"hello"), "X-GZip", b"hello"),
    "empty gzip": (b"", "gzip", b""),
    "nothing in gzip": (gzip.compress(b""), "gzip", b""),
    "two members": (gzip.compress(b"hel") + gzip.compress(b"lo"), "gzip", b"hello"),
    "many members": (b"".join(gzip.compress(b"x") for _ in range(5000)), "gzip", b"x" * 5000),
    "gzip in gzip": (
        gzip.compress(gzip.compress(b"hello", mtime=0), mtime=0),
        "gzip",
        gzip.compress(b"hello", mtime=0),
    ),
    "large": (bytes(MIB), None, bytes(MIB)),
    "random in gzip": (gzip.compress(random_bytes(MIB)), "gzip", random_bytes(MIB)),
    "the most there may be": (zeros(32), "gzip", bytes(32 * MIB)),
    "the most as sent": (bytes(16 * MIB), None, bytes(16 * MIB)),
}


@pytest.mark.parametrize(("sent", "encoding", "meant"), TAKEN.values(), ids=TAKEN)
def test_a_body_within_bounds_is_read(
    server: Running, sent: bytes, encoding: str | None, meant: bytes
) -> None:
    with Raw(server.port) as raw:
        told = raw.send(posted(sent, encoding)).answer()
        assert (told.status, told.body) == (200, b"%d " % len(meant) + meant[:5])


REFUSED = {
    "zeros": (zeros(33), "gzip", 413),
    "one byte more": (zeros(32) + gzip.compress(b"1"), "gzip", 413),
    "announced as too large": (b"", None, 413),
    "cut short": (gzip.compress(b"hello")[:-1], "gzip", 400),
    "cut after the header": (gzip.compress(b"hello")[:10], "gzip", 400),
    "second member cut": (gzip.compress(b"hello") + gzip.compress(b"you")[:-4], "gzip", 400),
    "wrong checksum": (gzip.compress(b"hello")[:-8] + bytes(8), "gzip", 400),
    "no gzip": (b'{"a":1}', "gzip", 400),
    "zlib": (zlib.compress(b"hello"), "gzip", 400),
    "garbage behind": (gzip.compress(b"hello") + b"garbage", "gzip", 400),
    "raw deflate": (zlib.compress(b"hello")[2:-4], "deflate", 400),
    "zstd": (b"(\xb5/\xfd", "zstd", 415),
    "twice": (gzip.compress(gzip.compress(b"hello")), "gzip, gzip", 415),
    "twice in two headers": (gzip.compress(b"hello"), "gzip\r\nContent-Encoding: gzip", 415),
}


@pytest.mark.parametrize(("sent", "encoding", "status"), REFUSED.values(), ids=REFUSED)
def test_a_body_out_of_bounds_is_refused(
    server: Running, sent: bytes, encoding: str | None, status: int
) -> None:
    request = posted(sent, encoding) if sent else f"{POST}Content-Length: {16 * MIB + 1}\r\n\r\n".encode()
    with Raw(server.port) as raw:
        told = raw.send(request).answer()
        assert told.status == status, told


def test_a_bomb_is_left_as_soon_as_it_crosses_the_bound(server: Running, produced: Produced) -> None:
    bomb = posted(zeros(1024), "gzip")
    with Raw(server.port) as raw:
        told = raw.send(bomb).answer()
    assert (told.status, told.body) == (413, b"the body has more than 33,554,432 bytes None")
    assert sum(produced.sizes) <= limits.MAX_BODY_BYTES + 64 * KIB
    assert max(produced.sizes) <= 64 * KIB


def test_a_chunked_body_without_end_is_left_at_the_bound(server: Running) -> None:
    chunk = b"10000\r\n" + bytes(64 * KIB) + b"\r\n"
    with Raw(server.port) as raw:
        raw.send(CHUNKED)
        for _ in range(16 * MIB // (64 * KIB)):
            raw.send(chunk)
        told = raw.send(chunk).answer()
        assert (told.status, told.body) == (
            413,
            b"the body has more than 16,777,216 bytes as it was sent None",
        )


def test_a_large_body_gives_up_its_slot_when_its_handler_ends(server: Running, reader: Reader) -> None:
    large = posted(bytes(limits.SMALL_BYTES + 1), path="/held")
    holding = [Raw(server.port).send(large) for _ in range(limits.LARGE_SLOTS)]
    eventually(lambda: reader.held == limits.LARGE_SLOTS)
    with Raw(server.port) as waiting, Raw(server.port) as small:
        waiting.send(posted(bytes(limits.SMALL_BYTES + 1)))
        assert small.send(posted(bytes(limits.SMALL_BYTES))).answer().status == 200
        server.call(reader.may_go.set)
        assert waiting.answer().status == 200
    assert [raw.answer().status for raw in holding] == [200] * limits.LARGE_SLOTS
    for raw in holding:
        raw.close()


def test_who_waits_too_long_for_a_slot_is_told_to_come_again(
    server: Running, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SLOT_SECONDS", 0.1)
    large = posted(bytes(limits.SMALL_BYTES + 1), path="/held")
    holding = [Raw(server.port).send(large) for _ in range(limits.LARGE_SLOTS)]
    eventually(lambda: reader.held == limits.LARGE_SLOTS)
    with Raw(server.port) as raw:
        told = raw.send(posted(zeros(1), "gzip")).answer()
        assert (told.status, told.body) == (503, b"too many large bodies at a time 1")
    for raw in holding:
        raw.close()
    server.call(reader.may_go.set)
    with Raw(server.port) as raw:
        assert raw.send(large).answer().status == 200


def test_who_only_announces_a_large_body_takes_no_slot(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SLOT_SECONDS", 0.1)
    announced = f"{POST}Content-Length: {MIB}\r\n\r\n".encode()
    slow = [Raw(server.port).send(announced + b"{") for _ in range(limits.LARGE_SLOTS)]
    eventually(lambda: server.connections == limits.LARGE_SLOTS)
    with Raw(server.port) as raw:
        assert raw.send(posted(bytes(MIB))).answer().status == 200
    for raw in slow:
        raw.close()


def test_64_bombs_at_a_time_never_hold_more_than_their_slots_allow(
    server: Running, produced: Produced, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_BODY_BYTES", 4 * MIB)
    bomb = posted(zeros(64), "gzip")
    bombs = [Raw(server.port).send(bomb) for _ in range(64)]
    statuses = [raw.answer().status for raw in bombs]
    for raw in bombs:
        raw.close()
    assert set(statuses) <= {413, 503}
    assert statuses.count(413) >= limits.LARGE_SLOTS
    with_slot, without = 4 * MIB + 64 * KIB, limits.SMALL_BYTES + 64 * KIB
    assert limits.SMALL_BYTES < produced.peak <= limits.LARGE_SLOTS * with_slot + 64 * without


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """2,000 bytes must come in each 0.2 s."""
    monkeypatch.setattr(limits, "BODY_SECONDS", 0.2)
    monkeypatch.setattr(limits, "MIN_BYTES_PER_SECOND", 10_000)


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize(
    "begin", [b"", b"400\r\n" + bytes(KIB) + b"\r\n", (b"400\r\n" + bytes(KIB) + b"\r\n") * 9]
)
def test_a_body_that_pauses_is_told_408(server: Running, begin: bytes) -> None:
    with Raw(server.port) as raw:
        told = raw.send(CHUNKED + begin).answer()
        assert (told.status, told.body) == (408, b"the body came slower than 10,000 bytes/s None")


@pytest.mark.usefixtures("hurried")
def test_a_body_that_drips_is_told_408(server: Running) -> None:
    with Raw(server.port) as raw:
        raw.send(CHUNKED)
        ended = threading.Event()
        drip = threading.Thread(
            target=lambda: [raw.send(b"1\r\na\r\n") for _ in iter(lambda: ended.wait(0.02), True)]
        )
        drip.start()
        told = raw.answer()
        ended.set()
        drip.join(DEADLINE_SECONDS)
        assert told.status == 408


def test_a_body_that_keeps_its_pace_may_take_long(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BODY_SECONDS", 1.0)
    with Raw(server.port) as raw:
        raw.send(CHUNKED)
        for _ in range(10):
            raw.send(b"800\r\n" + bytes(2048) + b"\r\n")
            threading.Event().wait(0.15)
        assert raw.send(b"0\r\n\r\n").answer().status == 200


def test_a_slot_is_not_held_for_ever(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LARGE_SECONDS", 0.2)
    with Raw(server.port) as raw:
        told = raw.send(CHUNKED + b"40001\r\n" + bytes(limits.SMALL_BYTES + 1) + b"\r\n").answer()
        assert (told.status, told.body) == (408, b"the body was not complete after 0.2 s None")


def test_a_client_that_goes_away_ends_the_reading_quietly(server: Running, reader: Reader) -> None:
    with Raw(server.port) as raw:
        raw.send(f"{POST}Content-Length: 100\r\n\r\nabc".encode())
    assert reader.gone.wait(DEADLINE_SECONDS)


def test_others_have_their_turn_between_the_steps_of_decompression() -> None:
    turns = asyncio.run(_turns_while_reading(zeros(8)))
    assert turns >= 8 * MIB // (64 * KIB)


async def _turns_while_reading(body: bytes) -> int:
    turns, is_over = 0, False

    async def take_turns() -> None:
        nonlocal turns
        while not is_over:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(take_turns())
    assert len(await read_body(in_memory([body]), BodyBudget())) == 8 * MIB
    is_over = True
    await other
    return turns


def in_memory(chunks: list[bytes]) -> Request:
    """A gzip request whose body is there already."""
    messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    coming = iter([*messages, {"type": "http.request"}])

    async def receive() -> Any:
        return next(coming)

    return Request({"type": "http", "method": "POST", "headers": [(b"content-encoding", b"gzip")]}, receive)


@given(
    members=st.lists(st.binary(max_size=300) | st.integers(0, 200_000).map(bytes), min_size=1, max_size=4),
    data=st.data(),
)
@settings(max_examples=100, deadline=None)
def test_gzip_cut_anywhere_is_read_as_the_library_reads_it_whole(members: list[bytes], data: Any) -> None:
    body = b"".join(map(gzip.compress, members))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=6)))
    chunks = [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    assert asyncio.run(read_body(in_memory(chunks), BodyBudget())) == b"".join(members)


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        (b"", []),
        (b"\n\r\n  \n", []),
        (b"a", [(1, b"a")]),
        (b"a\n\nb\r\n", [(1, b"a"), (3, b"b")]),
        (b"a\rb\n", [(1, b"a\rb")]),
        ("a\u2028b\u0085c\x0b\x1cd\ne".encode(), [(1, "a\u2028b\u0085c\x0b\x1cd".encode()), (2, b"e")]),
        (b"\x0b\n", [(1, b"\x0b")]),
        (b"\xef\xbb\xbf{}\n\xff", [(1, b"\xef\xbb\xbf{}"), (2, b"\xff")]),
    ],
)
def test_lines_end_at_line_feeds_only(body: bytes, lines: list[tuple[int, bytes]]) -> None:
    assert list(check_lines(body)) == lines


def nested(depth: int) -> bytes:
    return b'{"a":[' * (depth // 2) + b"[" * (depth % 2) + b"]" * (depth % 2) + b"]}" * (depth // 2)


def keys(count: int) -> bytes:
    return b"{" + b",".join(b'"%d":0' % number for number in range(count)) + b"}"


FITS = {
    "ordinary": b'{"a":[1,2.5e3,{"b":null}],"c":"d"}',
    "100 levels": nested(100),
    "10,000 keys": keys(10_000),
    "400 digits": b"[" + b"1" * 400 + b"]",
    "400 digits with a point": b"[-" + b"1" * 200 + b"." + b"1" * 197 + b"e-300]",
    "many short numbers": b"[" + b",".join([b"1234567890"] * 100_000) + b"]",
    "as much as one likes in strings": json.dumps({"a": '[]{}:\\",\n' * 20_000 + "1" * 500}).encode(),
    "in keys": json.dumps({"[" * 200 + "1" * 500: 1}).encode(),
    "a string that never ends": b'{"a":"' + b"[" * 200,
    "nothing": b"",
    "a million values": b"[" + b"0," * 999_998 + b"0]",
    "100 levels and others beside": b"[" + nested(99) + b",[]" * 9 + b"]",
    "10,000 keys with colons": keys(10_000).replace(b'":', b':":'),
    "400 digits and more in a string": b'["' + b"1" * 500 + b'",' + b"1" * 400 + b"]",
    "300 lists side by side": b"[" + b"[]," * 300 + b"0]",
}
TOO_MUCH = {
    "101 levels": (nested(101), "nested deeper than 100 levels"),
    "100,000 levels": (b"[" * 100_000, "nested deeper than 100 levels"),
    "10,001 keys": (keys(10_001), "more than 10,000 keys"),
    "equal keys": (b"{" + b'"":0,' * 10_001 + b'"":0}', "more than 10,000 keys"),
    "401 digits": (b"[" + b"1" * 401 + b"]", "a number of more than 400 digits"),
    "digits in three parts": (b"1" * 134 + b"." + b"1" * 134 + b"E+" + b"1" * 133, "a number of more than 400 digits"),
    "empty lists": (b"[" + b"[]," * 1_000_000 + b"0]", "more than 1,000,000 values"),
    "numbers": (b"[" + b"0," * 1_000_000 + b"0]", "more than 1,000,000 values"),
    "behind a string": (b'{"\\\\":"\\"",' + b'"a":' * 2 + b"[" * 200, "nested deeper than 100 levels"),
    "behind a long string": (b'{"a":"' + b"\\\"x" * MIB + b'","b":' + b"[" * 200, "nested deeper than 100 levels"),
}  # fmt: skip


@pytest.mark.parametrize("line", FITS.values(), ids=FITS)
def test_an_ordinary_line_passes(line: bytes) -> None:
    check_shape(line)


@pytest.mark.parametrize(("line", "words"), TOO_MUCH.values(), ids=TOO_MUCH)
def test_a_line_that_is_too_much_is_refused_in_words(line: bytes, words: str) -> None:
    with pytest.raises(InvalidInput, match=f"^{re.escape(words)}$") as caught:
        check_shape(line)
    assert caught.value.hint


def shape_of(text: str) -> tuple[int, int, int]:
    """Keys, depth, and digits of the longest number of a JSON text; one character at a time."""
    keys = depth = deepest = digits = longest = 0
    is_inside = is_escaped = False
    for character in text:
        if is_inside:
            is_inside = is_escaped or character != '"'
            is_escaped = character == "\\" and not is_escaped
            continue
        is_inside = character == '"'
        keys += character == ":"
        depth += (character in "[{") - (character in "]}")
        digits = digits + character.isdigit() if character in "0123456789.eE+-" else 0
        deepest, longest = max(deepest, depth), max(longest, digits)
    return keys, deepest, longest


def wrapped(part: tuple[Any, int]) -> Any:
    """A value inside so many lists."""
    value, depth = part
    for _ in range(depth):
        value = [value]
    return value


def among_keys(part: tuple[Any, int]) -> Any:
    """A value beside so many others."""
    value, count = part
    return {"": value, **dict.fromkeys(map(str, range(count)))}


TEXTS = st.text(st.sampled_from('[]{}:,"\\\n1.eé'), max_size=30) | st.just("[" * 120) | st.just("7" * 405)
NUMBERS = st.integers(395, 405).map(lambda digits: 10 ** (digits - 1)) | st.floats(
    allow_nan=False, allow_infinity=False
)
VALUES = st.recursive(
    TEXTS | NUMBERS | st.none(),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(TEXTS, inner, max_size=3)
    | st.tuples(inner, st.integers(90, 103)).map(wrapped)
    | st.tuples(inner, st.integers(9_990, 10_010)).map(among_keys),
    max_leaves=5,
)  # fmt: skip


@given(VALUES)
@settings(max_examples=100, deadline=None)
def test_the_quick_check_agrees_with_a_slow_one(value: Any) -> None:
    text = json.dumps(value, ensure_ascii=False)
    keys, depth, digits = shape_of(text)
    fits = keys <= limits.MAX_KEYS and depth <= limits.MAX_DEPTH and digits <= limits.MAX_DIGITS
    try:
        check_shape(text.encode())
    except InvalidInput:
        assert not fits
    else:
        assert fits
