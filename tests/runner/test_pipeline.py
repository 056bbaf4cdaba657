"""Agents put together, performed in the test's own process."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

import trodo_cli as trodo
from tests.runner.stage import drawn
from tests.sdk.host import Recording
from trodo_cli.errors import InvalidInput, NotFound
from trodo_cli.runner.step import find_agents_by


def add_one(number: int) -> int:
    return number + 1


def total(numbers: list[int]) -> int:
    return sum(numbers)


async def double(number: int) -> int:
    await asyncio.sleep(0)
    return number * 2


def count(number: int) -> Iterator[int]:
    yield from range(number)


async def letters(number: int) -> AsyncIterator[str]:
    for place in range(number):
        yield "abc"[place]


def run_of(recording: Recording, name: str) -> str:
    return recording.run_of(name).id


def test_steps_pass_on_what_they_give_whatever_kind_of_function_they_are(recording: Recording) -> None:
    chain = trodo.sequential("chain", add_one, double, count)
    assert chain(1) == [0, 1, 2, 3]
    assert trodo.sequential("text", letters)(3) == "abc"
    assert trodo.parallel("both", add_one, double)(5) == [6, 10]
    assert trodo.sequential("deep", trodo.parallel("p", add_one, double), total)(1) == 4
    with recording.reading() as client:
        assert drawn(client, run_of(recording, "chain")).split("\n") == [
            "agent.invoke chain",
            "  agent.invoke add_one",
            "  agent.invoke double",
            "  agent.invoke count",
        ]


def test_a_pipeline_is_awaited_in_a_coroutine(recording: Recording) -> None:
    async def main() -> Any:
        return await trodo.sequential("chain", add_one, double)(2)

    assert asyncio.run(main()) == 6


def test_an_agent_invoked_inside_a_run_is_a_span_and_as_a_run_a_run_below(recording: Recording) -> None:
    @trodo.agent("helper")
    def helper(text: str) -> str:
        return text.upper()

    with trodo.wrap_agent("outer"):
        assert trodo.invoke(helper, "a") == "A"
        assert trodo.invoke(helper, "b", run=True) == "B"
        assert helper("c") == "C"
    outer = recording.run_of("outer")
    assert [span.name for span in recording.spans(outer.id)] == ["helper"]
    below = [run for run in recording.runs() if run.parent_id == outer.id]
    assert [run.agent for run in below] == ["helper", "helper"]


def test_an_agent_is_invoked_by_its_id_from_plain_and_async_code(recording: Recording) -> None:
    find_agents_by({"double": double, "add": add_one}.get)
    try:

        async def outer(number: int) -> int:
            return int(await trodo.invoke("double", number))

        def plain(number: int) -> int:
            return int(trodo.invoke("double", number)) + int(trodo.invoke("add", number))

        assert trodo.sequential("s", outer, plain, "add")(3) == 20
        with pytest.raises(NotFound, match="no agent nobody"):
            trodo.sequential("s", "nobody")(3)
    finally:
        find_agents_by(lambda _agent_id: None)


def test_plain_steps_that_wait_for_each_other_never_lack_a_thread(recording: Recording) -> None:
    depth = 12
    together = threading.Barrier(depth)

    def wait(_value: int) -> int:
        return together.wait(30)

    def nested(value: int) -> int:
        return sum(trodo.invoke(trodo.parallel("inner", *[wait] * depth), value))

    assert trodo.sequential("outer", nested)(1) == sum(range(depth))


def test_no_more_than_the_limit_work_at_one_time(recording: Recording) -> None:
    lock, at_work, most = threading.Lock(), 0, 0

    def work(_value: int) -> None:
        nonlocal at_work, most
        with lock:
            at_work += 1
            most = max(most, at_work)
        time.sleep(0.02)
        with lock:
            at_work -= 1

    trodo.parallel("p", *[work] * 8, limit=3)(1)
    assert most == 3


def test_the_first_failure_stops_the_others_and_is_raised(recording: Recording) -> None:
    began: list[int] = []

    async def fails(value: int) -> None:
        raise KeyError("broken")

    async def waits(value: int) -> None:
        began.append(value)
        await asyncio.sleep(3600)

    async def never(value: int) -> None:
        raise AssertionError("a later step began")

    with pytest.raises(KeyError, match="broken"):
        trodo.sequential("chain", trodo.parallel("p", waits, fails, waits, limit=2), never)(1)
    run = recording.run_of("chain")
    spans = {span.name: span.status for span in recording.spans(run.id)}
    assert (run.status, run.error_type) == ("failed", "KeyError")
    assert spans == {"p": "error", "waits": "cancelled", "fails": "error"}
    assert len(began) <= 2


def test_what_is_in_flight_in_a_thread_finishes_before_the_failure_is_raised(recording: Recording) -> None:
    done, begun = threading.Event(), threading.Event()

    def slow(_value: int) -> None:
        begun.set()
        time.sleep(0.1)
        done.set()

    def fails(_value: int) -> None:
        begun.wait(30)
        raise ValueError("at once")

    with pytest.raises(ValueError, match="at once"):
        trodo.parallel("p", slow, fails)(1)
    assert done.is_set()


def test_gathered_failures_stand_in_the_place_of_results(recording: Recording) -> None:
    def fails(_value: int) -> None:
        raise KeyError("broken")

    first, failure, last = trodo.parallel("p", add_one, fails, double, errors="gather")(1)
    assert (first, last) == (2, 2)
    assert isinstance(failure, trodo.Failure)
    assert (failure.agent, failure.error, failure.error_type) == ("fails", "'broken'", "KeyError")
    assert recording.run_of("p").status == "completed"


def test_a_step_whose_input_does_not_fit_fails_before_it_begins(recording: Recording) -> None:
    def text(value: str) -> str:
        raise AssertionError("it began")

    with pytest.raises(InvalidInput, match="Expected `str`, got `int`"):
        trodo.sequential("chain", add_one, text)(1)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: trodo.sequential(add_one),
        lambda: trodo.sequential("empty"),
        lambda: trodo.parallel("p", add_one, limit=0),
        lambda: trodo.parallel("p", add_one, errors="ignore"),
        lambda: trodo.sequential("p", 3)(1),
    ],
)
def test_what_is_no_pipeline_is_refused_in_words(recording: Recording, wrong: Any) -> None:
    with pytest.raises(InvalidInput) as refusal:
        wrong()
    assert refusal.value.hint


def test_a_step_that_breaks_its_own_promise_is_named_and_not_the_one_after_it(recording: Recording) -> None:
    def silent(number: int) -> str: ...  # type: ignore[empty-body]

    def loud(text: str) -> str:
        return text.upper()

    with pytest.raises(InvalidInput, match="the output of silent does not fit: Expected `str`, got `null`"):
        trodo.sequential("chain", silent, loud)(1)
    with pytest.raises(InvalidInput, match="the output of silent"):
        trodo.parallel("both", silent, add_one)(1)
    spans = recording.spans(run_of(recording, "chain"))
    assert [(span.name, span.status) for span in spans] == [("silent", "error")]
    assert not spans[0].details.stack, "no frame of ours explains it"


def test_a_step_that_promises_nothing_may_give_anything(recording: Recording) -> None:
    thing = object()
    seen: list[object] = []
    trodo.sequential("chain", lambda _number: thing, lambda found: seen.append(found))(1)
    assert seen == [thing]


def test_a_stream_of_texts_that_gives_none_gives_the_empty_text(recording: Recording) -> None:
    assert trodo.sequential("chain", letters)(0) == ""


def test_where_other_peoples_code_gave_a_wrong_input_is_told(recording: Recording) -> None:
    def careless(_number: int) -> int:
        return int(trodo.invoke(add_one, "no number"))

    with pytest.raises(InvalidInput, match="the input of add_one"):
        trodo.sequential("chain", careless)(1)
    (span, *_) = recording.spans(run_of(recording, "chain"))
    told = str(span.details.stack)
    assert "careless" in told
    assert "trodo_cli" not in told.partition("trodo_cli.errors")[0]
