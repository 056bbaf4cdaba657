"""Cancelling from outside: who stops, where, and what the run says of it afterwards."""
# ruff: noqa: PT012  (a cancelled run is a block of several steps)

import asyncio
import random
import signal
import threading
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

import trodo_cli as trodo
from tests.sdk.host import DEADLINE_SECONDS, Host, Recording, eventually, names, next_line, rest, tell
from trodo_cli.errors import RunCancelled
from trodo_cli.model.event import RunEnd
from trodo_cli.model.run import Run
from trodo_cli.sdk.context import ActiveRun, current, runs_around
from trodo_cli.sdk.recorder import recorder

AWAITED = """
import time
import trodo

def wait_for_cancel():
    # Work in flight, such as a model call: it hears nothing of a cancel. The test wants it to be over
    # only when the request has arrived.
    while True:
        try:
            trodo.check_cancelled()
        except trodo.RunCancelled:
            return
        time.sleep(0.005)

[getattr(trodo, name) for name in trodo.__all__]
"""


@pytest.fixture
def stoppable(host: Host) -> Host:
    """A host with the module `inflight`."""
    host.write("inflight.py", AWAITED)
    return host


def cancel(host: Host, run_id: str, **said: Any) -> Run:
    """Ask a run to stop, as another process does."""
    host.eventually_visible(run_id)
    with host.reading() as client:
        return client.runs.cancel(run_id, **said)


def wait_for_cancel() -> None:
    """Work in flight inside the test process, over when the cancel request has arrived."""
    give_up = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < give_up:
        try:
            trodo.check_cancelled()
        except RunCancelled:
            return
        time.sleep(0.005)
    raise AssertionError("the cancel request did not arrive")


async def forever() -> None:
    await asyncio.sleep(10 * DEADLINE_SECONDS)


def cancel_soon(host: Host, run_id: str, *, calls: int = 0, **said: Any) -> None:
    """Ask a run to stop while its event loop goes on, once so many model calls are in flight."""

    def ask() -> None:
        run = recorder().runs.get(run_id)
        eventually(lambda: run is None or len(run.calls) >= calls)
        cancel(host, run_id, **said)

    asyncio.get_running_loop().run_in_executor(None, ask)


# -- a synchronous run -------------------------------------------------------------------------------


def test_a_loop_of_spans_stops_at_the_next_edge_and_what_was_in_flight_is_finished(stoppable: Host) -> None:
    process = stoppable.start(
        """
        import trodo
        from inflight import wait_for_cancel
        try:
            with trodo.wrap_agent("loop") as run:
                for number in range(50):
                    with trodo.span(f"step{number}", kind="llm") as span:
                        if number == 7:
                            print(run.run_id, flush=True)
                            wait_for_cancel()
                        span.set_output(number)
                    print("after", number, flush=True)
        except trodo.RunCancelled as error:
            print(error)
            print(error.run_id, error.reason, error.by)
        """
    )
    before = [next_line(process) for _ in range(8)]
    run_id = before[-1]
    asked = cancel(stoppable, run_id, reason="too slow", by="ada")
    assert (asked.cancel.reason, asked.cancel.by) == ("too slow", "ada")
    out, err = rest(process)
    assert (process.returncode, err) == (0, "")
    assert out.splitlines() == [f"run {run_id} was cancelled by ada: too slow", f"{run_id} too slow ada"]
    run, spans = stoppable.run_of("loop"), stoppable.spans(run_id)
    assert (run.status, run.error_type) == ("cancelled", "RunCancelled")
    assert names(spans) == [f"step{number}" for number in range(8)]
    assert [(span.status, span.error, span.details.output) for span in spans] == [
        ("ok", None, n) for n in range(8)
    ]
    assert run.cancel is not None
    assert (run.cancel.by, run.cancel.reason) == ("ada", "too slow")
    assert run.cancel.delivered_ns is not None
    assert run.cancel.requested_ns <= run.cancel.delivered_ns <= (run.ended_ns or 0)


