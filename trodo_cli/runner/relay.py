"""What a run records, carried from its process to the runner, which alone knows where runs are kept.

The process has a socket and no key. Whatever it sends is stored as its run's owner's. A frame is a length and a
message in MessagePack; each question has one answer.
"""

import os
import socket
import threading
from collections.abc import Callable, Sequence
from struct import Struct as Layout
from typing import Protocol

import msgspec

from trodo_cli.errors import TrodoError, Unavailable
from trodo_cli.model.run import Cancel
from trodo_cli.wire.receipt import Receipt

SCHEME = "run://"
MAX_FRAME_BYTES = 64 * 1024 * 1024

_LENGTH = Layout(">I")


class Records(Protocol):
    """Where an owner's runs are kept, as far as a producer needs it."""

    def publish_lines(self, lines: Sequence[bytes], *, alive: bool = True) -> Receipt: ...
    def heartbeat(self, run_ids: Sequence[str]) -> dict[str, Cancel]: ...
    def asked_to_stop(self, run_ids: Sequence[str]) -> list[str]: ...
    def record_drops(self, counts: dict[str, int]) -> None: ...
    def change_mark(self) -> object: ...


class _Lines(msgspec.Struct, tag="lines"):
    lines: list[bytes]
    alive: bool


class _Beat(msgspec.Struct, tag="beat"):
    runs: list[str]


class _Ask(msgspec.Struct, tag="ask"):
    runs: list[str]


class _Drops(msgspec.Struct, tag="drops"):
    counts: dict[str, int]


class _Answer(msgspec.Struct):
    receipt: Receipt | None = None
    cancels: dict[str, Cancel] = {}
    asked: list[str] = []
    error: str = ""


_Question = _Lines | _Beat | _Ask | _Drops

_encode = msgspec.msgpack.Encoder().encode
_read_question: msgspec.msgpack.Decoder[_Question] = msgspec.msgpack.Decoder(_Question)
_read_answer = msgspec.msgpack.Decoder(_Answer)


class Relay:
    """The process's end: what the SDK ships to. Raises `Unavailable` when the runner is gone."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._lock = threading.Lock()

    def publish_lines(self, lines: Sequence[bytes], *, alive: bool = True) -> Receipt:
        receipt = self._ask(_Lines([*lines], alive)).receipt
        return receipt or Receipt(0, 0)

    def heartbeat(self, run_ids: Sequence[str]) -> dict[str, Cancel]:
        return self._ask(_Beat([*run_ids])).cancels

    def asked_to_stop(self, run_ids: Sequence[str]) -> list[str]:
        return self._ask(_Ask([*run_ids])).asked if run_ids else []

    def record_drops(self, counts: dict[str, int]) -> None:
        self._ask(_Drops(counts))

    def close(self) -> None:
        """The channel stays: who ships again finds it."""

    def _ask(self, question: _Question) -> _Answer:
        with self._lock:
            try:
                _send(self._channel, _encode(question))
                answer = _read_answer.decode(_received(self._channel))
            except OSError as error:
                raise Unavailable(f"the runner of this run is gone: {error}") from None
        if answer.error:
            raise Unavailable(answer.error)
        return answer


def attach(channel: socket.socket) -> None:
    """Say by which socket this process reaches its runner."""
    global _relay, _pid
    _relay, _pid = Relay(channel), os.getpid()


def open_relay() -> Relay:
    """The way to the runner. Raises `Unavailable` in a process that has none, such as one started by an agent.

    What that one records stays in the run's spool, from where the runner takes it.
    """
    if _relay is None or _pid != os.getpid():
        raise Unavailable("this process is not the run's own", "the runner takes what it recorded")
    return _relay


def serve(channel: socket.socket, records: Records, seen: Callable[[Sequence[bytes]], None]) -> None:
    """The runner's end: answer until the process is gone. `seen` is told the lines that were stored."""
    answered = _Answering(records, seen)
    with channel:
        while True:
            try:
                question = _read_question.decode(_received(channel))
                _send(channel, _encode(answered.to(question)))
            except (OSError, msgspec.MsgspecError):
                return


class _Answering:
    """Answers one process; the store is asked about cancel requests only after something was committed."""

    def __init__(self, records: Records, seen: Callable[[Sequence[bytes]], None]) -> None:
        self._records, self._seen = records, seen
        self._known: tuple[object, list[str], list[str]] = (object(), [], [])

    def to(self, question: _Question) -> _Answer:
        try:
            return self._answer(question)
        except TrodoError as error:
            return _Answer(error=error.message)

    def _answer(self, question: _Question) -> _Answer:
        match question:
            case _Lines(lines, alive):
                receipt = self._records.publish_lines(lines, alive=alive)
                self._seen(lines)
                return _Answer(receipt=receipt)
            case _Beat(runs):
                return _Answer(cancels=self._records.heartbeat(runs))
            case _Ask(runs):
                return _Answer(asked=self._asked(runs))
            case _Drops(counts):
                self._records.record_drops(counts)
                return _Answer()

    def _asked(self, runs: list[str]) -> list[str]:
        mark = self._records.change_mark()
        if self._known[:2] != (mark, runs):
            self._known = (mark, runs, self._records.asked_to_stop(runs))
        return self._known[2]


def _send(channel: socket.socket, data: bytes) -> None:
    channel.sendall(_LENGTH.pack(len(data)) + data)


def _received(channel: socket.socket) -> bytes:
    (length,) = _LENGTH.unpack(_exactly(channel, _LENGTH.size))
    if length > MAX_FRAME_BYTES:
        raise OSError("a frame is too long")
    return _exactly(channel, length)


def _exactly(channel: socket.socket, count: int) -> bytes:
    parts = bytearray()
    while len(parts) < count:
        data = channel.recv(min(count - len(parts), 1 << 20))
        if not data:
            raise OSError("the other end is gone")
        parts += data
    return bytes(parts)


_relay: Relay | None = None
_pid = 0
