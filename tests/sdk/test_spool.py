"""The spool: frames, cursors, locks, caps, and what becomes of everything that is damaged or too much."""

import errno
import os
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sdk.host import Host, finished, names, next_line, tell
from trodo_cli.client.intake import Intake
from trodo_cli.errors import Unavailable
from trodo_cli.model import ids
from trodo_cli.model.event import Event, SpanEnd
from trodo_cli.model.run import Cancel
from trodo_cli.model.span import Span
from trodo_cli.sdk import delivery, ship, spool
from trodo_cli.sdk.context import ActiveRuns
from trodo_cli.sdk.delivery import ship_segment
from trodo_cli.sdk.leftovers import MAX_AGE_NS, Drained, drain
from trodo_cli.sdk.segment import SegmentReader, read_cursor, segments_in, taken, write_cursor
from trodo_cli.sdk.ship import Shipper
from trodo_cli.sdk.spool import Spool
from trodo_cli.stores.base import Appended
from trodo_cli.wire.native import write_event
from trodo_cli.wire.receipt import Receipt

TARGET = "/nowhere/trodo.db"

lines = st.lists(st.text(max_size=40).map(str.encode), max_size=12)
"""Contents as the spool has them: JSON is UTF-8."""


class Shelf:
    """A target in memory that takes what it is given."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.batches: list[int] = []
        self.drops: Counter[str] = Counter()
        self.away = False
        self.closed = 0

    def __call__(self, target: str) -> "Shelf":
        if self.away:
            raise Unavailable("the target is away")
        return self

    def publish(self, events: Sequence[Event], *, alive: bool = True) -> Appended:
        if self.away:
            raise Unavailable("the target is away")
        self.events += events
        self.batches.append(len(events))
        return Appended(len(events), 0)

    def publish_lines(self, lines: Sequence[bytes], *, alive: bool = True) -> Receipt:
        return Intake(enumerate(lines, start=1)).into(self, alive=alive)

    def heartbeat(self, run_ids: Sequence[str]) -> dict[str, Cancel]:
        return {}

    def asked_to_stop(self, run_ids: Sequence[str]) -> list[str]:
        return []

    def record_drops(self, counts: dict[str, int]) -> None:
        self.drops.update(counts)

    def close(self) -> None:
        self.closed += 1

    @property
    def span_names(self) -> list[str]:
        return [event.span.name for event in self.events if isinstance(event, SpanEnd)]


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "home" / "spool"


@pytest.fixture
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments that hold a handful of events."""
    monkeypatch.setattr(spool, "MAX_SEGMENT_BYTES", 1_000)


def event(name: str) -> bytes:
    return write_event(SpanEnd(run_id="r", span=Span(id=name, name=name, status="ok", ended_ns=1)))


def written(folder: Path, *contents: bytes) -> Path:
    """The segment that a process which has died since left."""
    writer = Spool(folder, TARGET)
    for content in contents:
        writer.append(content)
    (segment,) = writer.segments()
    writer.abandon()
    return segment


def contents(segment: Path) -> list[bytes]:
    return [data for data, _ in SegmentReader(segment).frames(0)]


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """A new empty folder for each example of a property."""
    return lambda: tmp_path_factory.mktemp("spool")


# -- frames ------------------------------------------------------------------------------------------


@given(written_lines=st.lists(st.binary(max_size=60), min_size=1, max_size=12))
def test_what_was_appended_is_read_back(scratch: Callable[[], Path], written_lines: list[bytes]) -> None:
    segment = written(scratch(), *written_lines)
    assert contents(segment) == written_lines
    header = SegmentReader(segment).header()
    assert header is not None
    assert (header.format, os.fsdecode(header.target), header.pid) == (1, TARGET, os.getpid())


def test_every_offset_that_is_told_is_a_place_to_go_on_from(folder: Path) -> None:
    told = [b"one", b"", b"three" * 100, "é".encode()]
    segment = written(folder, *told)
    offsets = [offset for _, offset in SegmentReader(segment).frames(0)]
    for count, offset in enumerate(offsets, start=1):
        assert [data for data, _ in SegmentReader(segment).frames(offset)] == told[count:]
    assert offsets[-1] == segment.stat().st_size


