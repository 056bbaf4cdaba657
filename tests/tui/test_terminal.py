"""The explorer in a real terminal: what it leaves behind."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.made import run, run_id, span
from tests.cli.program import Cli, uncoloured


@pytest.fixture
def cli(tmp_path: Path) -> Iterator[Cli]:
    cli = Cli(tmp_path)
    yield cli
    cli.close()


def test_leaving_gives_the_terminal_back_with_the_verdict_and_the_runs_exit_code(cli: Cli) -> None:
    cli.publish(run(1, "worker", span("work", status="error", error="broke"), status="failed"))
    terminal = cli.terminal("tail", run_id(1), columns=120)
    terminal.expect("ended")
    terminal.child.send("q")
    code, sent = terminal.end()
    assert code == 6
    alternate, _, after = sent.rpartition(b"\x1b[?1049l")
    assert alternate.count(b"\x1b[?1049h") == 1
    for mode in (b"1000", b"1003", b"1006", b"2004"):
        assert (b"\x1b[?%bh" % mode in sent) <= (b"\x1b[?%bl" % mode in sent), (
            "what was switched on is off again"
        )
    assert "✗ failed  worker" in uncoloured(after)
