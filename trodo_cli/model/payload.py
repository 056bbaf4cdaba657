"""The heavy part of a run or span: what went in, what came out, attributes, events, stack."""

from typing import Any

import msgspec


class Payload(msgspec.Struct, omit_defaults=True, kw_only=True):
    """Read only when somebody looks; kept as one JSON object."""

    input: Any = None
    output: Any = None
    attributes: dict[str, Any] = msgspec.field(default_factory=dict)
    events: list[dict[str, Any]] = msgspec.field(default_factory=list)
    """Moments inside the span: `{"name", "at_ns", "attributes"}`."""
    stack: str | None = None
    priced: str | None = None
    """The price table by which the cost was worked out; None for one that was sent."""
    origin: dict[str, Any] = msgspec.field(default_factory=dict)
    """What else a foreign producer sent: resource, scope, links and the like."""


def written(struct: msgspec.Struct) -> str:
    """All that a struct says, as a text that is the same for equal ones; settles ties."""
    return repr(
        [
            bytes(value) if isinstance(value, msgspec.Raw) else value
            for value in msgspec.structs.astuple(struct)
        ]
    )


NO_PAYLOAD = msgspec.Raw(b"")

_decoder = msgspec.json.Decoder(Payload)


def payload_of(raw: msgspec.Raw) -> Payload:
    """The payload behind its JSON text; an empty one for none."""
    data = bytes(raw)
    return _decoder.decode(data) if data else Payload()
