"""What was last heard of every row of a trace, written down: in memory while it is little, in a file beyond."""

from array import array
from collections.abc import Iterator
from io import BytesIO
from tempfile import TemporaryFile
from typing import IO

import msgspec

from trodo_cli.errors import StorageFull
from trodo_cli.model.run import Run
from trodo_cli.model.span import Span

KEPT_BYTES = 16 * 2**20
"""From here on a temporary file without a name holds what was written."""

_FAILED, _IS_RUN = 1, 2

_write = msgspec.msgpack.Encoder().encode
_read_span = msgspec.msgpack.Decoder(Span).decode
_read_run = msgspec.msgpack.Decoder(Run).decode


class Book:
    """Spans and runs by number, from 0 on. Of each, start and failure are known without reading it.

    A million spans take about 20 MB of memory here. Writing raises `StorageFull`.
    """

    def __init__(self) -> None:
        self._file: IO[bytes] = BytesIO()
        self._end = 0
        self._places = array("Q")
        self._lengths = array("I")
        self._started_ns = array("q")
        self._flags = bytearray()
        self._latest: tuple[int, Span | Run] | None = None

    def __len__(self) -> int:
        return len(self._flags)

    def add(self, item: Span | Run) -> int:
        """Write down what is new; answers its number."""
        for column in (self._places, self._lengths, self._started_ns, self._flags):
            column.append(0)
        number = len(self._flags) - 1
        self.replace(number, item)
        return number

    def replace(self, number: int, item: Span | Run) -> None:
        """Write down another version."""
        text = _write(item)
        try:
            self._append(text)
        except OSError as error:
            raise StorageFull(
                f"no room for the trace in the temporary folder: {error.strerror}",
                "free some, or name another folder in TMPDIR",
            ) from None
        self._places[number], self._lengths[number] = self._end, len(text)
        self._started_ns[number] = item.started_ns
        self._flags[number] = _flags(item)
        self._end += len(text)
        self._latest = (number, item)

    def read(self, number: int) -> Span | Run:
        """What was written last under a number."""
        if self._latest is not None and self._latest[0] == number:
            return self._latest[1]
        self._file.seek(self._places[number])
        text = self._file.read(self._lengths[number])
        item: Span | Run = _read_run(text) if self.is_run(number) else _read_span(text)
        self._latest = (number, item)
        return item

    def started_ns(self, number: int) -> int:
        return self._started_ns[number]

    def is_failed(self, number: int) -> bool:
        return bool(self._flags[number] & _FAILED)

    def failed(self) -> Iterator[int]:
        """The numbers of all that failed, without reading any."""
        for flags in (_FAILED, _FAILED | _IS_RUN):
            number = self._flags.find(flags)
            while number >= 0:
                yield number
                number = self._flags.find(flags, number + 1)

    def is_run(self, number: int) -> bool:
        return bool(self._flags[number] & _IS_RUN)

    def close(self) -> None:
        """Give the file back; the book is not read afterwards."""
        self._file.close()

    def _append(self, text: bytes) -> None:
        if isinstance(self._file, BytesIO) and self._end > KEPT_BYTES:
            kept, self._file = self._file, TemporaryFile()  # noqa: SIM115 - until `close`
            self._file.write(kept.getbuffer())
        self._file.seek(self._end)
        self._file.write(text)


def _flags(item: Span | Run) -> int:
    failed = item.status in ("error", "failed")
    return failed * _FAILED | isinstance(item, Run) * _IS_RUN