def test_a_torn_tail_loses_only_the_torn_frame(folder: Path) -> None:
    told = [b'{"n":1}', b'{"n":2}', b'{"n":"three"}']
    whole = written(folder, *told).read_bytes()
    ends = [offset for _, offset in SegmentReader(segments_in(folder)[0]).frames(0)]
    first = ends[0] - len(told[0]) - 9
    torn = folder / "torn.seg"
    for cut in range(first, len(whole) + 1):
        torn.write_bytes(whole[:cut])
        reader = SegmentReader(torn)
        assert [data for data, _ in reader.frames(0)] == told[: sum(end <= cut for end in ends)]
        assert reader.damaged == 0


def test_a_tear_inside_the_header_is_no_event_and_no_error(folder: Path) -> None:
    whole = written(folder, b"x").read_bytes()
    torn = folder / "torn.seg"
    for cut in range(len(whole)):
        torn.write_bytes(whole[:cut])
        assert contents(torn) == []


@given(
    told=st.lists(st.text(max_size=40).map(str.encode), min_size=2, max_size=6),
    place=st.floats(0, 1, exclude_max=True),
    flip=st.integers(1, 255),
)
def test_a_flipped_byte_loses_only_its_frame_and_is_counted(
    scratch: Callable[[], Path], told: list[bytes], place: float, flip: int
) -> None:
    segment = written(scratch(), *told)
    ends = [offset for _, offset in SegmentReader(segment).frames(0)]
    first = ends[0] - len(told[0]) - 9
    data = bytearray(segment.read_bytes())
    at = first + int(place * (ends[-2] - first))
    data[at] ^= flip
    segment.write_bytes(data)
    broken = sum(end <= at for end in ends)
    reader = SegmentReader(segment)
    assert [line for line, _ in reader.frames(0)] == told[:broken] + told[broken + 1 :]
    assert reader.damaged == 1


def test_a_flipped_byte_in_the_last_frame_of_a_dead_process_is_counted_too(
    folder: Path, shelf: Shelf
) -> None:
    segment = written(folder, event("a"), event("b"))
    data = bytearray(segment.read_bytes())
    data[-3] ^= 0x20
    segment.write_bytes(data)
    assert drain(folder, shelf).troubles == []
    assert shelf.span_names == ["a"]
    assert shelf.drops.total() == 1


def test_a_damaged_stretch_is_counted_at_the_target_and_once(folder: Path, shelf: Shelf) -> None:
    segment = written(folder, *(event(f"s{number}") for number in range(5)))
    data = bytearray(segment.read_bytes())
    data[data.index(b'"s2"') + 1] ^= 1
    segment.write_bytes(data)
    assert drain(folder, shelf).events == 4
    assert shelf.span_names == ["s0", "s1", "s3", "s4"]
    assert shelf.drops == {"damaged": 1}
    drain(folder, shelf)
    assert shelf.drops == {"damaged": 1}


def test_a_damaged_stretch_is_counted_although_the_target_goes_away_behind_it(
    folder: Path, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "BATCH_EVENTS", 2)
    segment = written(folder, *(event(f"s{number}") for number in range(6)))
    data = bytearray(segment.read_bytes())
    data[data.index(b'"s1"') + 1] ^= 1
    segment.write_bytes(data)
    publish = shelf.publish

    def goes_away(events: Sequence[Event], *, alive: bool = True) -> Appended:
        if shelf.batches:
            raise Unavailable("the target went away")
        return publish(events, alive=alive)

    with monkeypatch.context() as patch:
        patch.setattr(shelf, "publish", goes_away)
        assert len(drain(folder, shelf).troubles) == 1
    drain(folder, shelf)
    assert shelf.span_names == ["s0", "s2", "s3", "s4", "s5"]
    assert shelf.drops == {"damaged": 1}


