"""`trodo db` and `trodo prune`, on a file and on a database."""

from contextlib import closing

import apsw
import pytest

from tests.cli.made import HOUR, run, run_id, span
from tests.cli.program import Cli, refused
from trodo_cli.client import connect

DAY = 24 * HOUR


@pytest.fixture(params=["file", "postgres"])
def target(request: pytest.FixtureRequest, cli: Cli) -> str:
    """Where a run of a year ago is kept, told of today, and one of which nobody has spoken since."""
    where = (
        str(request.getfixturevalue("postgres"))
        if request.param == "postgres"
        else str(cli.folder / "kept.db")
    )
    client = connect(where)
    client.publish(run(1, "old", span("a")), alive=False)
    client.close()
    return where


def test_old_runs_are_removed_when_that_is_meant(cli: Cli, target: str) -> None:
    refused(cli.run("prune", "--older-than", "0s", "--target", target), 2, "--yes")
    assert "removed 0 runs" in cli.ok("prune", "--older-than", "90d", "--yes", "--target", target).err
    others = cli.ok("prune", "--older-than", "0s", "--owner", "bob", "--yes", "--target", target)
    assert "removed 0 runs" in others.err
    assert cli.ok("runs", "list", "--json", "id", "--target", target).json == [{"id": run_id(1)}]
    assert "removed 1 runs" in cli.ok("prune", "--older-than", "0s", "--yes", "--target", target).err
    assert cli.ok("runs", "list", "--json", "id", "--target", target).json == []


def test_tables_are_made_checked_and_counted(cli: Cli, target: str) -> None:
    assert "ready" in cli.ok("db", "migrate", "--target", target).err
    assert "nothing is wrong" in cli.ok("db", "check", "--target", target).err
    found = {row["table"]: row for row in cli.ok("db", "stats", "--json", "--target", target).json}
    assert {"runs", "spans", "payloads", "keys"} <= found.keys()
    assert found["spans"]["bytes"] > 0


def test_spans_that_are_gone_are_found(cli: Cli) -> None:
    place = str(cli.folder / "kept.db")
    client = connect(place)
    client.publish(run(1, "old", span("a"), span("b")), alive=False)
    client.close()
    with closing(apsw.Connection(place)) as connection:
        connection.execute("DELETE FROM spans WHERE id = 'b'")
    found = cli.run("db", "check", "--target", place)
    assert (found.code, "has not the spans that it counts" in found.out) == (1, True)


def test_a_server_is_not_pruned_from_afar(cli: Cli) -> None:
    for command in (("prune", "--older-than", "1d", "--yes"), ("db", "stats")):
        refused(cli.run(*command, "--target", "https://trodo.test"), 2, "is a server", "--target")
