"""OpenTelemetry both ways: its spans as our events, at their start and at their end, and our spans in its tracer."""

import asyncio
import logging
from collections.abc import Iterator
from threading import Thread
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import NonRecordingSpan, SpanContext, Status, StatusCode, TraceFlags

import trodo_cli
from tests.sdk.host import Host, Recording, eventually, finished, names, next_line, parent_names, tell
from trodo_cli.model.heard_run import HEARD_LOST_AFTER_NS
from trodo_cli.sdk import context
from trodo_cli.sdk.otel import Nothing


@pytest.fixture(autouse=True)
def as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context, "_others", None)
    monkeypatch.setattr(context, "_telemetry", None)


@pytest.fixture
def provider() -> Iterator[TracerProvider]:
    """A tracer provider of the test's own, registered."""
    provider = TracerProvider(resource=Resource({"service.name": "shop"}))
    assert trodo_cli.register_otel(provider) is provider
    yield provider
    provider.shutdown()


@pytest.fixture
def tracer(provider: TracerProvider) -> trace.Tracer:
    return provider.get_tracer("test")


def hex_of(span: trace.Span) -> tuple[str, str]:
    at = span.get_span_context()
    return f"{at.trace_id:032x}", f"{at.span_id:016x}"


# -- their spans as our events -------------------------------------------------------------------------


def test_a_span_outside_any_run_makes_a_run_of_its_trace(recording: Recording, tracer: trace.Tracer) -> None:
    noted = {"gen_ai.agent.name": "helper", "gen_ai.conversation.id": "chat-1", "user.id": "ada"}
    with (
        tracer.start_as_current_span("invoke_agent helper", attributes=noted) as root,
        tracer.start_as_current_span("inner"),
        tracer.start_as_current_span("innermost"),
    ):
        trace_id, _ = hex_of(root)
    (run,) = recording.runs()
    assert (run.id, run.agent, run.status, run.session, run.user) == (
        trace_id,
        "helper",
        "completed",
        "chat-1",
        "ada",
    )
    spans = recording.spans(trace_id)
    assert parent_names(spans) == {
        "invoke_agent helper": None,
        "inner": "invoke_agent helper",
        "innermost": "inner",
    }
    assert all(span.status == "ok" and span.ended_ns for span in spans)
    assert spans[0].details.origin["resource"]["attributes"]["service.name"] == "shop"


def test_what_a_topmost_span_learns_while_it_lasts_is_said_of_its_run(
    recording: Recording, tracer: trace.Tracer
) -> None:
    elsewhere = trace.SpanContext(7, 8, is_remote=True)
    with tracer.start_as_current_span("root", links=[trace.Link(elsewhere, {"why": "retry"})]) as root:
        assert recording.runs()[0].agent == "root"
        root.set_attributes(
            {"gen_ai.agent.name": "helper", "gen_ai.conversation.id": "chat-1", "user.id": "ada"}
        )
    (run,) = recording.runs()
    assert (run.agent, run.session, run.user, run.status) == ("helper", "chat-1", "ada", "completed")
    (span,) = recording.spans(run.id)
    assert span.details.origin["links"] == [
        {"trace_id": f"{7:032x}", "span_id": f"{8:016x}", "attributes": {"why": "retry"}}
    ]


def test_running_work_is_visible_and_a_run_ends_when_its_last_span_does(
    recording: Recording, tracer: trace.Tracer
) -> None:
    root = tracer.start_span("root")
    late = tracer.start_span("late", context=trace.set_span_in_context(root))
    (run,) = recording.runs()
    assert (run.status, {span.name: span.is_open for span in recording.spans(run.id)}) == (
        "running", {"root": True, "late": True},
    )  # fmt: skip
    root.end()
    assert recording.runs()[0].status == "running", "something of it is still going on"
    late.end()
    (run,) = recording.runs()
    assert (run.status, run.ended_ns) == ("completed", late.end_time)  # type: ignore[attr-defined]