def test_a_second_program_can_ask_for_the_cancel(stoppable: Host) -> None:
    process = stoppable.start(
        """
        import trodo
        from inflight import wait_for_cancel
        with trodo.wrap_agent("asked") as run:
            print(run.run_id, flush=True)
            with trodo.span("work"):
                wait_for_cancel()
        """
    )
    run_id = next_line(process)
    stoppable.eventually_visible(run_id)
    stoppable.run("import sys, trodo\ntrodo.connect().runs.cancel(sys.argv[1], reason='because')", run_id)
    err = rest(process)[1]
    assert process.returncode == 1
    assert err.rstrip().endswith(f"RunCancelled: run {run_id} was cancelled: because")
    assert stoppable.run_of("asked").status == "cancelled"


def test_a_retry_loop_cannot_swallow_a_cancel(recording: Recording) -> None:
    tries = []
    with pytest.raises(RunCancelled), trodo.wrap_agent("stubborn") as run:
        cancel(recording, run.run_id)
        for number in range(10):
            try:
                with trodo.span(f"try{number}"):
                    tries.append(number)
                    wait_for_cancel()
                    raise OSError("no network")
            except Exception:
                continue
    assert tries == [0]
    assert [(span.name, span.status) for span in recording.spans(run.run_id)] == [("try0", "error")]
    assert recording.run_of("stubborn").status == "cancelled"


def test_work_between_spans_can_ask_whether_it_is_cancelled(recording: Recording) -> None:
    with pytest.raises(RunCancelled), trodo.wrap_agent("polite") as run:
        trodo.check_cancelled()
        cancel(recording, run.run_id)
        while True:
            trodo.check_cancelled()
            time.sleep(0.001)
    assert recording.run_of("polite").status == "cancelled"


def test_a_decorated_function_is_not_called_in_a_cancelled_run(recording: Recording) -> None:
    called = []
    with pytest.raises(RunCancelled), trodo.wrap_agent("tools") as run:
        cancel(recording, run.run_id)
        wait_for_cancel()
        trodo.tool("never", called.append)(1)
    assert called == []
    assert recording.spans(run.run_id) == []


def test_a_model_call_that_finished_while_the_cancel_came_is_recorded(recording: Recording) -> None:
    with pytest.raises(RunCancelled), trodo.wrap_agent("paying") as run:
        cancel(recording, run.run_id)
        wait_for_cancel()
        trodo.track_llm_call(model="m", input_tokens=100, cost=0.5)
    (span,) = recording.spans(run.run_id)
    assert (span.status, span.cost, span.usage.input if span.usage else None) == ("ok", 0.5, 100)
    assert recording.run_of("paying").totals.cost == 0.5


def test_a_run_that_swallows_the_cancel_and_finishes_is_completed(recording: Recording) -> None:
    with trodo.wrap_agent("finisher") as run:
        cancel(recording, run.run_id)
        wait_for_cancel()
    run_ = recording.run_of("finisher")
    assert (run_.status, run_.error) == ("completed", None)
    assert run_.cancel is not None


# -- runs below and beside ---------------------------------------------------------------------------


def test_a_child_does_not_begin_in_a_cancelled_run(recording: Recording) -> None:
    begun = []
    with pytest.raises(RunCancelled), trodo.wrap_agent("parent") as run:
        cancel(recording, run.run_id)
        wait_for_cancel()
        with trodo.wrap_agent("child"):
            begun.append(True)
    assert begun == []
    assert [(row.agent, row.status) for row in recording.runs()] == [("parent", "cancelled")]


def test_a_nested_child_run_stops_with_its_parent(recording: Recording) -> None:
    after = []
    with pytest.raises(RunCancelled) as raised, trodo.wrap_agent("parent") as parent, trodo.span("delegate"):
        with trodo.wrap_agent("child") as child:
            recording.eventually_visible(child.run_id)
            cancel(recording, parent.run_id, reason="enough")
            for _ in range(2):
                with trodo.span("work"):
                    wait_for_cancel()
        after.append(True)
    assert (raised.value.reason, after) == ("enough", [])
    assert {row.agent: row.status for row in recording.runs()} == {
        "parent": "cancelled",
        "child": "cancelled",
    }
    assert [(span.name, span.status) for span in recording.spans(child.run_id)] == [("work", "ok")]
    assert [(span.name, span.status) for span in recording.spans(parent.run_id)] == [
        ("delegate", "cancelled")
    ]
    assert recording.run_of("child").cancel.delivered_ns is not None


