"""What a person sees and does in the explorer."""

import threading

import pytest
from textual.events import Key

from tests.cli.made import run, run_id, span
from tests.tui.exploring import Exploring, explore
from trodo_cli.client.local import LocalRuns
from trodo_cli.model import ids
from trodo_cli.model.event import Event, RunEnd, RunStart, SpanEnd, SpanStart
from trodo_cli.model.run import Run
from trodo_cli.model.span import Span
from trodo_cli.query.plan import RunFilter
from trodo_cli.render.overview import Seen
from trodo_cli.render.rows import Row
from trodo_cli.tui.picture import Picture
from trodo_cli.tui.screens.runs import RunsScreen

STORY = [
    *run(
        1,
        "writer",
        span("plan", kind="step"),
        span("search", kind="tool", at_ns=1, parent="plan"),
        span("deep", kind="tool", at_ns=2, parent="search", status="error", error="no such page"),
        span("answer", kind="model", at_ns=3, model="m-1"),
        span("quiet", kind="step", at_ns=4, parent="answer"),
        span("hidden-needle", kind="tool", at_ns=5, parent="quiet"),
        status="failed",
        ended={"error": "no such page"},
    ),
    *run(2, "reader", ago_ns=10**9),
]


def live(number: int = 5) -> list[Event]:
    id = run_id(number)
    return [
        RunStart(run_id=id, run=Run(id=id, agent="live-agent", started_ns=ids.now_ns())),
        SpanStart(run_id=id, span=Span(id="first", name="first-step", started_ns=ids.now_ns())),
    ]


def test_the_list_shows_runs_and_enter_opens_one() -> None:
    async def story(it: Exploring) -> None:
        shown = await it.shows("writer", "reader", "2 runs", "1 failed")
        assert shown.index("reader") < shown.index("writer"), "newest first"
        await it.press("j", "enter")
        await it.shows("✗ failed", "plan", "ended")
        await it.press("escape")
        await it.shows("2 runs")

    explore(STORY, story)


def test_the_failed_path_is_open_and_other_depths_are_folded() -> None:
    async def story(it: Exploring) -> None:
        shown = await it.shows("deep", "answer")
        assert "hidden-needle" not in shown
        assert "+1 span" in shown

    explore(STORY, story, run_id=run_id(1))


def test_folding_and_unfolding() -> None:
    async def story(it: Exploring) -> None:
        await it.shows("deep")
        await it.press("j", "space")
        await it.no_longer_shows("⚙ deep")
        await it.press("space")
        await it.shows("⚙ search")
        await it.press("plus", "plus")
        await it.shows("hidden-needle")

    explore(STORY, story, run_id=run_id(1))


def test_search_finds_a_folded_row() -> None:
    async def story(it: Exploring) -> None:
        await it.shows("answer")
        await it.press("slash", *"needle", "enter")
        await it.shows("hidden-needle")

    explore(STORY, story, run_id=run_id(1))


def test_root_cause_and_errors_are_a_key_away() -> None:
    async def story(it: Exploring) -> None:
        await it.shows("answer")
        await it.press("r")
        await it.shows("name        deep", "no such page")

    explore(STORY, story, run_id=run_id(1))


def test_zoom_shows_only_what_is_below_and_escape_leads_back() -> None:
    async def story(it: Exploring) -> None:
        await it.shows("answer")
        await it.press("j", "enter")
        await it.no_longer_shows("✦ answer")
        await it.press("escape")
        await it.shows("✦ answer")

    explore(STORY, story, run_id=run_id(1))


def test_a_running_run_grows_as_it_is_watched_and_a_cancel_is_told_step_by_step() -> None:
    async def story(it: Exploring) -> None:
        id = run_id(5)
        await it.shows("first-step", "live", "following")
        second = Span(id="second", name="second-step", started_ns=ids.now_ns())
        it.client.publish([SpanStart(run_id=id, span=second)])
        await it.shows("second-step")
        await it.press("c")
        await it.shows("Ask to stop: live-agent")
        await it.press(*"enough", "enter")
        await it.shows("cancel requested by tester", ": enough")
        it.client.heartbeat([id])
        await it.shows("acknowledged")
        ended = Run(id=id, status="cancelled", ended_ns=ids.now_ns())
        it.client.publish([SpanEnd(run_id=id, span=second), RunEnd(run_id=id, run=ended)])
        await it.shows("→ cancelled", "ended")
        assert it.app.last_seen is not None
        assert it.app.last_seen.status == "cancelled"

    explore(live(), story, run_id=run_id(5))


def test_a_burst_of_keys_answers_the_question_once() -> None:
    async def story(it: Exploring) -> None:
        await it.shows("running")
        await it.press("c", *"why")
        for _ in range(3):
            it.app.post_message(Key("enter", "\r"))
        await it.shows("cancel requested")
        assert isinstance(it.app.screen_stack[1], RunsScreen)

    explore(live(), story)


