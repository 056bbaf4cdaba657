"""What dead processes left in the spool: shipped by whoever takes its lock first."""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from trodo_cli.errors import InvalidInput, TrodoError, Unauthorized
from trodo_cli.model import ids
from trodo_cli.sdk.delivery import OpenSink, Sink, ship_segment
from trodo_cli.sdk.segment import (
    Header,
    SegmentReader,
    drafts,
    read_cursor,
    remove_segment,
    segments_in,
    taken,
)

MAX_AGE_NS = 7 * 24 * 3600 * 10**9
"""How long what nobody takes is kept."""

HasKey = Callable[[str, str], bool]
"""Whether the key that would be sent to a target is the one of this mark."""


def no_key(_target: str, _mark: str) -> bool:
    """Of a process without keys."""
    return False


@dataclass
class Drained:
    """What became of the segments of dead processes."""

    events: int = 0
    troubles: list[str] = field(default_factory=list)
    """Why segments had to stay, one text each."""


def drain(
    folder: Path,
    open_sink: OpenSink,
    *,
    only: str | None = None,
    has_key: HasKey = no_key,
) -> Drained:
    """Ship and remove the segments of dead processes, all or those for one target.

    What cannot be shipped stays, and so does what was meant to be sent with another key than ours.
    """
    done = Drained()
    _remove_drafts(folder)
    sinks = _Sinks(open_sink)
    for segment in segments_in(folder):
        descriptor = taken(segment)
        if descriptor is None:
            continue
        try:
            done.events += _drain_segment(segment, sinks, only, has_key)
        except (TrodoError, OSError) as error:
            done.troubles.append(f"{segment.name}: {error}")
        finally:
            os.close(descriptor)
    sinks.close()
    return done


class _Sinks:
    """The targets of one draining; one that could not be opened is not tried again."""

    def __init__(self, open_sink: OpenSink) -> None:
        self._open_sink = open_sink
        self._found: dict[str, Sink | TrodoError] = {}

    def opened(self, target: str) -> Sink:
        if target not in self._found:
            try:
                self._found[target] = self._open_sink(target)
            except TrodoError as error:
                self._found[target] = error
        sink = self._found[target]
        if isinstance(sink, TrodoError):
            raise sink
        return sink

    def close(self) -> None:
        for sink in self._found.values():
            if not isinstance(sink, TrodoError):
                sink.close()


def is_foreign(header: Header, has_key: HasKey) -> bool:
    """Whether a segment was meant to be sent with another key than ours."""
    return header.key is not None and not has_key(os.fsdecode(header.target), header.key)


def shown_mark(header: Header) -> str:
    """What a person is told of the key of a segment: `3f2a…`."""
    mark = header.key or ""
    return f"{mark[:4]}…" if len(mark) > 4 else mark


def _remove_drafts(folder: Path) -> None:
    """Remove what processes left that died while they made a segment. A young one may still become a segment."""
    for draft in drafts(folder):
        with suppress(FileNotFoundError):
            if ids.now_ns() - draft.stat().st_mtime_ns > MAX_AGE_NS:
                draft.unlink()


def _drain_segment(segment: Path, sinks: _Sinks, only: str | None, has_key: HasKey) -> int:
    header = SegmentReader(segment).header()
    if header is None:
        segment.replace(segment.with_suffix(".bad"))
        raise InvalidInput(f"damaged from its beginning, set aside as {segment.with_suffix('.bad').name}")
    target = os.fsdecode(header.target)
    if only is not None and target != only:
        return 0
    if is_foreign(header, has_key):
        raise Unauthorized(f"recorded with another key ({shown_mark(header)})")

    def opened() -> Sink:
        return sinks.opened(target)

    if ids.now_ns() - segment.stat().st_mtime_ns > MAX_AGE_NS:
        lost = sum(1 for _ in SegmentReader(segment).frames(read_cursor(segment)))
        if lost:
            opened().record_drops({"too_old": lost})
        remove_segment(segment)
        return 0
    count = ship_segment(segment, opened, alive=False)
    remove_segment(segment)
    return count
