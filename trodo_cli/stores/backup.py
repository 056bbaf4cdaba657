"""A SQLite database copied while others use it, and put back; by SQLite's own backup, never as a file.

A copy is one state between two commits, in one file of its own that needs nothing beside it.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import apsw

from trodo_cli.config.files import make_private_folder
from trodo_cli.errors import InvalidInput, NotFound, Unavailable
from trodo_cli.stores.opening import connected, fetched, in_our_words, prepared
from trodo_cli.stores.schema import APPLICATION_ID

STEP_PAGES = 2_048
"""How much is copied before ctrl-c is heard."""


def back_up(source: Path, target: Path) -> None:
    """Write a copy of a database to a file, checked and 0600, in place of what is there; whole or not at all.

    Raises `NotFound` for a missing database, `InvalidInput` for one of another program.
    """
    with in_our_words(source), _existing(source) as connection, _draft(target) as draft:
        _fill(draft, connection)
        os.replace(draft, target)
        _sync_folder(target.parent)


def restore(copy: Path, target: Path, *, replace: bool) -> None:
    """Make a database what the copy is, in one transaction: who has it open sees it change as by any commit.

    The copy is not touched. One of an older trodo is brought up to date on the way. Raises `InvalidInput` for a
    database that exists unless it may be replaced, `Unavailable` for a copy of a newer trodo.
    """
    if target.exists() and not replace:
        raise InvalidInput(
            f"there is a database at {target}{' and it is in use' if _is_in_use(target) else ''}",
            "--force puts the copy in its place; back it up first",
        )
    make_private_folder(target.parent)
    with in_our_words(copy), _existing(copy) as connection, _draft(target) as draft:
        _fill(draft, connection)
        with (
            _opened(prepared(draft, create=False, synchronous="FULL")) as checked,
            in_our_words(target),
            _opened(connected(target)) as database,
        ):
            _copy(checked, database)
            fetched(database, "PRAGMA journal_mode = WAL")


def _fill(draft: Path, source: apsw.Connection) -> None:
    """Copy into an empty file and check what came of it. Raises `Unavailable` when it is damaged."""
    with in_our_words(draft), _opened(connected(draft)) as connection:
        _copy(source, connection)
        connection.execute("PRAGMA journal_mode = DELETE")
        if fetched(connection, "PRAGMA integrity_check(1)") != [("ok",)]:
            raise Unavailable("the database is damaged, and so would be its copy", "restore an older copy")


def _copy(source: apsw.Connection, target: apsw.Connection) -> None:
    """All pages of one state of the source, which others may go on writing to."""
    source.execute("BEGIN")
    try:
        fetched(source, "SELECT count(*) FROM sqlite_schema")  # from here on this state is read
        with target.backup("main", source, "main") as backup:
            while not backup.done:
                backup.step(STEP_PAGES)
    finally:
        source.execute("ROLLBACK")


@contextmanager
def _existing(path: Path) -> Iterator[apsw.Connection]:
    """A database of ours as it is, not migrated."""
    if not path.is_file():
        raise NotFound(f"there is no database at {path}", "check the name")
    with _opened(connected(path)) as connection:
        connection.pragma("query_only", True)
        if fetched(connection, "PRAGMA application_id") != [(APPLICATION_ID,)]:
            raise InvalidInput(f"{path} is not a trodo database", "name another file")
        yield connection


@contextmanager
def _opened(connection: apsw.Connection) -> Iterator[apsw.Connection]:
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def _draft(target: Path) -> Iterator[Path]:
    """An empty file beside the target, for us alone, which is gone at the end."""
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        draft.unlink(missing_ok=True)
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        yield draft
    except OSError as error:
        raise Unavailable(
            f"cannot write {target}: {error.strerror}", "name a file in a folder of yours"
        ) from None
    finally:
        for end in ("", "-journal", "-wal", "-shm"):
            with suppress(OSError):
                Path(f"{draft}{end}").unlink(missing_ok=True)


def _is_in_use(path: Path) -> bool:
    """Whether any connection is open to a database, as far as SQLite can tell."""
    try:
        with _opened(connected(path)) as connection:
            connection.set_busy_timeout(0)
            fetched(connection, "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; ROLLBACK")
    except apsw.BusyError:
        return True
    except apsw.Error:
        return False
    return False


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
