"""Statements and bulk rows inside one transaction of PostgreSQL."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from trodo_cli.stores.key_tables import KeyTables
from trodo_cli.wire.values import storable_text

if TYPE_CHECKING:
    import psycopg


class PostgresRows(KeyTables):
    """What the tables of runs and of spans have in common."""

    def __init__(self, connection: "psycopg.Connection[Any]") -> None:
        self._connection = connection

    def _fetched(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """The rows of a query; a value is a `?` or, as psycopg has it, a `%s`."""
        return self._connection.execute(sql.replace("?", "%s"), _askable(values)).fetchall()

    def _done(self, sql: str, *values: Any) -> None:
        self._connection.execute(sql.replace("?", "%s"), _askable(values))

    def _copy(self, into: str, rows: Sequence[tuple[Any, ...]]) -> None:
        if not rows:
            return
        with self._connection.cursor() as cursor, cursor.copy(f"COPY {into} FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)


def _askable(value: Any) -> Any:
    """A text as the rows have it; what is asked for may be any."""
    if isinstance(value, list | tuple):
        return [_askable(part) for part in value]
    return storable_text(value) if isinstance(value, str) else value
