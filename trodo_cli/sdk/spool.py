"""The spool: events on disk before anything else happens to them.

A process appends to segment files of its own, one `write()` an event, and holds a lock on each for as
long as it lives. A segment that nobody holds is a dead process's: whoever takes its lock ships it. The
cursor beside a segment moves only when the target has acknowledged; shipping twice changes nothing.
"""

import fcntl
import os
import threading
import zlib
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from struct import Struct as Layout

import msgspec

from trodo_cli.model import ids

MAX_SEGMENT_BYTES = 8 * 1024 * 1024
MAX_SPOOL_BYTES = 256 * 1024 * 1024
"""What one process leaves on disk at most while its target is away."""
MAX_AGE_NS = 7 * 24 * 3600 * 10**9
MAX_RING_EVENTS = 10_000
"""Events kept in memory while the disk refuses them."""

_FRAME = Layout("<BII")
_MARK = 0xF5
_LOCK = fcntl.LOCK_EX | fcntl.LOCK_NB


class Header(msgspec.Struct):
    """The first frame of a segment: where its events are to go, and whose they are."""

    format: int
    target: bytes
    """As the file system spells it."""
    pid: int
    created_ns: int
    key: str | None = None
    """The mark of the key that they were meant to be sent with; None for whatever key there is."""


class Spool:
    """The writing side, for one process. Safe to use from several threads, never across a fork."""

    def __init__(self, folder: Path, target: str, key: Callable[[], str | None] = lambda: None) -> None:
        self.folder = folder
        self.target = target
        self._key = key
        """Gives the mark of the key to the target."""
        self.written_bytes = 0
        """All bytes ever appended; a shipper that has caught up has passed them."""
        self.dropped: Counter[str] = Counter()
        """Events lost by reason, not yet told to the target."""
        self._lock = threading.RLock()
        self._descriptor = -1
        self._size = 0
        self._ring: deque[bytes] = deque()
        self._segments: dict[Path, int] = {}
        """Segments with the descriptors whose locks say that they are ours, oldest first."""

    def append(self, data: bytes) -> None:
        """Put one event on disk, or in memory while the disk refuses it."""
        frame = _FRAME.pack(_MARK, len(data), zlib.crc32(data)) + data
        with self._lock:
            self.retry()
            if self._ring or not self._written(frame):
                self._keep(frame)

    def segments(self) -> list[Path]:
        """This process's segments, oldest first; the last one is being written."""
        with self._lock:
            return list(self._segments)

    def finished(self) -> list[Path]:
        """Those that nothing will be added to."""
        with self._lock:
            return [path for path, descriptor in self._segments.items() if descriptor != self._descriptor]

    def forget(self, segment: Path) -> None:
        """Remove a segment that was finished before it was shipped to its end."""
        with self._lock:
            if segment in self._segments:
                remove_segment(segment)
                os.close(self._segments.pop(segment))

    def take_dropped(self) -> dict[str, int]:
        """What was lost by reason since this was asked last."""
        with self._lock:
            counts, self.dropped = dict(self.dropped), Counter()
            return counts

    def give_back_dropped(self, counts: dict[str, int]) -> None:
        """The target has not heard of these losses after all."""
        with self._lock:
            self.dropped.update(counts)

    def retry(self) -> None:
        """Write down what the disk refused before."""
        with self._lock:
            while self._ring and self._written(self._ring[0]):
                self._ring.popleft()

    @property
    def is_holding(self) -> bool:
        """Whether events wait in memory because the disk refused them."""
        return bool(self._ring)

    def close(self, *, shipped: bool) -> None:
        """Give the segments up; removes them when everything in them has been shipped."""
        with self._lock:
            if shipped and not self._ring:
                for segment in self._segments:
                    remove_segment(segment)
            self.abandon()

    def abandon(self) -> None:
        """Let go of the open file without touching the segments."""
        for descriptor in self._segments.values():
            os.close(descriptor)
        self._descriptor, self._segments = -1, {}

    def _written(self, frame: bytes) -> bool:
        try:
            if self._descriptor < 0 or self._size + len(frame) > MAX_SEGMENT_BYTES:
                self._rotate()
            count = os.write(self._descriptor, frame)
        except OSError:
            return False
        self._size += count
        self.written_bytes += count
        if count < len(frame):
            self._size = MAX_SEGMENT_BYTES
            return False
        return True

    def _keep(self, frame: bytes) -> None:
        if len(self._ring) >= MAX_RING_EVENTS:
            self._ring.popleft()
            self.dropped["disk_full"] += 1
        self._ring.append(frame)

    def _rotate(self) -> None:
        self.folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder.mkdir(mode=0o700, exist_ok=True)
        created_ns = ids.now_ns()
        path = self.folder / f"{created_ns:016x}-{os.getpid()}-{ids.new_span_id()}.seg"
        header = msgspec.json.encode(
            Header(1, os.fsencode(self.target), os.getpid(), created_ns, self._key())
        )
        frame = _FRAME.pack(_MARK, len(header), zlib.crc32(header)) + header
        self._descriptor, self._size = _new_segment(path, frame), len(frame)
        self._segments[path] = self._descriptor
        self._enforce_cap()

    def _enforce_cap(self) -> None:
        while len(self._segments) * MAX_SEGMENT_BYTES > MAX_SPOOL_BYTES:
            waiting = [segment for segment in self._segments if segment not in _in_shipping]
            if len(waiting) < 2:
                return
            oldest = waiting[0]
            self.dropped["spool_full"] += sum(1 for _ in SegmentReader(oldest).frames(read_cursor(oldest)))
            remove_segment(oldest)
            os.close(self._segments.pop(oldest))


