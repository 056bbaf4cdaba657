"""What went into a span and what came out, where several places tell of it or none tells all."""

import json
from typing import Any

import pytest

from trodo_cli.wire.exchange import input_of, output_of

OPENINFERENCE = {"openinference.span.kind": "LLM"}


def marked(**said: Any) -> dict[str, Any]:
    """Attributes of OpenInference, with `__` for a dot."""
    return {**OPENINFERENCE, **{name.replace("__", "."): value for name, value in said.items()}}


@pytest.mark.parametrize("told", [{"role": "user"}, {"role": "user", "name": "ada"}])
def test_flattened_messages_that_only_say_whose_they_are_give_way_to_the_value(told: dict[str, str]) -> None:
    flat = {f"llm.input_messages.0.message.{name}": value for name, value in told.items()}
    said = {**OPENINFERENCE, **flat}
    asked = {"messages": [{"role": "user", "content": "Weather?"}]}
    assert input_of({**said, "input.value": json.dumps(asked)}, []) == asked
    assert input_of(said, []) is None


def test_one_flattened_message_with_content_is_enough_for_all_to_stand() -> None:
    said = marked(
        llm__input_messages__0__message__role="user",
        llm__input_messages__1__message__role="user",
        llm__input_messages__1__message__content="Weather?",
        input__value="{}",
    )
    assert input_of(said, []) == [{"role": "user", "content": ""}, {"role": "user", "content": "Weather?"}]


def test_a_call_that_failed_has_no_empty_answer() -> None:
    assert output_of(marked(llm__output_messages__0__message__role="assistant"), []) is None


CALL = "llm.output_messages.0.message.{}.0.tool_call."


def called(where: str) -> dict[str, Any]:
    """A tool call in an answer's content or beside it."""
    said = {"id": "c1", "function.name": "weather", "function.arguments": "{}"}
    return {CALL.format(where) + name: value for name, value in said.items()}


def test_a_tool_call_that_is_told_twice_in_a_message_is_one() -> None:
    content = "llm.output_messages.0.message.contents.{}.message_content."
    function = {"name": "weather", "arguments": "{}"}
    said = {
        **OPENINFERENCE,
        "llm.output_messages.0.message.role": "assistant",
        content.format(0) + "type": "tool_use",
    }
    twice = {**said, **called("contents"), **called("tool_calls")}
    call = {"id": "c1", "function": function}
    assert output_of(twice, []) == [{"role": "assistant", "content": "", "tool_calls": [call]}]
    spoken = {content.format(1) + "type": "text", content.format(1) + "text": "One moment."}
    (answer,) = output_of({**twice, **spoken}, [])
    assert (answer["content"], answer["tool_calls"]) == ([{"type": "text", "text": "One moment."}], [call])
    (answer,) = output_of({**said, **called("contents")}, [])
    assert answer == {"role": "assistant", "content": [{"type": "tool_call", **call}]}


def test_retrieved_documents_are_what_came_out_of_a_retrieval() -> None:
    said = {
        **OPENINFERENCE,
        "output.value": '["<NodeWithScore>"]',
        "retrieval.documents.0.document.id": "d1",
        "retrieval.documents.0.document.content": "Paris is sunny.",
        "retrieval.documents.0.document.score": 0.5,
        "retrieval.documents.0.document.metadata": '{"page": 1}',
        "retrieval.documents.1.document.content": "It rains.",
    }
    first = {"id": "d1", "content": "Paris is sunny.", "score": 0.5, "metadata": {"page": 1}}
    assert output_of(said, []) == [first, {"content": "It rains."}]


def test_embedded_texts_are_what_went_into_an_embedding_and_vectors_are_not() -> None:
    said = {**OPENINFERENCE, "input.value": "all", "embedding.embeddings.0.embedding.vector": [0.5, 0.5]}
    assert input_of(said, []) == "all"
    assert input_of({**said, "embedding.embeddings.0.embedding.text": "Paris"}, []) == ["Paris"]


DETAILS = "gen_ai.client.inference.operation.details"
SYSTEM, ASKED, ANSWERED = "gen_ai.system_instructions", "gen_ai.input.messages", "gen_ai.output.messages"


def text(said: str) -> list[dict[str, str]]:
    return [{"type": "text", "content": said}]