def test_a_damaged_frame_at_the_end_is_counted_once_its_process_has_ended(folder: Path, shelf: Shelf) -> None:
    segment = written(folder, event("a"), event("b"))
    data = bytearray(segment.read_bytes())
    data[-3] ^= 0x20
    segment.write_bytes(data)
    for _ in range(3):
        ship_segment(segment, lambda: shelf, alive=True)
    assert (shelf.span_names, shelf.drops.total()) == (["a"], 0)
    drain(folder, shelf)
    assert (shelf.span_names, shelf.drops.total()) == (["a"], 1)


def test_a_segment_whose_header_is_damaged_is_kept_aside_and_told_once(folder: Path, shelf: Shelf) -> None:
    segment = written(folder, event("a"))
    data = bytearray(segment.read_bytes())
    data[12] ^= 1
    segment.write_bytes(data)
    done = drain(folder, shelf)
    assert (done.events, len(done.troubles)) == (0, 1)
    assert "set aside" in done.troubles[0]
    assert [path.suffix for path in folder.iterdir()] == [".bad"]
    assert drain(folder, shelf) == Drained(0, [])


NO_SEGMENTS = {
    "empty": b"",
    "mark": b"\xf5",
    "zeros": b"\0" * 100,
    "random": random.Random(1).randbytes(4096),
    "endless-frames": b"\xf5\xff\xff\xff\xff" * 50,
}


@pytest.mark.parametrize("content", NO_SEGMENTS.values(), ids=NO_SEGMENTS)
def test_a_file_that_is_no_segment_does_no_harm(folder: Path, shelf: Shelf, content: bytes) -> None:
    good = written(folder, event("a"))
    (folder / "000-bad.seg").write_bytes(content)
    assert drain(folder, shelf).events == 1
    assert shelf.span_names == ["a"]
    assert not good.exists()
    assert segments_in(folder) == []


def test_a_line_that_is_no_event_is_counted_as_refused_and_the_rest_arrives(
    folder: Path, shelf: Shelf
) -> None:
    written(folder, event("a"), b"nonsense", b'{"type":"span-end","run_id":"r","span":{"id":7}}', event("b"))
    assert drain(folder, shelf).events == 2
    assert (shelf.span_names, shelf.drops) == (["a", "b"], {"refused": 2})


