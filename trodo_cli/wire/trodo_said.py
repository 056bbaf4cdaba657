"""An object of the Trodo SDK's wire, read key by key: what is asked for is taken, the rest is left to be kept."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from trodo_cli.errors import InvalidInput
from trodo_cli.model.payload import NO_PAYLOAD, payload_of
from trodo_cli.wire.agntz_shapes import ns_from_iso
from trodo_cli.wire.lenient import decoded
from trodo_cli.wire.semconv import whole_number
from trodo_cli.wire.values import cut_json, json_value, storable_text

MAX_KEYS = 1_000
"""Of a run, a span or an item itself; the values in it have the bounds that `Check` sets."""

Check = Callable[[bytes], None]
"""Raises `InvalidInput` for JSON that must not be read."""

_parts = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_any = msgspec.json.Decoder().decode

_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class Said:
    """One object; a key that is null is as if it were missing. A value that is too much is kept cut, as text."""

    def __init__(self, data: bytes, what: str, check: Check) -> None:
        try:
            parts = decoded(_parts, data)
        except _UNREADABLE:
            raise InvalidInput(f"the {what} is no JSON object") from None
        if len(parts) > MAX_KEYS:
            raise InvalidInput(f"the {what} has more than {MAX_KEYS:,} keys")
        self._what, self._check = what, check
        self._left = {key: data for key, value in parts.items() if (data := bytes(value)) != b"null"}
        try:
            check(data)
        except InvalidInput:
            self._left = {key: _bounded(value, check) for key, value in self._left.items()}

    def raw(self, key: str) -> bytes:
        """The value as JSON; empty for none."""
        return self._left.pop(key, b"")

    def opened(self, key: str) -> bytes:
        """The value as JSON; an object or a list that stands in a text is taken out of it."""
        data = self.raw(key)
        if not data.startswith((b'"{', b'"[')):
            return data
        try:
            inside = str(decoded(_any, data)).encode()
            self._check(inside)
            decoded(_any, inside)
        except (*_UNREADABLE, InvalidInput, UnicodeEncodeError):
            return data
        return inside

    def each(self, key: str) -> list[bytes]:
        """The elements of a list, as JSON; none for no list at all."""
        if not (data := self.raw(key)):
            return []
        try:
            return [bytes(part) for part in decoded(_list, data)]
        except _UNREADABLE:
            raise InvalidInput(f"`{key}` of the {self._what} is no list") from None

    def text(self, key: str) -> str | None:
        """The value as text: a string as it is, anything else as its JSON."""
        data = self.raw(key)
        value = self._value(key, data) if data else None
        return value if value is None or isinstance(value, str) else data.decode()

    def name(self, key: str) -> str:
        """A text that must be there."""
        if found := self.text(key):
            return found
        raise InvalidInput(f"`{key}` of the {self._what} is missing")

    def count(self, key: str) -> int | None:
        """A whole number; None for anything else."""
        return whole_number(self.value(key))

    def number(self, key: str) -> float | None:
        """A finite number; None for anything else."""
        value = self.value(key)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return float(value) if is_number and math.isfinite(value) else None

    def time(self, key: str) -> int | None:
        """Nanoseconds since the epoch."""
        return ns_from_iso(self.text(key), key)

    def value(self, key: str) -> Any:
        """Any value; None for none."""
        data = self.raw(key)
        return self._value(key, data) if data else None

    def seen(self, key: str) -> Any:
        """Any value, which is not taken; None for none."""
        data = self._left.get(key)
        return self._value(key, data) if data else None

    def members(self, key: str) -> dict[str, bytes]:
        """The parts of an object as JSON; of another value itself, under its own key."""
        if not (data := self.raw(key)):
            return {}
        try:
            return {name: bytes(part) for name, part in decoded(_parts, data).items()}
        except _UNREADABLE:
            return {key: data}

    def rest(self) -> dict[str, bytes]:
        """What nobody has asked for so far."""
        return dict(self._left)

    def _value(self, key: str, data: bytes) -> Any:
        try:
            return decoded(_any, data)
        except _UNREADABLE:
            raise InvalidInput(f"`{key}` of the {self._what} cannot be read") from None


def payload(attributes: Mapping[str, bytes], **parts: bytes) -> msgspec.Raw:
    """The payload made of JSON texts; one that no reader could take is kept as a text."""
    raw = _joined(attributes, parts)
    try:
        payload_of(raw)
    except _UNREADABLE:
        sound = {name: _sound(data) for name, data in attributes.items()}
        raw = _joined(sound, {name: _sound(data) for name, data in parts.items()})
    return raw


def values(parts: Mapping[str, bytes]) -> dict[str, Any]:
    """What JSON texts stand for, those left out that cannot be read."""
    found: dict[str, Any] = {}
    for name, data in parts.items():
        try:
            found[name] = decoded(_any, data)
        except _UNREADABLE:
            continue
    return found


def _joined(attributes: Mapping[str, bytes], parts: Mapping[str, bytes]) -> msgspec.Raw:
    noted = {name: data for name, data in parts.items() if data}
    if attributes:
        noted["attributes"] = _object(attributes)
    return msgspec.Raw(_object(noted)) if noted else NO_PAYLOAD


def _object(parts: Mapping[str, bytes]) -> bytes:
    members = [json_value(storable_text(name)) + b":" + data for name, data in parts.items()]
    return b"{" + b",".join(members) + b"}"


def _sound(data: bytes) -> bytes:
    if not data:
        return data
    try:
        return json_value(decoded(_any, data))
    except _UNREADABLE:
        return json_value(data.decode("utf-8", "replace"))


def _bounded(data: bytes, check: Check) -> bytes:
    try:
        check(data)
    except InvalidInput:
        return cut_json(data)
    return data
