"""What was said in words in the messages of a model call, whichever shape they have."""

from typing import Any

MAX_WORDS = 20_000
"""Characters; the call itself has all of it."""

_ASKING = ("user", "human")
_WORDS = ("", "text", "input_text", "output_text")
"""The types of the parts of a message that are words; a part may have no type."""
_MARKS = frozenset(("role", "content", "parts"))
"""What makes an object a message."""


def question_of(asked: Any) -> str | None:
    """The last words of a user among the messages that went in."""
    said = (_words_of(message) for message in reversed(_messages(asked)) if message.get("role") in _ASKING)
    return next((words for words in said if words), None)


def answer_of(answered: Any) -> str | None:
    """The words that came out; empty for an answer without any, None for what is no answer."""
    if isinstance(answered, str):
        return answered[:MAX_WORDS]
    messages = _messages(answered)
    return next((words for words in map(_words_of, reversed(messages)) if words), "" if messages else None)


def _messages(value: Any) -> list[dict[str, Any]]:
    listed = value if isinstance(value, list) else [value]
    return [item for item in listed if isinstance(item, dict) and not _MARKS.isdisjoint(item)]


def _words_of(message: dict[str, Any]) -> str:
    content = message.get("content") or message.get("parts")
    parts = content if isinstance(content, list) else [content]
    return "\n".join(filter(None, map(_words_in, parts)))[:MAX_WORDS]


def _words_in(part: Any) -> str:
    if isinstance(part, dict):
        said = part.get("text") or part.get("content")
        part = said if part.get("type", "") in _WORDS else None
    return part if isinstance(part, str) else ""