def test_a_span_that_begins_after_its_run_has_ended_lengthens_it(
    recording: Recording, tracer: trace.Tracer
) -> None:
    root = tracer.start_span("answer")
    root.end()
    assert recording.runs()[0].status == "completed"
    late = tracer.start_span("in the background", context=trace.set_span_in_context(root))
    assert [span.is_open for span in recording.spans(hex_of(root)[0])] == [False, True]
    late.end()
    (run,) = recording.runs()
    assert (run.agent, run.status, run.ended_ns) == ("answer", "completed", late.end_time)  # type: ignore[attr-defined]


def test_an_agent_below_a_request_names_the_run(recording: Recording, tracer: trace.Tracer) -> None:
    noted = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "helper", "session.id": "chat-1"}
    with tracer.start_as_current_span("POST /chat"):
        assert recording.runs()[0].agent == "POST /chat"
        with tracer.start_as_current_span("invoke_agent helper", attributes=noted):
            (run,) = recording.runs()
            assert (run.agent, run.session, run.status) == ("helper", "chat-1", "running")


def test_a_span_of_a_caller_that_never_reports_is_a_run_of_its_own(
    recording: Recording, tracer: trace.Tracer
) -> None:
    caller = SpanContext(7, 8, is_remote=True, trace_flags=TraceFlags(1))
    with tracer.start_as_current_span("handle", context=trace.set_span_in_context(NonRecordingSpan(caller))):
        pass
    (run,) = recording.runs()
    assert (run.id, run.agent, run.status) == (f"{7:032x}", "handle", "running"), "the caller may be at work"
    assert run.patience_ns == HEARD_LOST_AFTER_NS


def test_a_model_call_has_its_model_its_tokens_and_its_messages(
    recording: Recording, tracer: trace.Tracer
) -> None:
    noted: dict[str, Any] = {
        "gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-5", "gen_ai.response.model": "gpt-5-2026",
        "gen_ai.provider.name": "openai", "gen_ai.usage.input_tokens": 12, "gen_ai.usage.output_tokens": 0,
        "gen_ai.input.messages": '[{"role": "user"}]', "mine": ("a", 1.5),
    }  # fmt: skip
    with tracer.start_as_current_span("chat gpt-5", attributes=noted) as span:
        span.add_event("first token", {"after": 3})
    (found,) = recording.spans(hex_of(span)[0])
    assert (found.kind, found.model, found.provider) == ("model", "gpt-5-2026", "openai")
    assert found.usage is not None
    assert (found.usage.input, found.usage.output) == (12, 0)
    assert found.details.input == [{"role": "user"}]
    assert found.details.attributes["mine"] == ["a", 1.5]
    assert [(event["name"], event["attributes"]) for event in found.details.events] == [
        ("first token", {"after": 3})
    ]


@pytest.mark.parametrize(
    "noted",
    [
        {
            "openinference.span.kind": "LLM", "llm.model_name": "m-1", "llm.provider": "openai",
            "llm.token_count.prompt": 12, "llm.token_count.completion": 3, "input.value": "hello",
        },
        {
            "gen_ai.request.model": "m-1", "gen_ai.system": "openai", "llm.request.type": "chat",
            "gen_ai.usage.prompt_tokens": 12, "gen_ai.usage.completion_tokens": 3,
        },
    ],
    ids=["openinference", "openllmetry"],
)  # fmt: skip
def test_any_dialect_is_understood_while_the_call_goes_on(
    recording: Recording, tracer: trace.Tracer, noted: dict[str, Any]
) -> None:
    span = tracer.start_span("call", attributes=noted)
    for end in (lambda: None, span.end):
        end()
        (found,) = recording.spans(hex_of(span)[0])
        assert (found.kind, found.model, found.provider) == ("model", "m-1", "openai")
        assert found.usage is not None
        assert (found.usage.input, found.usage.output) == (12, 3)
    assert not found.is_open


def test_an_exception_is_an_error_with_its_type_and_its_stack(
    recording: Recording, tracer: trace.Tracer
) -> None:
    def fail() -> None:
        with tracer.start_as_current_span("tool", attributes={"gen_ai.tool.name": "find"}) as span:
            span.set_status(Status(StatusCode.ERROR))
        raise KeyError("customer")

    with pytest.raises(KeyError), tracer.start_as_current_span("root"):
        fail()
    (run,) = recording.runs()
    root, tool = recording.spans(run.id)
    assert (run.status, run.error_type, root.error_type) == ("failed", "KeyError", "KeyError")
    assert "customer" in (root.details.stack or "")
    assert (tool.status, tool.error, tool.kind, tool.tool) == ("error", "error", "tool", "find")


