"""What a chat message is made of, read from the words that different providers have for it.

Told apart by their `type`, or by the one key that is there: OpenAI, Anthropic, Gemini, Bedrock, the Vercel
AI SDK and OpenTelemetry's GenAI messages. What is none of them is kept as it is.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec


@dataclass(slots=True)
class Text:
    text: str
    is_thought: bool = False


@dataclass(slots=True)
class Result:
    """What a tool gave back. An id or name that was not told is empty."""

    id: str
    name: str
    value: Any
    is_error: bool = False


@dataclass(slots=True)
class Call:
    """What a model wants of a tool, and what came of it as far as that is known."""

    id: str
    name: str
    arguments: Any
    result: Result | None = None


@dataclass(slots=True)
class Media:
    """An image, a sound or a file; its content is not shown."""

    kind: str
    mime: str
    size_bytes: int
    """0 when only its place is known."""
    place: str


@dataclass(slots=True)
class Other:
    """A part of a kind that trodo does not know."""

    kind: str
    value: Any


Part: TypeAlias = Text | Result | Call | Media | Other

_TEXTS = frozenset(("", "text", "input_text", "output_text", "summary_text", "refusal"))
_THOUGHTS = frozenset(("thinking", "reasoning", "thought"))
_MEDIA = frozenset(("image", "audio", "video", "file", "document", "media", "blob", "uri"))
_MEDIA_KEYS = frozenset(("inlineData", "inline_data", "fileData", "file_data"))
_CALL_ENDS = ("call", "_use")
_RESULT_ENDS = ("result", "_response", "call_output")

_TEXT_NAMES = ("text", "content", "thinking", "reasoning", "refusal", "summary")
_CALL_KEYS = ("functionCall", "function_call", "toolUse")
_RESULT_KEYS = ("functionResponse", "function_response", "toolResult")
_CALL_IDS = ("call_id", "tool_use_id", "tool_call_id", "toolCallId", "toolUseId", "id")
_TOOL_NAMES = ("name", "toolName", "tool_name")


def parts_of(content: Any) -> list[Part]:
    """The parts of a message's content: a text, a list of parts, or one part."""
    if content is None or content == "":
        return []
    if isinstance(content, dict) and isinstance(content.get("parts"), list):
        content = content["parts"]
    return [part_of(part) for part in (content if isinstance(content, list) else [content])]


def part_of(part: Any) -> Part:
    """One part, whatever it is."""
    if isinstance(part, str):
        return Text(part)
    if not isinstance(part, dict):
        return Other("", part)
    kind = word(part, ("type",))
    if isinstance(call := first(part, _CALL_KEYS), dict):
        return call_of(call)
    if isinstance(result := first(part, _RESULT_KEYS), dict):
        return result_of(result)
    if kind.endswith(_RESULT_ENDS):
        return result_of(part)
    if kind.endswith(_CALL_ENDS):
        return call_of(part)
    return _text_of(kind, part) or _media_of(kind, part) or Other(kind, part)


def call_of(said: dict[str, Any]) -> Call:
    """A tool call; arguments that were told as JSON text are decoded, since that is what they are."""
    function = said.get("function")
    inner = function if isinstance(function, dict) else said
    arguments = first(inner, ("arguments", "input", "args", "parameters"))
    name = word(inner, _TOOL_NAMES) or word(said, ("type",))
    return Call(word(said, _CALL_IDS), name, _decoded(arguments))


def result_of(said: dict[str, Any]) -> Result:
    """What came of a tool call."""
    value = first(said, ("content", "output", "result", "response"))
    is_error = said.get("is_error") is True or said.get("status") == "error"
    return Result(word(said, _CALL_IDS), word(said, _TOOL_NAMES), joined_text(value), is_error)


def joined_text(value: Any) -> Any:
    """A list of nothing but text parts as their text; anything else as it is."""
    if not isinstance(value, list) or not value:
        return value
    parts = [_text_of(word(part, ("type",)), part) if isinstance(part, dict) else None for part in value]
    texts = [part.text for part in parts if part is not None]
    return "\n".join(texts) if len(texts) == len(value) else value


def first(said: dict[str, Any], names: Iterable[str]) -> Any:
    """What stands under the first of these names that has something."""
    return next((said[name] for name in names if said.get(name) is not None), None)


def word(said: dict[str, Any], names: Iterable[str]) -> str:
    """The first text that stands under one of these names; empty for none."""
    return next((said[name] for name in names if isinstance(said.get(name), str) and said[name]), "")


def _text_of(kind: str, part: dict[str, Any]) -> Text | None:
    if kind not in _TEXTS and kind not in _THOUGHTS:
        return None
    text = first(part, _TEXT_NAMES)
    if isinstance(text, list):
        text = joined_text(text)
    if not isinstance(text, str):
        return None
    return Text(text, kind in _THOUGHTS or part.get("thought") is True)


def _media_of(kind: str, part: dict[str, Any]) -> Media | None:
    """The facts about a media part, which stand in it or in an object inside it; content is base64."""
    names = [name for name in kind.replace("-", "_").split("_") if name in _MEDIA]
    if not names and (kind or _MEDIA_KEYS.isdisjoint(part)):
        return None
    inner = [value for value in part.values() if isinstance(value, dict)]
    said = {name: value for of in (*inner, part) for name, value in of.items()}
    mime = word(said, ("media_type", "mime_type", "mimeType", "mediaType", "format"))
    place = word(said, ("url", "uri", "fileUri", "image_url", "file_id", "filename"))
    data = word(said, ("data", "file_data", "b64_json", "content", "image"))
    if place.startswith("data:"):
        place, data = "", place
    if data.startswith("data:"):
        header, _, data = data.partition(",")
        mime = header.removeprefix("data:").partition(";")[0]
    return Media(word(said, ("modality",)) or (names or ["file"])[0], mime, len(data) * 3 // 4, place)


def _decoded(arguments: Any) -> Any:
    if not isinstance(arguments, str):
        return arguments
    try:
        value = msgspec.json.decode(arguments)
    except (ValueError, RecursionError):
        return arguments
    return value if isinstance(value, list | dict) else arguments
