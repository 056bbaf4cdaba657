"""A search that takes several goes."""

from unittest.mock import patch

import pytest

from tests.render.made import NOON, run
from trodo_cli.model.span import Span
from trodo_cli.tui import hunt
from trodo_cli.tui.hunt import Hunt
from trodo_cli.tui.outline import Outline


def outline(count: int = 100) -> Outline:
    made = Outline(run())
    for number in range(count):
        made.put(Span(id=f"{number:03}", name=f"Step {number:03}", started_ns=NOON + number))
    return made


def hunted(search: Hunt) -> tuple[str | None, int]:
    """What was found, and in how many goes."""
    goes = 1
    while not search.step():
        goes += 1
    return search.found, goes


@pytest.mark.parametrize(
    ("key", "forward", "found", "goes"),
    [("000", True, "042", 5), ("043", True, "042", 10), ("099", False, "042", 6), ("042", True, "042", 11)],
)
def test_it_goes_on_where_it_stopped_and_once_round(key: str, forward: bool, found: str, goes: int) -> None:
    with patch.object(hunt, "STEP_ROWS", 10):
        assert hunted(Hunt(outline(), "step 042", key, forward=forward)) == (found, goes)


def test_it_ends_when_nothing_fits() -> None:
    with patch.object(hunt, "STEP_ROWS", 10):
        assert hunted(Hunt(outline(), "ghost", "050", forward=True)) == (None, 11)


@pytest.mark.parametrize("said", ["name", "kind", "model", "tool", "error", "error_type"])
def test_it_finds_what_is_said_in_any_case_of_letters(said: str) -> None:
    searched = outline(3)
    searched.put(Span(id="x", started_ns=NOON, **{said: "Große NADEL"}))
    assert hunted(Hunt(searched, "große nadel", "000", forward=True))[0] == "x"


def test_spans_that_come_and_go_in_between_do_not_confuse_it() -> None:
    searched = outline()
    search = Hunt(searched, "step 099", "000", forward=True)
    with patch.object(hunt, "STEP_ROWS", 40):
        search.step()
        for number in range(60):
            searched.put(Span(id=f"{number:03}", parent_id="099", name="moved", started_ns=NOON))
        while not search.step():
            pass
    assert search.found == "099"
