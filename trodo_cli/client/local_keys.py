"""The keys of a store in this process."""

from collections.abc import Sequence

from trodo_cli.errors import InvalidInput, NotFound
from trodo_cli.model import ids
from trodo_cli.model.key import SECRET_PREFIX, Key, digest, new_key_id, new_secret, owner_name, read_scopes
from trodo_cli.stores.base import Store

_KEYS_HINT = "`trodo keys list` shows the ids of all keys"


class LocalKeys:
    """See `client.base.Keys`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def create(self, owner: str, scopes: Sequence[str], label: str = "") -> tuple[Key, str]:
        key = Key(
            id=new_key_id(),
            owner=owner_name(owner),
            scopes=read_scopes(",".join(scopes)),
            label=label,
            created_ns=ids.now_ns(),
        )
        secret = new_secret()
        self._store.add_key(key, digest(secret))
        return key, secret

    def list(self, owner: str | None = None) -> Sequence[Key]:
        return self._store.keys(owner)

    def revoke(self, key_id: str) -> Key:
        if key_id.startswith(SECRET_PREFIX):
            raise InvalidInput("this is a key itself, not the id of one", _KEYS_HINT)
        key = self._store.revoke_key(key_id, ids.now_ns())
        if key is None:
            raise NotFound(f"no key {key_id}", _KEYS_HINT)
        return key
