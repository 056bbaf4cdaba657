"""The list of runs: what it shows, how it follows, and how it reads on."""

import pytest

from tests.cli.made import HOUR, SECOND, run, run_id
from tests.tui.exploring import Exploring, explore
from trodo_cli.model import ids
from trodo_cli.model.event import Event, RunEnd
from trodo_cli.model.run import Run
from trodo_cli.tui.screens import runs as screen
from trodo_cli.tui.widgets.filter import hint
from trodo_cli.tui.widgets.runs import Runs, grouped

SIZE = (110, 14)


def several(count: int) -> list[Event]:
    return [
        event for at in range(1, count + 1) for event in run(at, f"agent-{at:03}", ago_ns=HOUR - at * SECOND)
    ]


def runs(it: Exploring) -> Runs:
    return it.app.screen.query_one(Runs)


def test_an_empty_list_says_what_to_do() -> None:
    async def story(it: Exploring) -> None:
        await it.shows("no runs yet", "trodo demo --live 60", "import trodo")
        it.client.publish(run(1, "first"))
        await it.shows("1 run ", "first")
        await it.no_longer_shows("no runs yet")

    explore([], story, size=SIZE)


def test_a_filter_that_nothing_fits_says_how_to_get_out() -> None:
    async def story(it: Exploring) -> None:
        await it.shows("3 runs")
        await it.press("slash", *"agent:nobody", "enter")
        await it.shows("no run fits", "escape takes the filter away", "0 runs")
        await it.press("escape")
        await it.shows("3 runs")

    explore(several(3), story, size=SIZE)


def test_who_stands_at_the_top_stays_there_as_runs_come() -> None:
    async def story(it: Exploring) -> None:
        await it.shows("30 runs")
        it.client.publish(run(40, "newcomer", ago_ns=SECOND))
        await it.shows("31 runs", "newcomer")
        assert runs(it).cursor == 0

    explore(several(30), story, size=SIZE)


@pytest.mark.parametrize("steps", [2, 20])
def test_who_stands_at_a_run_stays_at_it_as_runs_come(steps: int) -> None:
    async def story(it: Exploring) -> None:
        await it.shows("30 runs")
        await it.press(*["j"] * steps)
        was, top = runs(it).current, runs(it).scroll_offset.y
        it.client.publish(run(40, "newcomer", ago_ns=SECOND))
        await it.shows("31 runs")
        now = runs(it).current
        assert was
        assert now
        assert now.id == was.id
        assert runs(it).scroll_offset.y == (top + 1 if top else 0), (
            "and it stands where it stood on the screen"
        )

    explore(several(30), story, size=SIZE)


def test_what_becomes_of_a_run_is_seen() -> None:
    async def story(it: Exploring) -> None:
        await it.shows("● running", "1 running")
        end = Run(id=run_id(1), status="failed", ended_ns=ids.now_ns(), error="out of memory", version=9)
        it.client.publish([RunEnd(run_id=run_id(1), run=end)])
        await it.shows("✗ failed", "out of memory", "1 failed")

    explore(run(1, "worker", status="running", ago_ns=SECOND), story, size=SIZE)


def test_age_and_time_of_a_running_run_go_on() -> None:
    async def story(it: Exploring) -> None:
        await it.shows("2s")
        await it.shows("3s")

    explore(run(1, "worker", status="running", ago_ns=2 * SECOND), story, size=SIZE)


def test_older_pages_are_read_as_the_end_comes_near(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screen, "PAGE_RUNS", 30)

    async def story(it: Exploring) -> None:
        await it.shows("30 runs+", "agent-100")
        await it.press("pagedown", "pagedown", "pagedown")
        await it.shows("60 runs+")
        while "100 runs" not in it.screen:
            await it.press("end")
        await it.press("end")
        await it.shows("agent-001", "100 runs ")
        it.client.publish(run(200, "newcomer", ago_ns=SECOND))
        await it.shows("101 runs ")
        await it.press("home")
        await it.shows("newcomer")

    explore(several(100), story, size=SIZE)


