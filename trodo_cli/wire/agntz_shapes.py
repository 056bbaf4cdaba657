"""The JSON objects of an agntz worker, and the values in them, checked and in the forms of our model.

A key that is missing is as if it were null; one of the wrong type is `InvalidInput` that names it.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import msgspec

from trodo_cli.errors import InvalidInput
from trodo_cli.model.ids import canonical_id
from trodo_cli.model.payload import NO_PAYLOAD
from trodo_cli.model.totals import MAX_SUMMAND
from trodo_cli.wire.agntz import EARLIEST_NS, LATEST_NS, clamped_ns
from trodo_cli.wire.values import plain_value, storable_text

Shape = TypeVar("Shape")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class RunShape(msgspec.Struct, rename="camel"):
    id: str
    parent_id: str | None = None
    agent_id: str | None = None
    user_id: str | None = None
    session_id: str | None = None
    spawn_tool_use_id: str | None = None
    status: str | None = None
    input: Any = None
    result: dict[str, Any] | None = None
    error: str | None = None
    started_at: int | float | None = None
    ended_at: int | float | None = None


class EndingShape(msgspec.Struct, rename="camel"):
    """What the end of a span tells, and so a patch."""

    ended_at: str | None = None
    duration_ms: int | float | None = None
    status: str | None = None
    error: str | None = None
    attributes: dict[str, Any] | None = None


class SpanShape(EndingShape, rename="camel", kw_only=True):
    span_id: str
    parent_id: str | None = None
    owner_id: str | None = None
    run_id: str | None = None
    session_id: str | None = None
    name: str | None = None
    kind: str | None = None
    started_at: str | None = None
    events: list[dict[str, Any]] | None = None
    cost_usd: int | float | None = None


class SummaryShape(msgspec.Struct, rename="camel"):
    trace_id: str
    owner_id: str | None = None
    root_name: str | None = None
    agent_id: str | None = None
    started_at: str | None = None
    ended_at: str | None = None
    span_count: int | None = None
    status: str | None = None
    total_tokens: int | None = None
    total_cost_usd: int | float | None = None


class TraceShape(msgspec.Struct):
    summary: SummaryShape
    spans: list[SpanShape] | None = None


class PageShape(msgspec.Struct):
    rows: list[Any] | None = None
    cursor: str | None = None


def converted(data: Any, shape: type[Shape], what: str) -> Shape:
    """The data as that shape; `what` is its name in the error."""
    try:
        return msgspec.convert(data, shape)
    except (msgspec.ValidationError, RecursionError) as error:
        raise InvalidInput(f"not an agntz {what}: {error}") from None


def id_from(text: str, name: str) -> str:
    """The id in its one spelling; `name` is the key it stood under."""
    try:
        return canonical_id(storable_text(text))
    except InvalidInput as error:
        raise InvalidInput(f"`{name}`: {error.message}") from None


def is_id(text: Any, wanted: str) -> bool:
    """Whether a text names the wanted id in any of its spellings."""
    try:
        return isinstance(text, str) and canonical_id(storable_text(text)) == wanted
    except InvalidInput:
        return False


def text_from(text: str | None) -> str | None:
    return None if text is None else storable_text(text)


def word_from(words: Mapping[str, Shape], word: str) -> Shape:
    """A status, of those that there are."""
    if word not in words:
        raise InvalidInput(f"unknown `status` {word!r}", f"one of {', '.join(words)}")
    return words[word]


def amount_from(cost: Any) -> float | None:
    """USD; None for what is no amount of money."""
    is_number = isinstance(cost, int | float) and not isinstance(cost, bool)
    return float(cost) if is_number and abs(cost) < MAX_SUMMAND else None


def ns_from_ms(ms: float, name: str) -> int:
    """Nanoseconds, as far as 64 bits go; rounding may lead a millisecond beyond them."""
    if not abs(ms) * 10**6 <= LATEST_NS + 10**6:
        raise InvalidInput(f"`{name}` is no number of milliseconds: {ms}")
    return clamped_ns(int(ms * 10**6))


def ns_from_iso(text: Any, name: str) -> int | None:
    """Nanoseconds since the epoch; a text without a zone is UTC."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        since = moment.replace(tzinfo=moment.tzinfo or UTC) - _EPOCH
    except (ValueError, TypeError):
        raise InvalidInput(f"`{name}` is no ISO time: {text!r}") from None
    ns = since // timedelta(microseconds=1) * 1000
    if not EARLIEST_NS <= ns <= LATEST_NS:
        raise InvalidInput(f"`{name}` is no time of this age: {text!r}")
    return ns


def value_from(told: Any) -> Any:
    """What was told as a text: an object or array behind its JSON, anything else as it is."""
    if not isinstance(told, str) or not told.startswith(("{", "[")):
        return told
    try:
        return msgspec.json.decode(storable_text(told))
    except (msgspec.MsgspecError, RecursionError):
        return told


def payload_from(**parts: Any) -> msgspec.Raw:
    """The payload of these parts, as JSON; a part that is None or empty attributes or events is left out."""
    found = {name: part for name, part in parts.items() if part is not None}
    for name in ("attributes", "events"):
        if not found.get(name):
            found.pop(name, None)
    return msgspec.Raw(msgspec.json.encode(plain_value(found))) if found else NO_PAYLOAD
