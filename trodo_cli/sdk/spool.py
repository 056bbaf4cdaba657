"""The spool: events on disk before anything else happens to them.

A process appends to segment files of its own, one `write()` an event, and holds a lock on each for as
long as it lives. A segment that nobody holds is a dead process's: whoever takes its lock ships it. The
cursor beside a segment moves only when the target has acknowledged; shipping twice changes nothing.
"""

import os
import threading
from collections import Counter, deque
from collections.abc import Callable
from pathlib import Path

import msgspec

from trodo_cli.model import ids
from trodo_cli.sdk.frame import framed
from trodo_cli.sdk.segment import (
    Header,
    SegmentReader,
    is_in_shipping,
    new_segment,
    read_cursor,
    remove_segment,
)

MAX_SEGMENT_BYTES = 8 * 1024 * 1024
MAX_SPOOL_BYTES = 256 * 1024 * 1024
"""What one process leaves on disk at most while its target is away."""
MAX_RING_EVENTS = 10_000
"""Events kept in memory while the disk refuses them."""


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
        frame = framed(data)
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
        header = Header(1, os.fsencode(self.target), os.getpid(), created_ns, self._key())
        frame = framed(msgspec.json.encode(header))
        self._descriptor, self._size = new_segment(path, frame), len(frame)
        self._segments[path] = self._descriptor
        self._enforce_cap()

    def _enforce_cap(self) -> None:
        while len(self._segments) * MAX_SEGMENT_BYTES > MAX_SPOOL_BYTES:
            waiting = [segment for segment in self._segments if not is_in_shipping(segment)]
            if len(waiting) < 2:
                return
            oldest = waiting[0]
            self.dropped["spool_full"] += sum(1 for _ in SegmentReader(oldest).frames(read_cursor(oldest)))
            remove_segment(oldest)
            os.close(self._segments.pop(oldest))
