"""`trodo backup` and `trodo restore`: a copy of a database in use, and a database that becomes its copy."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from tests.cli.made import run, run_id, span
from tests.cli.program import Cli, eventually, refused


def ids_in(cli: Cli, database: Path | None = None) -> set[str]:
    """The runs that a database tells of."""
    target = () if database is None else ("--target", str(database))
    return {row["id"] for row in cli.ok("runs", "list", "--json", "id", *target).json}


def test_a_copy_is_one_private_file_that_holds_what_was_there(cli: Cli) -> None:
    cli.publish(run(1, "worker", span("search", kind="tool")))
    copy = cli.folder / "copy.db"
    done = cli.ok("backup", str(copy))
    assert done.out == ""
    assert "trodo restore" in done.err
    assert copy.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(copy)) as opened:
        assert opened.execute("PRAGMA journal_mode").fetchall() == [("delete",)]
        assert opened.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert [path.name for path in cli.folder.iterdir() if "copy" in path.name] == ["copy.db"]
    shown = [
        cli.ok("trace", "show", run_id(1), "--json", "--target", str(place)).out
        for place in (copy, cli.database)
    ]
    assert shown[0] == shown[1]


def test_a_copy_is_made_and_put_back_while_a_server_has_the_database(cli: Cli) -> None:
    url = cli.start("serve", "--port", "0").line()
    cli.publish(run(1))
    copy = cli.folder / "copy.db"
    cli.ok("backup", str(copy))
    cli.publish(run(2))
    refused(cli.run("restore", str(copy)), 2, str(cli.database), "in use", "--force")
    assert ids_in(cli) == {run_id(1), run_id(2)}
    tail = cli.start("tail", "latest:later", "--json", "type", "--target", url)
    cli.ok("restore", str(copy), "--force")
    rows = cli.ok("runs", "list", "--json", "id", "--target", url).json
    assert rows == [{"id": run_id(1)}], "the server sees it as a commit"
    cli.publish(run(3, "later"))
    assert tail.end().code == 0, "and goes on"
    assert ids_in(cli) == {run_id(1), run_id(3)}


def test_a_copy_becomes_a_database_where_there_is_none(cli: Cli) -> None:
    cli.publish(run(1))
    copy, place = cli.folder / "copy.db", cli.folder / "new" / "trodo.db"
    cli.ok("backup", str(copy))
    cli.ok("restore", str(copy), "--target", str(place))
    assert place.stat().st_mode & 0o777 == 0o600
    assert place.parent.stat().st_mode & 0o777 == 0o700
    assert ids_in(cli, place) == {run_id(1)}


def test_a_database_that_nobody_uses_is_not_replaced_without_a_word_either(cli: Cli) -> None:
    cli.publish(run(1))
    cli.ok("backup", str(cli.folder / "copy.db"))
    done = cli.run("restore", "copy.db")
    refused(done, 2, str(cli.database), "--force")
    assert "in use" not in done.err


def test_a_file_is_replaced_only_when_told(cli: Cli) -> None:
    cli.publish(run(1))
    copy = cli.folder / "copy.db"
    copy.write_text("somebody's notes")
    refused(cli.run("backup", "copy.db"), 2, str(copy), "--force")
    assert copy.read_text() == "somebody's notes"
    cli.ok("backup", "copy.db", "--force")
    assert ids_in(cli, copy) == {run_id(1)}
    refused(cli.run("backup", str(cli.database), "--force"), 2, "the database itself")


@pytest.mark.parametrize("content", [b"", b"no database", b"x" * 4096])
def test_what_is_no_copy_of_ours_is_refused_and_changes_nothing(cli: Cli, content: bytes) -> None:
    cli.publish(run(1))
    (cli.folder / "copy.db").write_bytes(content)
    refused(cli.run("restore", "copy.db", "--force"), 2, "copy.db", "not a trodo database")
    assert ids_in(cli) == {run_id(1)}
    assert (cli.folder / "copy.db").read_bytes() == content


def wreck(data: bytearray) -> None:
    """Pages of nonsense."""
    for start in range(8 * 4096, len(data) - 4096, 4096):
        data[start : start + 512] = b"\xff" * 512


def alter(data: bytearray) -> None:
    """A row that its index no longer finds."""
    place = data.rfind(b"worker-7")
    data[place : place + 8] = b"walker-7"


@pytest.mark.parametrize("damage", [wreck, alter])
def test_a_damaged_copy_is_refused_and_changes_nothing(cli: Cli, damage: Callable[[bytearray], None]) -> None:
    cli.publish([event for number in range(9) for event in run(number, f"worker-{number}", span("work"))])
    copy = cli.folder / "copy.db"
    cli.ok("backup", str(copy))
    before = ids_in(cli)
    data = bytearray(copy.read_bytes())
    damage(data)
    copy.write_bytes(data)
    refused(cli.run("restore", str(copy), "--force"), 5, "damaged")
    assert ids_in(cli) == before


def test_a_copy_of_a_newer_trodo_is_refused(cli: Cli) -> None:
    cli.publish(run(1))
    copy = cli.folder / "copy.db"
    cli.ok("backup", str(copy))
    with closing(apsw.Connection(str(copy))) as opened:
        opened.execute("PRAGMA user_version = 999")
    refused(cli.run("restore", str(copy), "--force"), 5, "schema 999", "upgrade")
    assert ids_in(cli) == {run_id(1)}


def test_what_is_missing_is_named(cli: Cli) -> None:
    refused(cli.run("backup", "copy.db"), 3, str(cli.database))
    refused(cli.run("restore", "copy.db"), 3, "copy.db")
    cli.publish(run(1))
    refused(cli.run("backup", "no/folder/copy.db"), 5, "no/folder/copy.db")


def test_other_targets_are_told_what_copies_them(cli: Cli) -> None:
    postgres = "postgresql://user:secret@db.example/trodo"
    done = cli.run("backup", "x.dump", "--target", postgres)
    refused(done, 2, "pg_dump --format=custom --file x.dump 'postgresql://user:***@db.example/trodo'")
    refused(cli.run("restore", "x.dump", "--target", postgres), 2, "pg_restore")
    refused(cli.run("backup", "x", "--target", "https://trodo.example"), 2, "server's machine")
    refused(cli.run("backup", "x", "--target", "memory:"), 2, "memory:")


def test_a_copy_that_is_broken_off_leaves_nothing_and_the_database_whole(cli: Cli) -> None:
    cli.publish(run(1))
    slow = """
        import sys, time
        import trodo_cli.stores.backup as backup
        copied = backup._copy
        def slowly(*arguments):
            copied(*arguments)
            print("copying", flush=True)
            time.sleep(60)
        backup._copy = slowly
        sys.argv[:] = ["trodo", "backup", "copy.db"]
        from trodo_cli.__main__ import main
        main()
    """
    going = cli.agent(slow)
    going.line_with("copying")
    going.interrupt()
    assert going.end().code == 130
    eventually(lambda: not [path for path in cli.folder.iterdir() if "copy" in path.name])
    assert ids_in(cli) == {run_id(1)}