def test_cancelling_a_child_alone_leaves_its_parent_at_work(recording: Recording) -> None:
    with trodo.wrap_agent("parent") as parent:
        with pytest.raises(RunCancelled), trodo.wrap_agent("child") as child, trodo.span("work"):
            cancel(recording, child.run_id)
            wait_for_cancel()
        with trodo.span("goes-on"):
            pass
    assert {row.agent: row.status for row in recording.runs()} == {
        "parent": "completed",
        "child": "cancelled",
    }
    assert names(recording.spans(parent.run_id)) == ["goes-on"]


def test_a_joined_worker_process_stops_with_the_run(stoppable: Host) -> None:
    worker = stoppable.write(
        "worker.py",
        """
        import sys
        import trodo
        from inflight import wait_for_cancel
        try:
            with trodo.join_run(sys.argv[1]):
                for number in range(5):
                    with trodo.span(f"job{number}"):
                        print("working", flush=True)
                        wait_for_cancel()
        except trodo.RunCancelled:
            print("stopped", flush=True)
        """,
    )
    owner = stoppable.start(
        """
        import trodo
        from inflight import wait_for_cancel
        try:
            with trodo.wrap_agent("owner") as run:
                print(run.run_id, flush=True)
                with trodo.span("wait"):
                    wait_for_cancel()
        except trodo.RunCancelled:
            print("stopped", flush=True)
        """
    )
    run_id = next_line(owner)
    stoppable.eventually_visible(run_id)
    workers = [stoppable.start(worker, run_id) for _ in range(2)]
    assert [next_line(process) for process in workers] == ["working", "working"]
    cancel(stoppable, run_id)
    for process in (owner, *workers):
        assert rest(process) == ("stopped\n", "")
    assert stoppable.run_of("owner").status == "cancelled"
    spans = stoppable.spans(run_id)
    assert sorted((span.name, span.status) for span in spans) == [
        ("job0", "ok"),
        ("job0", "ok"),
        ("wait", "ok"),
    ]


def test_joining_a_run_that_was_cancelled_before_stops_at_an_edge(stoppable: Host) -> None:
    (run_id,) = stoppable.run("import trodo\nprint(trodo.start_run('gone'))")
    cancel(stoppable, run_id)
    lines = stoppable.run(
        """
        import sys, trodo
        from inflight import wait_for_cancel
        try:
            with trodo.join_run(sys.argv[1]):
                wait_for_cancel()
                with trodo.span("never"):
                    pass
        except trodo.RunCancelled:
            print("stopped")
        """,
        run_id,
    )
    assert lines == ["stopped"]
    assert stoppable.spans(run_id) == []


def test_a_child_in_another_process_is_told_of_the_cancel_of_its_parent(stoppable: Host) -> None:
    child = stoppable.write(
        "child.py",
        """
        import sys, trodo
        from inflight import wait_for_cancel
        try:
            with trodo.wrap_agent("child", parent_run_id=sys.argv[1]) as run, trodo.span("work"):
                print(run.run_id, flush=True)
                wait_for_cancel()
        except trodo.RunCancelled:
            print("stopped")
        """,
    )
    (run_id,) = stoppable.run("import trodo\nprint(trodo.start_run('parent'))")
    process = stoppable.start(child, run_id)
    stoppable.eventually_visible(next_line(process))
    cancel(stoppable, run_id)
    assert rest(process) == ("stopped\n", "")
    late = stoppable.start(child, run_id)
    assert len(next_line(late)) == 32
    assert rest(late) == ("stopped\n", "")
    with stoppable.reading() as client:
        assert [row.status for row in client.traces.get(run_id).children] == ["cancelled", "cancelled"]


# -- asyncio -----------------------------------------------------------------------------------------


def test_an_asyncio_agent_is_cancelled_at_its_await(recording: Recording) -> None:
    async def main() -> int:
        task = asyncio.current_task()
        assert task is not None
        with pytest.raises(RunCancelled, match="enough"):
            async with trodo.wrap_agent("async") as run, trodo.span("waits"):
                cancel_soon(recording, run.run_id, reason="enough")
                await forever()
        return task.cancelling()

    assert asyncio.run(main()) == 0
    run = recording.run_of("async")
    (span,) = recording.spans(run.id)
    assert (run.status, span.name, span.status) == ("cancelled", "waits", "cancelled")


