"""Whose file a database is, who may read it, and what is left when it is closed."""

import os
import sqlite3
from pathlib import Path

import pytest

from tests.contract.events import NOW, payload, run_start, span_end
from tests.contract.reading import append, listed, numbers, run_of
from tests.stores.files import (
    add_drop,
    count_drops,
    files_beside,
    in_threads,
    intact,
    make_file,
    opened,
)
from trodo_cli.errors import InvalidInput, NotFound, TrodoError, Unavailable
from trodo_cli.stores.database import Database
from trodo_cli.stores.schema import APPLICATION_ID, MIGRATIONS
from trodo_cli.stores.sqlite import SqliteStore

SCHEMA_BYTES = 128 * 1024
"""The first pages of a file, which say what tables there are."""

# -- whose file it is --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statements",
    [
        ("CREATE TABLE theirs (a)", "INSERT INTO theirs VALUES (1)"),
        ("PRAGMA application_id = 42",),
        ("PRAGMA journal_mode = WAL", "CREATE TABLE theirs (a)"),
        ("CREATE VIEW theirs AS SELECT 1",),
    ],
    ids=["tables", "application id", "write-ahead log", "view"],
)
def test_a_database_of_another_program_is_refused_unwritten(path: Path, statements: tuple[str, ...]) -> None:
    make_file(path, *statements)
    before = files_beside(path)
    with pytest.raises(InvalidInput, match="another program"):
        SqliteStore(path)
    assert files_beside(path) == before


def test_a_newer_schema_is_refused_unwritten_and_in_words(path: Path) -> None:
    with opened(path) as store:
        append(store, run_start("r"))
    make_file(path, f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    before = files_beside(path)
    with pytest.raises(Unavailable, match=f"schema {len(MIGRATIONS) + 1}"):
        SqliteStore(path)
    assert files_beside(path) == before


def test_a_refused_file_is_given_back_at_once(path: Path) -> None:
    with opened(path):
        pass
    make_file(path, f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    with pytest.raises(Unavailable) as caught:
        SqliteStore(path)
    assert "upgrade" in caught.value.hint
    assert list(files_beside(path)) == [path.name]


@pytest.mark.parametrize(
    "content", [b"just a text\n" * 100, b"short", b"\x00" * 4096, b"SQLite format 3\x00" + b"x" * 99]
)
def test_a_file_that_is_no_database_is_refused_unwritten(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match="not a trodo database"):
        SqliteStore(path)
    assert files_beside(path) == {path.name: content}


def test_an_empty_file_becomes_a_database(path: Path) -> None:
    path.touch()
    with opened(path) as store:
        append(store, run_start("r"))
    assert intact(path)


def test_a_missing_file_is_not_made_when_it_must_be_there(path: Path) -> None:
    with pytest.raises(NotFound, match="no database"):
        SqliteStore(path, create=False)
    assert list(path.parent.iterdir()) == []


def test_a_folder_in_the_place_of_the_file_is_refused_in_words(path: Path) -> None:
    path.mkdir()
    with pytest.raises(Unavailable):
        SqliteStore(path)


def test_a_file_in_the_place_of_the_folder_is_refused_in_words(path: Path) -> None:
    path.write_text("in the way")
    with pytest.raises(Unavailable, match="cannot make the folder"):
        SqliteStore(path / "deep" / "trodo.db")


@pytest.mark.parametrize("name", ["x" * 300])
def test_a_name_that_is_no_file_name_is_refused_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TrodoError):
        SqliteStore(Path(name))


def test_a_damaged_file_is_reported_in_words(path: Path) -> None:
    with opened(path) as store:
        append(store, *[run_start(f"r{number}") for number in range(900)])
    content = path.read_bytes()
    assert len(content) > 2 * SCHEMA_BYTES
    path.write_bytes(content[:SCHEMA_BYTES] + b"Z" * (len(content) - SCHEMA_BYTES))
    with opened(path) as store:
        for use in (lambda: listed(store), lambda: append(store, run_start("new"))):
            with pytest.raises(Unavailable, match="damaged"):
                use()


def test_the_file_carries_our_mark_and_its_schema(path: Path) -> None:
    with opened(path):
        pass
    with sqlite3.connect(path) as connection:
        marks = [
            connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")
        ]
        mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
    connection.close()
    assert (marks, mode) == ([APPLICATION_ID, len(MIGRATIONS)], "wal")


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_only_its_owner_may_read_the_file_and_its_companions(tmp_path: Path, umask: int) -> None:
    path = tmp_path / "new folder" / "trodo.db"
    before = os.umask(umask)
    try:
        with opened(path) as store:
            append(store, run_start("r"))
            listed(store)
            modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(("trodo.db", "trodo.db-wal", "trodo.db-shm"), 0o600)
    assert path.parent.stat().st_mode & 0o077 == 0


# -- in memory, and closing --------------------------------------------------------------------------


def test_databases_in_memory_share_nothing_and_leave_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with opened(None) as one, opened(None) as other:
        append(one, run_start("r"))
        assert (listed(one), listed(other)) == (["r"], [])
    assert list(tmp_path.iterdir()) == []


def test_a_database_in_memory_is_one_for_all_threads() -> None:
    database = Database(None)
    in_threads(*[lambda name=name: database.write(add_drop(name)) for name in "abcdefgh"])
    counts: list[int] = []
    in_threads(lambda: counts.append(count_drops(database)))
    assert counts == [8]


def test_closing_folds_the_write_ahead_log_into_the_file(path: Path) -> None:
    with opened(path) as store:
        append(store, run_start("r"))
        in_threads(lambda: listed(store))
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    with opened(path) as store:
        assert listed(store) == ["r"]


@pytest.mark.parametrize("place", ["file", "memory"])
def test_closing_twice_is_no_trouble(path: Path, place: str) -> None:
    store = SqliteStore(path if place == "file" else None)
    store.close()
    store.close()


def test_closing_one_of_two_leaves_the_other(path: Path) -> None:
    with opened(path) as one:
        with opened(path) as other:
            append(other, span_end("r", "a", payload=payload(input=1)))
        append(one, run_start("r"))
        assert numbers(one, "r") == [1, 2]


def test_a_store_keeps_everything_over_a_restart(path: Path) -> None:
    with opened(path) as store:
        append(store, run_start("r", started_ns=NOW), span_end("r", "a", cost=0.5))
        before = run_of(store, "r")
    with opened(path) as store:
        assert run_of(store, "r") == before
        assert append(store, run_start("r"), span_end("r", "a", cost=0.5)).stored == 0
