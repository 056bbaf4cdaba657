"""A segment's events on their way to a target. The cursor moves only when the target has them."""

import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from trodo_cli.model.run import Cancel
from trodo_cli.sdk.segment import SegmentReader, in_shipping, read_cursor, write_cursor
from trodo_cli.wire.receipt import Receipt

BATCH_EVENTS = 500
BATCH_BYTES = 1024 * 1024
"""What one batch holds at most; an event that is larger goes alone."""

logger = logging.getLogger("trodo")
logger.addHandler(logging.NullHandler())


class Sink(Protocol):
    """The part of a client that shipping needs."""

    def publish_lines(self, lines: Sequence[bytes], *, alive: bool = True) -> Receipt: ...
    def heartbeat(self, run_ids: Sequence[str]) -> dict[str, Cancel]: ...
    def asked_to_stop(self, run_ids: Sequence[str]) -> list[str]: ...
    def record_drops(self, counts: dict[str, int]) -> None: ...
    def close(self) -> None: ...


OpenSink = Callable[[str], Sink]
"""Opens the target that a segment names."""


def ship_segment(segment: Path, opened: Callable[[], Sink], *, alive: bool) -> int:
    """Publish what a segment holds beyond its cursor; how many events that was."""
    with in_shipping(segment):
        return _shipped(segment, opened, alive=alive)


def _shipped(segment: Path, opened: Callable[[], Sink], *, alive: bool) -> int:
    reader = SegmentReader(segment, is_final=not alive)
    count = told_damage = 0
    for lines, offset in _batches(reader.frames(read_cursor(segment))):
        receipt = opened().publish_lines(lines, alive=alive)
        for refusal in receipt.refusals:
            logger.warning("trodo dropped an event: %s", refusal.error)
        tell(opened, {"refused": receipt.refused, "damaged": reader.damaged - told_damage})
        told_damage = reader.damaged
        write_cursor(segment, offset)
        count += len(lines) - receipt.refused
    tell(opened, {"damaged": reader.damaged - told_damage})
    return count


def tell(opened: Callable[[], Sink], counts: dict[str, int]) -> None:
    """Let the target know what was lost."""
    lost = {reason: count for reason, count in counts.items() if count}
    if lost:
        opened().record_drops(lost)


def _batches(frames: Iterator[tuple[bytes, int]]) -> Iterator[tuple[list[bytes], int]]:
    """Lines that go together, and where in the segment the last one ends."""
    lines: list[bytes] = []
    size = end = 0
    for line, offset in frames:
        if lines and (len(lines) == BATCH_EVENTS or size + len(line) > BATCH_BYTES):
            yield lines, end
            lines, size = [], 0
        lines.append(line)
        size, end = size + len(line), offset
    if lines:
        yield lines, end
