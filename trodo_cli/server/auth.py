"""Who asks, and what they may do."""

import hmac
from typing import NamedTuple

from trodo_cli.errors import Unauthorized
from trodo_cli.model.key import SCOPES, digest, is_secret
from trodo_cli.server.errors import Forbidden
from trodo_cli.stores.base import Store

HEADER, OTHER_HEADER = "authorization", "x-trodo-site-id"


class Principal(NamedTuple):
    """The owner behind a key, and the scopes it has."""

    owner: str
    scopes: tuple[str, ...]
    key_id: str
    digest: bytes


class Doorkeeper:
    """Knows keys: those in the store, and the one that a loopback server made for its own machine."""

    def __init__(self, store: Store, local: tuple[str, str] | None = None) -> None:
        self._store = store
        self._local = (local[0], digest(local[1])) if local else None
        """The owner and the digest of the local key."""

    def principal(self, secret: str) -> Principal:
        """Who holds this key. Raises `Unauthorized` for an unknown or revoked one."""
        principal = self._holder(digest(secret)) if is_secret(secret) else None
        if principal is None:
            raise Unauthorized("invalid or revoked API key")
        return principal

    def still_knows(self, principal: Principal) -> bool:
        """Whether the key has not been revoked meanwhile."""
        return self._holder(principal.digest) is not None

    def _holder(self, found: bytes) -> Principal | None:
        if self._local and hmac.compare_digest(self._local[1], found):
            return Principal(self._local[0], SCOPES, "local", found)
        key = self._store.key(found)
        if key is None or key.revoked_ns is not None:
            return None
        return Principal(key.owner, key.scopes, key.id, found)


def secret_of(headers: list[tuple[bytes, bytes]]) -> str:
    """The key in a request's raw headers. Raises `Unauthorized` when there is not exactly one."""
    found = [value for name, value in headers if name == HEADER.encode()]
    if found:
        scheme, _, secret = found[0].partition(b" ")
        if len(found) > 1 or scheme.lower() != b"bearer" or not secret.strip():
            raise Unauthorized("missing authentication")
        return _text(secret)
    others = [value for name, value in headers if name == OTHER_HEADER.encode()]
    if len(others) != 1 or not others[0].strip():
        raise Unauthorized("missing authentication")
    return _text(others[0])


def check_scope(principal: Principal, scope: str) -> None:
    """Raises `Forbidden` when the key lacks the scope."""
    if scope not in principal.scopes:
        raise Forbidden(f"this key may not {_MAY[scope]}: it lacks the scope `{scope}`")


_MAY = {
    "ingest": "record events",
    "read": "read runs",
    "control": "start, cancel or delete runs",
    "metrics": "read what the server counts",
}


def _text(secret: bytes) -> str:
    return secret.strip().decode("latin-1")
