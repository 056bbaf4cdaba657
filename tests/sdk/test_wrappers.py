"""Functions recorded as spans and runs: plain, async, generators; nothing about them changes."""

import asyncio
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextvars import copy_context

import pytest

import trodo_cli as trodo
from tests.sdk.host import Recording, names, parent_names

# -- decorators --------------------------------------------------------------------------------------


def _add(a: int, b: int = 2) -> int:
    return a + b


@pytest.mark.parametrize(
    ("decorated", "name"),
    [
        (lambda: trodo.tool(_add), "_add"),
        (lambda: trodo.tool("add", _add), "add"),
        (lambda: trodo.tool("add")(_add), "add"),
        (lambda: trodo.tool()(_add), "_add"),
    ],
    ids=["function", "name-and-function", "decorator", "empty-decorator"],
)
def test_a_function_becomes_a_tool_in_every_form(
    recording: Recording, decorated: Callable[[], Callable[..., int]], name: str
) -> None:
    add = decorated()
    assert add(1) == 3
    with trodo.wrap_agent("tools") as run:
        assert add(1, b=5) == 6
    (span,) = recording.spans(run.run_id)
    assert (span.name, span.kind, span.tool, add.__name__) == (name, "tool", "_add", "_add")
    assert (span.details.input, span.details.output) == ({"a": 1, "b": 5}, 6)


@pytest.mark.parametrize(
    ("decorate", "kind"),
    [("tool", "tool"), ("retrieval", "retrieval"), ("trace", "generic"), ("llm", "model")],
)
def test_every_decorator_has_its_kind(recording: Recording, decorate: str, kind: str) -> None:
    with trodo.wrap_agent("kinds") as run:
        assert getattr(trodo, decorate)("named", _add)(1) == 3
        assert getattr(trodo, decorate)("named")(_add)(1) == 3
        assert getattr(trodo, decorate)(_add)(1) == 3
    assert [(span.name, span.kind) for span in recording.spans(run.run_id)] == [
        ("named", kind),
        ("named", kind),
        ("_add", kind),
    ]


def test_an_async_function_is_awaited_inside_its_span(recording: Recording) -> None:
    @trodo.tool("fetch")
    async def fetch(url: str) -> str:
        async with trodo.span("inner"):
            await asyncio.sleep(0)
        return url.upper()

    async def main() -> str:
        async with trodo.wrap_agent("async") as run:
            assert await fetch("a") == "A"
        return run.run_id

    spans = recording.spans(asyncio.run(main()))
    assert parent_names(spans) == {"fetch": None, "inner": "fetch"}
    assert (spans[0].details.input, spans[0].details.output) == ({"url": "a"}, "A")


def test_agent_alone_calls_the_agent_what_the_function_is(recording: Recording) -> None:
    @trodo.agent
    def greeter(name: str) -> str:
        return f"hello {name}"

    assert greeter("ada") == "hello ada"
    run = recording.run_of("greeter")
    assert (run.status, run.details.output) == ("completed", "hello ada")


def test_every_call_of_an_agent_function_is_a_run(recording: Recording) -> None:
    @trodo.agent("bot", distinct_id="ada", metadata={"v": 1})
    def answer(question: str) -> str:
        with trodo.span("think"):
            return question[::-1]

    assert [answer("abc"), answer("xy")] == ["cba", "yx"]
    rows = recording.runs()
    assert [(row.agent, row.user, row.status) for row in rows] == [("bot", "ada", "completed")] * 2
    with recording.reading() as client:
        found = {str(client.runs.get(row.id).details.output) for row in rows}
    assert found == {"cba", "yx"}


def test_a_method_is_recorded_without_its_self(recording: Recording) -> None:
    class Box:
        @trodo.tool("open")
        def open(self, key: int) -> str:
            return f"{key}"

    with trodo.wrap_agent("method") as run:
        assert Box().open(3) == "3"
    (span,) = recording.spans(run.run_id)
    assert span.details.input == {"key": 3}


# -- generators --------------------------------------------------------------------------------------


def test_a_generator_is_one_span_with_its_items(recording: Recording) -> None:
    @trodo.tool("pages")
    def pages(count: int) -> Iterator[int]:
        for number in range(count):
            with trodo.span(f"page{number}"):
                pass
            yield number

    async def pages_async(count: int) -> AsyncIterator[int]:
        for number in range(count):
            async with trodo.span(f"page{number}"):
                await asyncio.sleep(0)
            yield number

    async def main() -> None:
        assert [item async for item in trodo.tool("async-pages", pages_async)(2)] == [0, 1]

    with trodo.wrap_agent("streams") as run:
        assert list(pages(2)) == [0, 1]
        asyncio.run(main())
    spans = recording.spans(run.run_id)
    assert names(spans) == ["pages", "page0", "page1", "async-pages", "page0", "page1"]
    assert [span.details.output for span in spans if "pages" in span.name] == [[0, 1], [0, 1]]
    by_id = {span.id: span.name for span in spans}
    assert [by_id[s.parent_id] for s in spans if s.parent_id] == [
        "pages",
        "pages",
        "async-pages",
        "async-pages",
    ]


def test_a_generator_that_is_left_early_has_not_failed(recording: Recording) -> None:
    @trodo.tool("endless")
    def endless() -> Iterator[int]:
        while True:
            yield 1

    with trodo.wrap_agent("streams") as run:
        stream = endless()
        assert next(stream) == 1
        stream.close()
        with trodo.span("after"):
            pass
    spans = recording.spans(run.run_id)
    assert [(span.name, span.status, span.error) for span in spans] == [
        ("endless", "ok", None),
        ("after", "ok", None),
    ]
    assert recording.run_of("streams").status == "completed"


def test_work_between_two_items_of_a_generator_is_not_below_it(recording: Recording) -> None:
    @trodo.tool("pages")
    def pages() -> Iterator[int]:
        yield from range(2)

    with trodo.wrap_agent("consumer") as run:
        for number in pages():
            with trodo.span(f"use{number}"):
                pass
    assert parent_names(recording.spans(run.run_id)) == {"pages": None, "use0": None, "use1": None}


def test_work_between_two_items_of_an_async_generator_is_not_below_it(recording: Recording) -> None:
    @trodo.tool("pages")
    async def pages() -> AsyncIterator[int]:
        yield 0
        yield 1

    async def main() -> str:
        async with trodo.wrap_agent("consumer") as run:
            async for number in pages():
                async with trodo.span(f"use{number}"):
                    pass
        return run.run_id

    assert parent_names(recording.spans(asyncio.run(main()))) == {"pages": None, "use0": None, "use1": None}


def test_generators_that_take_turns_do_not_mix_up_the_place(recording: Recording) -> None:
    @trodo.tool("letters")
    def letters() -> Iterator[str]:
        yield "a"
        yield "b"

    @trodo.tool("digits")
    def digits() -> Iterator[str]:
        yield "1"
        yield "2"

    with trodo.wrap_agent("zipped") as run:
        assert list(zip(letters(), digits(), strict=True)) == [("a", "1"), ("b", "2")]
        with trodo.span("after"):
            pass
    assert parent_names(recording.spans(run.run_id)) == {"letters": None, "digits": None, "after": None}


def test_a_generator_that_dies_in_a_foreign_context_leaves_that_ones_place_alone(
    recording: Recording,
) -> None:
    @trodo.tool("stream")
    def stream() -> Iterator[int]:
        yield 1

    opened = stream()

    def begin() -> None:
        with trodo.wrap_agent("first"):
            next(opened)

    copy_context().run(begin)
    with trodo.wrap_agent("second") as second:
        opened.close()
        with trodo.span("mine"):
            pass
    assert names(recording.spans(second.run_id)) == ["mine"]


def test_a_decorated_generator_takes_and_gives_what_a_plain_one_does(recording: Recording) -> None:
    def echo() -> Generator[object, object, str]:
        got = yield "ready"
        try:
            yield got
        except KeyError:
            yield "mended"
        return "result"

    def talk(function: Callable[[], Generator[object, object, str]]) -> list[object]:
        generator = function()
        said = [next(generator), generator.send("hello"), generator.throw(KeyError("x"))]
        with pytest.raises(StopIteration) as stopped:
            next(generator)
        return [*said, stopped.value.value]

    with trodo.wrap_agent("echo"):
        assert talk(trodo.tool(echo)) == talk(echo) == ["ready", "hello", "mended", "result"]


def test_a_decorated_async_generator_takes_what_a_plain_one_does(recording: Recording) -> None:
    async def echo() -> AsyncIterator[object]:
        got = yield "ready"
        try:
            yield got
        except KeyError:
            yield "mended"

    async def talk(function: Callable[[], object]) -> list[object]:
        generator = function()
        return [await anext(generator), await generator.asend("hello"), await generator.athrow(KeyError("x"))]

    async def main() -> None:
        async with trodo.wrap_agent("echo"):
            assert await talk(trodo.tool(echo)) == await talk(echo) == ["ready", "hello", "mended"]

    asyncio.run(main())


def test_leaving_an_async_generator_early_leaves_its_place_behind(recording: Recording) -> None:
    @trodo.tool("endless")
    async def endless() -> AsyncIterator[int]:
        while True:
            yield 1

    async def main() -> str:
        async with trodo.wrap_agent("consumer") as run:
            async for _ in endless():
                break
            async with trodo.span("after"):
                pass
        return run.run_id

    assert parent_names(recording.spans(asyncio.run(main()))) == {"endless": None, "after": None}
