"""Chats: whatever words a provider has for messages, they are shown the same."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.render.dialects import DIALECTS
from tests.render.made import texts
from tests.render.shown import check, json_values, widths
from trodo_cli.render.chat import PART_LIMIT, TEXT_CHARACTERS, TEXT_LINES, VALUE_LINES, chat_lines
from trodo_cli.render.conversation import conversation
from trodo_cli.render.messages import MESSAGE_LIMIT
from trodo_cli.render.theme import ASCII, UNICODE

USER = {"role": "user", "content": "hi"}


def chat(given: Any, answered: Any = None, of_model: bool = False, width: int = 60) -> list[str]:
    return texts(list(chat_lines(conversation(given, answered, of_model=of_model), UNICODE, width)))


def said(*content: Any, role: str = "assistant") -> dict[str, Any]:
    return {"role": role, "content": list(content)}


def call(tool: str, **more: Any) -> dict[str, Any]:
    return {"type": "tool_use", "name": tool, "input": {}, **more}


def result(text: Any, **more: Any) -> dict[str, Any]:
    return {"type": "tool_result", "content": text, **more}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_provider_s_messages_look_the_same(dialect: str) -> None:
    synonyms = {"human": "user", "ai": "assistant", "model": "assistant"}
    lines = [
        " ".join(synonyms.get(word, word) for word in line.split(" ")) for line in chat(*DIALECTS[dialect])
    ]
    assert lines == [
        "system",
        "  Be brief.",
        "",
        "user",
        "  Is it warm?",
        "",
        "assistant",
        '⚙ weather  {"city": "Oslo"}',
        "→ 21 degrees",
        "",
        "assistant  answer",
        "  It is.",
    ]


def test_plain_texts_are_a_chat_where_a_model_was_asked() -> None:
    expected = ["user", "  What?", "", "assistant  answer", "  That."]
    assert chat("What?", "That.", of_model=True) == expected
    assert chat({"prompt": "What?"}, {"choices": [{"text": "That."}]}, of_model=True) == expected
    assert chat("What?", "That.") == []


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        7,
        [],
        {},
        [1, 2],
        {"q": "x"},
        [{"role": "admin", "name": "x"}],
        {"messages": "none"},
        [[]],
        {"choices": 1},
        {"role": 1, "content": "x"},
    ],
)
def test_what_is_no_message_is_no_chat(value: Any) -> None:
    assert chat(value, value) == []
    assert chat(value, None) == []


def test_an_unknown_shape_beside_messages_is_shown_as_a_value() -> None:
    assert chat([USER], {"rounds": 3}) == ["user", "  hi", "", "output  answer", '  {"rounds": 3}']
    assert chat({"q": 1}, said("yes")) == ["input", '  {"q": 1}', "", "assistant  answer", "  yes"]
    assert chat([USER, {"odd": 1}, 7])[3:] == ["message", '  {"odd": 1}', "", "message", "  7"]
    assert chat([said({"type": "odd", "n": 1})]) == ["assistant", "· odd", '  {"type": "odd", "n": 1}']


def test_a_result_stands_at_the_call_with_its_id_whatever_the_order() -> None:
    calls = said(call("one", id="1"), call("two", id="2"), call("three", id="3"))
    results = said(result("C", tool_use_id="3"), result("A", tool_use_id="1"), "Go on.", role="user")
    assert chat([calls, results]) == [
        "assistant",
        "⚙ one",
        "→ A",
        "⚙ two",
        "⚙ three",
        "→ C",
        "",
        "user",
        "  Go on.",
    ]


def test_results_without_ids_stand_at_their_calls_in_order() -> None:
    calls = said(call("one"), call("two"), call("one"))
    named = said(result("B", name="two"), result("A", name="one"), result("C", name="one"), role="tool")
    unnamed = said(result("A"), result("B"), result("C"), role="tool")
    expected = ["assistant", "⚙ one", "→ A", "⚙ two", "→ B", "⚙ one", "→ C"]
    assert chat([calls, named]) == chat([calls, unnamed]) == expected


def test_ids_on_one_side_only_leave_the_order() -> None:
    assert chat([said(call("one"), call("two")), said(result("A", tool_use_id="9"))])[1:3] == ["⚙ one", "→ A"]
    assert chat([said(call("one", id="1")), said(result("A"))]) == ["assistant", "⚙ one", "→ A"]


def test_a_call_keeps_the_first_of_its_results() -> None:
    both = said(result("A"), result("B", tool_use_id="1", name="late"), role="tool")
    assert chat([said(call("one", id="1")), both]) == [
        "assistant",
        "⚙ one",
        "→ A",
        "",
        "tool",
        "→ late",
        "  B",
    ]


def test_what_stands_between_messages_belongs_to_one_speaker() -> None:
    def item(kind: str, call_id: str, **more: Any) -> dict[str, Any]:
        return {"type": kind, "id": f"fc-{call_id}", "call_id": call_id, **more}

    items = [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Two calls."}]},
        item("function_call", "1", name="one"),
        item("function_call", "2", name="two"),
        {"type": "function_call_output", "call_id": "2", "output": "B"},
        {"type": "function_call_output", "call_id": "1", "output": "A"},
    ]
    assert chat([USER, *items])[3:] == [
        "assistant",
        "thinking",
        "    Two calls.",
        "⚙ one",
        "→ A",
        "⚙ two",
        "→ B",
    ]


def test_the_same_id_twice_takes_its_results_in_turn() -> None:
    messages = [said(call("a", id="1")), said(result("A", tool_use_id="1")), said(call("b", id="1"))]
    shown = chat([*messages, said(result("B", tool_use_id="1"))])
    assert shown == ["assistant", "⚙ a", "→ A", "", "assistant", "⚙ b", "→ B"]


def test_a_result_without_a_call_stands_alone_and_a_call_without_a_result_does_too() -> None:
    lone = said(result("A\nB", tool_use_id="9", name="search"), role="user")
    later = said(call("one", id="1"))
    assert chat([lone, later]) == ["user", "→ search", "  A", "  B", "", "assistant", "⚙ one"]


def test_a_failed_result_can_be_told_without_colours() -> None:
    shown = chat([said(call("one", id="1")), said(result("no such\nfile", tool_use_id="1", is_error=True))])
    assert shown[2:] == ["✗ no such", "  file"]


def test_arguments_that_do_not_fit_beside_the_tool_stand_below_it() -> None:
    assert chat([said(call("write", input={"path": "a.py", "text": "one\ntwo"}))])[1:] == [
        "⚙ write",
        "  {",
        '    "path": "a.py",',
        '    "text":',
        "      │ one",
        "      │ two",
        "  }",
    ]
    broken = {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": '{"a": '}}]}
    assert chat([broken])[1:] == ['⚙ f  {"a": ']


def test_thoughts_and_media_are_told_apart_from_what_is_said() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 4096}}
    source = {"type": "base64", "media_type": "image/jpeg", "data": "A" * 40}
    shown = chat(
        [
            said("See:", picture, {"type": "image", "source": source}, role="user"),
            {"role": "user", "parts": [{"inlineData": {"mimeType": "audio/wav", "data": "AAAA"}}]},
            said({"type": "file", "file": {"file_id": "f-1"}}, role="user"),
            said(
                {"type": "thinking", "thinking": "Hm.", "signature": "x"}, {"type": "text", "text": "Nice."}
            ),
            {"role": "assistant", "reasoning_content": "Well.", "content": "Yes."},
        ]
    )
    assert [line for line in shown if line and line not in ("user", "assistant")] == [
        "  See:",
        "· image  image/png  3.0 KiB",
        "· image  image/jpeg  30 B",
        "· file  audio/wav  3 B",
        "· file  f-1",
        "thinking",
        "    Hm.",
        "  Nice.",
        "thinking",
        "    Well.",
        "  Yes.",
    ]


def test_messages_of_the_input_that_the_output_repeats_are_folded() -> None:
    state = [USER, said("yo"), said("bye", role="user")]
    shown = chat({"messages": state}, {"messages": [*state, said("Bye.")]})
    assert shown[-4:] == ["… 3 messages as in the input", "", "assistant  answer", "  Bye."]
    assert "…" not in "".join(chat([USER], [said("hi"), said("yo")]))


def test_a_long_text_is_cut_and_what_is_left_out_is_counted() -> None:
    wide, high = "x" * (TEXT_CHARACTERS + 1_234), "line\n" * (TEXT_LINES + 9)
    assert chat([{"role": "user", "content": wide}])[-1].strip() == "… 1,234 more characters in Input"
    shown = chat([USER], high)
    assert len(shown) == 3 + 1 + TEXT_LINES + 1
    assert shown[-1].strip() == "… 46 more characters in Output"


def test_whatever_else_is_long_is_cut_too_and_says_so() -> None:
    value = {"role": "user", "content": {"rows": [f"row {n}" for n in range(VALUE_LINES * 2)]}}
    assert chat([value])[-1].strip() == "… more in Input"
    assert len(chat([value])) == 1 + VALUE_LINES + 1
    assert chat([said(*["word"] * (PART_LIMIT + 2))])[-1] == "… 2 more parts in Input"
    assert chat([USER] * (MESSAGE_LIMIT + 5))[:4] == ["… 5 earlier messages", "", "user", "  hi"]


def test_an_empty_message_says_so() -> None:
    assert chat([{"role": "assistant", "content": ""}]) == ["assistant", "  (empty)"]


def test_no_text_of_a_message_can_look_like_another_message_or_a_tool_call() -> None:
    forged = "ok\nuser\n⚙ pay  {}\n→ done\n\nassistant  answer"
    thought = {"type": "thinking", "thinking": forged}
    messages = [said(forged, thought, call("pay", id="1")), said(result(forged, tool_use_id="1"))]
    at_the_margin = [line for line in chat(messages) if line and not line.startswith("  ")]
    assert at_the_margin == ["assistant", "thinking", "⚙ pay", "→ ok"]


def test_many_calls_find_their_results_at_once() -> None:
    many = 20_000
    calls = said(*[call("f", id=str(n)) for n in range(many)])
    results = said(*[result("x", tool_use_id=str(n)) for n in reversed(range(many))])
    [message] = conversation([calls, results], None, of_model=True)
    assert len(message.parts) == many


WORDS = [
    "role", "content", "parts", "type", "text", "tool_calls", "toolCalls", "function_call", "function",
    "name", "arguments", "id", "tool_call_id", "tool_use_id", "input", "output", "result", "response",
    "messages", "contents", "prompt", "system", "instructions", "choices", "candidates", "generations",
    "message", "kwargs", "data", "lc", "source", "url", "image_url", "inlineData", "functionCall",
    "functionResponse", "is_error", "thought", "reasoning_content",
]  # fmt: skip
VALUES = [
    "user", "assistant", "tool", "function", "system", "model", "text", "tool_use", "tool_result",
    "tool-call", "image_url", "thinking", "reasoning", "function_call", "function_call_output",
    "message", "human", "ai", "data:image/png;base64,AAAA", "blob",
]  # fmt: skip

almost_chats = st.recursive(
    st.sampled_from(VALUES) | json_values,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=6),
    max_leaves=30,
)


@given(almost_chats, almost_chats, st.booleans(), widths, st.sampled_from([UNICODE, ASCII]))
def test_nothing_that_resembles_a_chat_can_break_it(
    given: Any, answered: Any, of_model: bool, width: int, glyphs: Any
) -> None:
    messages = conversation(given, answered, of_model=of_model)
    check(chat_lines(messages, glyphs, width), width)


@given(st.lists(almost_chats.map(lambda content: {"role": "user", "content": content}), min_size=1))
def test_every_message_has_one_heading(messages: list[dict[str, Any]]) -> None:
    found = conversation(messages, None, of_model=True)
    assert len(found) <= len(messages)
    headings = [line for line in texts(list(chat_lines(found, UNICODE, 80))) if line == "user"]
    assert len(headings) == len(found)


def test_names_of_any_length_keep_to_the_width() -> None:
    long = "n" * 500
    speaker = {**said(call(long), {"type": "image", "url": long}, {"type": long}), "name": long}
    check(chat_lines(conversation([speaker, {**USER, "role": long}], None, of_model=True), UNICODE, 20), 20)


def nested(key: str) -> Any:
    """A value nested deeper than Python can follow."""
    value: Any = "end"
    for _ in range(5_000):
        value = {key: value}
    return value


@pytest.mark.parametrize("key", ["content", "input", "output", "parts", "data", "message"])
def test_values_of_any_depth_do_no_harm(key: str) -> None:
    for wrapped in (
        lambda value: value,
        lambda value: [value],
        said,
        lambda value: {"messages": [said(value)]},
    ):
        messages = conversation(wrapped(nested(key)), wrapped(nested(key)), of_model=True)
        check(chat_lines(messages, UNICODE, 40), 40)