def test_the_task_works_on_after_its_run_was_cancelled(recording: Recording) -> None:
    async def step() -> str:
        await asyncio.sleep(0)
        return "done"

    async def main() -> list[str]:
        for _ in range(3):
            with pytest.raises(RunCancelled):
                async with trodo.wrap_agent("async") as run:
                    cancel_soon(recording, run.run_id)
                    await forever()
        async with asyncio.timeout(DEADLINE_SECONDS):
            await asyncio.sleep(0)
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(step()) for _ in range(3)]
        return [task.result() for task in tasks]

    assert asyncio.run(main()) == ["done"] * 3


def test_a_timeout_around_a_cancelled_run_does_not_take_the_cancel_for_its_own(recording: Recording) -> None:
    async def main() -> None:
        async with asyncio.timeout(DEADLINE_SECONDS) as limit:
            with pytest.raises(RunCancelled):
                async with trodo.wrap_agent("async") as run:
                    cancel_soon(recording, run.run_id)
                    await forever()
            await asyncio.sleep(0)
        assert not limit.expired()

    asyncio.run(main())


def test_a_timeout_inside_a_run_still_works_and_is_no_cancel(recording: Recording) -> None:
    async def main() -> None:
        async with trodo.wrap_agent("async"):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await forever()
            async with trodo.span("after"):
                await asyncio.sleep(0)

    asyncio.run(main())
    assert recording.run_of("async").status == "completed"


def test_a_cancel_of_the_task_itself_stays_a_cancelled_error(recording: Recording) -> None:
    async def agent() -> None:
        async with trodo.wrap_agent("async"), trodo.span("waits"):
            await forever()

    async def main() -> None:
        task = asyncio.create_task(agent())
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert recording.run_of("async").status == "cancelled"


def test_gathered_steps_of_a_cancelled_run_all_stop(recording: Recording) -> None:
    async def step(number: int, run_id: str) -> None:
        async with trodo.span(f"step{number}"):
            if number == 4:
                cancel_soon(recording, run_id)
            await forever()

    async def main() -> None:
        async with trodo.wrap_agent("async") as run:
            await asyncio.gather(*(step(number, run.run_id) for number in range(5)))

    with pytest.raises(RunCancelled):
        asyncio.run(main())
    run = recording.run_of("async")
    assert (run.status, [span.status for span in recording.spans(run.id)]) == ("cancelled", ["cancelled"] * 5)


def test_a_task_group_inside_a_cancelled_run_stops_and_the_run_is_cancelled(recording: Recording) -> None:
    async def step() -> None:
        async with trodo.span("waits"):
            await forever()

    async def main() -> None:
        async with trodo.wrap_agent("async") as run, asyncio.TaskGroup() as group:
            for _ in range(3):
                group.create_task(step())
            await asyncio.sleep(0)
            cancel_soon(recording, run.run_id)

    with pytest.raises(RunCancelled):
        asyncio.run(main())
    assert recording.run_of("async").status == "cancelled"


def test_a_task_group_whose_busy_steps_hear_of_the_cancel_first_leaves_a_cancelled_run(
    recording: Recording,
) -> None:
    async def busy() -> None:
        while True:
            async with trodo.span("short"):
                wait_for_cancel()
            await asyncio.sleep(0)

    async def main() -> None:
        async with trodo.wrap_agent("async") as run:
            cancel_soon(recording, run.run_id)
            async with asyncio.TaskGroup() as group:
                group.create_task(busy())
                group.create_task(forever())

    with pytest.raises((RunCancelled, BaseExceptionGroup)):
        asyncio.run(main())
    assert recording.run_of("async").status == "cancelled"


def test_a_nested_asyncio_run_stops_with_its_parent_and_leaves_the_task_clean(recording: Recording) -> None:
    async def main() -> int:
        task = asyncio.current_task()
        assert task is not None
        with pytest.raises(RunCancelled):
            async with trodo.wrap_agent("parent") as parent, trodo.wrap_agent("child") as child:
                await asyncio.to_thread(recording.eventually_visible, child.run_id)
                cancel_soon(recording, parent.run_id)
                await forever()
        await asyncio.sleep(0)
        return task.cancelling()

    assert asyncio.run(main()) == 0
    assert {row.agent: row.status for row in recording.runs()} == {
        "parent": "cancelled",
        "child": "cancelled",
    }


