"""The partitions of a PostgreSQL store: one a week of each table that grows with the spans."""

from typing import TYPE_CHECKING, Any

from trodo_cli.stores.postgres_schema import BUCKET_NS, PARTITIONED, bucket_of, partition

if TYPE_CHECKING:
    import psycopg

SILENT = "received_ns < %s AND coalesce(heartbeat_ns, 0) < %s"
"""A run that nobody was heard of since a time, given twice."""


class Weeks:
    """Makes and drops partitions inside one transaction."""

    def __init__(self, connection: "psycopg.Connection[Any]", made: set[int]) -> None:
        self._connection = connection
        self._made = made
        """The weeks whose partitions are known to be there."""

    def make(self, bucket: int) -> None:
        """Make room for a week, and for the next one ahead of time."""
        for week in {bucket, bucket + 1} - self._made:
            if self._fetched("SELECT to_regclass(%s)", f'"{partition("spans", week)}"')[0][0] is not None:
                self._made.add(week)
                continue
            for table in PARTITIONED:
                self._connection.execute(
                    f'CREATE TABLE IF NOT EXISTS "{partition(table, week)}" PARTITION OF {table}'
                    f" FOR VALUES FROM ({week}) TO ({week + 1})"
                )

    def spent(self, before_ns: int) -> set[int]:
        """The weeks that are over and of which nobody was heard since; their partitions go as a whole."""
        there = self._fetched(
            "SELECT relid::regclass::text FROM pg_partition_tree('spans') WHERE isleaf AND parentrelid IS NOT NULL"
        )
        weeks = {int(name.strip('"').rpartition("_w")[2]) for (name,) in there}
        return {
            week for week in weeks if week < bucket_of(before_ns) and not self._is_heard_of(week, before_ns)
        }

    def _is_heard_of(self, week: int, since_ns: int) -> bool:
        return bool(
            self._fetched(
                f"SELECT 1 FROM runs WHERE received_ns >= %s AND received_ns < %s AND NOT ({SILENT}) LIMIT 1",
                week * BUCKET_NS,
                (week + 1) * BUCKET_NS,
                since_ns,
                since_ns,
            )
        )

    def drop(self, weeks: set[int]) -> None:
        """Drop the partitions of these weeks, unless somebody holds on to a run of one."""
        for week in sorted(weeks):
            held = self._fetched(
                "SELECT 1 FROM runs WHERE received_ns >= %s AND received_ns < %s LIMIT 1",
                week * BUCKET_NS,
                (week + 1) * BUCKET_NS,
            )
            for table in PARTITIONED if not held else ():
                self._connection.execute(f'DROP TABLE IF EXISTS "{partition(table, week)}"')

    def _fetched(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql, values).fetchall()
