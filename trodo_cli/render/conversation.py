"""The chat that a payload holds: what went in, and the answer.

Nothing is guessed: a payload in which no message is recognised holds no chat.
"""

from collections import defaultdict, deque
from typing import Any, TypeAlias

from trodo_cli.render.format import counted
from trodo_cli.render.messages import CONTENT, Message, listed, message_of, said_by
from trodo_cli.render.parts import Call, Other, Part, Result, Text, first, parts_of

_SYSTEM = ("system", "systemInstruction", "system_instruction", "instructions")
_ASKED = ("messages", "contents", "input", "prompt")
_ANSWERED = ("choices", "candidates", "generations", "output", "messages", "message")
_WRAPPERS = 3
"""How deep messages may be wrapped in other objects."""

_Waiting: TypeAlias = dict[tuple[str, str], deque[Call]]
"""Tool calls without a result in order, by id, by name and all together."""


def conversation(given: Any, answered: Any, *, of_model: bool) -> list[Message]:
    """The messages of an input and an output; none where nothing is recognised.

    Plain texts are messages where a model was asked (`of_model`), or when the input holds messages.
    Messages of the input that the output repeats are left out there, and every tool call that has a
    result holds it.
    """
    asked = _asked(given, of_model)
    answers = _answers(answered, of_model or bool(asked))
    if not asked and not answers:
        return []
    if not asked and given is not None:
        asked = [Message("input", [Other("", given)])]
    if not answers and answered is not None:
        answers = [Message("output", [Other("", answered)])]
    answers = _without_repeats(asked, answers)
    for message in answers:
        message.tab = "Output"
    return _paired([*asked, *answers])


def _asked(given: Any, of_model: bool, wrappers: int = _WRAPPERS) -> list[Message]:
    if isinstance(given, str):
        return [Message("user", [Text(given)])] if of_model and given else []
    if isinstance(given, list):
        return listed(given)
    if not isinstance(given, dict) or not wrappers:
        return []
    if (message := message_of(given)) is not None:
        return [message]
    found = _asked(first(given, _ASKED), of_model, wrappers - 1)
    system = parts_of(first(given, _SYSTEM))
    return [Message("system", system), *found] if system and found else found


def _answers(answered: Any, is_answer: bool, wrappers: int = _WRAPPERS) -> list[Message]:
    if isinstance(answered, str):
        return [Message("assistant", [Text(answered)])] if is_answer and answered else []
    if isinstance(answered, list):
        items = [_unwrapped(item) for item in answered] if is_answer else answered
        return listed(items) or (_content(items) if is_answer else [])
    if not isinstance(answered, dict) or not wrappers:
        return []
    if (message := message_of(answered)) is not None:
        return [message]
    if is_answer and any(answered.get(name) is not None for name in CONTENT):
        return [said_by("assistant", answered)]
    return _answers(first(answered, _ANSWERED), is_answer, wrappers - 1)


def _unwrapped(item: Any) -> Any:
    """A choice, candidate or generation as the message in it."""
    if isinstance(item, list) and len(item) == 1:
        item = item[0]
    if not isinstance(item, dict) or "role" in item or "type" in item:
        return item
    inner = first(item, ("message", "content", "text"))
    if isinstance(inner, str):
        return {"role": "assistant", "content": inner}
    return {"role": "assistant", **inner} if isinstance(inner, dict) else item


def _content(items: list[Any]) -> list[Message]:
    """A list of typed parts is the content of one message."""
    is_content = items and all(isinstance(item, dict) and "type" in item for item in items)
    return [Message("assistant", parts_of(items))] if is_content else []


def _without_repeats(asked: list[Message], answers: list[Message]) -> list[Message]:
    """The answers without the messages of the input, when they begin with all of these."""
    repeated = len(asked)
    try:
        if not asked or answers[:repeated] != asked:
            return answers
    except RecursionError:
        return answers
    note = f"{counted(repeated, 'message')} as in the input"
    return [Message("", [], note=note), *answers[repeated:]]


def _paired(messages: list[Message]) -> list[Message]:
    """The messages with each result at its call; a message of nothing but such results is left out."""
    waiting: _Waiting = defaultdict(deque)
    kept: list[Message] = []
    for message in messages:
        parts: list[Part] = []
        for part in message.parts:
            if isinstance(part, Call):
                for key in (("id", part.id), ("name", part.name), ("", "")):
                    waiting[key].append(part)
            if isinstance(part, Result) and (call := _call_of(part, waiting)) is not None:
                call.result = part
            else:
                parts.append(part)
        if parts or not message.parts:
            message.parts = parts
            kept.append(message)
    return kept


def _call_of(result: Result, waiting: _Waiting) -> Call | None:
    """The call with the result's id, or else the first that waits and is not known to be another one."""
    by_name = ("name", result.name) if result.name else ("", "")
    for key in (("id", result.id), ("id", "")) if result.id else (by_name,):
        while calls := waiting[key]:
            if (call := calls.popleft()).result is None:
                return call
    return None
