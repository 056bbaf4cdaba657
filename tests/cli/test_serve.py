"""`trodo serve`, and every command through it: three terminals, one server."""

import signal
import socket

import pytest

from tests.cli.made import HOUR, run, run_id, span
from tests.cli.program import Cli, Running, refused

STEPS = """
    import sys, time
    from pathlib import Path
    import trodo_cli as trodo

    gate, give_up = Path(sys.argv[1]), time.monotonic() + 60
    with trodo.wrap_agent("support-agent", conversation_id="chat-7") as run:
        print(run.run_id, flush=True)
        with trodo.span("search", kind="tool", input={"q": "parcel"}):
            pass
        while not gate.exists() and time.monotonic() < give_up:
            with trodo.span("wait"):
                time.sleep(0.01)
        run.set_output("done")
"""
"""Works on until a file appears, or until it is asked to stop."""


@pytest.fixture
def server(cli: Cli) -> Running:
    """A server on a free port."""
    return cli.start("serve", "--port", "0")


def test_the_flow_of_the_readme_on_a_server(cli: Cli, server: Running) -> None:
    target = {"TRODO_TARGET": server.line()}
    agent = cli.agent(STEPS, str(cli.folder / "never"), **target)
    run = agent.line()
    tail = cli.start("tail", "latest", **target)
    tail.line_with("← search")
    assert cli.ok("runs", "list", "--json", "id,agent,status,session", **target).json == [
        {"id": run, "agent": "support-agent", "status": "running", "session": "chat-7"}
    ]
    cli.ok("runs", "cancel", "latest", "--reason", "wrong customer", "--wait", **target)
    assert "RunCancelled" in agent.end().err
    done = tail.end()
    assert done.code == 7
    assert "wrong customer" in done.out
    assert done.lines[-1].startswith("■ cancelled")
    assert cli.ok("runs", "list", "--json", "id,status", **target).json == [
        {"id": run, "status": "cancelled"}
    ]
    assert cli.status(run) == "cancelled", "the server's file is the one that the CLI reads without a server"


COMMANDS = (
    ("runs", "list", "--all", "--json"),
    ("runs", "list", "--status", "failed", "--json", "id"),
    ("runs", "list", "--agent", "worker", "--limit", "1", "--json", "id"),
    ("runs", "list", "--tool", "search", "--json", "id"),
    ("runs", "show", "latest", "--json"),
    ("runs", "show", run_id(1)[:8]),
    ("trace", "show", "latest:worker", "--json"),
    ("trace", "show", "@2", "--full", "--waterfall"),
    ("tail", "latest", "--json"),
    ("tail", run_id(1), "--since", "2", "--json", "--payload"),
    ("runs", "show", "nothing-here"),
    ("trace", "show", "nothing-here"),
    ("runs", "list", "--limit", "0"),
    ("runs", "list", "--status", "weird"),
    ("runs", "list", "--cursor", "weird"),
    ("runs", "delete", "nothing-here", "--yes"),
)


def test_every_command_says_the_same_on_a_server_as_on_its_file(cli: Cli, server: Running) -> None:
    failed = span("boom", status="error", error="no")
    cli.publish(run(1, "worker", span("search", kind="tool")))
    cli.publish(run(2, "other", failed, status="failed", ago_ns=HOUR // 2))
    url = server.line()
    for command in COMMANDS:
        local, hosted = cli.run(*command), cli.run(*command, "--target", url)
        assert (hosted.code, hosted.out, hosted.err) == (local.code, local.out, local.err), command


def test_a_run_is_deleted_through_the_server(cli: Cli, server: Running) -> None:
    cli.publish(run(1))
    cli.ok("runs", "delete", run_id(1), "--yes", "--target", server.line())
    refused(cli.run("runs", "show", run_id(1)), 3, run_id(1))


def test_sigterm_ends_the_server_well_and_takes_its_key_away(cli: Cli, server: Running) -> None:
    server.line()
    (key,) = (cli.home / "servers").iterdir()
    assert key.stat().st_mode & 0o777 == 0o600
    server.process.send_signal(signal.SIGTERM)
    assert server.end().code == 0
    assert list((cli.home / "servers").iterdir()) == []


def test_tail_goes_on_after_the_server_was_killed_and_started_again(cli: Cli, server: Running) -> None:
    url = server.line()
    gate = cli.folder / "gate"
    agent = cli.agent(STEPS, str(gate), TRODO_TARGET=url)
    run = agent.line()
    tail = cli.start("tail", run, "--json", "seq,type", "--target", url)
    tail.line_with("span-end")
    server.process.kill()
    server.end()
    tail.told("the server is away")
    again = cli.start("serve", "--port", url.rpartition(":")[2])
    assert again.line() == url
    tail.told("live again")
    gate.touch()
    agent.end()
    done = tail.end()
    assert done.code == 0
    seqs = [event["seq"] for event in done.json_lines if "seq" in event]
    assert seqs == list(range(1, len(seqs) + 1)), "each event once, in order"
    with cli.reading() as client:
        assert client.runs.get(run).last_seq == len(seqs)


def test_an_address_that_others_can_reach_wants_a_key_first(cli: Cli) -> None:
    refused(cli.run("serve", "--host", "0.0.0.0", "--port", "0"), 2, "0.0.0.0", "trodo keys create --owner")


def test_a_port_that_is_taken_is_named(cli: Cli) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused(cli.run("serve", "--port", str(port)), 5, f"127.0.0.1:{port}", "--port")
    assert not (cli.home / "servers").exists()


def test_a_server_is_no_place_for_a_server(cli: Cli) -> None:
    refused(cli.run("serve", "--target", "http://127.0.0.1:1"), 2, "http://127.0.0.1:1", "--target")


def test_doctor_says_what_answers_and_which_key_is_used(cli: Cli, server: Running) -> None:
    url = server.line()
    (key_file,) = (cli.home / "servers").iterdir()
    done = cli.ok("doctor", "--target", url)
    assert f"{url} (--target)" in done.out
    assert "trodo" in done.out
    assert key_file.read_text().strip() not in done.out + done.err


def test_a_server_that_does_not_know_us_is_exit_code_4(cli: Cli, server: Running) -> None:
    url = server.line()
    (key_file,) = (cli.home / "servers").iterdir()
    key_file.unlink()
    refused(cli.run("runs", "list", "--target", url), 4, url, "TRODO_API_KEY")
    refused(cli.run("runs", "list", "--target", url, TRODO_API_KEY="wrong"), 4, url, "TRODO_API_KEY")


def test_a_key_opens_only_its_owners_runs(cli: Cli, server: Running) -> None:
    cli.publish(run(1))
    url = server.line()
    secret = cli.ok("keys", "create", "--owner", "team", "--scope", "read").out.strip()
    assert cli.ok("runs", "list", "--json", "--target", url, TRODO_API_KEY=secret).json == []
    refused(cli.run("runs", "cancel", run_id(1), "--target", url, TRODO_API_KEY=secret), 3, run_id(1))
    (key,) = cli.ok("keys", "list", "--json", "id").json
    cli.ok("keys", "revoke", key["id"])
    refused(cli.run("runs", "list", "--target", url, TRODO_API_KEY=secret), 4, "revoked")


def test_keys_are_not_made_through_a_server(cli: Cli, server: Running) -> None:
    done = cli.run("keys", "create", "--owner", "team", "--target", server.line())
    refused(done, 2, "server's machine")