def events(*said: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """One event for each of these attributes, as JSON texts."""
    return [(DETAILS, {key: json.dumps(value) for key, value in told.items()}) for told in said]


BRIEF = {"role": "system", "parts": text("Be brief.")}
HI, SUN = {"role": "user", "parts": text("Hi")}, {"role": "tool", "parts": text("sunny")}


def test_messages_told_in_several_events_are_gathered() -> None:
    told = events(
        {SYSTEM: text("Be brief.")}, {ASKED: [HI]}, {ASKED: [SUN]}, {ANSWERED: [HI]}, {ANSWERED: [SUN]}
    )
    assert input_of({}, told) == [BRIEF, HI, SUN]
    assert output_of({}, told) == [HI, SUN]


@pytest.mark.parametrize(
    ("attributes", "told"),
    [
        ({SYSTEM: text("Be brief.")}, events({ASKED: [HI]})),
        ({ASKED: [HI]}, events({SYSTEM: text("Be brief.")})),
        ({SYSTEM: text("Be brief."), ASKED: [HI]}, events({SYSTEM: text("Be brief."), ASKED: [HI]})),
    ],
)
def test_the_system_text_and_the_messages_may_stand_in_different_places(
    attributes: dict[str, Any], told: list[Any]
) -> None:
    assert input_of(attributes, told) == [BRIEF, HI]


def test_the_system_text_is_told_beside_older_messages_too() -> None:
    told = [("gen_ai.user.message", {"content": "Hi"})]
    assert input_of({SYSTEM: text("Be brief.")}, told) == [BRIEF, {"role": "user", "content": "Hi"}]
    said = {SYSTEM: text("Be brief."), "gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": "Hi"}
    assert input_of(said, []) == [BRIEF, {"role": "user", "content": "Hi"}]


def test_a_tool_s_arguments_and_result_are_not_taken_from_messages_about_them() -> None:
    said = {"gen_ai.tool.call.arguments": '{"city": "Paris"}', "gen_ai.tool.call.result": "sunny"}
    told = events({ASKED: [HI]}, {ANSWERED: [SUN]})
    assert (input_of(said, told), output_of(said, told)) == ({"city": "Paris"}, "sunny")


CHAIN = {"traceloop.span.kind": "task"}
AROUND = {"tags": [], "metadata": {}, "kwargs": {"name": "n"}}


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ({"inputs": {"q": 1}, **AROUND}, {"q": 1}),
        ({"inputs": {"city": "Paris"}, "input_str": "{'city': 'Paris'}", **AROUND}, {"city": "Paris"}),
        ({"inputs": None, "input_str": "Paris", **AROUND}, "Paris"),
        ({"inputs": None, **AROUND}, {"inputs": None, **AROUND}),
        ({"inputs": 1, "mine": 2, **AROUND}, {"inputs": 1, "mine": 2, **AROUND}),
    ],
)
def test_an_input_is_shown_without_the_wrapper_of_its_instrumentation(sent: Any, shown: Any) -> None:
    assert input_of({**CHAIN, "traceloop.entity.input": json.dumps(sent)}, []) == shown


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ({"outputs": [1], "kwargs": {}}, [1]),
        ({"output": "x", "kwargs": {}}, "x"),
        ({"output": "x"}, {"output": "x"}),
    ],
)
def test_an_output_is_shown_without_its_wrapper_too(sent: Any, shown: Any) -> None:
    assert output_of({**CHAIN, "traceloop.entity.output": json.dumps(sent)}, []) == shown


def test_what_only_looks_like_a_wrapper_is_shown_as_it_is() -> None:
    mine = {"output": "x", "kwargs": {}}
    assert output_of({"output.value": json.dumps(mine)}, []) == mine


SAID = {"content": "sunny", "type": "tool", "tool_call_id": "c1"}
DUMPED = {"lc": 1, "type": "constructor", "id": ["langchain", "ToolMessage"], "kwargs": SAID}


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ({"type": "tool", "data": SAID}, "sunny"),
        (DUMPED, "sunny"),
        ({"type": "tool", "data": {}}, {"type": "tool", "data": {}}),
        ({"type": "tool", "data": SAID, "more": 1}, {"type": "tool", "data": SAID, "more": 1}),
        ({"type": "ai", "data": SAID}, {"type": "ai", "data": SAID}),
        ([DUMPED], [DUMPED]),
    ],
)
def test_a_tool_s_result_is_shown_without_the_message_around_it(sent: Any, shown: Any) -> None:
    assert output_of({"openinference.span.kind": "TOOL", "output.value": json.dumps(sent)}, []) == shown


def test_a_wrapped_message_is_taken_out_of_both() -> None:
    said = {
        "traceloop.span.kind": "tool",
        "gen_ai.tool.call.result": json.dumps({"output": DUMPED, "kwargs": {}}),
    }
    assert output_of(said, []) == "sunny"


TOOL = {"type": "function", "function": {"name": "weather", "parameters": {}}}
ASKED_FOR = {"role": "user", "content": "Weather?"}
RESULT = {"role": "tool", "content": TOOL, "tool_call_id": "c1"}


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ([ASKED_FOR, {"role": "tool", "content": TOOL}], {"tools": [TOOL], "messages": [ASKED_FOR]}),
        ([ASKED_FOR, RESULT], [ASKED_FOR, RESULT]),
        ({"messages": [ASKED_FOR]}, {"messages": [ASKED_FOR]}),
    ],
)
def test_a_tool_that_is_defined_among_the_messages_is_no_result(sent: Any, shown: Any) -> None:
    assert input_of({"langfuse.observation.input": json.dumps(sent)}, []) == shown
