"""Reading and writing a PostgreSQL database from several threads and processes. Knows no table of ours."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from trodo_cli.errors import InvalidInput, StorageFull, StoreUnavailable
from trodo_cli.stores.postgres_hint import Hint
from trodo_cli.stores.postgres_pool import Pool
from trodo_cli.stores.postgres_schema import MIGRATIONS

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[Any]

POOL_SIZE = 10
CONNECT_SECONDS = 10
KEEPALIVE: dict[str, Any] = {
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""After half a minute without an answer a connection is given up."""
STATEMENT_SECONDS = 60
LOCK_SECONDS = 20
IDLE_SECONDS = 60

ATTEMPTS = 5
"""How often a transaction is tried that met another one in a circle of locks."""

MIGRATION_LOCK = 0x54524F44
"""Held while tables are made: of several servers that start at once one makes them."""

_AGAIN = "try again; what was acknowledged is stored"

Result = TypeVar("Result")


class PostgresDatabase:
    """Connections, opened when first used; a process that was forked opens its own."""

    def __init__(self, url: str, *, create: bool = True) -> None:
        self._url = url
        self._place = _place_of(url)
        self._pid = 0
        self._pool: Pool | None = None
        self.schema = self._prepared(create=create)
        """The number of the newest migration in the database."""
        self._hint = Hint(self._connected)

    def write(self, work: Callable[["Connection"], Result]) -> Result:
        """Do some work in a transaction, again when it could not be told from others'; what it raises undoes it."""
        from psycopg import errors

        again = (errors.DeadlockDetected, errors.SerializationFailure)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with self._transaction() as connection:
                    result = work(connection)
                break
            except again:
                if attempt == ATTEMPTS:
                    raise StoreUnavailable(f"{self._place} is too busy", _AGAIN) from None
        self._hint.tell()
        return result

    @contextmanager
    def read(self) -> Iterator["Connection"]:
        """A connection for short reads that see one state of the data."""
        with self._transaction(read_only=True) as connection:
            yield connection

    def change_mark(self) -> object:
        """Differs after any process committed, a little later than the commit."""
        return self._hint.mark()

    def describe(self) -> str:
        with self._transaction(read_only=True) as connection:
            version = connection.info.server_version
        return f"PostgreSQL {version // 10_000}.{version % 10_000}"

    def close(self) -> None:
        self._hint.close()
        if self._pool is not None and self._pid == os.getpid():
            self._pool.close()
        self._pool = None

    @contextmanager
    def _transaction(self, *, read_only: bool = False) -> Iterator["Connection"]:
        from psycopg import IsolationLevel

        with in_our_words(self._place), self._opened().connection() as connection:
            connection.read_only = read_only
            connection.isolation_level = IsolationLevel.REPEATABLE_READ if read_only else None
            with connection.transaction():
                yield connection

    def _opened(self) -> Pool:
        if self._pool is None or self._pid != os.getpid():
            if self._pool is not None:
                _inherited.append((self._pool, self._hint))
                self._hint = Hint(self._connected)
            self._pid = os.getpid()
            self._pool = Pool(self._configured, POOL_SIZE)
        return self._pool

    def _connected(self) -> "Connection":
        """A connection of its own, outside of the pool."""
        import psycopg

        return psycopg.connect(self._url, autocommit=True, connect_timeout=CONNECT_SECONDS, **KEEPALIVE)

    def _configured(self) -> "Connection":
        connection = self._connected()
        connection.execute("; ".join(f"SET {setting}" for setting in _SETTINGS))
        return connection

    def _prepared(self, *, create: bool) -> int:
        """Make the tables that are missing. Raises `InvalidInput` for a newer database."""
        with in_our_words(self._place), self._connected() as connection, connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (MIGRATION_LOCK,))
            found = connection.execute("SELECT to_regclass('schema_version')").fetchone()
            is_new = found is None or found[0] is None
            if is_new and create:
                connection.execute("CREATE TABLE schema_version (version integer NOT NULL)")
                connection.execute("INSERT INTO schema_version VALUES (0)")
            elif is_new:
                raise InvalidInput(
                    f"{self._place} holds no runs yet", "`trodo serve --target …` makes the tables"
                )
            return self._migrated(connection)

    def _migrated(self, connection: "Connection") -> int:
        row = connection.execute("SELECT version FROM schema_version").fetchone()
        version = row[0] if row else 0
        if version > len(MIGRATIONS):
            raise InvalidInput(
                f"{self._place} was written by a newer trodo (schema {version}, this one knows {len(MIGRATIONS)})",
                "install that version; nothing was changed",
            )
        for number, statements in enumerate(MIGRATIONS[version:], start=version + 1):
            connection.execute(statements)
            connection.execute("UPDATE schema_version SET version = %s", (number,))
        return len(MIGRATIONS)


def _place_of(url: str) -> str:
    """Which database, without what is secret in its URL. Raises `InvalidInput` for what is no such URL."""
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    try:
        parts = conninfo_to_dict(url)
    except psycopg.Error:
        parts = {"host": "@"}
    name, host = str(parts.get("dbname") or "(its default)"), str(parts.get("host") or "its default host")
    if "@" in name + host:
        raise InvalidInput(
            "the URL of the PostgreSQL database cannot be read",
            "write it as postgresql://USER@HOST:5432/DATABASE, special characters as %XX",
        )
    return f"PostgreSQL database {name} at {host}"


_inherited: list[object] = []
"""Pools of a process that this one was forked from; to close them would break its connections."""


_SETTINGS = (
    # Every question has an index; a table that nobody has analysed yet would be read from end to end.
    "enable_seqscan = off",
    "jit = off",
    f"statement_timeout = '{STATEMENT_SECONDS}s'",
    f"lock_timeout = '{LOCK_SECONDS}s'",
    f"idle_in_transaction_session_timeout = '{IDLE_SECONDS}s'",
)


@contextmanager
def in_our_words(place: str) -> Iterator[None]:
    """PostgreSQL's errors as ours, but for those after which a transaction is tried again."""
    import psycopg
    from psycopg import errors

    try:
        yield
    except (errors.DeadlockDetected, errors.SerializationFailure):
        raise
    except errors.DiskFull as error:
        raise StorageFull(
            f"no room to write to the {place}: {_said(error)}", "free some; nothing was lost"
        ) from None
    except (
        errors.InvalidPassword,
        errors.InvalidAuthorizationSpecification,
        errors.InsufficientPrivilege,
    ) as error:
        raise StoreUnavailable(
            f"the {place} lets us not in: {_said(error)}", "check user, password and rights"
        ) from None
    except (psycopg.OperationalError, errors.InternalError) as error:
        raise StoreUnavailable(f"the {place} cannot be used now: {_said(error)}", _AGAIN) from None
    except errors.DataError as error:
        raise InvalidInput(f"the {place} cannot hold that: {_said(error)}", "leave it out") from None
    except psycopg.Error as error:
        raise StoreUnavailable(f"the {place} does not work as it should: {_said(error)}", _AGAIN) from error


def _said(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
