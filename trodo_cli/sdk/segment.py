"""A segment: a file of events in the spool, with a cursor beside it that says how much was acknowledged."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from trodo_cli.sdk.frame import HEAD_BYTES, frame_end, is_whole, next_frame

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
            end = frame_end(content, at)
            if end:
                if offset + at or with_header:
                    yield content[at + HEAD_BYTES : end], offset + end
                at = end
            elif (found := next_frame(content, at + 1)) < 0:
                self.damaged += self._is_final and is_whole(content, at)
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


def is_in_shipping(segment: Path) -> bool:
    """Whether it is shipped right now."""
    return segment in _in_shipping


_in_shipping: set[Path] = set()


def drafts(folder: Path) -> list[Path]:
    """What processes left behind that died while they made a segment."""
    return list(folder.glob("*.new"))


def segments_in(folder: Path) -> list[Path]:
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


def new_segment(path: Path, header: bytes) -> int:
    """A segment under its final name only once it is locked and has its header."""
    draft = path.with_suffix(".new")
    descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND, 0o600)
    try:
        fcntl.flock(descriptor, _LOCK)
        if os.write(descriptor, header) < len(header):
            raise OSError("no room for a new segment")
        draft.rename(path)
    except OSError:
        os.close(descriptor)
        draft.unlink(missing_ok=True)
        raise
    return descriptor


def _cursor_path(segment: Path) -> Path:
    return segment.with_suffix(".cursor")
