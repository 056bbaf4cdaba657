"""JSON as other encoders write it: with NaN and Infinity, and with halves of surrogate pairs."""

import re
from collections.abc import Callable
from typing import TypeVar

import msgspec

Value = TypeVar("Value")

_SURROGATE = re.compile(
    rb"\\\\"  # an escaped backslash: what follows is text
    rb"|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)
"""Escapes of surrogates; the group is half of a pair."""

_TOKEN = re.compile(rb'"(?>[^"\\]+|\\.)*+(?:"|\Z)|NaN|-?Infinity', re.DOTALL)
"""A string, which may lack its end, or a number that JSON does not have."""


def whole_pairs(data: bytes) -> bytes:
    """The JSON text with U+FFFD for every half of a surrogate pair."""
    return _SURROGATE.sub(lambda match: rb"\ufffd" if match[1] else match[0], data)


def decoded(decode: Callable[[bytes], Value], data: bytes) -> Value:
    """What `decode` makes of the text, mended where it has to be: NaN and Infinity become texts of that name.

    Raises what `decode` raises for a text that cannot be mended.
    """
    try:
        return decode(data)
    except msgspec.DecodeError:
        mended = _TOKEN.sub(_mended, data)
        if mended == data:
            raise
        return decode(mended)


def _mended(match: re.Match[bytes]) -> bytes:
    token = match[0]
    if not token.startswith(b'"'):
        return b'"' + token + b'"'
    return whole_pairs(token) if b"\\u" in token else token