def test_an_event_that_the_target_cannot_hold_does_not_hold_up_the_others(
    folder: Path, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish = shelf.publish

    def picky(events: Sequence[Event], *, alive: bool = True) -> Appended:
        if any(isinstance(e, SpanEnd) and e.span.name == "s2" for e in events):
            raise OverflowError("too large")
        return publish(events, alive=alive)

    monkeypatch.setattr(shelf, "publish", picky)
    written(folder, *(event(f"s{number}") for number in range(5)))
    assert drain(folder, shelf).events == 4
    assert (sorted(shelf.span_names), shelf.drops) == (["s0", "s1", "s3", "s4"], {"refused": 1})


# -- cursor ------------------------------------------------------------------------------------------


def test_the_cursor_moves_only_when_the_target_has_acknowledged(folder: Path, shelf: Shelf) -> None:
    segment = written(folder, event("a"), event("b"))
    shelf.away = True
    assert len(drain(folder, shelf).troubles) == 1
    assert (read_cursor(segment), segment.exists()) == (0, True)
    shelf.away = False
    assert ship_segment(segment, lambda: shelf, alive=True) == 2
    assert read_cursor(segment) == segment.stat().st_size
    assert ship_segment(segment, lambda: shelf, alive=True) == 0
    assert shelf.span_names == ["a", "b"]


def test_shipping_goes_on_at_the_cursor_batch_by_batch(
    folder: Path, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "BATCH_EVENTS", 3)
    segment = written(folder, *(event(f"s{number}") for number in range(8)))
    publish = shelf.publish

    def two_batches(events: Sequence[Event], *, alive: bool = True) -> Appended:
        if len(shelf.batches) == 2:
            raise Unavailable("enough")
        return publish(events, alive=alive)

    with monkeypatch.context() as patch:
        patch.setattr(shelf, "publish", two_batches)
        assert len(drain(folder, shelf).troubles) == 1
    assert 0 < read_cursor(segment) < segment.stat().st_size
    assert drain(folder, shelf).events == 2
    assert shelf.span_names == [f"s{number}" for number in range(8)]
    assert shelf.batches == [3, 3, 2]


@pytest.mark.parametrize("text", ["", "x", "-5", "1e3", "99999999999999999999", "\0", " 3 "])
def test_a_damaged_cursor_loses_nothing(folder: Path, shelf: Shelf, text: str) -> None:
    segment = written(folder, event("a"), event("b"))
    segment.with_suffix(".cursor").write_text(text)
    assert drain(folder, shelf).troubles == []
    assert shelf.span_names == ["a", "b"]


def test_a_cursor_inside_a_frame_goes_on_at_the_next_whole_one(folder: Path, shelf: Shelf) -> None:
    segment = written(folder, event("a"), event("b"))
    write_cursor(segment, segment.stat().st_size - len(event("b")) - 12)
    drain(folder, shelf)
    assert shelf.span_names == ["b"]


# -- rotation and caps -------------------------------------------------------------------------------


@pytest.mark.usefixtures("small_segments")
def test_a_full_segment_makes_room_for_the_next_one(folder: Path) -> None:
    writer = Spool(folder, TARGET)
    for number in range(40):
        writer.append(event(f"s{number}"))
    segments = writer.segments()
    assert len(segments) > 3
    assert segments == segments_in(folder)
    assert all(segment.stat().st_size <= 1_000 for segment in segments)
    assert [line for segment in segments for line in contents(segment)] == [event(f"s{n}") for n in range(40)]
    writer.close(shipped=True)
    assert list(folder.iterdir()) == []


@pytest.mark.usefixtures("small_segments")
def test_an_event_larger_than_a_segment_is_kept_whole(folder: Path) -> None:
    writer = Spool(folder, TARGET)
    for content in (b"small", b"x" * 5_000, b"small again"):
        writer.append(content)
    assert [line for segment in writer.segments() for line in contents(segment)] == [
        b"small",
        b"x" * 5_000,
        b"small again",
    ]
    writer.close(shipped=True)


@pytest.mark.usefixtures("small_segments")
def test_over_the_cap_the_oldest_go_and_are_counted_exactly(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "MAX_SPOOL_BYTES", 3_000)
    writer = Spool(folder, TARGET)
    for number in range(200):
        writer.append(event(f"s{number:03}"))
    kept = [line for segment in writer.segments() for line in contents(segment)]
    assert writer.dropped == {"spool_full": 200 - len(kept)}
    assert kept == [event(f"s{number:03}") for number in range(200 - len(kept), 200)]
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 3_000
    writer.close(shipped=True)


@pytest.mark.usefixtures("small_segments")
def test_what_was_acknowledged_before_the_cap_took_it_is_no_drop(
    folder: Path, monkeypatch: pytest.MonkeyPatch, shelf: Shelf
) -> None:
    monkeypatch.setattr(spool, "MAX_SPOOL_BYTES", 2_000)
    writer = Spool(folder, TARGET)
    while len(writer.segments()) < 2:
        writer.append(event("shipped"))
    ship_segment(writer.segments()[0], lambda: shelf, alive=True)
    while len(writer.segments()) < 2 or writer.segments()[0].with_suffix(".cursor").exists():
        writer.append(event("waits"))
    assert writer.dropped.total() == 0
    writer.close(shipped=True)


@pytest.mark.usefixtures("small_segments")
def test_what_is_being_shipped_while_the_cap_takes_it_is_stored_or_counted_but_not_both(
    folder: Path, monkeypatch: pytest.MonkeyPatch, shelf: Shelf
) -> None:
    monkeypatch.setattr(spool, "MAX_SPOOL_BYTES", 3_000)
    writer = Spool(folder, TARGET)
    told = 0

    def tell_more() -> None:
        nonlocal told
        writer.append(event(f"s{told}"))
        told += 1

    while len(writer.segments()) < 3:
        tell_more()
    first = writer.segments()[0]
    publish = shelf.publish

    def slow(events: Sequence[Event], *, alive: bool = True) -> Appended:
        for _ in range(40):
            tell_more()
        return publish(events, alive=alive)

    monkeypatch.setattr(shelf, "publish", slow)
    ship_segment(first, lambda: shelf, alive=True)
    monkeypatch.setattr(shelf, "publish", publish)
    writer.abandon()
    drain(folder, shelf)
    assert len(shelf.span_names) + writer.dropped.total() == told
    assert list(folder.iterdir()) == []


def test_a_refusing_disk_is_made_up_for_by_memory_and_then_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "MAX_RING_EVENTS", 5)
    writer = Spool(folder, TARGET)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", _full_disk)
        for number in range(8):
            writer.append(event(f"s{number}"))
        writer.retry()
        assert writer.is_holding
    assert writer.dropped == {"disk_full": 3}
    writer.append(event("s8"))
    writer.retry()
    assert not writer.is_holding
    (segment,) = writer.segments()
    assert contents(segment) == [event(f"s{number}") for number in (3, 4, 5, 6, 7, 8)]
    assert writer.dropped == {"disk_full": 3}
    writer.close(shipped=True)


