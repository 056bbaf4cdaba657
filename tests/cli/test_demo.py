"""`trodo demo`: the product at work on a real program."""

import json
import re
from collections.abc import Iterator

import pytest

from tests.cli.program import Cli, Done, eventually, uncoloured

ID = r"[0-9a-f]{32}"


def left_in_spool(cli: Cli) -> list[str]:
    """What the spool still holds."""
    return sorted(path.name for path in cli.spool.glob("*"))


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Cli, Done]]:
    """One demo on a pipe, for the tests that only look at it."""
    cli = Cli(tmp_path_factory.mktemp("demo"))
    yield cli, cli.ok("demo")
    cli.close()


def test_demo_on_a_pipe_ends_with_a_list_and_a_tree(shown: tuple[Cli, Done]) -> None:
    cli, done = shown
    agents = [row[1] for row in done.rows if len(row) > 2]
    assert agents == ["article-pipeline", "code-indexer", "licence-audit", "package-finder"]
    tree = done.lines[done.lines.index("trace") :]
    assert "article-pipeline" in tree[1]
    assert any("fact-checker" in line for line in tree)
    assert done.lines.index("trace") > 4
    assert "\x1b" not in done.out
    assert f"recording to {cli.database}" in done.err
    assert left_in_spool(cli) == []


def test_demo_leaves_runs_of_every_result_and_a_run_below_another(shown: tuple[Cli, Done]) -> None:
    rows = shown[0].ok("runs", "list", "--all", "--json", "agent,status,parent_id").json
    assert {row["agent"]: row["status"] for row in rows} == {
        "article-pipeline": "completed",
        "fact-checker": "completed",
        "code-indexer": "cancelled",
        "licence-audit": "failed",
        "package-finder": "completed",
    }
    assert [row["agent"] for row in rows if row["parent_id"]] == ["fact-checker"]


def test_every_command_that_the_demo_proposes_works(shown: tuple[Cli, Done]) -> None:
    cli, done = shown
    proposed = done.err.splitlines()[-1].removeprefix("next: ").split(" · ")
    assert len(proposed) == 3
    for command in proposed[:2]:
        cli.ok(*command.split()[1:])


def test_demo_on_a_terminal_ends_with_a_table_and_a_tree(cli: Cli) -> None:
    code, sent = cli.terminal("demo").end()
    text = uncoloured(sent)
    assert code == 0
    assert "\x1b[32m" in sent.decode()
    assert text.index("status") < text.index("└─ ") < text.index("next: ")
    assert left_in_spool(cli) == []


def test_demo_records_where_it_is_told_to(cli: Cli) -> None:
    target = str(cli.folder / "other.db")
    cli.ok("demo", "--target", target)
    assert len(cli.ok("runs", "list", "--target", target).rows) == 4
    assert not cli.database.exists()


def test_live_demo_is_cancelled_from_another_process(cli: Cli) -> None:
    demo = cli.start("demo", "--live", "600")
    demo.told("stop it with")
    id = re.findall(ID, demo.err[-1])[0]
    tail = cli.start("tail", id)
    tail.line_with("→ round-1")
    cli.ok("runs", "cancel", id, "--reason", "seen enough")
    ended = demo.end()
    assert (ended.code, ended.out) == (0, "")
    assert "Traceback" not in ended.err
    followed = tail.end()
    assert followed.code == 7
    assert any(line.startswith("✋ cancel ") for line in followed.lines)
    assert left_in_spool(cli) == []


def test_ctrl_c_ends_the_live_demo_and_its_run(cli: Cli) -> None:
    terminal = cli.terminal("demo", "--live", "600")
    terminal.expect("stop it with: trodo runs cancel ")
    eventually(lambda: cli.ok("trace", "show", "latest", "--json", "id").json[2:])
    terminal.child.sendintr()
    code, sent = terminal.end()
    assert code == 130
    assert b"Traceback" not in sent
    assert cli.ok("runs", "show", "latest", "--json", "status").json == {"status": "cancelled"}
    assert left_in_spool(cli) == []


def test_a_finished_live_demo_is_listed_like_any_other_run(cli: Cli) -> None:
    done = cli.ok("demo", "--live", "0.1")
    assert done.out == ""
    found = cli.ok("runs", "show", "latest", "--json").json
    assert (found["agent"], found["status"], found["output"]) == ("demo-live", "completed", {"rounds": 1})
    assert json.dumps(found["metadata"]) == '{"tags": ["demo", "live"]}'
