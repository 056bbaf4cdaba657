"""The rows of API keys and of what producers dropped: the same statements in every database."""

from abc import ABC, abstractmethod
from typing import Any

from trodo_cli.model.key import Key
from trodo_cli.stores.base import MAX_COUNT
from trodo_cli.stores.rows import KEY_COLUMNS, key_row, key_values

_DROP = (
    "INSERT INTO drops (owner, reason, count, last_ns) VALUES (?, ?, ?, ?) ON CONFLICT (owner, reason) DO UPDATE"
    f" SET count = CASE WHEN drops.count > {MAX_COUNT} - excluded.count THEN {MAX_COUNT}"
    " ELSE drops.count + excluded.count END, last_ns = excluded.last_ns"
)


class KeyTables(ABC):
    """The part of `stores.base.Tables` that has to do neither with runs nor with spans."""

    @abstractmethod
    def _fetched(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """The rows of a query; every value is a `?`."""

    @abstractmethod
    def _done(self, sql: str, *values: Any) -> None:
        """Execute a statement that gives no rows; every value is a `?`."""

    def add_drops(self, owner: str, counts: dict[str, int], now_ns: int) -> None:
        for reason, count in sorted(counts.items()):
            self._done(_DROP, owner, reason, count, now_ns)

    def drops(self, owner: str) -> dict[str, int]:
        return dict(self._fetched("SELECT reason, count FROM drops WHERE owner = ?", owner))

    def add_key(self, key: Key, digest: bytes) -> None:
        sql = f"INSERT INTO keys (digest, {KEY_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"
        self._done(sql, digest, *key_values(key))

    def valid_key(self, digest: bytes) -> Key | None:
        rows = self._fetched(
            f"SELECT {KEY_COLUMNS} FROM keys WHERE digest = ? AND revoked_ns IS NULL", digest
        )
        return key_row(rows[0]) if rows else None

    def keys(self, owner: str | None) -> list[Key]:
        where, values = ("", ()) if owner is None else (" WHERE owner = ?", (owner,))
        rows = self._fetched(f"SELECT {KEY_COLUMNS} FROM keys{where} ORDER BY number DESC", *values)
        return [key_row(row) for row in rows]

    def revoke_key(self, key_id: str, now_ns: int) -> Key | None:
        self._done("UPDATE keys SET revoked_ns = ? WHERE id = ? AND revoked_ns IS NULL", now_ns, key_id)
        rows = self._fetched(f"SELECT {KEY_COLUMNS} FROM keys WHERE id = ?", key_id)
        return key_row(rows[0]) if rows else None
