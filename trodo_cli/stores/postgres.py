"""The PostgreSQL store: for a team, and for several servers that act as one."""

from typing import TYPE_CHECKING, Any

from trodo_cli.stores.postgres_database import PostgresDatabase
from trodo_cli.stores.postgres_tables import PostgresTables
from trodo_cli.stores.store import TableStore

if TYPE_CHECKING:
    import psycopg


class PostgresStore(TableStore):
    """See `stores.base.Store`."""

    def __init__(self, url: str, *, create: bool = True) -> None:
        made: set[int] = set()

        def tables(connection: "psycopg.Connection[Any]") -> PostgresTables:
            return PostgresTables(connection, made)

        super().__init__(PostgresDatabase(url, create=create), tables)