def test_cancelling_one_of_two_concurrent_runs_leaves_the_other_alone(recording: Recording) -> None:
    async def agent(name: str, started: asyncio.Future[str], go_on: asyncio.Event) -> None:
        async with trodo.wrap_agent(name) as run:
            started.set_result(run.run_id)
            await go_on.wait()
            async with trodo.span("after"):
                await asyncio.sleep(0)

    async def main() -> None:
        loop, go_on = asyncio.get_running_loop(), asyncio.Event()
        doomed, spared = loop.create_future(), loop.create_future()
        tasks = [
            asyncio.create_task(agent("doomed", doomed, go_on)),
            asyncio.create_task(agent("spared", spared, go_on)),
        ]
        await asyncio.to_thread(cancel, recording, await doomed)
        with pytest.raises(RunCancelled):
            await tasks[0]
        go_on.set()
        await tasks[1]

    asyncio.run(main())
    assert {row.agent: row.status for row in recording.runs()} == {
        "doomed": "cancelled",
        "spared": "completed",
    }


# -- model calls in asyncio code ---------------------------------------------------------------------


async def heard_of_it(*runs: ActiveRun) -> None:
    """Work in flight that is over only when the cancel request has arrived, and would be cancelled by it."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not all(run.cancel is not None for run in runs):
            await asyncio.sleep(0.005)
    await asyncio.sleep(0.05)


@trodo.llm("call")
async def call() -> str:
    await heard_of_it(*runs_around(current.get()))
    return "answer"


@trodo.llm("streamed")
async def streamed() -> AsyncIterator[str]:
    yield "an"
    await heard_of_it(*runs_around(current.get()))
    yield "swer"


@trodo.llm("asking")
async def asking() -> None:
    """A model call that calls a tool."""
    await heard_of_it(*runs_around(current.get()))
    async with trodo.span("tool", kind="tool"):
        pass


def ends(recording: Recording, agent: str = "async") -> dict[str, tuple[str, object]]:
    run = recording.run_of(agent)
    assert run.status == "cancelled"
    return {span.name: (span.status, span.details.output) for span in recording.spans(run.id)}


def test_a_model_call_in_flight_finishes_and_nothing_further_starts(recording: Recording) -> None:
    after = []

    async def main() -> int:
        task = asyncio.current_task()
        assert task is not None
        with pytest.raises(RunCancelled, match="enough"):
            async with trodo.wrap_agent("async") as run:
                cancel_soon(recording, run.run_id, calls=1, reason="enough")
                await call()
                after.append(True)
        await asyncio.sleep(0)
        return task.cancelling()

    assert (asyncio.run(main()), after) == (0, [])
    assert ends(recording) == {"call": ("ok", "answer")}


def test_a_model_call_in_a_block_finishes_too(recording: Recording) -> None:
    async def main() -> None:
        async with trodo.wrap_agent("async") as run:
            cancel_soon(recording, run.run_id, calls=1)
            with trodo.span("call", kind="llm") as span:
                await heard_of_it(span.run)
                span.set_output("answer")

    with pytest.raises(RunCancelled):
        asyncio.run(main())
    assert ends(recording) == {"call": ("ok", "answer")}


def test_a_streamed_model_call_finishes_while_its_items_are_taken(recording: Recording) -> None:
    async def main() -> None:
        async with trodo.wrap_agent("async") as run:
            cancel_soon(recording, run.run_id, calls=1)
            async for _item in streamed():
                await asyncio.sleep(0.01)

    with pytest.raises(RunCancelled):
        asyncio.run(main())
    assert ends(recording) == {"streamed": ("ok", ["an", "swer"])}


def test_a_tool_in_flight_is_cancelled_at_once(recording: Recording) -> None:
    async def main() -> None:
        async with trodo.wrap_agent("async") as run, trodo.span("tool", kind="tool"):
            cancel_soon(recording, run.run_id)
            await forever()

    with pytest.raises(RunCancelled):
        asyncio.run(main())
    assert ends(recording) == {"tool": ("cancelled", None)}


def test_what_waits_after_a_failed_model_call_is_cancelled(recording: Recording) -> None:
    async def main() -> None:
        async with trodo.wrap_agent("async") as run:
            cancel_soon(recording, run.run_id, calls=1)
            with suppress(OSError):
                async with trodo.span("call", kind="llm") as span:
                    await heard_of_it(span.run)
                    raise OSError("no network")
            await forever()

    with pytest.raises(RunCancelled):
        asyncio.run(main())
    assert ends(recording) == {"call": ("error", None)}


@pytest.mark.parametrize("together", ["group", "gather"])
def test_a_branch_that_hears_of_the_cancel_leaves_the_call_beside_it_its_time(
    recording: Recording, together: str
) -> None:
    begun = []

    async def busy() -> None:
        await heard_of_it(*runs_around(current.get())[:1])
        async with trodo.span("next"):
            begun.append(True)

    async def slow() -> str:
        async with trodo.span("slow", kind="llm") as span:
            await heard_of_it(span.run)
            await asyncio.sleep(0.2)
            span.set_output("answer")
        return "never"

    async def main() -> None:
        async with trodo.wrap_agent("async") as run:
            cancel_soon(recording, run.run_id, calls=2)
            if together == "gather":
                await asyncio.gather(busy(), call(), slow())
            else:
                async with asyncio.TaskGroup() as group:
                    for work in (busy(), call(), slow()):
                        group.create_task(work)

    with pytest.raises((RunCancelled, BaseExceptionGroup)):
        asyncio.run(main())
    assert begun == []
    assert ends(recording) == {"call": ("ok", "answer"), "slow": ("ok", "answer")}


def test_the_call_of_a_nested_run_finishes_when_the_outer_run_is_cancelled(recording: Recording) -> None:
    async def child(name: str) -> None:
        async with trodo.wrap_agent(name):
            if name == "calling":
                await call()
            await heard_of_it(*runs_around(current.get())[-1:])
            async with trodo.span("never"):
                pass

    async def main() -> None:
        async with trodo.wrap_agent("async") as run, asyncio.TaskGroup() as group:
            group.create_task(child("busy"))
            group.create_task(child("calling"))
            cancel_soon(recording, run.run_id, calls=1)

    with pytest.raises((RunCancelled, BaseExceptionGroup)):
        asyncio.run(main())
    assert ends(recording, "calling") == {"call": ("ok", "answer")}
    assert ends(recording, "busy") == {}
    assert recording.run_of("async").status == "cancelled"


def test_a_tool_inside_of_a_model_call_does_not_start_and_does_not_wait_for_the_call(
    recording: Recording,
) -> None:
    async def main() -> None:
        async with trodo.wrap_agent("async") as run:
            cancel_soon(recording, run.run_id, calls=1)
            await asking()

    with pytest.raises(RunCancelled):
        asyncio.run(main())
    assert ends(recording) == {"asking": ("cancelled", None)}


def test_by_force_the_model_call_in_flight_is_cancelled_too(recording: Recording) -> None:
    async def main() -> None:
        async with trodo.wrap_agent("async") as run:
            cancel_soon(recording, run.run_id, calls=1, force=True)
            async with trodo.span("call", kind="llm"):
                await forever()

    with pytest.raises(RunCancelled):
        asyncio.run(main())
    assert ends(recording) == {"call": ("cancelled", None)}


def test_a_timeout_around_a_model_call_still_ends_it_in_a_cancelled_run(recording: Recording) -> None:
    async def main() -> None:
        async with trodo.wrap_agent("async") as run:
            cancel_soon(recording, run.run_id, calls=1)
            with suppress(TimeoutError):
                async with asyncio.timeout(0.3), trodo.span("call", kind="llm"):
                    await forever()
            await forever()

    with pytest.raises(RunCancelled):
        asyncio.run(main())
    assert ends(recording) == {"call": ("cancelled", None)}


# -- races -------------------------------------------------------------------------------------------


def test_a_cancel_after_the_finish_changes_nothing(recording: Recording) -> None:
    with trodo.wrap_agent("done") as run:
        pass
    before = recording.run_of("done")
    after = cancel(recording, run.run_id, reason="late")
    assert (after.status, after.cancel, after.last_seq) == ("completed", None, before.last_seq)
    assert recording.run_of("done") == before


def test_asking_twice_keeps_the_first_request(recording: Recording) -> None:
    with pytest.raises(RunCancelled) as raised, trodo.wrap_agent("once") as run, trodo.span("work"):
        cancel(recording, run.run_id, by="ada", reason="first")
        cancel(recording, run.run_id, by="bob", reason="second")
        wait_for_cancel()
    assert (raised.value.by, raised.value.reason) == ("ada", "first")
    stored = recording.run_of("once").cancel
    assert stored is not None
    assert (stored.by, stored.reason) == ("ada", "first")


def test_every_race_of_cancel_against_finish_has_exactly_one_end(recording: Recording) -> None:
    chance = random.Random(1)
    plans = [(chance.random() * 0.12, chance.random() * 0.06) for _ in range(500)]
    outcomes: dict[str, str] = {}
    lock = threading.Lock()
    client = trodo.connect(str(recording.database))

    def race(plan: tuple[float, float]) -> None:
        work_seconds, cancel_seconds = plan
        outcome = "completed"
        canceller = None
        try:
            with trodo.wrap_agent("racer") as run:
                canceller = threading.Timer(cancel_seconds, _cancel_if_there, (client, run.run_id))
                canceller.start()
                for _ in range(4):
                    with trodo.span("step"):
                        time.sleep(work_seconds / 4)
        except RunCancelled:
            outcome = "cancelled"
        assert canceller is not None
        canceller.join()
        with lock:
            outcomes[run.run_id] = outcome

    try:
        with ThreadPoolExecutor(25) as pool:
            list(pool.map(race, plans))
        assert len(outcomes) == 500
        assert set(outcomes.values()) == {"completed", "cancelled"}
        with recording.reading() as reader:
            for run_id, outcome in outcomes.items():
                run = reader.runs.get(run_id)
                ends = [event for event in reader.traces.stream(run_id) if isinstance(event, RunEnd)]
                assert (run.status, len(ends)) == (outcome, 1)
                if outcome == "cancelled":
                    assert run.cancel is not None
                    assert run.cancel.delivered_ns is not None
                assert {span.status for span in reader.traces.get(run_id).own} <= {"ok", "cancelled"}
    finally:
        client.close()


def _cancel_if_there(client: object, run_id: str) -> None:
    """Cancel a run that may not have reached the store yet."""
    try:
        client.runs.cancel(run_id)
    except trodo.TrodoError:
        return


def test_a_cancel_of_a_dead_program_is_kept_and_the_run_stays_lost(host: Host) -> None:
    process = host.start(
        "import trodo\nwith trodo.wrap_agent('dead') as run:\n    print(run.run_id, flush=True)\n    input()"
    )
    host.eventually_visible(next_line(process))
    process.kill()
    process.wait(DEADLINE_SECONDS)
    run = cancel(host, host.run_of("dead").id, by="ada")
    assert run.cancel is not None
    assert (run.cancel.by, run.cancel.delivered_ns, run.is_terminal) == ("ada", None, False)


def test_a_cancel_that_comes_while_the_program_is_stopped_reaches_it_afterwards(stoppable: Host) -> None:
    process = stoppable.start(
        """
        import trodo
        from inflight import wait_for_cancel
        try:
            with trodo.wrap_agent("paused") as run, trodo.span("work"):
                print(run.run_id, flush=True)
                wait_for_cancel()
        except trodo.RunCancelled:
            print("stopped")
        """
    )
    run_id = next_line(process)
    stoppable.eventually_visible(run_id)
    process.send_signal(signal.SIGSTOP)
    assert cancel(stoppable, run_id).cancel.delivered_ns is None
    process.send_signal(signal.SIGCONT)
    assert rest(process) == ("stopped\n", "")
    assert stoppable.run_of("paused").cancel.delivered_ns is not None


def test_a_cancel_reaches_a_run_whose_target_was_away_for_a_while(stoppable: Host) -> None:
    process = stoppable.start(
        """
        from inflight import wait_for_cancel
        from trodo import *
        from trodo_cli.errors import Unavailable
        from trodo_cli.sdk import recorder, ship
        ship.RETRY_SECONDS = (0.01, 0.05)
        away = [True]
        def opened(target, given):
            if away:
                raise Unavailable("away")
            return connect(target)
        recorder._open_sink = opened
        try:
            with wrap_agent("patient") as run, span("work"):
                print(run.run_id, flush=True)
                input()
                away.clear()
                wait_for_cancel()
        except RunCancelled:
            print("stopped")
        """
    )
    run_id = next_line(process)
    assert stoppable.runs() == []
    tell(process)
    cancel(stoppable, run_id)
    assert rest(process) == ("stopped\n", "")
    assert stoppable.run_of("patient").status == "cancelled"