def test_spans_inside_one_of_our_runs_join_it_between_our_own(
    recording: Recording, tracer: trace.Tracer
) -> None:
    with trodo_cli.wrap_agent("ours") as run, trodo_cli.span("outer"), tracer.start_as_current_span("theirs"):
        assert trodo_cli.current_span_id() == hex_of(trace.get_current_span())[1]
        with trodo_cli.span("inner"), tracer.start_as_current_span("deep"):
            pass
        with tracer.start_as_current_span("beside"):
            pass
    assert [found.agent for found in recording.runs()] == ["ours"]
    assert parent_names(recording.spans(run.run_id)) == {
        "outer": None, "theirs": "outer", "inner": "theirs", "deep": "inner", "beside": "theirs",
    }  # fmt: skip
    assert recording.runs()[0].status == "completed"


def test_our_spans_and_runs_inside_one_of_theirs_join_its_run(
    recording: Recording, tracer: trace.Tracer
) -> None:
    with tracer.start_as_current_span("theirs") as root:
        with trodo_cli.span("ours"), tracer.start_as_current_span("deep"):
            assert trodo_cli.current_run_id() == hex_of(root)[0]
        with trodo_cli.wrap_agent("below") as below:
            pass
    assert trodo_cli.current_run_id() is None
    run_id, span_id = hex_of(root)
    assert parent_names(recording.spans(run_id)) == {"theirs": None, "ours": "theirs", "deep": "ours"}
    found = {run.id: run for run in recording.runs()}
    assert (found[below.run_id].parent_id, found[below.run_id].parent_span_id) == (run_id, span_id)
    assert found[run_id].status == "completed"


def test_a_span_of_another_thread_stays_with_its_parent(recording: Recording, tracer: trace.Tracer) -> None:
    def work(outer: trace.Span) -> None:
        tracer.start_span("elsewhere", context=trace.set_span_in_context(outer)).end()

    with trodo_cli.wrap_agent("ours") as run, tracer.start_as_current_span("theirs") as span:
        thread = Thread(target=work, args=(span,))
        thread.start()
        thread.join()
    work(span)
    expected = ["theirs", "elsewhere", "elsewhere"]
    assert names(recording.spans(run.run_id)) == expected, "also when its parent has ended"
    assert [found.agent for found in recording.runs()] == ["ours"]


def test_a_span_below_a_callers_traceparent_is_part_of_the_callers_run_and_ends_it_not(
    recording: Recording, tracer: trace.Tracer
) -> None:
    run_id = trodo_cli.start_run("caller")
    caller = SpanContext(int(run_id, 16), 0x1122334455667788, is_remote=True, trace_flags=TraceFlags(1))
    with tracer.start_as_current_span("handle", context=trace.set_span_in_context(NonRecordingSpan(caller))):
        pass
    (run,) = recording.runs()
    (span,) = recording.spans(run_id)
    assert (run.id, run.agent, run.status) == (run_id, "caller", "running")
    assert (span.name, span.parent_id) == ("handle", "1122334455667788")
    trodo_cli.end_run(run_id)


def test_async_tasks_stay_apart(recording: Recording, tracer: trace.Tracer) -> None:
    async def one(name: str) -> str:
        with trodo_cli.wrap_agent(name) as run, tracer.start_as_current_span(f"theirs {name}"):
            await asyncio.sleep(0)
            async with trodo_cli.span(f"ours {name}"):
                await asyncio.sleep(0)
        return run.run_id

    async def both() -> list[str]:
        return await asyncio.gather(one("a"), one("b"))

    for name, run_id in zip("ab", asyncio.run(both()), strict=True):
        assert parent_names(recording.spans(run_id)) == {
            f"theirs {name}": None,
            f"ours {name}": f"theirs {name}",
        }


