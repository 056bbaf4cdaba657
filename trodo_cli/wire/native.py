"""Our own format: one event is one line of JSON, the same in spools, files, bodies and streams."""

from typing import TypeVar

import msgspec

from trodo_cli.errors import InvalidInput
from trodo_cli.model.event import (
    CancelRequested,
    Event,
    FeedbackGiven,
    RunEnd,
    SpanEnd,
    SpanStart,
    SpanUpdate,
)
from trodo_cli.model.ids import canonical_id
from trodo_cli.model.payload import NO_PAYLOAD, payload_of
from trodo_cli.model.run import Run
from trodo_cli.model.span import Span, canonical_kind
from trodo_cli.wire.claims import settle_hearsay
from trodo_cli.wire.lenient import whole_pairs
from trodo_cli.wire.values import storable_text

_INT64 = 2**63

Known = TypeVar("Known", bound=Event)

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


def write_event(event: Event) -> bytes:
    """The event as one line of JSON, without the line end."""
    try:
        return _encoder.encode(event)
    except UnicodeEncodeError:
        return _encoder.encode(settled_event(event))


def read_event(line: bytes) -> Event:
    """The event behind a line, in canonical form: one spelling per id, text that every store can hold.

    Raises `InvalidInput` that names what is wrong.
    """
    try:
        event = _decode(line)
    except RecursionError:
        raise InvalidInput("not an event: nested too deeply") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidInput(f"not an event: {error}") from None
    settled_event(event)
    _check_payload(event)
    return event


def told_event(line: bytes) -> Event:
    """An event as a server of ours tells it: in canonical form already. Raises `InvalidInput`."""
    try:
        return _decoder.decode(line)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise InvalidInput(f"not an event: {error}") from None


def settled_event(event: Known) -> Known:
    """The event in canonical form, changed in place. Raises `InvalidInput`."""
    event.run_id = canonical_id(storable_text(event.run_id))
    if isinstance(event, SpanStart | SpanUpdate | SpanEnd):
        _settle_span(event.span)
    elif isinstance(event, CancelRequested):
        _settle_texts(event.cancel, ("by", "reason"))
        _check_range("cancel request", event.cancel.requested_ns, event.cancel.delivered_ns)
    elif isinstance(event, FeedbackGiven):
        for feedback in event.feedback:
            _settle_texts(feedback, ("satisfaction", "comment", "user"))
            _check_range("feedback", feedback.at_ns)
    else:
        event.run.id = event.run_id
        _settle_run(event.run)
        if isinstance(event, RunEnd) and not event.run.is_terminal:
            event.run.status = "completed"
    return event


def _decode(line: bytes) -> Event:
    try:
        return _decoder.decode(line)
    except msgspec.DecodeError:
        mended = whole_pairs(line)
        if mended == line:
            raise
        return _decoder.decode(mended)


def _check_payload(event: Event) -> None:
    holder = getattr(event, "span", None) or getattr(event, "run", None)
    try:
        payload_of(holder.payload if holder is not None else NO_PAYLOAD)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise InvalidInput(f"not a payload: {error}") from None


def _settle_span(span: Span) -> None:
    span.id = canonical_id(storable_text(span.id))
    if span.parent_id is not None:
        span.parent_id = canonical_id(storable_text(span.parent_id)) if span.parent_id else None
    span.kind = canonical_kind(span.kind)
    _settle_texts(
        span, ("name", "kind", "level", "model", "provider", "tool", "error", "error_type", "status_code")
    )
    span.cost = None if span.cost is None else span.cost + 0.0  # there is one zero
    counts = msgspec.structs.astuple(span.usage) if span.usage else ()
    _check_range("span", span.started_ns, span.ended_ns, span.version, *counts)


def _settle_run(run: Run) -> None:
    if run.heard:
        settle_hearsay(run)
    if run.parent_id is not None:
        parent_id = canonical_id(storable_text(run.parent_id)) if run.parent_id else None
        run.parent_id = parent_id if parent_id != run.id else None
    run.tags = tuple(storable_text(tag) for tag in run.tags)
    _settle_texts(run, ("agent", "parent_span_id", "session", "user", "error", "error_type"))
    _check_range("run", run.started_ns, run.ended_ns, run.version, run.patience_ns)


def _settle_texts(target: msgspec.Struct, names: tuple[str, ...]) -> None:
    for name in names:
        text = getattr(target, name)
        if text is not None and not (text.isascii() and "\0" not in text):
            setattr(target, name, storable_text(text))


def _check_range(what: str, *numbers: int | None) -> None:
    for number in numbers:
        if number is not None and not -_INT64 <= number < _INT64:
            raise InvalidInput(f"a number of the {what} has more than 64 bits: {number}")
