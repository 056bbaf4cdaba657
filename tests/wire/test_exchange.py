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
