"""Moves spooled events to the target, and brings cancel requests back.

One background thread a process. It ships this process's segments, beats for the runs at work here,
and now and then ships what dead processes left. Trouble with the target only delays: nothing is
removed from the spool before the target has it.
"""

import logging
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Protocol

from trodo_cli.errors import InvalidInput, TrodoError
from trodo_cli.model import ids
from trodo_cli.model.event import Event
from trodo_cli.model.run import Cancel
from trodo_cli.sdk.context import ActiveRuns
from trodo_cli.sdk.spool import (
    MAX_AGE_NS,
    SegmentReader,
    Spool,
    drafts,
    in_shipping,
    orphans,
    read_cursor,
    remove_segment,
    taken,
    write_cursor,
)
from trodo_cli.wire.native import read_event

TICK_SECONDS = 0.05
"""How long an event waits at most before it is shipped, and a cancel request before it is heard."""

HEARTBEAT_SECONDS = 5.0
RETRY_SECONDS = (0.5, 30.0)
"""First and longest pause after the target could not be used."""

BATCH_EVENTS = 500

logger = logging.getLogger("trodo")
logger.addHandler(logging.NullHandler())


class Sink(Protocol):
    """The part of a client that shipping needs."""

    def publish(self, events: Sequence[Event], *, alive: bool = True) -> object: ...
    def heartbeat(self, run_ids: Sequence[str]) -> dict[str, Cancel]: ...
    def asked_to_stop(self, run_ids: Sequence[str]) -> list[str]: ...
    def record_drops(self, counts: dict[str, int]) -> None: ...
    def close(self) -> None: ...


OpenSink = Callable[[str], Sink]
"""Opens the target that a segment names."""


class Shipper:
    """The background thread of one process."""

    def __init__(self, spool: Spool, runs: ActiveRuns, open_sink: OpenSink) -> None:
        self._spool = spool
        self._runs = runs
        self._open_sink = open_sink
        self._sink: Sink | None = None
        self._wakes: SimpleQueue[None] = SimpleQueue()
        """Safe to put into from a signal handler that interrupts another put."""
        self._caught_up = threading.Condition()
        self._shipped_bytes = 0
        self._stopping = False
        self._asleep = False
        self._next_beat_ns = 0
        self._heard: set[str] = set()
        """Runs at work that have had a heartbeat."""
        self._thread = threading.Thread(target=self._work, name="trodo-shipper", daemon=True)

    def start(self) -> None:
        """Begin; raises `RuntimeError` when the interpreter no longer starts threads."""
        self._thread.start()

    def notice(self) -> None:
        """Something was spooled; costs next to nothing unless the thread is asleep."""
        if self._asleep:
            self._wakes.put(None)

    def flush(self, seconds: float) -> bool:
        """Wait until all that was spooled before this call is at the target; False when time ran out."""
        goal = self._spool.written_bytes
        self._wakes.put(None)
        with self._caught_up:
            return self._caught_up.wait_for(lambda: self._shipped_bytes >= goal, seconds)

    def stop(self, seconds: float) -> bool:
        """Ship what is there and end the thread; False when something had to stay in the spool."""
        self._stopping = True
        self._wakes.put(None)
        self._thread.join(seconds)
        return not self._thread.is_alive() and self._shipped_bytes >= self._spool.written_bytes

    def _work(self) -> None:
        pause = RETRY_SECONDS[0]
        while True:
            stopping = self._stopping
            try:
                self._round()
                pause = RETRY_SECONDS[0]
            except Exception as error:
                logger.warning("trodo cannot ship to %s: %s", self._spool.target, error)
                self._close_sink()
                if stopping:
                    return
                self._sleep(pause)
                pause = min(pause * 2, RETRY_SECONDS[1])
                continue
            if stopping:
                self._close_sink()
                return
            self._rest()

    def _rest(self) -> None:
        """A short nap while runs are at work, else sleep until something is spooled."""
        if self._runs.ids() or self._spool.is_holding:
            self._sleep(TICK_SECONDS)
            return
        self._asleep = True
        if self._is_idle():
            self._sleep(None)
        self._asleep = False

    def _sleep(self, seconds: float | None) -> None:
        """Until somebody wakes us, or so many seconds."""
        with suppress(Empty):
            self._wakes.get(timeout=seconds)
            while True:
                self._wakes.get_nowait()

    def _is_idle(self) -> bool:
        caught_up = self._shipped_bytes >= self._spool.written_bytes
        return caught_up and not self._stopping and not self._runs.ids()

    def _round(self) -> None:
        self._spool.retry()
        goal = self._spool.written_bytes
        for segment in self._spool.segments():
            with suppress(FileNotFoundError):  # taken away by somebody; what is gone cannot be shipped
                ship_segment(segment, self._opened, alive=True)
            self._spool.forget(segment)
        self._tell_drops()
        with self._caught_up:
            self._shipped_bytes = goal
            self._caught_up.notify_all()
        self._listen()

    def _listen(self) -> None:
        """Show signs of life, and hear what is asked to stop."""
        run_ids = self._runs.ids()
        due = ids.monotonic_ns() >= self._next_beat_ns
        news = not self._heard.issuperset(run_ids) or self._opened().asked_to_stop(self._runs.unasked())
        if run_ids and (due or news):
            self._runs.cancel(self._opened().heartbeat(run_ids))
            self._heard = set(run_ids)
        if due:
            self._next_beat_ns = ids.monotonic_ns() + int(HEARTBEAT_SECONDS * 1e9)
            for trouble in drain(self._spool.folder, self._open_sink).troubles:
                logger.warning("trodo cannot ship what a dead process left: %s", trouble)

    def _tell_drops(self) -> None:
        counts = self._spool.take_dropped()
        try:
            _tell(self._opened, counts)
        except Exception:
            self._spool.give_back_dropped(counts)
            raise

    def _opened(self) -> Sink:
        if self._sink is None:
            self._sink = self._open_sink(self._spool.target)
        return self._sink

    def _close_sink(self) -> None:
        if self._sink is not None:
            self._sink.close()
            self._sink = None


