"""What went into a span and what came out, by the attributes and events that hold it.

JSON texts are opened; whose shape a message has stays as it is.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from trodo_cli.wire import conventions as names
from trodo_cli.wire.flattened import flattened_list, indexed_messages
from trodo_cli.wire.genai import INPUT, OUTPUT, TOOL_INPUT, TOOL_OUTPUT, opened
from trodo_cli.wire.wrapping import tool_result, tools_apart, unwrapped

Attributes = Mapping[str, Any]
Moments = Sequence[tuple[str, Attributes]]
"""The events of a span: name and attributes."""

Reader = Callable[[Attributes, Moments], Any]


def input_of(attributes: Attributes, moments: Moments) -> Any:
    """What went in; None when nobody said."""
    readers = _MARKED_INPUTS if names.OPENINFERENCE_MARK in attributes else _INPUTS
    return unwrapped(attributes, _first(readers, attributes, moments))


def output_of(attributes: Attributes, moments: Moments) -> Any:
    """What came out; None when nobody said."""
    readers = _MARKED_OUTPUTS if names.OPENINFERENCE_MARK in attributes else _OUTPUTS
    return tool_result(unwrapped(attributes, _first(readers, attributes, moments)))


def _first(readers: Sequence[Reader], attributes: Attributes, moments: Moments) -> Any:
    return next((found for read in readers if (found := read(attributes, moments)) is not None), None)


# -- one reader a place ------------------------------------------------------------------------------


def _langfuse_input(attributes: Attributes, _moments: Moments) -> Any:
    return tools_apart(opened(attributes.get("langfuse.observation.input")))


def _langfuse_output(attributes: Attributes, _moments: Moments) -> Any:
    return opened(attributes.get("langfuse.observation.output"))


def _openinference_input(attributes: Attributes, _moments: Moments) -> Any:
    found = flattened_list(attributes, "llm.input_messages.", names.FLATTENED_INPUTS)
    return opened(attributes.get("input.value")) if found is None else found


def _openinference_output(attributes: Attributes, _moments: Moments) -> Any:
    found = flattened_list(attributes, "llm.output_messages.", names.FLATTENED_OUTPUTS)
    return opened(attributes.get("output.value")) if found is None else found


def _tool_input(attributes: Attributes, _moments: Moments) -> Any:
    return TOOL_INPUT.opened(attributes)


def _tool_output(attributes: Attributes, _moments: Moments) -> Any:
    return TOOL_OUTPUT.opened(attributes)


def _genai_input(attributes: Attributes, moments: Moments) -> Any:
    system = _told_in_parts("gen_ai.system_instructions", attributes, moments)
    asked = _told_in_parts("gen_ai.input.messages", attributes, moments)
    if asked is None and system is not None:
        asked = _first(_OLDER_INPUTS, attributes, moments)
    return _with_system(system, asked)


def _genai_output(attributes: Attributes, moments: Moments) -> Any:
    return _told_in_parts("gen_ai.output.messages", attributes, moments)


def _told_in_parts(key: str, attributes: Attributes, moments: Moments) -> Any:
    """What the span says; else what its events say of it, one list after another."""
    if (said := opened(attributes.get(key))) is not None:
        return said
    told = [said for name, of in moments if name == _DETAILS and (said := opened(of.get(key))) is not None]
    if len(told) > 1 and all(isinstance(said, list) for said in told):
        return [item for said in told for item in said]
    return told[0] if told else None


_DETAILS = "gen_ai.client.inference.operation.details"


def _with_system(system: Any, asked: Any) -> Any:
    if system is None:
        return asked
    said = {"role": "system", "parts": system if isinstance(system, list) else [system]}
    if asked is None:
        return [said]
    return [said, *asked] if isinstance(asked, list) else [said, {"role": "user", "parts": [asked]}]


def _indexed_input(attributes: Attributes, moments: Moments) -> Any:
    return indexed_messages(attributes, "gen_ai.prompt.") or _told(
        moments, "gen_ai.content.prompt", "gen_ai.prompt"
    )


def _indexed_output(attributes: Attributes, moments: Moments) -> Any:
    if found := indexed_messages(attributes, "gen_ai.completion."):
        return found
    return _told(moments, "gen_ai.content.completion", "gen_ai.completion")


def _told(moments: Moments, event: str, key: str) -> Any:
    return next((opened(said[key]) for name, said in moments if name == event and key in said), None)


def _event_input(attributes: Attributes, moments: Moments) -> Any:
    asked = [_event_message(event) for event in _message_events(attributes, moments) if not _is_choice(event)]
    return asked or None


def _event_output(attributes: Attributes, moments: Moments) -> Any:
    answered = [_event_message(event) for event in _message_events(attributes, moments) if _is_choice(event)]
    return answered or None


def _message_events(attributes: Attributes, moments: Moments) -> list[dict[str, Any]]:
    """Messages that were told as events of the span, or as a list of such in an attribute."""
    found = [
        {**said, "event.name": name} for name, said in moments if name.endswith(".message") or name == _CHOICE
    ]
    noted = opened(attributes.get("events"))
    listed = noted if isinstance(noted, list) else []
    return found or [event for event in listed if isinstance(event, dict) and "event.name" in event]


_CHOICE = "gen_ai.choice"


def _is_choice(event: dict[str, Any]) -> bool:
    return bool(event["event.name"] == _CHOICE)


def _event_message(event: dict[str, Any]) -> Any:
    role = str(event["event.name"]).removeprefix("gen_ai.").removesuffix(".message")
    message = opened(event.get("message"))
    if _is_choice(event):
        said = message if isinstance(message, dict) else {"content": message}
        return {"role": "assistant", **said}
    told = {name: opened(value) for name, value in event.items() if name not in _NOT_SAID}
    if "id" in told and role == "tool":
        told["tool_call_id"] = told.pop("id")
    return {"role": role, **told}


_NOT_SAID = ("event.name", "gen_ai.system", "gen_ai.message.index")


def _vercel_output(attributes: Attributes, _moments: Moments) -> Any:
    text = attributes.get("ai.response.text")
    calls = opened(attributes.get("ai.response.toolCalls"))
    if calls:
        said = {"role": "assistant", "content": text or ""}
        return [{**said, "tool_calls": calls}] if isinstance(calls, list) else calls
    return opened(attributes.get("ai.response.object")) if text is None else text


def _plain_input(attributes: Attributes, _moments: Moments) -> Any:
    return INPUT.opened(attributes)


def _plain_output(attributes: Attributes, _moments: Moments) -> Any:
    return OUTPUT.opened(attributes)


_OLDER_INPUTS: tuple[Reader, ...] = (_indexed_input, _event_input, _plain_input)
_GENAI_INPUTS = (_tool_input, _genai_input, *_OLDER_INPUTS)
_GENAI_OUTPUTS: tuple[Reader, ...] = (
    _tool_output,
    _genai_output,
    _indexed_output,
    _event_output,
    _vercel_output,
    _plain_output,
)
_MARKED_INPUTS = (_langfuse_input, _openinference_input, *_GENAI_INPUTS)
_MARKED_OUTPUTS = (_langfuse_output, _openinference_output, *_GENAI_OUTPUTS)
_INPUTS = (_langfuse_input, *_GENAI_INPUTS, _openinference_input)
_OUTPUTS = (_langfuse_output, *_GENAI_OUTPUTS, _openinference_output)
"""The places in the order in which they win."""