def test_a_write_that_was_cut_short_is_repeated_whole(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = Spool(folder, TARGET)
    writer.append(event("a"))
    real_write = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda descriptor, data: real_write(descriptor, data[:7]))
        writer.append(event("b"))
    writer.append(event("c"))
    writer.retry()
    assert [line for segment in writer.segments() for line in contents(segment)] == [
        event("a"),
        event("b"),
        event("c"),
    ]
    assert writer.dropped.total() == 0
    writer.close(shipped=True)


def test_threads_that_append_at_once_lose_and_tear_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "MAX_SEGMENT_BYTES", 20_000)
    writer = Spool(folder, TARGET)

    def work(index: int) -> None:
        for number in range(300):
            writer.append(f"{index}-{number}-".encode() * 5)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = [line for segment in writer.segments() for line in contents(segment)]
    assert sorted(found) == sorted(f"{i}-{n}-".encode() * 5 for i in range(6) for n in range(300))
    for index in range(6):
        own = [line for line in found if line.startswith(f"{index}-".encode())]
        assert own == [f"{index}-{number}-".encode() * 5 for number in range(300)]
    writer.close(shipped=True)


# -- locks -------------------------------------------------------------------------------------------


def test_a_living_process_keeps_its_segment_and_a_dead_ones_is_taken(host: Host) -> None:
    process = host.start(
        """
        from trodo import *
        from trodo_cli.sdk import recorder
        recorder._open_sink = lambda target, given: 1 / 0
        with wrap_agent("alive") as run:
            print(run.run_id, flush=True)
            input()
        """
    )
    run_id = next_line(process)
    (segment,) = host.segments()
    assert taken(segment) is None
    assert host.drain() == Drained(0, [])
    assert segment.exists()
    tell(process)
    finished(process)
    assert host.drain().events == 2
    assert [run.id for run in host.runs()] == [run_id]
    assert host.segments() == []


def test_the_segments_that_a_living_process_has_filled_are_its_own_too(
    folder: Path, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "MAX_SEGMENT_BYTES", 1_000)
    writer = Spool(folder, TARGET)
    for number in range(40):
        writer.append(event(f"s{number}"))
    assert len(writer.segments()) > 3
    assert drain(folder, shelf) == Drained(0, [])
    assert segments_in(folder) == writer.segments()
    writer.close(shipped=True)


