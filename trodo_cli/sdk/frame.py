"""A frame: how one event stands in a segment, so that a torn or damaged one is seen."""

import zlib
from struct import Struct as Layout

_HEAD = Layout("<BII")
_MARK = 0xF5

HEAD_BYTES = _HEAD.size
"""What stands before the content: a mark, its length and its checksum."""


def framed(data: bytes) -> bytes:
    """A frame with this content."""
    return _HEAD.pack(_MARK, len(data), zlib.crc32(data)) + data


def frame_end(content: bytes, at: int) -> int:
    """Where the whole frame at this offset ends; 0 when there is none."""
    if len(content) - at < HEAD_BYTES:
        return 0
    mark, length, checksum = _HEAD.unpack_from(content, at)
    end = at + HEAD_BYTES + int(length)
    if mark != _MARK or end > len(content) or zlib.crc32(content[at + HEAD_BYTES : end]) != checksum:
        return 0
    return end


def is_whole(content: bytes, at: int) -> bool:
    """Whether all bytes of the frame at this offset are there; then it is damaged rather than torn."""
    if len(content) - at < HEAD_BYTES:
        return False
    mark, length, _ = _HEAD.unpack_from(content, at)
    return mark == _MARK and at + HEAD_BYTES + int(length) <= len(content)


def next_frame(content: bytes, at: int) -> int:
    """The offset of the next whole frame, or -1."""
    while (at := content.find(_MARK, at)) >= 0:
        if frame_end(content, at):
            return at
        at += 1
    return -1
