"""Any Python value as strict JSON: nothing raises, nothing is silently lost.

What JSON cannot hold is written as text: `NaN`, an object's `str()`, a lone surrogate as U+FFFD.
"""

import hashlib
import math
from typing import Any

import msgspec

MAX_VALUE_BYTES = 1024 * 1024
"""A longer value is kept as a cut text with its length and digest."""

KEPT_BYTES = 64 * 1024
"""How much of a value that was too long is kept."""

MAX_INTEGER_BITS = 1_000
"""A longer integer is written as text."""

MAX_DEPTH = 100
"""Deeper parts of a value are written as text."""

_STORABLE_NUL = "\u2400"


def storable_text(text: str) -> str:
    """The text as every store can hold it: NUL as its picture, halves of surrogate pairs joined or U+FFFD."""
    if text.isascii():
        return text.replace("\0", _STORABLE_NUL) if "\0" in text else text
    joined = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return joined.replace("\0", _STORABLE_NUL)


def json_value(value: Any) -> bytes:
    """The value as JSON; never raises an `Exception`."""
    try:
        data = _encode(value)
        if b"null" in data:
            data = _encode(plain_value(value))
    except Exception:
        data = _encode(plain_value(value))
    return data if len(data) <= MAX_VALUE_BYTES else _encode(_cut(data))


def plain_value(value: Any, depth: int = 0) -> Any:
    """The value made of dicts, lists, texts and finite numbers only."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value) if value.bit_length() <= MAX_INTEGER_BITS else text_of(value)
    if isinstance(value, str):
        return storable_text(str(value))
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else _number_text(value)
    if depth >= MAX_DEPTH:
        return f"<{type(value).__name__}, deeper than {MAX_DEPTH} levels>"
    if isinstance(value, dict):
        return {text_of(key): plain_value(item, depth + 1) for key, item in list(value.items())}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain_value(item, depth + 1) for item in list(value)]
    return _plain_object(value, depth)


def _plain_object(value: Any, depth: int) -> Any:
    """A struct, dataclass or the like by its fields, anything else as text."""
    try:
        built = msgspec.to_builtins(value, enc_hook=_described)
    except Exception:
        return text_of(value)
    return plain_value(built, depth + 1)


def _described(value: Any) -> Any:
    """What stands for an object that the encoder does not know."""
    dump = getattr(value, "model_dump", None)
    return dump() if callable(dump) and not isinstance(value, type) else text_of(value)


def text_of(value: Any) -> str:
    """Any value as text; never raises an `Exception`."""
    try:
        return storable_text(str(value))
    except Exception:
        return f"<{type(value).__name__}>"


def _number_text(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _cut(data: bytes) -> dict[str, Any]:
    kept = data[:KEPT_BYTES].decode("utf-8", "ignore")
    return {"cut": True, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest(), "text": kept}


_encode = msgspec.json.Encoder(enc_hook=_described).encode
