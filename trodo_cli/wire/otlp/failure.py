"""What a span says of the error that ended it, or of one that it got over: text, type, stack and status code."""

from typing import Any

from trodo_cli.wire import conventions as names
from trodo_cli.wire.otlp.export import OtlpSpan

MAX_ERROR_CHARACTERS = 4_000
MAX_STACK_CHARACTERS = 20_000

_TRACEBACK = "Traceback (most recent call last)"
"""How Python begins a stack, which some libraries put behind the message or in its place."""

Raised = dict[str, Any] | None
"""The attributes of an exception event."""


def raised_in(otlp: OtlpSpan) -> Raised:
    """What the last exception event says."""
    raised = [moment.attributes for moment in otlp.moments if moment.name == "exception"]
    return raised[-1] if raised else None


def error_of(otlp: OtlpSpan, raised: Raised) -> str:
    """What went wrong, without the stack that some libraries put into the status."""
    said = _first_text((raised or {}).get("exception.message"), otlp.attributes.get("exception.message"))
    status = _first_text(otlp.message, otlp.attributes.get("langfuse.observation.status_message"))
    if status is not None and _TRACEBACK in status:
        status = said or _headline(status)
    told = status or said or error_type_of(otlp.attributes, raised) or "error"
    return told[:MAX_ERROR_CHARACTERS]


def error_type_of(attributes: dict[str, Any], raised: Raised) -> str | None:
    return _first_text(
        (raised or {}).get("exception.type"), attributes.get("exception.type"), attributes.get("error.type")
    )


def status_code_of(attributes: dict[str, Any]) -> str | None:
    return next((str(code) for key in names.STATUS_CODES if (code := attributes.get(key)) is not None), None)


def stack_of(otlp: OtlpSpan, raised: Raised) -> str | None:
    """The end of the stack; the one in the status where there is no other and the error was told without it."""
    stack = (raised or otlp.attributes).get("exception.stacktrace")
    if not isinstance(stack, str) and _TRACEBACK in otlp.message:
        told = _TRACEBACK in error_of(otlp, raised)
        stack = None if told else otlp.message[otlp.message.index(_TRACEBACK) :]
    return stack[-MAX_STACK_CHARACTERS:] if isinstance(stack, str) else None


def _headline(text: str) -> str:
    """What stands before a stack, or else at its end."""
    return text.partition(_TRACEBACK)[0].strip() or text.rstrip().rpartition("\n")[2].strip()


def _first_text(*told: Any) -> str | None:
    return next((text for text in told if isinstance(text, str) and text), None)