def test_an_old_run_that_goes_on_is_followed_when_it_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screen, "PAGE_RUNS", 10)
    old = run(500, "old-one", status="running", ago_ns=2 * HOUR)

    async def story(it: Exploring) -> None:
        await it.shows("0 runs+")
        while "old-one" not in it.screen:
            await it.press("end")
        await it.shows("● running")
        end = Run(id=run_id(500), status="completed", ended_ns=ids.now_ns(), version=9)
        it.client.publish([RunEnd(run_id=run_id(500), run=end)])
        await it.no_longer_shows("● running")

    explore([*old, *several(25)], story, size=SIZE)


def test_marks_stay_with_their_runs_and_are_summed_up() -> None:
    async def story(it: Exploring) -> None:
        await it.shows("5 runs")
        await it.press("j", "space", "space")
        await it.shows("2 marked")
        it.client.publish(run(40, "newcomer", ago_ns=SECOND))
        await it.shows("6 runs", "2 marked")
        assert {marked.agent for marked in runs(it).meant} == {"agent-004", "agent-003"}
        it.client.runs.delete(run_id(4))
        await it.shows("1 marked")

    explore(several(5), story, size=SIZE)


def test_a_filter_that_is_wrong_is_told_where_it_is_typed() -> None:
    async def story(it: Exploring) -> None:
        await it.shows("3 runs")
        await it.press("slash", *"status:brok")
        await it.shows("unknown status 'brok'", "one of pending")
        await it.press("enter")
        await it.shows("unknown status 'brok'", "3 runs")

    explore(several(3), story, size=SIZE)


def test_tab_takes_what_is_suggested() -> None:
    async def story(it: Exploring) -> None:
        await it.shows("3 runs")
        await it.press("slash", *"agent:agent-00")
        await it.shows("agent-001  agent-002  agent-003")
        await it.press("tab", "enter")
        await it.shows("/ agent:agent-001", "1 run ")

    explore(several(3), story, size=SIZE)


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("", "status:  agent:"),
        ("st", "status:"),
        ("status:failed a", "agent:"),
        ("status:", "pending  running"),
        ("wrong:word ", "'wrong:word' is no filter"),
        ("agent:'a", "a quote is not closed"),
        ("status:failed", "enter lists them"),
        ("user:", "user␛"),
    ],
)
def test_the_hint_tells_what_may_come_next_or_what_is_wrong(typed: str, told: str) -> None:
    assert told in "".join(text for text, _ in hint(typed, {"user": ["user\x1b"]}))


def test_runs_stand_below_the_one_that_started_them() -> None:
    parent, child, other = Run(id="p"), Run(id="c", parent_id="p"), Run(id="o")
    grandchild = Run(id="g", parent_id="c")
    rows = grouped([other, grandchild, child, parent])
    assert [(run.id, depth) for run, depth in rows] == [("o", 0), ("p", 0), ("c", 1), ("g", 2)]


def test_a_circle_of_parents_loses_no_run() -> None:
    rows = grouped([Run(id="a", parent_id="b"), Run(id="b", parent_id="a"), Run(id="s", parent_id="s")])
    assert sorted(run.id for run, _ in rows) == ["a", "b", "s"]


def test_hostile_text_is_inert_in_every_part_of_the_list() -> None:
    evil = "\x1b[31m\u202e[/]\x07"
    failed = run(1, evil, status="failed", ended={"error": evil}, user=evil)

    async def story(it: Exploring) -> None:
        await it.shows("␛[31m<U+202E>[/]␇")
        await it.press("slash", *"agent:")
        await it.shows("complete")
        await it.pilot.pause(0.2)
        assert not any(character in it.screen for character in "\x1b\u202e\x07")

    explore(failed, story, size=(160, 14))