def test_registering_twice_is_once(
    recording: Recording, provider: TracerProvider, tracer: trace.Tracer
) -> None:
    trodo_cli.register_otel(provider)
    with tracer.start_as_current_span("only"):
        pass
    (run,) = recording.runs()
    assert run.last_seq == 4


def test_a_span_that_cannot_be_recorded_hurts_nobody(
    recording: Recording,
    tracer: trace.Tracer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(*_: object) -> None:
        raise OSError("no room")

    monkeypatch.setattr("trodo_cli.sdk.otel_processor.begun_span", broken)
    with caplog.at_level(logging.WARNING, "trodo"), tracer.start_as_current_span("x"):
        pass
    assert "could not record" in caplog.text


PROGRAM = """
    import trodo

    tracer = trodo.get_tracer("app")
    with tracer.start_as_current_span("work"):
        with tracer.start_as_current_span("step"):
            print("at it", flush=True)
            input()
"""


def test_a_program_that_only_knows_opentelemetry_is_followed_while_it_works(host: Host) -> None:
    program = host.start(PROGRAM)
    next_line(program)
    (run,) = eventually(host.runs)
    assert run.status == "running"
    eventually(lambda: names(host.spans(run.id)) == ["work", "step"])
    tell(program)
    assert finished(program) == []
    assert host.runs()[0].status == "completed"


def test_a_program_that_is_killed_shows_what_was_open(host: Host) -> None:
    program = host.start(PROGRAM)
    next_line(program)
    program.kill()
    program.wait()
    host.drain()
    (run,) = host.runs()
    assert [(span.name, span.is_open) for span in host.spans(run.id)] == [("work", True), ("step", True)]


def test_without_opentelemetry_nothing_happens_and_nothing_breaks(host: Host) -> None:
    program = """
        import sys
        sys.modules["opentelemetry"] = None
        import trodo
        print(trodo.register_otel())
        with trodo.get_tracer("x").start_as_current_span("a") as span:
            span.set_attribute("k", 1)
        trodo.init(telemetry=object())
        trodo.init(telemetry={"tracer": None, "wrong": 1})
        with trodo.wrap_agent("a", telemetry="nonsense"), trodo.span("b"):
            pass
    """
    assert host.run(program) == ["None"]
    assert names(host.spans(host.run_of("a").id)) == ["b"]


def test_recording_a_run_loads_no_opentelemetry(host: Host) -> None:
    program = """
        import sys
        import trodo
        with trodo.wrap_agent("a"), trodo.span("b"):
            trodo.propagation_headers()
        trodo.asgi_middleware(None)
        print([name for name in sys.modules if name.startswith("opentelemetry")])
    """
    assert host.run(program) == ["[]"]


def test_what_stands_for_a_missing_tracer_takes_anything() -> None:
    nothing = Nothing()
    with nothing.start_as_current_span("a", attributes={}) as span:
        span.record_exception(ValueError())
    assert span.get_span_context().trace_id is nothing


# -- our spans in their tracer -------------------------------------------------------------------------


class Told:
    """A tracer of the host's own, and what it was told."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer = self.provider.get_tracer("my-app")

    def spans(self) -> dict[str, Any]:
        return {span.name: span for span in self.exporter.get_finished_spans()}


@pytest.fixture
def told() -> Iterator[Told]:
    told = Told()
    yield told
    told.provider.shutdown()


def work() -> str:
    with trodo_cli.wrap_agent("support", conversation_id="chat", distinct_id="ada") as run:
        run.set_input("secret question")
        with trodo_cli.span("look-up", kind="tool", input={"q": "secret"}) as span:
            span.set_tool("search")
            span.set_attribute("shop", 7)
        with trodo_cli.span("answer", kind="llm") as call:
            call.set_input("secret prompt")
            call.set_llm(model="gpt-5", provider="openai", input_tokens=5, output_tokens=2)
            call.set_output("secret answer")
    return run.run_id


def test_our_spans_are_told_to_a_tracer_without_what_went_in_and_out(
    recording: Recording, told: Told
) -> None:
    trodo_cli.init(
        str(recording.database), telemetry={"tracer": told.tracer, "base_attributes": {"env": "test"}}
    )
    run_id = work()
    spans = told.spans()
    root, tool, call = spans["invoke_agent support"], spans["look-up"], spans["answer"]
    assert {span.parent.span_id for span in (tool, call)} == {root.context.span_id}
    assert root.parent is None
    noted = {
        "gen_ai.agent.name": "support",
        "gen_ai.conversation.id": "chat",
        "user.id": "ada",
        "env": "test",
    }
    assert {name: root.attributes[name] for name in noted} == noted
    assert (tool.attributes["gen_ai.tool.name"], tool.attributes["shop"]) == ("search", 7)
    assert call.attributes["gen_ai.operation.name"] == "chat"
    assert (call.attributes["gen_ai.request.model"], call.attributes["gen_ai.usage.input_tokens"]) == (
        "gpt-5",
        5,
    )
    assert {span.attributes["trodo.run_id"] for span in spans.values()} == {run_id}
    ours = {span.name: span for span in recording.spans(run_id)}
    assert (tool.start_time, tool.end_time) == (ours["look-up"].started_ns, ours["look-up"].ended_ns)
    assert "secret" not in str([dict(span.attributes) for span in spans.values()])
    assert names(recording.spans(run_id)) == ["look-up", "answer"], "and is recorded as ever"


@pytest.mark.parametrize(
    ("settings", "heard"),
    [
        ({"record_io": True}, {"invoke_agent support", "answer"}),
        ({"record_tool_io": True}, {"look-up"}),
        ({"record_io": True, "record_tool_io": True}, {"invoke_agent support", "answer", "look-up"}),
    ],
)
def test_input_and_output_are_told_only_where_they_are_asked_for(
    recording: Recording, told: Told, settings: dict[str, bool], heard: set[str]
) -> None:
    trodo_cli.init(str(recording.database), telemetry=trodo_cli.Telemetry(told.tracer, **settings))
    work()
    assert {name for name, span in told.spans().items() if "secret" in str(dict(span.attributes))} == heard
    if "answer" in heard:
        call = told.spans()["answer"]
        assert call.attributes["gen_ai.input.messages"] == "secret prompt"


def test_telemetry_of_one_run_is_its_own_and_reaches_the_runs_below(recording: Recording, told: Told) -> None:
    with trodo_cli.wrap_agent("told", telemetry=told.tracer), trodo_cli.wrap_agent("below"):
        pass
    with trodo_cli.wrap_agent("silent"), trodo_cli.span("unheard"):
        pass
    assert told.spans().keys() == {"invoke_agent told", "invoke_agent below"}


def test_what_fails_is_told_as_an_error(recording: Recording, told: Told) -> None:
    with pytest.raises(OSError), trodo_cli.wrap_agent("a", telemetry=told.tracer), trodo_cli.span("b"):  # noqa: PT011
        raise OSError("no network")
    for span in told.spans().values():
        assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "no network")
        assert [event.name for event in span.events] == ["exception"]


def test_their_spans_nest_below_ours_there_too_and_nothing_is_recorded_twice(
    recording: Recording, told: Told
) -> None:
    trodo_cli.register_otel(told.provider)
    current = told.tracer.start_as_current_span
    with trodo_cli.wrap_agent("ours", telemetry=told.tracer) as run, trodo_cli.span("call"), current("POST"):
        pass
    spans = told.spans()
    assert spans["POST"].parent.span_id == spans["call"].context.span_id
    assert len(spans) == 3
    assert parent_names(recording.spans(run.run_id)) == {"call": None, "POST": "call"}
    assert [found.agent for found in recording.runs()] == ["ours"]


def test_a_generator_that_is_left_in_another_context_makes_no_noise(
    recording: Recording, told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    @trodo_cli.trace
    async def items() -> Any:
        yield 1
        yield 2

    async def main() -> None:
        with trodo_cli.wrap_agent("a", telemetry=told.tracer):
            stream = items()
            await anext(stream)
            assert trace.get_current_span().get_span_context().span_id != 0
            await asyncio.create_task(stream.aclose())
        assert not trace.get_current_span().get_span_context().is_valid

    asyncio.run(main())
    assert caplog.text == ""
    assert told.spans().keys() == {"invoke_agent a", "items"}
