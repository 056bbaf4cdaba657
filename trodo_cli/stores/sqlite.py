"""The SQLite store: a file, or an in-memory database for tests and short-lived programs."""

from pathlib import Path

from trodo_cli.stores.database import Database
from trodo_cli.stores.store import TableStore
from trodo_cli.stores.tables import SqliteTables


class SqliteStore(TableStore):
    """See `stores.base.Store`."""

    def __init__(self, path: Path | None, *, create: bool = True, synchronous: str = "NORMAL") -> None:
        super().__init__(Database(path, create=create, synchronous=synchronous), SqliteTables)