@dataclass
class Drained:
    """What became of the segments of dead processes."""

    events: int = 0
    troubles: list[str] = field(default_factory=list)
    """Why segments had to stay, one text each."""


def ship_segment(segment: Path, opened: Callable[[], Sink], *, alive: bool) -> int:
    """Publish what a segment holds beyond its cursor; how many events that was."""
    with in_shipping(segment):
        return _shipped(segment, opened, alive=alive)


def _shipped(segment: Path, opened: Callable[[], Sink], *, alive: bool) -> int:
    reader = SegmentReader(segment, is_final=not alive)
    count = told_damage = 0
    for lines, offset in _batches(reader.frames(read_cursor(segment))):
        events, refused = _readable(lines)
        refused += _published(opened(), events, alive)
        _tell(opened, {"refused": refused, "damaged": reader.damaged - told_damage})
        told_damage = reader.damaged
        write_cursor(segment, offset)
        count += len(lines) - refused
    _tell(opened, {"damaged": reader.damaged - told_damage})
    return count


def _tell(opened: Callable[[], Sink], counts: dict[str, int]) -> None:
    """Let the target know what was lost."""
    lost = {reason: count for reason, count in counts.items() if count}
    if lost:
        opened().record_drops(lost)


def drain(folder: Path, open_sink: OpenSink) -> Drained:
    """Ship and remove the segments of dead processes; what cannot be shipped now stays."""
    done = Drained()
    _remove_drafts(folder)
    sinks: dict[bytes, Sink] = {}
    for segment in orphans(folder):
        descriptor = taken(segment)
        if descriptor is None:
            continue
        try:
            done.events += _drain_segment(segment, sinks, open_sink)
        except (TrodoError, OSError) as error:
            done.troubles.append(f"{segment.name}: {error}")
        finally:
            os.close(descriptor)
    for sink in sinks.values():
        sink.close()
    return done


def _remove_drafts(folder: Path) -> None:
    """Remove what processes left that died while they made a segment. A young one may still become a segment."""
    for draft in drafts(folder):
        with suppress(FileNotFoundError):
            if ids.now_ns() - draft.stat().st_mtime_ns > MAX_AGE_NS:
                draft.unlink()


def _published(sink: Sink, events: list[Event], alive: bool) -> int:
    """Publish a batch; how many of its events the target cannot hold."""
    try:
        sink.publish(events, alive=alive)
        return 0
    except TrodoError:
        raise
    except Exception as error:
        if len(events) == 1:
            logger.warning("trodo dropped an event that cannot be stored: %s", error)
            return 1
    return sum(_published(sink, [event], alive) for event in events)


def _drain_segment(segment: Path, sinks: dict[bytes, Sink], open_sink: OpenSink) -> int:
    header = SegmentReader(segment).header()
    if header is None:
        segment.replace(segment.with_suffix(".bad"))
        raise InvalidInput(f"damaged from its beginning, set aside as {segment.with_suffix('.bad').name}")

    def opened() -> Sink:
        if header.target not in sinks:
            sinks[header.target] = open_sink(os.fsdecode(header.target))
        return sinks[header.target]

    if ids.now_ns() - segment.stat().st_mtime_ns > MAX_AGE_NS:
        lost = sum(1 for _ in SegmentReader(segment).frames(read_cursor(segment)))
        if lost:
            opened().record_drops({"too_old": lost})
        remove_segment(segment)
        return 0
    count = ship_segment(segment, opened, alive=False)
    remove_segment(segment)
    return count


def _batches(frames: Iterator[tuple[bytes, int]]) -> Iterator[tuple[list[bytes], int]]:
    while batch := list(islice(frames, BATCH_EVENTS)):
        yield [line for line, _ in batch], batch[-1][1]


def _readable(lines: list[bytes]) -> tuple[list[Event], int]:
    """The events of a batch, and how many lines are none."""
    events: list[Event] = []
    for line in lines:
        try:
            events.append(read_event(line))
        except InvalidInput as error:
            logger.warning("trodo dropped an event: %s", error)
    return events, len(lines) - len(events)