def test_what_is_typed_at_once_goes_where_it_would_have_gone_one_by_one() -> None:
    async def story(it: Exploring) -> None:
        await it.shows("running", "reader")
        it.burst("slash", *"live-agent", "enter", "j", "j", "k")
        await it.no_longer_shows("reader")
        await it.shows("running")
        it.burst("c", *"cannot wait", "enter", "enter")
        await it.shows("cancel requested by tester: cannot wait", "following")
        it.burst("slash", *"qqq", "escape", "backspace", "escape", "slash", *"agent:reader", "enter")
        await it.shows("reader", "completed")
        await it.no_longer_shows("live-agent")
        it.burst("enter")
        await it.shows("✓ completed  reader", "Overview")
        (stopped,) = [one for one in it.client.runs.list().rows if one.cancel]
        assert (stopped.agent, stopped.cancel and stopped.cancel.reason) == ("live-agent", "cannot wait")

    explore([*STORY, *live()], story)


def test_no_key_acts_on_what_a_filter_that_was_just_entered_leaves_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked, answered = threading.Event(), threading.Event()

    def slow(client: LocalRuns, *, wanted: RunFilter, **said: object) -> object:
        if wanted.words:
            asked.set()
            answered.wait(60)
        return listed(client, wanted=wanted, **said)

    listed = LocalRuns.list
    monkeypatch.setattr(LocalRuns, "list", slow)

    async def story(it: Exploring) -> None:
        await it.shows("live-agent", "running")
        await it.press("space", "slash", *"reader", "enter", "c")
        await it.shows("nothing to stop")
        answered.set()
        await it.shows("reader", "completed")
        assert asked.is_set()
        assert "marked" not in it.screen

    explore([*STORY, *live()], story)


def test_leaving_the_question_stops_nothing() -> None:
    async def story(it: Exploring) -> None:
        await it.shows("first-step")
        await it.press("c")
        await it.shows("Ask to stop")
        await it.press("escape")
        await it.no_longer_shows("Ask to stop")
        assert it.client.runs.get(run_id(5)).cancel is None

    explore(live(), story, run_id=run_id(5))


def test_a_filter_narrows_the_list_and_a_bad_one_is_told() -> None:
    async def story(it: Exploring) -> None:
        await it.shows("writer", "reader")
        await it.press("slash", *"status:failed", "enter")
        await it.no_longer_shows("reader")
        await it.press("slash", *" wrong:word", "enter")
        await it.shows("wrong:word")

    explore(STORY, story)


@pytest.mark.parametrize("size", [(80, 24), (40, 10), (300, 80)])
def test_any_size_shows_the_tree(size: tuple[int, int]) -> None:
    async def story(it: Exploring) -> None:
        await it.shows("writer", "plan")
        await it.press("j", "j", "tab", "w", "d", "question_mark")
        await it.shows("esc closes")

    explore(STORY, story, run_id=run_id(1), size=size)


def test_a_run_that_is_not_there_is_told() -> None:
    async def story(it: Exploring) -> None:
        await it.shows("no run")

    explore(STORY, story, run_id=run_id(9))


HOSTILE = "\x1b]52;c;aGk=\x07[red]x[/red] [/ \x9b31m \u202eevil"


def test_hostile_text_is_inert_and_visible() -> None:
    async def story(it: Exploring) -> None:
        await it.shows("␛]52;c;aGk=␇[red]x[/red] [/ <U+009B>31m <U+202E>")
        await it.press("j")
        await it.shows("name        ␛]52")

    explore(run(1, HOSTILE, span("s", HOSTILE)), story, run_id=run_id(1), size=(200, 40))


def test_a_run_that_was_given_up_and_goes_on_is_followed_on() -> None:
    silent = run(1, "sleeper", span("before"), status="running", patience_ns=1)

    async def story(it: Exploring) -> None:
        await it.shows("before", "lost", "ended")
        later = [event for event in span("after") if isinstance(event, SpanStart | SpanEnd)]
        for event in later:
            event.run_id, event.span.started_ns = run_id(1), ids.now_ns()
        it.client.publish(later[:1])
        await it.shows("before", "after")
        await it.shows("lost", "ended")
        it.client.publish(run(1, "sleeper", status="completed")[1:])
        await it.shows("✓ completed")

    explore(silent, story, run_id=run_id(1))


def test_the_tree_is_read_by_the_thread_alone_that_changes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    readers: set[str] = set()
    seen = Picture.seen

    def noted(picture: Picture, row: Row) -> Seen:
        readers.add(threading.current_thread().name)
        return seen(picture, row)

    monkeypatch.setattr(Picture, "seen", noted)

    async def story(it: Exploring) -> None:
        await it.shows("writer", "plan")
        await it.press("down")
        await it.shows("name        plan")
        await it.press("tab")
        await it.press("down", "down")
        await it.pilot.pause(0.3)

    explore(STORY, story, run_id=run_id(1))
    assert readers == {"MainThread"}