class SegmentReader:
    """Reads the frames of one segment; a frame that is not whole ends it, a damaged one is skipped.

    Damage at the end counts only when the segment is final: in one that is being written it would count again.
    """

    def __init__(self, path: Path, *, is_final: bool = False) -> None:
        self.path = path
        self._is_final = is_final
        self.damaged = 0
        """Damaged stretches that were passed over."""

    def header(self) -> Header | None:
        """What the segment says of itself; None when even that is not whole."""
        for data, _ in self.frames(0, with_header=True):
            try:
                return msgspec.json.decode(data, type=Header)
            except msgspec.MsgspecError:
                return None
        return None

    def frames(self, offset: int, *, with_header: bool = False) -> Iterator[tuple[bytes, int]]:
        """Events from the byte `offset` on, each with the offset behind it."""
        with self.path.open("rb") as file:
            file.seek(offset)
            content = file.read()
        at = 0
        while at < len(content):
            end = _frame_end(content, at)
            if end:
                if offset + at or with_header:
                    yield content[at + _FRAME.size : end], offset + end
                at = end
            elif (found := _next_frame(content, at + 1)) < 0:
                self.damaged += self._is_final and _is_whole(content, at)
                return
            else:
                self.damaged += 1
                at = found


def read_cursor(segment: Path) -> int:
    """How many bytes of the segment have been acknowledged."""
    try:
        offset = int(_cursor_path(segment).read_text())
        return offset if 0 <= offset <= segment.stat().st_size else 0
    except (OSError, ValueError):
        return 0


def write_cursor(segment: Path, offset: int) -> None:
    """Note what has been acknowledged. A lost note only means shipping again."""
    descriptor = os.open(_cursor_path(segment), os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    try:
        os.write(descriptor, str(offset).encode())
    finally:
        os.close(descriptor)


def remove_segment(segment: Path) -> None:
    """Delete a segment and its cursor; the cursor last, so that no crash ships a segment twice for nothing."""
    segment.unlink(missing_ok=True)
    _cursor_path(segment).unlink(missing_ok=True)


@contextmanager
def in_shipping(segment: Path) -> Iterator[None]:
    """While a segment is shipped, no cap takes it: what was stored must not be counted as lost."""
    _in_shipping.add(segment)
    try:
        yield
    finally:
        _in_shipping.discard(segment)


_in_shipping: set[Path] = set()


def drafts(folder: Path) -> list[Path]:
    """What processes left behind that died while they made a segment."""
    return list(folder.glob("*.new"))


def orphans(folder: Path) -> list[Path]:
    """Segments in the folder, oldest first, whoever they belong to."""
    try:
        return sorted(Path(entry.path) for entry in os.scandir(folder) if entry.name.endswith(".seg"))
    except FileNotFoundError:
        return []


def taken(segment: Path) -> int | None:
    """The lock of a segment that no living process holds, as an open descriptor; None when one does."""
    try:
        descriptor = os.open(segment, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, _LOCK)
        if os.fstat(descriptor).st_nlink:
            return descriptor
    except OSError:
        pass
    os.close(descriptor)
    return None


def is_left(segment: Path) -> bool:
    """Whether no living process holds the segment."""
    descriptor = taken(segment)
    if descriptor is None:
        return False
    os.close(descriptor)
    return True


def _new_segment(path: Path, frame: bytes) -> int:
    """A segment under its final name only once it is locked and has its header."""
    draft = path.with_suffix(".new")
    descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND, 0o600)
    try:
        fcntl.flock(descriptor, _LOCK)
        if os.write(descriptor, frame) < len(frame):
            raise OSError("no room for a new segment")
        draft.rename(path)
    except OSError:
        os.close(descriptor)
        draft.unlink(missing_ok=True)
        raise
    return descriptor


def _frame_end(content: bytes, at: int) -> int:
    """Where the whole frame at this offset ends; 0 when there is none."""
    if len(content) - at < _FRAME.size:
        return 0
    mark, length, checksum = _FRAME.unpack_from(content, at)
    end = at + _FRAME.size + int(length)
    if mark != _MARK or end > len(content) or zlib.crc32(content[at + _FRAME.size : end]) != checksum:
        return 0
    return end


def _is_whole(content: bytes, at: int) -> bool:
    """Whether all bytes of the frame at this offset are there; then it is damaged rather than torn."""
    if len(content) - at < _FRAME.size:
        return False
    mark, length, _ = _FRAME.unpack_from(content, at)
    return mark == _MARK and at + _FRAME.size + int(length) <= len(content)


def _next_frame(content: bytes, at: int) -> int:
    """The offset of the next whole frame, or -1."""
    while (at := content.find(_MARK, at)) >= 0:
        if _frame_end(content, at):
            return at
        at += 1
    return -1


def _cursor_path(segment: Path) -> Path:
    return segment.with_suffix(".cursor")
