"""Wrong words, wrong files, full disks: each is refused in words that name the thing and a next step."""

import hashlib
import resource
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.made import run, run_id, span
from tests.cli.program import DEADLINE_SECONDS, Cli, Done, refused
from trodo_cli.model import ids
from trodo_cli.stores.schema import MIGRATIONS

READING = [
    ("runs", "list"), ("runs", "show", "latest"), ("runs", "cancel", "latest"),
    ("runs", "delete", "latest", "--yes"), ("trace", "show", "latest"), ("tail", "latest"),
]  # fmt: skip


def digest(path: Path) -> str:
    """What a file holds, in short."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def siblings(path: Path) -> list[str]:
    """The files whose names begin like this one's: the database, its log, its index."""
    return sorted(each.name for each in path.parent.glob(f"{path.name}*"))


# -- words ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("frobnicate",), ["frobnicate", "trodo --help"]),
        (("list",), ["'list'", "did you mean `trodo runs list`?"]),
        (("ls",), ["'ls'", "did you mean `trodo runs list`?"]),
        (("show", "latest"), ["'show'", "did you mean `trodo runs show`?"]),
        (("runs", "list", "--agent"), ["--agent", "`trodo runs list --help`"]),
        (("--agents", ".", "runs", "list"), ["--agents", "after the command"]),
        (("runs", "frobnicate"), ["frobnicate", "trodo runs --help"]),
        (("runs", "list", "--frob"), ["--frob", "trodo runs list --help"]),
        (("runs", "show", "latest", "extra"), ["extra", "trodo runs show --help"]),
        (("runs", "delete"), ["RUN", "trodo runs delete --help"]),
        (("runs", "list", "--limit", "many"), ["--limit", "many", "trodo runs list --help"]),
        (("runs", "list", "--limit", "0"), ["limit is 0", "1 to 1000"]),
        (("runs", "list", "--limit", "1001"), ["limit is 1001", "1 to 1000"]),
        (("runs", "list", "--limit", "-1"), ["limit is -1", "1 to 1000"]),
        (("runs", "list", "--status", "happy"), ["happy", "completed", "failed", "cancelled", "lost"]),
        (("runs", "list", "--since", "yesterday"), ["--since", "yesterday", "2h"]),
        (("runs", "list", "--since", "-2h"), ["--since", "-2h", "2h"]),
        (("runs", "list", "--since", ""), ["--since", "2h"]),
        (("runs", "list", "--until", "2026-13-01"), ["--until", "2026-13-01", "date"]),
        (("runs", "list", "--min-duration", "long"), ["--min-duration", "long", "500ms"]),
        (("runs", "list", "--min-duration", "-1s"), ["--min-duration", "-1s", "500ms"]),
        (("runs", "list", "--min-cost", "much"), ["--min-cost", "much", "--help"]),
        (("runs", "list", "--cursor", "here"), ["cursor", "here"]),
        (("runs", "list", "--cursor", "é"), ["cursor", "é"]),
        (("runs", "list", "--cursor", "W10"), ["cursor", "W10"]),
        (("runs", "list", "--json", "id,nope"), ["nope", "fields: id, agent, status"]),
        (("runs", "list", "--json=,"), ["--json", "fields: id, agent, status"]),
        (("runs", "show", "latest", "--json", "nope"), ["nope", "last_seq"]),
        (("trace", "show", "latest", "--json", "nope"), ["nope", "attributes"]),
        (("tail", "latest", "--json", "nope"), ["nope", "fields: seq"]),
        (("doctor", "--json", "nope"), ["nope", "fields: name, state, finding"]),
        (("tail", "latest", "--since", "2h"), ["--since", "2h", "number"]),
        (("tail", "latest", "--since", "-1"), ["--since", "-1", "number"]),
        (("tail", "latest", "--since", "9" * 30), ["--since", "number"]),
        (("demo", "--live", "long"), ["--live", "long", "trodo demo --help"]),
        (("runs", "list", "--target", "http:///nowhere"), ["http", "https://"]),
        (("runs", "list", "--target", "ftp://localhost/x"), ["ftp", "--target"]),
        (("runs", "list", "--target", "mysql://localhost/x"), ["mysql", "--target"]),
    ],
    ids=lambda value: " ".join(value)[:60] if isinstance(value, tuple) else "",
)  # fmt: skip
def test_what_cannot_be_understood_is_named_with_a_next_step(
    cli: Cli, arguments: tuple[str, ...], words: list[str]
) -> None:
    cli.publish(run(1))
    done = cli.run(*arguments)
    assert (done.code, done.out) == (2, "")
    assert [word for word in words if word not in done.err] == []
    assert len(done.err.splitlines()) >= 2, "a next step is missing"
    assert cli.ok("runs", "list", "--json", "id").json == [{"id": run_id(1)}]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--min-cost", "nan"), ("--min-cost", "inf"), ("--min-cost", "-inf"), ("--min-cost", "1e300"),
        ("--since", "999999999w"), ("--until", "999999999w"), ("--min-duration", "999999999w"),
        ("--since", "9999-12-31"), ("--until", "9999-12-31"), ("--since", "0001-01-01"),
        ("--cursor", "Wzk5OTk5OTk5OTk5OTk5OTk5OTk5LCJhIl0"), ("--limit", "99999999999999999999"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_an_absurd_number_is_taken_or_refused_in_words(cli: Cli, arguments: tuple[str, ...]) -> None:
    cli.publish(run(1))
    done = cli.run("runs", "list", *arguments)
    assert done.code in (0, 2), done
    assert done.code == 0 or "       " in done.err


@pytest.mark.parametrize(
    "arguments",
    [
        (b"runs", b"list", b"--agent", b"\xff"), (b"runs", b"list", b"--tag", b"\xff"),
        (b"runs", b"list", b"--user", b"\xff"), (b"runs", b"show", b"\xff"), (b"runs", b"show", b"latest:\xff"),
        (b"tail", b"\xff"), (b"runs", b"list", b"--target", b"\xff.db"), (b"runs", b"list", b"--json=\xff"),
        (b"\xff",),
    ],
    ids=lambda arguments: " ".join(map(repr, arguments)),
)  # fmt: skip
def test_bytes_that_are_no_text_are_taken_or_refused_in_words(cli: Cli, arguments: tuple[bytes, ...]) -> None:
    cli.publish(run(1))
    assert cli.run(*arguments).code in (0, 2, 3)


def test_a_reason_that_is_no_text_still_cancels(cli: Cli) -> None:
    cli.publish(run(1, status="running"), alive=True)
    cli.ok("runs", "cancel", "latest", b"--reason", b"caf\xe9")
    assert "caf" in cli.ok("runs", "show", "latest", "--json", "cancel").json["cancel"]["reason"]


def test_the_seconds_of_a_live_demo_are_checked_before_it_begins(cli: Cli) -> None:
    done = cli.run("demo", "--live=-1")
    assert done.code == 2
    assert "--live" in done.err
    assert "trodo tail" not in done.err


# -- targets -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_a_file_that_is_not_there_is_named_and_not_made(cli: Cli, command: tuple[str, ...]) -> None:
    missing = cli.folder / "missing.db"
    refused(cli.run(*command, "--target", str(missing)), 3, str(missing), "--target")
    refused(cli.run(*command, TRODO_TARGET=str(missing)), 3, str(missing))
    assert siblings(missing) == []


@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_a_text_file_is_refused_and_stays_as_it_is(cli: Cli, command: tuple[str, ...]) -> None:
    text = cli.folder / "notes.txt"
    text.write_text("Dear diary, this is no database at all.\n" * 100)
    before = digest(text)
    refused(cli.run(*command, "--target", str(text)), 2, str(text), "--target")
    assert (digest(text), siblings(text)) == (before, ["notes.txt"])


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_a_database_of_another_program_is_refused_and_stays_as_it_is(cli: Cli, mode: str) -> None:
    foreign = cli.folder / "foreign.db"
    connection = sqlite3.connect(foreign)
    connection.execute(f"PRAGMA journal_mode = {mode}")
    connection.execute("CREATE TABLE t (x)")
    connection.commit()
    connection.close()
    before = digest(foreign)
    for command in READING:
        refused(cli.run(*command, "--target", str(foreign)), 2, str(foreign), "another program", "--target")
    assert (digest(foreign), siblings(foreign)) == (before, ["foreign.db"])


def with_log(cli: Cli, name: str, version: int) -> tuple[Path, Path]:
    """A database as a killed program leaves it: its latest changes are only in the log beside it."""
    made, copy = cli.folder / f"made-{name}", cli.folder / name
    connection = sqlite3.connect(made)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE t (x)")
    connection.execute(f"PRAGMA user_version = {version}")
    if version:
        connection.execute(f"PRAGMA application_id = {0x54524F44}")
    connection.commit()
    log = Path(f"{copy}-wal")
    shutil.copy(made, copy)
    shutil.copy(f"{made}-wal", log)
    connection.close()
    return copy, log


@pytest.mark.parametrize("version", [0, 99], ids=["of another program", "of a newer trodo"])
def test_a_refused_database_that_was_not_closed_stays_as_it_is(cli: Cli, version: int) -> None:
    database, log = with_log(cli, "left.db", version)
    before = (digest(database), digest(log))
    assert cli.run("runs", "list", "--target", str(database)).code in (2, 5)
    assert log.exists(), "its log was folded in and deleted"
    assert (digest(database), digest(log)) == before


def newer(cli: Cli) -> Path:
    """A database that a later version made."""
    cli.publish(run(1, "kept", span("work")))
    connection = sqlite3.connect(cli.database)
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.commit()
    connection.close()
    return cli.database


@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_a_newer_database_is_refused_unwritten_with_the_way_to_upgrade(
    cli: Cli, command: tuple[str, ...]
) -> None:
    database = newer(cli)
    before = digest(database)
    refused(cli.run(*command), 5, str(database), f"schema {len(MIGRATIONS) + 1}", "pip install --upgrade")
    assert (digest(database), siblings(database)) == (before, ["trodo.db"])


def test_doctor_says_what_is_wrong_with_a_target_and_ends_with_1(cli: Cli) -> None:
    database = newer(cli)
    done = cli.run("doctor")
    assert done.code == 1
    assert f"store\tproblem\t{database} has schema" in done.out
    assert "pip install --upgrade" in done.out


@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_a_server_that_does_not_answer_is_named(cli: Cli, command: tuple[str, ...]) -> None:
    refused(cli.run(*command, "--target", "http://127.0.0.1:1"), 5, "http://127.0.0.1:1", "--target")


def test_a_folder_is_no_target(cli: Cli) -> None:
    refused(cli.run("runs", "list", "--target", str(cli.folder)), 5, str(cli.folder), "--target")


def test_a_password_in_a_target_is_not_shown(cli: Cli) -> None:
    done = cli.run("doctor", "--target", "postgresql://ann:hunter2@db.invalid/runs")
    assert "hunter2" not in done.out + done.err


@pytest.mark.parametrize("command", [*READING, ("demo",)], ids=" ".join)
def test_a_home_that_cannot_be_made_is_named(cli: Cli, command: tuple[str, ...]) -> None:
    done = cli.run(*command, TRODO_HOME="/proc/nobody/home")
    assert done.code != 0
    assert "/proc/nobody" in done.err
    assert "TRODO_HOME" in done.err


def test_a_home_that_is_a_file_is_named(cli: Cli) -> None:
    file = cli.folder / "file"
    file.write_text("kept")
    refused(cli.run("runs", "list", TRODO_HOME=str(file)), 5, str(file), "TRODO_HOME")
    assert file.read_text() == "kept"


# -- a full disk ---------------------------------------------------------------------------------------


SHARED_INDEX_BYTES = 32 * 1024
"""What SQLite needs beside a database to read it at all while nobody else does."""


def with_full_disk(cli: Cli, *arguments: str, left_bytes: int = SHARED_INDEX_BYTES) -> Done:
    """A command that may make no file longer than so many bytes."""
    process = subprocess.run(
        [sys.executable, "-m", "trodo_cli", *arguments],
        env=cli.environment,
        cwd=cli.folder,
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (left_bytes, left_bytes)),
    )
    assert "Traceback" not in process.stderr, process.stderr
    return Done(process.returncode, process.stdout, process.stderr)