def test_shipping_goes_on_when_a_segment_has_gone(
    folder: Path, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "MAX_SEGMENT_BYTES", 1_000)
    monkeypatch.setattr(ship, "RETRY_SECONDS", (0.01, 0.01))
    writer = Spool(folder, TARGET)
    for number in range(40):
        writer.append(event(f"s{number:02}"))
    gone = contents(writer.segments()[1])
    writer.segments()[1].unlink()
    shipper = Shipper(writer, ActiveRuns(), shelf)
    shipper.start()
    assert shipper.flush(20)
    assert shipper.stop(20)
    assert len(shelf.span_names) == 40 - len(gone)
    assert len(set(shelf.span_names)) == len(shelf.span_names)


@pytest.mark.usefixtures("small_segments")
def test_what_is_written_while_a_segment_is_shipped_is_shipped_too(
    folder: Path, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = Spool(folder, TARGET)
    written = [f"s{number:02}" for number in range(30)]
    left = iter(written)
    publish = shelf.publish

    def publish_beside_a_writer(events: Sequence[Event], *, alive: bool = True) -> Appended:
        for name in left:
            writer.append(event(name))
        return publish(events, alive=alive)

    monkeypatch.setattr(shelf, "publish", publish_beside_a_writer)
    writer.append(event(next(left)))
    shipper = Shipper(writer, ActiveRuns(), shelf)
    shipper.start()
    assert shipper.flush(20)
    assert shipper.flush(20)
    assert sorted(shelf.span_names) == written
    assert shipper.stop(20)


def test_a_burst_over_several_segments_arrives_beside_another_program_that_drains(host: Host) -> None:
    process = host.start(
        """
        import trodo
        from trodo_cli.sdk import spool
        spool.MAX_SEGMENT_BYTES = 10_000
        with trodo.wrap_agent("burst") as run:
            print(run.run_id, flush=True)
            for number in range(3_000):
                with trodo.span(f"s{number}"):
                    pass
            input()
            with trodo.span("last"):
                pass
            trodo.flush(20)
            print("flushed", len(trodo.connect().traces.get(run.run_id).spans), flush=True)
        """
    )
    run_id = next_line(process)
    tell(process)
    while process.poll() is None:
        assert host.drain().troubles == []
    assert finished(process) == ["flushed 3002"]
    assert host.drain().troubles == []
    assert len(host.spans(run_id)) == 3_001
    assert host.drops() == {}
    assert host.segments() == []


def test_two_drainers_at_once_ship_once(folder: Path, shelf: Shelf) -> None:
    for number in range(30):
        written(folder, event(f"s{number}"))
    barrier = threading.Barrier(4)
    done: list[Drained] = []

    def work() -> None:
        barrier.wait()
        done.append(drain(folder, shelf))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(shelf.span_names) == sorted(f"s{number}" for number in range(30))
    assert sum(part.events for part in done) == 30
    assert [trouble for part in done for trouble in part.troubles] == []
    assert list(folder.iterdir()) == []


def test_two_draining_processes_ship_every_event_once(host: Host) -> None:
    died = "import os, trodo\nwith trodo.wrap_agent('dead'):\n    with trodo.span('s'): pass\n    os._exit(0)"
    processes = [host.start(died) for _ in range(6)]
    for process in processes:
        assert finished(process) == []
    drainer = """
        import trodo_cli
        from trodo_cli import config
        from trodo_cli.sdk.leftovers import drain
        done = drain(config.spool_folder(), trodo_cli.connect)
        assert done.troubles == [], done.troubles
        """
    for process in [host.start(drainer) for _ in range(3)]:
        assert finished(process) == []
    assert len(host.runs()) == 6
    assert all(names(host.spans(run.id)) == ["s"] for run in host.runs())
    assert list(host.spool.iterdir()) == []


# -- what is dropped is told -------------------------------------------------------------------------


def test_drops_of_a_living_process_are_recorded_at_the_target(
    folder: Path, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "MAX_SEGMENT_BYTES", 1_000)
    monkeypatch.setattr(spool, "MAX_SPOOL_BYTES", 3_000)
    writer = Spool(folder, TARGET)
    for number in range(200):
        writer.append(event(f"s{number}"))
    lost = writer.dropped.total()
    assert lost > 0
    shipper = Shipper(writer, ActiveRuns(), shelf)
    shipper.start()
    assert shipper.flush(60)
    assert shipper.stop(60)
    assert len(shelf.span_names) + lost == 200
    assert (shelf.drops, writer.dropped) == ({"spool_full": lost}, {})
    assert shelf.closed == 1


@pytest.mark.parametrize("away", [True, False], ids=["target-away", "target-slower-than-the-host"])
def test_every_event_is_stored_or_counted_in_an_overload(host: Host, away: bool) -> None:
    host.run(
        f"""
        from trodo import *
        from trodo_cli.errors import Unavailable
        from trodo_cli.sdk import recorder, ship, spool
        spool.MAX_SEGMENT_BYTES, spool.MAX_SPOOL_BYTES = 20_000, 100_000
        ship.RETRY_SECONDS = (0.01, 0.01)
        away = [{away}]
        def opened(target, given):
            if away[0]:
                raise Unavailable("away")
            return connect(target)
        recorder._open_sink = opened
        with wrap_agent("overload"):
            for number in range(3_000):
                with span(f"s{{number}}"):
                    pass
        away[0] = False
        flush(60)
        """
    )
    assert host.drain().troubles == []
    database = apsw.Connection(str(host.database))
    stored = database.execute("SELECT coalesce(sum(last_seq), 0) FROM runs").get
    database.close()
    assert stored + host.drops().get("spool_full", 0) == 2 + 2 * 3_000
    assert set(host.drops()) <= {"spool_full"}


def test_a_segment_over_its_age_is_counted_and_removed(
    folder: Path, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = ids.now_ns()
    with monkeypatch.context() as patch:
        patch.setattr(ids, "now_ns", lambda: now - MAX_AGE_NS - 1)
        segment = written(folder, event("a"), event("b"))
    long_ago = (now - MAX_AGE_NS) // 10**9 - 10
    os.utime(segment, (long_ago, long_ago))
    shelf.away = True
    assert len(drain(folder, shelf).troubles) == 1
    assert segment.exists()
    shelf.away = False
    assert drain(folder, shelf) == Drained(0, [])
    assert (shelf.events, shelf.drops) == ([], {"too_old": 2})
    assert list(folder.iterdir()) == []


def test_a_segment_just_below_its_age_is_shipped(
    folder: Path, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = ids.now_ns()
    monkeypatch.setattr(ids, "now_ns", lambda: now - MAX_AGE_NS)
    written(folder, event("a"))
    monkeypatch.setattr(ids, "now_ns", lambda: now)
    assert drain(folder, shelf).events == 1
    assert shelf.drops == {}


def test_what_a_long_lived_process_wrote_last_is_not_too_old(
    folder: Path, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = ids.now_ns()
    writer = Spool(folder, TARGET)
    with monkeypatch.context() as patch:
        patch.setattr(ids, "now_ns", lambda: now - MAX_AGE_NS - 10**9)
        writer.append(event("old"))
        ship_segment(writer.segments()[0], lambda: shelf, alive=True)
    writer.append(event("fresh"))
    writer.abandon()
    drain(folder, shelf)
    assert (shelf.span_names, shelf.drops) == (["old", "fresh"], {})


def test_a_shipper_whose_target_is_away_keeps_everything_for_later(folder: Path, shelf: Shelf) -> None:
    shelf.away = True
    writer = Spool(folder, TARGET)
    writer.append(event("a"))
    shipper = Shipper(writer, ActiveRuns(), shelf)
    shipper.start()
    assert not shipper.flush(0.05)
    assert not shipper.stop(60)
    writer.close(shipped=False)
    shelf.away = False
    assert drain(folder, shelf) == Drained(1, [])
    assert shelf.span_names == ["a"]


def _full_disk(descriptor: int, data: bytes) -> int:
    raise OSError(errno.ENOSPC, "no space left on device")


@pytest.fixture(autouse=True)
def _no_descriptor_is_left_open() -> Iterator[None]:
    before = set(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else set()
    yield
    after = set(os.listdir("/proc/self/fd")) if before else set()
    assert len(after) <= len(before) + 1
