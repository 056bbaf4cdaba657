"""Every key of the table does what the table says, in both screens."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from textual.widgets import Input

from tests.cli.made import HOUR, payload, run, run_id, span
from tests.tui.exploring import DEADLINE_SECONDS, Exploring, explore
from trodo_cli.model import ids
from trodo_cli.model.event import Event, RunStart, SpanStart
from trodo_cli.model.run import Run
from trodo_cli.model.span import Span
from trodo_cli.tui.app import THEMES
from trodo_cli.tui.keys import EVERYWHERE, FOLDS, MOVING, RUNS, TRACE, Key
from trodo_cli.tui.screens.runs import RunsScreen
from trodo_cli.tui.screens.trace import TraceScreen
from trodo_cli.tui.widgets.lines import Lines

Story = Callable[[Exploring, str], Awaitable[None]]
"""What a key does; the key is told, since some actions have several."""

SIZE = (130, 16)

MANY = [event for number in range(1, 41) for event in run(number, f"agent-{number:02}", ago_ns=HOUR - number)]
"""Forty runs, `agent-40` the newest."""

LONG = payload(input="\n".join(f"line {number}" for number in range(200)), output="the end")

TREE = [
    *run(
        1,
        "writer",
        span("plan", kind="step", payload=LONG),
        span("search", kind="tool", at_ns=1, parent="plan"),
        span("deep", kind="tool", at_ns=2, parent="search", status="error", error="no such page"),
        span("answer", kind="model", at_ns=3, model="m-1"),
        span("quiet", kind="step", at_ns=4, parent="answer"),
        span("needle-1", kind="tool", at_ns=5, parent="quiet"),
        *(span(f"more-{number:02}", at_ns=10 + number) for number in range(20)),
        span("needle-2", kind="tool", at_ns=90, status="error", error="late"),
        status="failed",
        ended={"error": "no such page"},
    )
]


def live() -> list[Event]:
    id = run_id(1)
    return [
        RunStart(run_id=id, run=Run(id=id, agent="live-agent", started_ns=ids.now_ns())),
        *(
            SpanStart(
                run_id=id, span=Span(id=f"step-{number}", name=f"step-{number}", started_ns=ids.now_ns())
            )
            for number in range(3)
        ),
    ]


def lines(it: Exploring) -> Lines:
    return it.app.screen.query(Lines).first()


async def at(it: Exploring, row: int) -> None:
    await it.until(
        lambda: lines(it).cursor == row, f"for the cursor in row {row}, it is in {lines(it).cursor}"
    )


async def detail_names(it: Exploring, name: str) -> None:
    await it.shows(f"name        {name}")


# -- moving, in either screen ----------------------------------------------------------------------


async def down(it: Exploring, key: str) -> None:
    await it.press(key, key)
    await at(it, 2)


async def up(it: Exploring, key: str) -> None:
    await it.press("down", "down", key)
    await at(it, 1)


async def page_down(it: Exploring, key: str) -> None:
    await it.press(key)
    await at(it, lines(it).page)


async def page_up(it: Exploring, key: str) -> None:
    await it.press("end", key)
    await at(it, lines(it).count - 1 - lines(it).page)


async def first(it: Exploring, key: str) -> None:
    await it.press("end", key)
    await at(it, 0)


async def last(it: Exploring, key: str) -> None:
    await it.press(key)
    await at(it, lines(it).count - 1)


MOVING_DO: dict[str, Story] = {
    "down": down, "up": up, "page_down": page_down, "page_up": page_up, "first": first, "last": last,
}  # fmt: skip


# -- everywhere ------------------------------------------------------------------------------------


async def help(it: Exploring, key: str) -> None:
    await it.press(key)
    await it.shows(" keys ", "esc closes")
    await it.press("escape")
    await it.no_longer_shows("esc closes")


async def command_palette(it: Exploring, key: str) -> None:
    await it.press(key)
    await it.shows("find a command")
    await it.press(*"help", "down", "enter")
    await it.shows("esc closes")


async def next_theme(it: Exploring, key: str) -> None:
    await it.press(*[key] * len(THEMES))
    assert it.app.theme == THEMES[0]
    await it.press(key)
    assert it.app.theme == THEMES[1]


async def quit(it: Exploring, key: str) -> None:
    await it.pilot.press(key)
    async with asyncio.timeout(DEADLINE_SECONDS):
        while it.app.is_running:
            await asyncio.sleep(0.01)


async def interrupt(it: Exploring, key: str) -> None:
    await quit(it, key)
    assert it.app.return_code == 130


async def suspend(it: Exploring, key: str) -> None:
    """On a real terminal in test_terminal.py; where there is none nothing happens."""
    await it.press(key)
    assert it.app.is_running
    assert "running" in it.screen or "ended" in it.screen or "live" in it.screen


EVERYWHERE_DO: dict[str, Story] = {
    "app.interrupt": interrupt, "app.suspend_process": suspend,
    "app.help": help, "app.command_palette": command_palette, "app.next_theme": next_theme, "app.quit": quit,
}  # fmt: skip


# -- the list of runs ------------------------------------------------------------------------------


async def open(it: Exploring, key: str) -> None:
    await it.press("down", key)
    await it.shows("✓ completed  agent-39", "ended")


async def filter(it: Exploring, key: str) -> None:
    await it.press(key, *"agent:agent-07", "enter")
    await it.shows("1 run ", "/ agent:agent-07")


async def clear(it: Exploring, key: str) -> None:
    await it.press("slash", *"status:completed", "enter", "space")
    await it.shows("1 marked", "/ status:completed")
    await it.press(key)
    await it.no_longer_shows("1 marked")
    await it.shows("/ status:completed")
    await it.press(key)
    await it.no_longer_shows("/ status:completed")
    await it.shows("40 runs")


async def mark(it: Exploring, key: str) -> None:
    await it.press(key, key)
    await it.shows("2 marked")
    await it.press("up", key)
    await it.shows("1 marked")


async def mark_all(it: Exploring, key: str) -> None:
    await it.press(key)
    await it.shows("40 marked")
    await it.press(key)
    await it.no_longer_shows("marked")


async def below(it: Exploring, key: str) -> None:
    it.client.publish(run(50, "below", parent_id=run_id(40)))
    await it.press(key)
    await it.shows("↳ below", "41 runs", "with runs below another")
    await it.press(key)
    await it.no_longer_shows("↳ below")


async def cancel_several(it: Exploring, key: str) -> None:
    it.client.publish(run(60, "busy-1", status="running", ago_ns=2))
    it.client.publish(run(61, "busy-2", status="running", ago_ns=1))
    await it.shows("busy-1", "busy-2", "2 running")
    await it.press("space", "space", key)
    await it.shows("Ask to stop: busy-2", "busy-1")
    await it.press(*"both", "enter")
    await it.until(
        lambda: all(it.client.runs.get(run_id(number)).cancel for number in (60, 61)), "to be asked"
    )
    await it.shows("cancel requested by tester", ": both")


async def copy_id(it: Exploring, key: str) -> None:
    await it.press("down", key)
    await it.until(lambda: it.app.clipboard == run_id(39), "for the id to be copied")


async def start(it: Exploring, key: str) -> None:
    """With agents in test_start.py; here there are none."""
    await it.press(key)
    await it.shows("no agents to start", "trodo serve --agents")


RUNS_DO: dict[str, Story] = {
    "open": open, "filter": filter, "clear": clear, "mark": mark, "mark_all": mark_all, "below": below,
    "cancel": cancel_several, "copy": copy_id, "start": start,
}  # fmt: skip


# -- a run -----------------------------------------------------------------------------------------


async def zoom(it: Exploring, key: str) -> None:
    await it.press("down", key)
    await it.no_longer_shows("✦ answer")
    await it.shows("⚙ search")


async def back(it: Exploring, key: str) -> None:
    await it.press("down", "enter")
    await it.no_longer_shows("✦ answer")
    await it.press(key)
    await it.shows("✦ answer")
    await it.press(key)
    await it.until(lambda: isinstance(it.app.screen, RunsScreen), "for the list of runs")


async def toggle_fold(it: Exploring, key: str) -> None:
    await it.press("down", key)
    await it.no_longer_shows("⚙ search")
    await it.press(key)
    await it.shows("⚙ search")


async def unfold(it: Exploring, key: str) -> None:
    await it.press("down", "space")
    await it.no_longer_shows("⚙ search")
    await it.press(key)
    await it.shows("⚙ search")
    await it.press(key)
    await detail_names(it, "search")


async def fold(it: Exploring, key: str) -> None:
    await it.press("down", "down", "down")
    await detail_names(it, "deep")
    await it.press(key)
    await detail_names(it, "search")
    await it.press(key)
    await it.no_longer_shows("⚙ deep")


async def deeper(it: Exploring, key: str) -> None:
    await it.press(key, key)
    await it.shows("needle-1")


async def shallower(it: Exploring, key: str) -> None:
    await it.press("plus", "plus")
    await it.shows("needle-1")
    await it.press(key, key)
    await it.no_longer_shows("needle-1")


async def search(it: Exploring, key: str) -> None:
    await it.press(key, *"needle-1", "enter")
    await detail_names(it, "needle-1")


async def next_match(it: Exploring, key: str) -> None:
    await it.press("slash", *"needle", "enter")
    await detail_names(it, "needle-1")
    await it.press(key)
    await detail_names(it, "needle-2")
    await it.press(key)
    await detail_names(it, "needle-1")


async def next_error(it: Exploring, key: str) -> None:
    await it.press("down", "down", key)
    await detail_names(it, "deep")
    await it.press(key)
    await detail_names(it, "needle-2")


async def previous_error(it: Exploring, key: str) -> None:
    await it.press("end")
    await detail_names(it, "needle-2")
    await it.press(key)
    await detail_names(it, "deep")


async def root_cause(it: Exploring, key: str) -> None:
    await it.press(key)
    await detail_names(it, "deep")


async def follow(it: Exploring, key: str) -> None:
    await it.press("home")
    await it.no_longer_shows("following")
    await it.press(key)
    await it.shows("following")
    newest = Span(id="newest", name="newest", started_ns=ids.now_ns())
    it.client.publish([SpanStart(run_id=run_id(1), span=newest)])
    await detail_names(it, "newest")


async def waterfall(it: Exploring, key: str) -> None:
    await it.shows("━")
    await it.press(key)
    await it.no_longer_shows("━")
    await it.press(key)
    await it.shows("━")


async def cancel_run(it: Exploring, key: str) -> None:
    await it.press(key)
    await it.shows("Ask to stop: live-agent")
    await it.press("enter")
    await it.shows("cancel requested by tester")


async def next_tab(it: Exploring, key: str) -> None:
    await it.press("down")
    await it.shows("Overview  Input  Output")
    await it.press(key)
    await it.shows("line 9")


async def previous_tab(it: Exploring, key: str) -> None:
    await it.press("down")
    await it.shows("Overview  Input  Output")
    await it.press(key)
    await it.shows("the end")
    await it.no_longer_shows("name        plan")


async def details(it: Exploring, key: str) -> None:
    await it.shows("Overview")
    await it.press(key)
    await it.no_longer_shows("Overview")
    await it.press(key)
    await it.shows("Overview")


async def details_down(it: Exploring, key: str) -> None:
    await next_tab(it, "tab")
    await it.press(key, key)
    await it.shows("line 27")


async def details_up(it: Exploring, key: str) -> None:
    await details_down(it, "J")
    await it.press(key, key)
    await it.shows("line 0")


async def copy_details(it: Exploring, key: str) -> None:
    await next_tab(it, "tab")
    await it.press(key)
    await it.until(lambda: it.app.clipboard.startswith("line 0\n"), "for the input to be copied")
    assert it.app.clipboard.endswith("line 199")


async def pager(it: Exploring, key: str) -> None:
    paged: list[str] = []
    it.app.page = paged.append  # type: ignore[method-assign] - a terminal of its own is needed for a real one
    await next_tab(it, "tab")
    await it.press(key)
    await it.until(lambda: bool(paged), "for the pager")
    assert "line 199" in paged[0]


TRACE_DO: dict[str, Story] = {
    "zoom": zoom, "back": back, "search": search, "next_match": next_match, "previous_match": next_match,
    "next_error": next_error, "previous_error": previous_error, "root_cause": root_cause, "follow": follow,
    "waterfall": waterfall, "cancel": cancel_run, "next_tab": next_tab, "previous_tab": previous_tab,
    "details": details, "details_down": details_down, "details_up": details_up, "copy": copy_details,
    "pager": pager,
}  # fmt: skip
FOLDS_DO: dict[str, Story] = {
    "toggle_fold": toggle_fold, "unfold": unfold, "fold": fold, "deeper": deeper, "shallower": shallower,
}  # fmt: skip

NEED_A_LIVE_RUN = ("follow", "cancel")


# -- the table -------------------------------------------------------------------------------------


def told(*tables: tuple[Key, ...]) -> list[tuple[str, str]]:
    """Each action with each of its keys."""
    return [(key.action, name) for table in tables for key in table for name in key.keys.split(",")]


@pytest.mark.parametrize(("action", "key"), told(MOVING, EVERYWHERE, RUNS))
def test_a_key_in_the_list_of_runs(action: str, key: str) -> None:
    story = {**MOVING_DO, **EVERYWHERE_DO, **RUNS_DO}[action]

    async def begun(it: Exploring) -> None:
        await it.shows("40 runs", "live")
        await story(it, key)

    explore(MANY, begun, size=SIZE)


@pytest.mark.parametrize(("action", "key"), told(MOVING, EVERYWHERE, TRACE, FOLDS))
def test_a_key_in_a_run(action: str, key: str) -> None:
    story = {**MOVING_DO, **EVERYWHERE_DO, **TRACE_DO, **FOLDS_DO}[action]
    is_live = action in NEED_A_LIVE_RUN

    async def begun(it: Exploring) -> None:
        await it.shows("step-2", "following") if is_live else await it.shows("writer", "deep", "Overview")
        await story(it, key)

    explore(live() if is_live else TREE, begun, run_id=run_id(1), size=SIZE)


def test_no_story_is_told_of_a_key_that_is_gone() -> None:
    for table, stories in (
        (MOVING, MOVING_DO),
        (EVERYWHERE, EVERYWHERE_DO),
        (RUNS, RUNS_DO),
        (TRACE, TRACE_DO),
        (FOLDS, FOLDS_DO),
    ):
        assert {key.action for key in table} == stories.keys()


@pytest.mark.parametrize("tables", [(RUNS,), (TRACE, FOLDS)])
def test_no_key_means_two_things_in_one_screen(tables: tuple[tuple[Key, ...], ...]) -> None:
    names = [name for _, name in told(MOVING, EVERYWHERE, *tables)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("run", [None, run_id(1)])
def test_the_help_names_every_key(run: str | None) -> None:
    async def story(it: Exploring) -> None:
        await it.shows("writer")
        await it.press("question_mark")
        shown = await it.shows("Everywhere", "Signs")
        for key in (*MOVING, *EVERYWHERE, *RUNS, *TRACE, *FOLDS):
            assert key.what.partition(" ")[0] in shown
            assert key.what.split()[-1] in shown

    explore(TREE, story, run_id=run, size=(180, 60))


def test_escape_closes_the_search_and_nothing_else() -> None:
    async def story(it: Exploring) -> None:
        await it.shows("⚙ search")
        await it.press("slash", *"deep", "escape", "down")
        await at(it, 1)
        assert isinstance(it.app.screen, TraceScreen)
        assert "esc ends" not in it.screen
        await it.press("slash", *"needle-1", "enter")
        await detail_names(it, "needle-1")
        await it.shows("/ needle-1", "esc ends")
        await it.press("n")
        await it.shows("no other row fits")
        await it.press("escape")
        await it.no_longer_shows("esc ends")
        assert isinstance(it.app.screen, TraceScreen)
        await it.press("n")
        await detail_names(it, "needle-1")

    explore(TREE, story, run_id=run_id(1), size=SIZE)


# -- the mouse, and other ways ---------------------------------------------------------------------


def test_a_click_takes_the_cursor_and_a_second_one_opens() -> None:
    async def story(it: Exploring) -> None:
        await it.shows("40 runs", "agent-37")
        await it.pilot.click(Lines, offset=(5, 3))
        await at(it, 3)
        await it.pilot.click(Lines, offset=(5, 3))
        await it.shows("✓ completed  agent-37", "ended")

    explore(MANY, story, size=SIZE)


def test_a_click_takes_the_cursor_in_a_run_and_a_second_one_folds() -> None:
    async def story(it: Exploring) -> None:
        await it.shows("⚙ search")
        await it.pilot.click(Lines, offset=(5, 1))
        await detail_names(it, "plan")
        await it.pilot.click(Lines, offset=(5, 1))
        await it.no_longer_shows("⚙ search")

    explore(TREE, story, run_id=run_id(1), size=SIZE)


def test_a_click_below_the_last_run_does_nothing() -> None:
    async def story(it: Exploring) -> None:
        await it.shows("writer", "1 run")
        await it.pilot.click(Lines, offset=(5, 7))
        await it.pilot.pause()
        assert isinstance(it.app.screen, RunsScreen)

    explore(TREE, story, size=SIZE)


def test_the_wheel_scrolls_and_leaves_the_cursor() -> None:
    async def story(it: Exploring) -> None:
        await it.shows("agent-40", "40 runs", "live")
        for _ in range(6):
            lines(it).scroll_down(animate=False)
        await it.no_longer_shows("agent-40")
        await at(it, 0)
        it.client.publish(run(70, "newcomer", ago_ns=1))
        await it.shows("41 runs")
        assert "newcomer" not in it.screen, "who looks further down is not brought back to the top"

    explore(MANY, story, size=SIZE)


@pytest.mark.parametrize(
    ("words", "what", "found"),
    [
        ("root cause", "Go to where it first went wrong.", "name        deep"),
        ("last", "Go to the last row.", "name        needle-2"),
        ("fold", "Fold, or go to the parent.", "writer  +27 spans"),
    ],
)
def test_the_palette_knows_what_the_screen_and_its_rows_can_do(words: str, what: str, found: str) -> None:
    async def story(it: Exploring) -> None:
        await it.shows("writer", "deep")
        await it.press("ctrl+p", *words)
        await it.shows(what)
        await it.press("down", "enter")
        await it.shows(found)

    explore(TREE, story, run_id=run_id(1), size=SIZE)


@pytest.mark.parametrize("run", [None, run_id(1)])
def test_the_terminal_may_change_its_size_at_any_moment(run: str | None) -> None:
    async def story(it: Exploring) -> None:
        await it.shows("writer")
        for step, size in enumerate([(40, 10), (300, 80), (20, 4), (119, 24), (120, 24), (1, 1), (80, 24)]):
            await it.pilot.resize_terminal(*size)
            await it.press("down", *(("question_mark", "escape") if step % 2 else ("slash", "escape")))
        await it.shows("writer")

    explore(TREE, story, run_id=run)


def test_escape_leaves_the_filter_as_it_was() -> None:
    async def story(it: Exploring) -> None:
        await it.press("slash", *"agent:agent-07", "enter")
        await it.shows("1 run ")
        await it.press("slash", *" nonsense:")
        await it.shows("'nonsense:' is no filter")
        await it.press("escape")
        await it.no_longer_shows("nonsense")
        await it.shows("/ agent:agent-07", "1 run ")
        assert not it.app.screen.query_one(Input).has_focus

    explore(MANY, story, size=SIZE)


def test_leaving_a_run_that_came_first_leads_to_the_list() -> None:
    async def story(it: Exploring) -> None:
        assert isinstance(it.app.screen, TraceScreen)
        await it.shows("deep")
        await it.press("escape")
        await it.shows("1 run ")

    explore(TREE, story, run_id=run_id(1), size=SIZE)