@pytest.mark.parametrize("left_bytes", [0, SHARED_INDEX_BYTES])
def test_a_full_disk_refuses_a_cancel_in_words_and_loses_nothing(cli: Cli, left_bytes: int) -> None:
    cli.publish(run(1, "busy", span("work"), status="running"), alive=True)
    before = cli.ok("trace", "show", "latest", "--json").json
    reason = "no room " * 10_000
    done = with_full_disk(cli, "runs", "cancel", "latest", "--reason", reason, left_bytes=left_bytes)
    refused(done, 5, str(cli.database), "nothing was lost")
    assert cli.ok("trace", "show", "latest", "--json").json == before
    cli.ok("runs", "cancel", "latest", "--reason", "room again")
    assert cli.ok("runs", "show", "latest", "--json", "cancel").json["cancel"]["reason"] == "room again"


@pytest.mark.parametrize(
    "command", [("runs", "list"), ("trace", "show", "latest"), ("tail", "latest")], ids=" ".join
)
def test_reading_goes_on_while_the_disk_is_full(cli: Cli, command: tuple[str, ...]) -> None:
    cli.publish(run(1, "worker", span("work")))
    done = with_full_disk(cli, *command)
    assert (done.code, done.err) == (0, "")
    assert "worker" in done.out


def test_reading_goes_on_when_there_is_no_room_at_all(cli: Cli) -> None:
    cli.publish(run(1, "worker", span("work")))
    assert "worker" in with_full_disk(cli, "runs", "list", left_bytes=0).out


def test_a_name_longer_than_any_id_is_no_run(cli: Cli) -> None:
    done = cli.run("runs", "show", "x" * 201)
    assert done.code in (2, 3)
    assert len(done.err.splitlines()) == 2


def test_a_damaged_database_is_refused_in_words(cli: Cli) -> None:
    cli.publish([*run(1, "worker", *(span(f"{ids.new_span_id()}") for _ in range(500)))])
    data = bytearray(cli.database.read_bytes())
    data[4096:] = b"\xa5" * (len(data) - 4096)
    cli.database.write_bytes(data)
    done = cli.run("runs", "list")
    assert done.code == 5
    assert str(cli.database) in done.err
