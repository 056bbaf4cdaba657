"""Help, and the exit codes that it documents."""

import subprocess
import sys
from itertools import pairwise

import pytest

from tests.cli.made import run
from tests.cli.program import DEADLINE_SECONDS, Cli
from trodo_cli import __version__
from trodo_cli.cli.diagnostics import ExitCode

COMMANDS = [
    (), ("runs",), ("runs", "list"), ("runs", "show"), ("runs", "cancel"), ("runs", "delete"), ("trace",),
    ("trace", "show"), ("tail",), ("demo",), ("doctor",), ("spool",), ("spool", "status"), ("spool", "drain"),
    ("help",), ("config",), ("config", "list"), ("config", "get"), ("config", "set"), ("config", "unset"),
    ("config", "use"), ("config", "path"),
]  # fmt: skip


def test_help_lists_every_exit_code_in_order_with_its_meaning(cli: Cli) -> None:
    done = cli.ok("help", "exit-codes")
    listed = {int(line.split(maxsplit=1)[0]): line.split(maxsplit=1)[1] for line in done.lines}
    assert list(listed) == [int(code) for code in ExitCode]
    assert all(before < after for before, after in pairwise(listed))
    assert all(listed.values())


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(cli: Cli, command: tuple[str, ...]) -> None:
    done = cli.ok(*command, "--help")
    assert f"Usage: {' '.join(('trodo', *command))}" in done.out
    assert done.err == ""
    assert not cli.home.exists()


def test_h_is_short_for_help(cli: Cli) -> None:
    assert cli.ok("tail", "-h") == cli.ok("tail", "--help")


def test_help_names_every_command_that_there_is(cli: Cli) -> None:
    done = cli.ok("--help")
    for command in {command[0] for command in COMMANDS if command}:
        assert f"│ {command} " in done.out


def test_help_begins_with_what_is_used_most_and_ends_with_what_removes_most(cli: Cli) -> None:
    shown = [line.split()[1] for line in cli.ok("--help").lines if line.startswith("│ ") and line[2] != " "]
    commands = shown[shown.index("runs") :]
    assert commands[:6] == ["runs", "trace", "tail", "demo", "agents", "serve"]
    assert commands[-1] == "prune"


@pytest.mark.parametrize("command", [("runs", "start"), ("tail",), ("runs", "cancel")], ids=" ".join)
def test_a_help_text_breaks_where_the_terminal_ends(cli: Cli, command: tuple[str, ...]) -> None:
    shown = cli.ok(*command, "--help", COLUMNS="200").lines
    told = [line.strip() for line in shown[: next(n for n, line in enumerate(shown) if "╭" in line)]]
    assert all(line.endswith((".", "]", "}")) for line in told if line)


@pytest.mark.parametrize("command", [(), ("runs",), ("config",)], ids=" ".join)
def test_a_command_that_needs_another_word_shows_its_help(cli: Cli, command: tuple[str, ...]) -> None:
    assert "Usage: " in cli.ok(*command).out


@pytest.mark.parametrize("arguments", [("--version",), ("--version", "runs")])
def test_version_is_told_by_itself(cli: Cli, arguments: tuple[str, ...]) -> None:
    assert cli.ok(*arguments).out == f"trodo {__version__}\n"
    assert not cli.home.exists()


def test_a_topic_that_does_not_exist_names_those_that_do(cli: Cli) -> None:
    for topic in ((), ("nothing",)):
        done = cli.run("help", *topic)
        assert done.code != 0
        assert "exit-codes" in done.err


def ended(cli: Cli, stdout: int, *arguments: str) -> tuple[int, str]:
    """A command whose stdout cannot be written: its exit code and stderr."""
    process = subprocess.run(
        [sys.executable, "-m", "trodo_cli", *arguments],
        env=cli.environment,
        cwd=cli.folder,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=DEADLINE_SECONDS,
    )
    return process.returncode, process.stderr


def test_a_full_disk_behind_stdout_is_told_in_words(cli: Cli) -> None:
    with open("/dev/full", "wb") as full:
        code, err = ended(cli, full.fileno(), "runs", "list", "--json")
    assert code == 1
    assert "No space left" in err
    assert "Traceback" not in err


def test_version_into_a_full_disk_shows_no_traceback(cli: Cli) -> None:
    with open("/dev/full", "wb") as full:
        assert "Traceback" not in ended(cli, full.fileno(), "--version")[1]


def test_a_closed_stdout_shows_no_traceback(cli: Cli) -> None:
    script = 'exec "$0" -m trodo_cli runs list >&-'
    process = subprocess.run(
        ["sh", "-c", script, sys.executable],
        env=cli.environment,
        cwd=cli.folder,
        stderr=subprocess.PIPE,
        text=True,
        timeout=DEADLINE_SECONDS,
    )
    assert "Traceback" not in process.stderr


def test_json_stays_json_where_stdout_knows_only_ascii(cli: Cli) -> None:
    cli.publish(run(1, "é → 名"))
    done = cli.ok("runs", "list", "--json", "agent", PYTHONIOENCODING="ascii")
    assert done.json == [{"agent": "é → 名"}]
