"""Whatever text a run holds, each line that the explorer makes of it is inert and tells it."""

from collections.abc import Iterator

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from rich.segment import Segment
from textual.color import Color

from tests.cli.hostile import HOSTILE, stored
from tests.tui.hostile import recorded
from trodo_cli.model import ids
from trodo_cli.model.event import CancelRequested
from trodo_cli.model.run import Run
from trodo_cli.model.span import Span
from trodo_cli.model.trace import Trace
from trodo_cli.render.overview import Seen
from trodo_cli.render.report import verdict
from trodo_cli.render.rows import ViewState, flatten
from trodo_cli.render.run_lines import Columns, run_line
from trodo_cli.render.safe import is_safe, safe_line
from trodo_cli.render.tabs import tabs
from trodo_cli.render.text import event_line, row_line
from trodo_cli.render.theme import ASCII, UNICODE, Glyphs, Line, plain
from trodo_cli.render.timeline import trace_window
from trodo_cli.tui.guard import GUARD
from trodo_cli.tui.screens.cancel import AGENT_CHARACTERS, question
from trodo_cli.tui.widgets.verdict import cancel_line

EXAMPLES = 400
SHORT = 20
"""Characters that fit wherever nothing limits the width."""

_pieces = st.sampled_from([stored(name) for name in HOSTILE if len(HOSTILE[name]) < 60])
_characters = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
texts = st.lists(_pieces | _characters, min_size=1, max_size=4).map("".join)


def traces(text: str) -> list[Trace]:
    """The runs of a text as an explorer holds them."""
    found: dict[str, Trace] = {}
    for event in recorded(0, text):
        found.setdefault(event.run_id, Trace(event.run_id)).apply(event)
    return list(found.values())


def lines_of_run(run: Run, glyphs: Glyphs, width: int) -> Iterator[Line]:
    now = ids.now_ns()
    yield run_line(run, Columns.of(width), glyphs, now, marked=True, depth=1)
    yield from verdict(run, glyphs, now, width)
    yield cancel_line(run, glyphs)
    yield [(question([run] * 5, glyphs), None)]


def lines_of_trace(trace: Trace, glyphs: Glyphs, width: int) -> Iterator[Line]:
    now, window = ids.now_ns(), trace_window(trace, ids.now_ns())
    for row in flatten(trace, ViewState()):
        yield row_line(row, glyphs, now, width)
        yield row_line(row, glyphs, now, width, window)


def lines_of_tabs(of: Span | Run, glyphs: Glyphs, width: int) -> Iterator[Line]:
    for tab in tabs(of, glyphs, Seen(ids.now_ns(), ids.now_ns(), of.status)):
        yield from tab.all(width)


def check_inert(line: Line) -> None:
    """Nothing foreign is in the line, so that the guard has nothing to do."""
    assert is_safe(plain(line))
    assert "\n" not in plain(line)
    segments = [Segment(text) for text, _ in line]
    assert GUARD.apply(segments, Color(0, 0, 0)) is segments


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(texts, st.sampled_from([UNICODE, ASCII]), st.integers(20, 300))
@example("\x1b]52;c;aGk=\x07", UNICODE, 120)
def test_every_line_of_a_run_is_inert_and_tells_its_text(text: str, glyphs: Glyphs, width: int) -> None:
    for trace in traces(text):
        for line in lines_of_run(trace.summary, glyphs, width):
            check_inert(line)
        for line in lines_of_trace(trace, glyphs, width):
            check_inert(line)
    for event in recorded(0, text):
        if (line := event_line(event)) is not None:
            check_inert(line)
    check_told(text)


def check_told(text: str) -> None:
    """Where there is room for all of it, the text is there, with whatever was made inert."""
    failed, cancelled, _ = traces(text)
    now, shown = ids.now_ns(), safe_line(text)
    assert shown in plain(row_line(next(iter(flatten(failed, ViewState()))), UNICODE, now))
    assert safe_line(text[:AGENT_CHARACTERS]) in question([failed.summary], UNICODE)
    if len(shown) <= SHORT and "\n" not in text and text.strip("\r"):
        assert shown in plain(run_line(failed.summary, Columns.of(300), UNICODE, now))
        assert shown in plain(verdict(failed.summary, UNICODE, now, 300)[0])
        assert safe_line(text.strip("\r")) in plain(cancel_line(cancelled.summary, UNICODE))


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(texts, st.sampled_from([UNICODE, ASCII]), st.integers(20, 160))
@example("\x1b]52;c;aGk=\x07", UNICODE, 120)
def test_every_line_of_the_details_is_inert(text: str, glyphs: Glyphs, width: int) -> None:
    failed, *_ = traces(text)
    for of in (failed.summary, *failed.spans):
        for line in lines_of_tabs(of, glyphs, width):
            check_inert(line)


def test_a_cancel_is_among_what_is_looked_at() -> None:
    assert [type(event) for event in recorded(0, "x")].count(CancelRequested) == 1
    assert [bool(cancel_line(trace.summary, UNICODE)) for trace in traces("x")] == [False, True, False]
