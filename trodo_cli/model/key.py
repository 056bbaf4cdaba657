"""API keys: a random secret of which only a digest is kept, for one owner and some scopes."""

import base64
import hashlib
import re
import zlib

import msgspec

from trodo_cli.errors import InvalidInput
from trodo_cli.model import ids

SCOPES = ("ingest", "read", "control", "metrics")
"""What a key may be for: sending events; reading runs and traces; cancelling and deleting them; and reading what the
server counts, which is for whoever runs it."""

SECRET_PREFIX = "trodo_"
"""Every secret begins so, which lets scanners find one that got out."""

_RANDOM_BYTES = 32
_CHECKSUM_LENGTH = 6
_ID_LENGTH = 10
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SECRET = re.compile(rf"({SECRET_PREFIX}[A-Za-z0-9_-]{{43}})([A-Za-z0-9]{{{_CHECKSUM_LENGTH}}})")
_OWNER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """What may be told of a key; the secret itself is nowhere."""

    id: str
    """Public: names the key in lists and when it is revoked."""
    owner: str
    """Whose runs it opens."""
    scopes: tuple[str, ...]
    """Some of `SCOPES`, in that order."""
    label: str = ""
    created_ns: int
    revoked_ns: int | None = None


def new_key_id() -> str:
    """`key_` and 10 lower-case letters and digits."""
    return "key_" + base64.b32encode(ids.random_bytes(_ID_LENGTH)).decode().lower()[:_ID_LENGTH]


def new_secret() -> str:
    """`trodo_`, 256 random bits as 43 url-safe characters, and 6 characters of checksum."""
    random = base64.urlsafe_b64encode(ids.random_bytes(_RANDOM_BYTES)).decode().rstrip("=")
    return f"{SECRET_PREFIX}{random}{_checksum(SECRET_PREFIX + random)}"


def is_secret(text: object) -> bool:
    """Whether this has the shape and the checksum of a secret, known to anyone or not. Takes anything."""
    found = _SECRET.fullmatch(text) if isinstance(text, str) else None
    return found is not None and found[2] == _checksum(found[1])


def digest(secret: str) -> bytes:
    """What is stored and looked up in place of a secret: its SHA-256, 32 bytes."""
    return hashlib.sha256(secret.encode()).digest()


def owner_name(text: str) -> str:
    """The text, when an owner may be called so. Raises `InvalidInput`."""
    if not _OWNER.fullmatch(text):
        raise InvalidInput(
            f"{text!r} cannot name an owner",
            "1 to 64 of A-Z a-z 0-9 . _ - @, beginning with a letter or digit",
        )
    return text


def read_scopes(text: str) -> tuple[str, ...]:
    """`ingest,read` as scopes, each once and in the order of `SCOPES`. Raises `InvalidInput`."""
    wanted = {name.strip() for name in text.split(",")} - {""}
    unknown = sorted(wanted.difference(SCOPES))
    if unknown or not wanted:
        what = f"unknown scope {', '.join(unknown)}" if unknown else "no scope is named"
        raise InvalidInput(what, f"scopes: {', '.join(SCOPES)}")
    return tuple(scope for scope in SCOPES if scope in wanted)


def _checksum(text: str) -> str:
    """The CRC-32 in base 62, six digits: shows a mistyped or cut secret without asking a store."""
    rest, digits = zlib.crc32(text.encode()), ""
    for _ in range(_CHECKSUM_LENGTH):
        rest, digit = divmod(rest, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits
