"""API keys on a SQLite connection, found by the digest of their secret.

Here no statement begins from an owner: a lookup is what finds the owner, and who runs the store
lists and revokes the keys of all.
"""

import apsw

from trodo_cli.model.key import Key
from trodo_cli.stores.opening import fetched
from trodo_cli.stores.rows import Row

_SELECT = "SELECT id, owner, scopes, label, created_ns, revoked_ns FROM keys"


def add(connection: apsw.Connection, key: Key, digest: bytes) -> None:
    """Keep a new key."""
    connection.execute(
        "INSERT INTO keys (digest, id, owner, scopes, label, created_ns) VALUES (?, ?, ?, ?, ?, ?)",
        (digest, key.id, key.owner, ",".join(key.scopes), key.label, key.created_ns),
    )


def valid(connection: apsw.Connection, digest: bytes) -> Key | None:
    """The key of this digest, unless it is revoked."""
    rows = fetched(connection, f"{_SELECT} WHERE digest = ? AND revoked_ns IS NULL", (digest,))
    return _key(rows[0]) if rows else None


def listed(connection: apsw.Connection, owner: str | None) -> list[Key]:
    """All keys, or those of one owner, newest first."""
    where, values = ("", ()) if owner is None else (" WHERE owner = ?", (owner,))
    return [_key(row) for row in fetched(connection, f"{_SELECT}{where} ORDER BY number DESC", values)]


def revoke(connection: apsw.Connection, key_id: str, now_ns: int) -> Key | None:
    """End a key for good, the first time counts; None when there is none of this id."""
    connection.execute("UPDATE keys SET revoked_ns = ? WHERE id = ? AND revoked_ns IS NULL", (now_ns, key_id))
    rows = fetched(connection, f"{_SELECT} WHERE id = ?", (key_id,))
    return _key(rows[0]) if rows else None


def _key(row: Row) -> Key:
    return Key(
        id=row[0],
        owner=row[1],
        scopes=tuple(row[2].split(",")),
        label=row[3],
        created_ns=row[4],
        revoked_ns=row[5],
    )
