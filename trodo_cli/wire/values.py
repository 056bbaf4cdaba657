"""Any Python value as strict JSON: nothing raises, nothing is silently lost.

What JSON cannot hold is written as text: `NaN`, an object's `str()`, a lone surrogate as U+FFFD.
"""

import datetime
import decimal
import enum
import hashlib
import math
import re
import uuid
from itertools import accumulate
from typing import Any

import msgspec

MAX_VALUE_BYTES = 1024 * 1024
"""A longer value is kept as a cut text with its length and digest."""

KEPT_BYTES = 64 * 1024
"""How much of a value that was too long is kept."""

MAX_INTEGER_BITS = 1_000
"""A longer integer is written as text."""

MAX_PARTS = 100_000
"""A value of more objects than that is cut."""

MAX_DEPTH = 100
"""Deeper parts of a value are written as text."""

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}

_STORABLE_NUL = "\u2400"


def storable_text(text: str) -> str:
    """The text as every store can hold it: NUL as its picture, halves of surrogate pairs joined or U+FFFD."""
    if text.isascii():
        return text.replace("\0", _STORABLE_NUL) if "\0" in text else text
    joined = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return joined.replace("\0", _STORABLE_NUL)


def json_value(value: Any) -> bytes:
    """The value as JSON that any reader can take; never raises an `Exception`."""
    try:
        data = _encode(value)
        if b"null" in data or _is_deep(data):
            data = _encode(plain_value(value))
    except Exception:
        data = _encode(plain_value(value))
    return data if len(data) <= MAX_VALUE_BYTES else cut_json(data)


def json_object(values: dict[str, Any]) -> bytes:
    """A JSON object for certain: when all of it is too much, every value is cut by itself."""
    data = json_value(values)
    if not data.startswith(b'{"cut":true'):
        return data
    parts = (json_value(key) + b":" + json_value(value) for key, value in values.items())
    return b"{" + b",".join(parts) + b"}"


def plain_value(value: Any) -> Any:
    """The value made of dicts, lists, texts and finite numbers only."""
    return _Plain().of(value)


class _Plain:
    """One walk through a value: cut where it is too deep, too large, or comes back to itself."""

    def __init__(self) -> None:
        self._path: set[int] = set()
        self._left = MAX_PARTS

    def of(self, value: Any) -> Any:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return storable_text(str(value))
        if isinstance(value, int):
            return int(value) if value.bit_length() <= MAX_INTEGER_BITS else text_of(value)
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else _number_text(value)
        self._left -= 1
        if self._left < 0 or len(self._path) >= MAX_DEPTH or id(value) in self._path:
            return f"<{type(value).__name__}>"
        self._path.add(id(value))
        try:
            return self._inside(value)
        except Exception:
            return text_of(value)
        finally:
            self._path.discard(id(value))

    def _inside(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {text_of(key): self.of(item) for key, item in list(value.items())}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.of(item) for item in list(value)]
        fields = _fields(value)
        return text_of(value) if fields is None else self.of(fields)


def _fields(value: Any) -> Any:
    """A struct, dataclass or the like by its fields, one level deep; None for another object."""
    dump = getattr(value, "model_dump", None)
    if callable(dump) and not isinstance(value, type):
        return dump()
    if isinstance(value, msgspec.Struct):
        return msgspec.structs.asdict(value)
    if hasattr(type(value), "__dataclass_fields__"):
        return {name: getattr(value, name, None) for name in type(value).__dataclass_fields__}
    if isinstance(value, datetime.date | datetime.time | uuid.UUID | decimal.Decimal | enum.Enum | bytes):
        return msgspec.to_builtins(value)
    return None


def _described(value: Any) -> Any:
    """What stands for an object that the encoder does not know."""
    fields = _fields(value)
    return text_of(value) if fields is None else fields


def _is_deep(data: bytes) -> bool:
    """Whether a JSON text nests deeper than every reader can follow."""
    if data.count(b"[") + data.count(b"{") <= MAX_DEPTH:
        return False
    brackets = _STRING.sub(b"", data).translate(None, delete=_NO_BRACKETS)
    return max(accumulate(map(_STEPS.__getitem__, brackets)), default=0) > MAX_DEPTH


def text_of(value: Any) -> str:
    """Any value as text; never raises an `Exception`."""
    try:
        return storable_text(str(value))
    except Exception:
        return f"<{type(value).__name__}>"


def text_or_none(value: Any) -> str | None:
    """The same, but None stays None."""
    return None if value is None else text_of(value)


def _number_text(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def cut_json(data: bytes) -> bytes:
    """What stands for a JSON text that is too much: its beginning, its length and its digest."""
    kept = data[:KEPT_BYTES].decode("utf-8", "ignore")
    digest = hashlib.sha256(data).hexdigest()
    return _encode({"cut": True, "bytes": len(data), "sha256": digest, "text": kept})


_encode = msgspec.json.Encoder(enc_hook=_described).encode


def is_cut(value: Any) -> bool:
    """Whether a value is what stands for one that was too much."""
    return (
        isinstance(value, dict)
        and value.keys() == {"cut", "bytes", "sha256", "text"}
        and value["cut"] is True
        and isinstance(value["text"], str)
        and type(value["bytes"]) is int
    )
