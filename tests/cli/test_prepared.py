"""A forked command is as one that was started: what it says, how it ends, what it sees."""

import pytest

from tests.cli.made import run
from tests.cli.program import Cli

SERVER = "http://127.0.0.1:1"


@pytest.mark.parametrize(
    "arguments",
    [
        (), ("--version",), ("runs", "list"), ("runs", "list", "--json"), ("runs", "frob"), ("runs", "show", "nope"),
        ("trace", "show", "latest"), ("config", "list"), ("doctor",), ("runs", "list", "--target", SERVER),
        ("runs", "show", b"\xff"),
    ],
    ids=str,
)  # fmt: skip
def test_a_forked_command_says_and_ends_as_a_started_one(
    cli: Cli, arguments: tuple[str | bytes, ...]
) -> None:
    cli.publish(run(1))
    assert cli.run(*arguments) == cli.python("-m", "trodo_cli", *arguments)


def test_it_has_an_environment_a_folder_and_an_input_of_its_own(cli: Cli) -> None:
    cli.publish(run(1))
    cli.ok("runs", "list", TRODO_TARGET=str(cli.database))
    (cli.folder / "here.db").write_bytes(cli.database.read_bytes())
    assert cli.ok("runs", "list", "--target", "./here.db", "--json", "agent").json
    assert (
        cli.ok("config", "list", "--json").json
        != cli.ok("config", "list", "--json", TRODO_TARGET="x.db").json
    )
    assert cli.run("config", "set", "api-key", "--target", SERVER, input="key-1").code == 0
    assert (
        cli.ok("config", "get", "api-key", "--target", SERVER).out
        == cli.python("-m", "trodo_cli", "config", "get", "api-key", "--target", SERVER).out
    )
