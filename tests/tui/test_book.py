"""Spans and runs written down, in memory and beyond it."""

import errno
from contextlib import closing
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trodo_cli.errors import StorageFull
from trodo_cli.model.run import Run
from trodo_cli.model.span import Span, Usage
from trodo_cli.tui import book
from trodo_cli.tui.book import Book

moments = st.integers(-(2**63), 2**63 - 1)
items = st.one_of(
    st.builds(
        Span,
        id=st.text(),
        parent_id=st.none() | st.text(),
        name=st.text(),
        status=st.sampled_from(["running", "ok", "error", "cancelled"]),
        started_ns=moments,
        ended_ns=st.none() | moments,
        usage=st.none() | st.builds(Usage, input=st.integers(0, 9)),
        cost=st.none() | st.floats(0, 9),
        version=st.integers(0, 2**63 - 1),
    ),
    st.builds(
        Run, id=st.text(), agent=st.text(), status=st.sampled_from(["running", "failed"]), started_ns=moments
    ),
)


@given(st.lists(items, min_size=1), st.data(), st.sampled_from([0, 200, 2**24]))
def test_what_was_written_last_under_a_number_is_read(
    some: list[Span | Run], data: st.DataObject, kept: int
) -> None:
    with patch.object(book, "KEPT_BYTES", kept), closing(Book()) as written:
        now = {written.add(item): item for item in some}
        for number in data.draw(st.lists(st.sampled_from(sorted(now)))):
            now[number] = data.draw(items)
            written.replace(number, now[number])
        for number in data.draw(st.permutations(sorted(now))):
            assert written.read(number) == now[number]
            assert written.started_ns(number) == now[number].started_ns
            assert written.is_run(number) == isinstance(now[number], Run)
            assert written.is_failed(number) == (now[number].status in ("error", "failed"))
        assert sorted(written.failed()) == [n for n in sorted(now) if now[n].status in ("error", "failed")]


def test_a_temporary_folder_without_room_is_named_in_an_error(tmp_path: Path) -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    with (
        patch.object(book, "KEPT_BYTES", 0),
        patch.object(book, "TemporaryFile", side_effect=full),
        closing(Book()) as written,
    ):
        written.add(Span(id="a"))
        with pytest.raises(StorageFull, match="temporary folder: No space left"):
            written.add(Span(id="b"))
