"""Runs and spans in one process: nesting, joining, the handles' setters, exceptions."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from itertools import count

import pytest

import trodo_cli as trodo
from tests.sdk.host import Host, Recording, names, parent_names
from trodo_cli.model import ids

# -- nesting -----------------------------------------------------------------------------------------


def test_spans_nest_as_their_blocks_do(recording: Recording) -> None:
    with trodo.wrap_agent("nested") as run:
        with trodo.span("a"), trodo.span("b"), trodo.span("c"):
            pass
        with trodo.span("d"):
            pass
    spans = recording.spans(run.run_id)
    assert parent_names(spans) == {"a": None, "b": "a", "c": "b", "d": None}
    assert {span.status for span in spans} == {"ok"}


async def _step(name: str) -> None:
    async with trodo.span(name):
        await asyncio.sleep(0)
        async with trodo.span(f"{name}-inner"):
            await asyncio.sleep(0)


def test_spans_of_gathered_tasks_hang_below_the_span_that_gathered(recording: Recording) -> None:
    async def agent() -> str:
        async with trodo.wrap_agent("async") as run:
            async with trodo.span("fan-out"):
                await asyncio.gather(*(_step(f"task{number}") for number in range(20)))
            await _step("after")
        return run.run_id

    parents = parent_names(recording.spans(asyncio.run(agent())))
    expected: dict[str, str | None] = {"fan-out": None, "after": None, "after-inner": "after"}
    for number in range(20):
        expected |= {f"task{number}": "fan-out", f"task{number}-inner": f"task{number}"}
    assert parents == expected


def test_concurrent_runs_of_one_loop_do_not_mix_their_spans(recording: Recording) -> None:
    async def agent(name: str) -> str:
        async with trodo.wrap_agent(name) as run:
            await _step(f"{name}-step")
        return run.run_id

    async def main() -> list[str]:
        return await asyncio.gather(*(agent(f"agent{number}") for number in range(20)))

    for number, run_id in enumerate(asyncio.run(main())):
        name = f"agent{number}-step"
        assert parent_names(recording.spans(run_id)) == {name: None, f"{name}-inner": name}


def test_a_thread_with_a_copied_context_works_below_the_span_that_started_it(recording: Recording) -> None:
    def work(name: str) -> None:
        with trodo.span(name), trodo.span(f"{name}-inner"):
            pass

    with trodo.wrap_agent("threads") as run, trodo.span("fan-out"), ThreadPoolExecutor(4) as pool:
        for number in range(40):
            pool.submit(copy_context().run, work, f"job{number}")
    parents = parent_names(recording.spans(run.run_id))
    assert len(parents) == 81
    for number in range(40):
        assert (parents[f"job{number}"], parents[f"job{number}-inner"]) == ("fan-out", f"job{number}")


def test_asyncio_to_thread_keeps_the_place(recording: Recording) -> None:
    def work() -> None:
        with trodo.span("in-thread"):
            pass

    async def agent() -> str:
        async with trodo.wrap_agent("to-thread") as run, trodo.span("outer"):
            await asyncio.to_thread(work)
        return run.run_id

    assert parent_names(recording.spans(asyncio.run(agent()))) == {"outer": None, "in-thread": "outer"}


def test_a_thread_without_the_context_is_outside_the_run(recording: Recording) -> None:
    def work() -> None:
        with trodo.span("stray") as span:
            assert span.span_id is None

    with trodo.wrap_agent("alone") as run:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert recording.spans(run.run_id) == []


def test_many_threads_with_runs_of_their_own_lose_nothing(recording: Recording) -> None:
    def agent(number: int) -> str:
        with trodo.wrap_agent(f"agent{number}") as run:
            for count in range(25):
                with trodo.span(f"{number}-{count}", input={"count": count}):
                    pass
        return run.run_id

    with ThreadPoolExecutor(8) as pool:
        run_ids = list(pool.map(agent, range(16)))
    for number, run_id in enumerate(run_ids):
        spans = recording.spans(run_id)
        assert names(spans) == [f"{number}-{count}" for count in range(25)]
        assert all(span.parent_id is None and span.status == "ok" for span in spans)
        assert [span.details.input for span in spans] == [{"count": count} for count in range(25)]


def test_spans_outside_a_run_do_nothing(recording: Recording) -> None:
    with trodo.span("outside", input=1) as span:
        span.set_output(2)
        span.set_attribute("a", 1)
        span.set_error("no")
        span.set_llm(model="m", input_tokens=1)
        assert (span.span_id, trodo.current_span_id(), trodo.current_run_id()) == (None, None, None)
    trodo.track_llm_call(model="m", input_tokens=1)
    trodo.check_cancelled()
    assert not recording.spool.exists()


def test_the_current_ids_follow_the_blocks(recording: Recording) -> None:
    with trodo.wrap_agent("here") as run:
        root = trodo.current_span_id()
        assert (trodo.current_run_id(), root) == (run.run_id, ids.root_span_id(run.run_id))
        with trodo.span("a") as span:
            assert (trodo.current_run_id(), trodo.current_span_id()) == (run.run_id, span.span_id)
        assert trodo.current_span_id() == root
    assert (trodo.current_run_id(), trodo.current_span_id()) == (None, None)


# -- runs below runs ---------------------------------------------------------------------------------


def test_a_run_inside_a_run_is_its_child_below_the_span_that_started_it(recording: Recording) -> None:
    with trodo.wrap_agent("parent") as parent, trodo.span("delegate") as span:
        with trodo.wrap_agent("child") as child, trodo.span("inside"):
            pass
        with trodo.span("back"):
            pass
    run = recording.run_of("child")
    assert (run.parent_id, run.parent_span_id) == (parent.run_id, span.span_id)
    assert names(recording.spans(child.run_id)) == ["inside"]
    assert parent_names(recording.spans(parent.run_id)) == {"delegate": None, "back": "delegate"}
    with recording.reading() as client:
        assert [row.agent for row in client.traces.get(parent.run_id).children] == ["child"]


def test_a_named_parent_goes_before_the_run_around(recording: Recording) -> None:
    with trodo.wrap_agent("first") as first:
        pass
    with trodo.wrap_agent("around"), trodo.wrap_agent("child", parent_run_id=first.run_id):
        pass
    run = recording.run_of("child")
    assert (run.parent_id, run.parent_span_id) == (first.run_id, None)


def test_the_dashed_spelling_of_a_run_id_is_the_same_run(recording: Recording) -> None:
    with trodo.wrap_agent("one") as run:
        dashed = "-".join(run.run_id[a:b] for a, b in ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32))).upper()
        with trodo.join_run(dashed), trodo.span("joined"):
            pass
    assert [row.agent for row in recording.runs()] == ["one"]
    assert names(recording.spans(run.run_id)) == ["joined"]


# -- joining, starting, ending -----------------------------------------------------------------------


def test_a_joined_run_hangs_its_spans_below_the_parent_it_was_told(recording: Recording) -> None:
    with trodo.wrap_agent("owner") as run, trodo.span("call") as call:
        pass
    with trodo.join_run(run.run_id, call.span_id), trodo.span("below"):
        assert trodo.current_run_id() == run.run_id
    with trodo.join_run(run.run_id), trodo.span("beside"):
        pass
    assert parent_names(recording.spans(run.run_id)) == {"call": None, "below": "call", "beside": None}


def test_a_joined_run_with_a_name_is_a_span_itself(recording: Recording) -> None:
    with trodo.wrap_agent("owner") as run:
        pass
    with (
        trodo.join_run(run.run_id, name="service", kind="agent", input={"path": "/"}, attributes={"a": 1}),
        trodo.span("inside"),
    ):
        pass
    spans = recording.spans(run.run_id)
    assert parent_names(spans) == {"service": None, "inside": "service"}
    assert (spans[0].kind, spans[0].details.input, spans[0].details.attributes) == (
        "agent",
        {"path": "/"},
        {"a": 1},
    )


def test_leaving_a_joined_run_restores_the_place_from_before(recording: Recording) -> None:
    with trodo.wrap_agent("mine") as mine, trodo.span("outer"):
        with trodo.join_run(trodo.start_run("theirs", run_id="theirs")), trodo.span("visit"):
            pass
        with trodo.span("home"):
            pass
    assert parent_names(recording.spans(mine.run_id)) == {"outer": None, "home": "outer"}
    assert names(recording.spans("theirs")) == ["visit"]


def test_a_started_run_is_running_until_it_is_ended(recording: Recording) -> None:
    run_id = trodo.start_run(
        "manual",
        distinct_id="ada",
        conversation_id="session-1",
        metadata={"env": "prod", "tags": ["nightly"]},
        input={"task": 1},
        user={"plan": "pro"},
    )
    assert recording.run_of("manual").status == "running"
    with trodo.join_run(run_id), trodo.span("work"):
        pass
    trodo.end_run(run_id, output={"done": True}, metadata={"score": 3})
    run = recording.run_of("manual")
    assert (run.id, run.status, run.user, run.session) == (run_id, "completed", "ada", "session-1")
    assert (run.details.input, run.details.output) == ({"task": 1}, {"done": True})
    assert run.details.attributes == {"env": "prod", "tags": ["nightly"], "user": {"plan": "pro"}, "score": 3}
    assert names(recording.spans(run_id)) == ["work"]


def test_metadata_at_the_end_adds_to_the_tags_from_the_start(recording: Recording) -> None:
    run_id = trodo.start_run("tagged", metadata={"env": "prod", "tags": ["nightly"]})
    trodo.end_run(run_id, metadata={"score": 3})
    assert set(recording.run_of("tagged").tags) == {"nightly", "env=prod", "score=3"}


@pytest.mark.parametrize(
    ("said", "status", "error"),
    [
        ({}, "completed", None),
        ({"status": "ok"}, "completed", None),
        ({"status": "error"}, "failed", None),
        ({"status": "error", "error_summary": "no network"}, "failed", "no network"),
        ({"error_summary": "no network"}, "failed", "no network"),
        ({"status": "cancelled"}, "cancelled", None),
        ({"status": "canceled"}, "cancelled", None),
        ({"status": "somehow"}, "completed", None),
    ],
)
def test_the_word_at_the_end_becomes_the_status(
    recording: Recording, said: dict[str, str], status: str, error: str | None
) -> None:
    trodo.end_run(trodo.start_run("ended"), **said)
    run = recording.run_of("ended")
    assert (run.status, run.error) == (status, error)


def test_a_run_can_be_ended_by_another_process(host: Host) -> None:
    (run_id,) = host.run("import trodo\nprint(trodo.start_run('relay', input='go'))")
    assert host.run_of("relay").status == "running"
    host.run(
        """
        import sys, trodo
        with trodo.join_run(sys.argv[1]), trodo.span("work"):
            pass
        trodo.end_run(sys.argv[1], output="gone", status="error", error_summary="no way back")
        """,
        run_id,
    )
    run = host.run_of("relay")
    assert (run.status, run.error, run.details.input, run.details.output) == (
        "failed",
        "no way back",
        "go",
        "gone",
    )
    assert names(host.spans(run_id)) == ["work"]


def test_a_second_end_changes_nothing(recording: Recording) -> None:
    run_id = trodo.start_run("twice")
    trodo.end_run(run_id, output="first")
    trodo.end_run(run_id, status="error", error_summary="second")
    run = recording.run_of("twice")
    assert (run.status, run.error, run.details.output) == ("completed", None, "first")


# -- what a run and a span say -----------------------------------------------------------------------


def test_everything_that_is_said_of_a_run_is_kept(recording: Recording) -> None:
    with trodo.wrap_agent(
        "said",
        distinct_id=7,
        conversation_id="s",
        metadata={"env": "prod"},
        user={"plan": "pro"},
        input="first",
    ) as run:
        assert (run.agent_name, len(run.run_id)) == ("said", 32)
        run.set_input([{"role": "user", "content": "hi"}])
        run.set_metadata({"tags": ["a", "b"]}, region="eu", ratio=0.5)
        run.set_output({"answer": 42})
    run_ = recording.run_of("said")
    assert (run_.user, run_.session, run_.status) == ("7", "s", "completed")
    assert run_.details.input == [{"role": "user", "content": "hi"}]
    assert run_.details.output == {"answer": 42}
    assert run_.details.attributes == {
        "env": "prod",
        "user": {"plan": "pro"},
        "tags": ["a", "b"],
        "region": "eu",
        "ratio": 0.5,
    }
    assert set(run_.tags) == {"a", "b", "env=prod", "region=eu", "ratio=0.5"}


def test_an_error_summary_fails_a_run_that_no_exception_leaves(recording: Recording) -> None:
    with trodo.wrap_agent("judged") as run:
        run.set_error_summary("wrong answer", type="Verdict")
    run_ = recording.run_of("judged")
    assert (run_.status, run_.error, run_.error_type) == ("failed", "wrong answer", "Verdict")


def test_everything_that_is_said_of_a_span_is_kept(recording: Recording) -> None:
    with trodo.wrap_agent("said") as run:
        with trodo.span("call", kind="tool", input={"q": 1}, attributes={"a": 1}) as span:
            span.set_tool("search")
            span.set_level("warning")
            span.set_attribute("b", [1, 2])
            span.set_attributes({"c": None, "d": {"e": True}})
            span.set_output(["x"])
        with trodo.span("broken") as span:
            span.set_error("429 from upstream", type="RateLimit", status_code=429, stack_trace="at line 1")
    call, broken = recording.spans(run.run_id)
    assert (call.kind, call.tool, call.level, call.status) == ("tool", "search", "warning", "ok")
    assert (call.details.input, call.details.output) == ({"q": 1}, ["x"])
    assert call.details.attributes == {"a": 1, "b": [1, 2], "c": None, "d": {"e": True}}
    assert (broken.status, broken.error, broken.error_type) == ("error", "429 from upstream", "RateLimit")
    assert (broken.status_code, broken.details.stack) == ("429", "at line 1")


def test_what_goes_in_is_shown_while_the_work_goes_on(recording: Recording) -> None:
    with trodo.wrap_agent("open") as run, trodo.span("slow") as span:
        run.set_input("question")
        span.set_input({"page": 1})
        (seen,) = recording.spans(run.run_id)
        assert (seen.status, seen.details.input, seen.ended_ns) == ("running", {"page": 1}, None)
        assert recording.run_of("open").details.input == "question"


@pytest.mark.parametrize(
    ("said", "kind"),
    [("llm", "model"), ("model.call", "model"), ("tool.execute", "tool"), ("", "generic"), ("mine", "mine")],
)
def test_kinds_have_one_spelling_each_and_unknown_words_stay(
    recording: Recording, said: str, kind: str
) -> None:
    with trodo.wrap_agent("kinds") as run, trodo.span("s", kind=said):
        pass
    assert recording.spans(run.run_id)[0].kind == kind


def test_durations_come_from_the_clock_that_never_steps_back(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    wall = count(1_800_000_000 * 10**9, step=-(10**9))
    with monkeypatch.context() as patch:
        patch.setattr(ids, "now_ns", lambda: next(wall))
        with trodo.wrap_agent("clock") as run, trodo.span("outer"), trodo.span("inner"):
            pass
    outer, inner = sorted(recording.spans(run.run_id), key=lambda span: span.name, reverse=True)
    assert outer.started_ns > inner.started_ns
    durations = [outer.duration_ns, inner.duration_ns, recording.run_of("clock").duration_ns]
    assert all(duration is not None and 0 <= duration < 60 * 10**9 for duration in durations)
