"""What was recorded with one owner's key becomes nobody else's."""

from pathlib import Path
from typing import NamedTuple

import pytest

from tests.cli.program import Cli, Running, refused
from trodo_cli.sdk.segment import SegmentReader

RECORDS = """
    import trodo_cli as trodo

    with trodo.wrap_agent("work"):
        pass
"""


class Served(NamedTuple):
    """A server on this machine, and keys to it."""

    cli: Cli
    url: str
    server: Running

    def key(self, owner: str, scopes: str = "ingest,read,control") -> str:
        return self.cli.ok("keys", "create", "--owner", owner, "--scope", scopes).out.strip()

    def recorded(self, **environment: str) -> None:
        """A program has recorded a run for the server, and has ended."""
        assert self.cli.agent(RECORDS, TRODO_TARGET=self.url, **environment).end().code == 0

    def agents(self, key: str = "") -> list[str]:
        """The runs that the owner of a key sees; without one those of the server's own user."""
        environment = {"TRODO_API_KEY": key} if key else {}
        rows = self.cli.ok("--target", self.url, "runs", "list", "--json", "agent", **environment).json
        return [row["agent"] for row in rows]

    def key_file(self, name: str, key: str) -> str:
        (self.cli.folder / name).write_text(key)
        return f"@{name}"


@pytest.fixture
def served(cli: Cli) -> Served:
    server = cli.start("serve", "--port", "0")
    return Served(cli, server.line(), server)


def left(cli: Cli) -> list[Path]:
    return list(cli.spool.glob("*.seg"))


@pytest.mark.parametrize(
    "command",
    [("spool", "drain"), ("--target", "URL", "runs", "list"), ("--target", "URL", "spool", "drain")],
)
def test_what_was_recorded_with_a_key_is_not_sent_with_another(
    served: Served, command: tuple[str, ...]
) -> None:
    served.recorded(TRODO_API_KEY=served.key("bob", "read"))
    (segment,) = left(served.cli)
    done = served.cli.run(*[served.url if word == "URL" else word for word in command])
    assert "recorded with another key (" in done.err
    assert left(served.cli) == [segment]
    assert served.agents() == []


def test_a_program_that_ends_later_leaves_it_alone_too(served: Served) -> None:
    served.recorded(TRODO_API_KEY=served.key("bob", "read"))
    served.recorded()
    assert served.agents() == ["work"], "its own run alone"
    assert len(left(served.cli)) == 1


def test_status_says_whose_it_is_not_and_what_to_do(served: Served) -> None:
    cli = served.cli
    served.recorded(TRODO_API_KEY=served.key("bob", "read"))
    mark = SegmentReader(left(cli)[0]).header()
    assert mark is not None
    told = cli.ok("spool", "status")
    assert told.rows[0][-1] == f"recorded with another key ({str(mark.key)[:4]}…)"
    assert f"trodo spool drain --target {served.url} --api-key @FILE" in told.err
    assert "--any-key" in told.err
    bobs = served.key("bob")
    drain = ("spool", "drain", "--target", served.url, "--api-key", served.key_file("bob", bobs))
    refused(cli.run(*drain), 5, "another key")
    assert cli.ok(*drain, "--any-key").err == "shipped 2 events\n"
    assert (served.agents(bobs), served.agents()) == (["work"], [])


def test_the_next_command_with_the_same_key_ships_it(served: Served) -> None:
    bobs = served.key("bob")
    served.server.interrupt()
    served.server.end()
    served.recorded(TRODO_API_KEY=bobs)
    again = served.cli.start("serve", "--port", served.url.rpartition(":")[2])
    again.line()
    assert served.agents() == []
    assert served.agents(bobs) == ["work"]
    assert left(served.cli) == []


def test_the_key_that_a_server_on_this_machine_makes_anew_is_the_same_one(served: Served) -> None:
    cli = served.cli
    killed = cli.agent(
        """
        import os, signal, sys, time
        from pathlib import Path
        import trodo_cli as trodo

        trodo.wrap_agent("work").__enter__()
        print("recorded", flush=True)
        while not Path(sys.argv[1]).exists():
            time.sleep(0.01)
        trodo.span("last").__enter__()
        os.kill(os.getpid(), signal.SIGKILL)
        """,
        "gate",
        TRODO_TARGET=served.url,
    )
    killed.line()
    served.server.interrupt()
    served.server.end()
    (cli.folder / "gate").touch()
    assert killed.end().code == -9
    (segment,) = left(cli)
    header = SegmentReader(segment).header()
    assert header is not None
    assert header.key == "own"
    cli.start("serve", "--port", served.url.rpartition(":")[2]).line()
    assert served.agents() == ["work"]
    assert left(cli) == []


def test_a_segment_that_says_nothing_of_a_key_is_sent_with_the_one_there_is(served: Served) -> None:
    served.server.interrupt()
    served.server.end()
    served.recorded()
    header = SegmentReader(left(served.cli)[0]).header()
    assert header is not None
    assert header.key is None
    served.cli.start("serve", "--port", served.url.rpartition(":")[2]).line()
    bobs = served.key("bob")
    assert served.agents(bobs) == ["work"]


@pytest.mark.parametrize(("scopes", "lacks"), [("read", "ingest"), ("read,ingest", "control")])
def test_a_demo_whose_key_lacks_a_scope_records_nothing(served: Served, scopes: str, lacks: str) -> None:
    key = served.key("bob", scopes)
    done = served.cli.run("--target", served.url, "demo", TRODO_API_KEY=key)
    refused(done, 4, f"lacks the scope `{lacks}`")
    assert left(served.cli) == []
    assert served.agents(key) == []
