"""Every command on a PostgreSQL database, and two servers over it that act as one."""

import os
import shlex
import signal
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.cli.made import HOUR, run, run_id, span
from tests.cli.program import Cli, Done, Running, eventually, refused
from tests.cli.test_serve import COMMANDS, STEPS
from tests.postgres import new_database, tools
from tests.workers import only, workers_of
from trodo_cli.client import connect

Servers = tuple[str, str]


@pytest.fixture
def servers(cli: Cli, postgres: str) -> Servers:
    """The URLs of two servers over one database."""
    one, other = [cli.start("serve", "--port", "0", "--target", postgres) for _ in range(2)]
    return one.line(), other.line()


def publish(url: str, events: Any, *, alive: bool = False) -> None:
    client = connect(url)
    client.publish(events, alive=alive)
    client.close()


def test_every_command_says_the_same_on_a_database_as_on_a_file(cli: Cli, postgres: str) -> None:
    for events in (
        run(1, "worker", span("search", kind="tool")),
        run(2, "other", span("boom", status="error", error="no"), status="failed", ago_ns=HOUR // 2),
    ):
        cli.publish(events)
        publish(postgres, events)
    for command in COMMANDS:
        in_file, in_database = cli.run(*command), cli.run(*command, "--target", postgres)
        assert (in_database.code, in_database.out, in_database.err) == (
            in_file.code,
            in_file.out,
            in_file.err,
        ), command


def test_the_password_is_in_nothing_that_is_written(cli: Cli, postgres: str) -> None:
    url = postgres.replace("//postgres:@", "//postgres:geheim@").replace("//postgres@", "//postgres:geheim@")
    assert "geheim" in url
    serving = cli.start("serve", "--port", "0", "--target", url)
    serving.line()
    serving.told("ctrl-c stops")
    serving.process.send_signal(signal.SIGTERM)
    for done in (
        serving.end(),
        cli.ok("doctor", "--target", url),
        cli.ok("demo", "--target", url),
        cli.ok("keys", "create", "--owner", "ada", "--target", url),
        cli.ok("config", "set", "target", url, "--profile", "pg"),
        cli.ok("config", "list", "--profile", "pg"),
        cli.run("doctor", "--target", url.replace("host=", "host=/nowhere")),
    ):
        assert "geheim" not in done.out + done.err


def test_what_is_no_database_of_ours_is_refused_in_words(cli: Cli, postgres_server: str) -> None:
    refused(cli.run("runs", "list", "--target", "postgresql://u:geheim@h/db?nonsense=1"), 2, "cannot be read")
    place = postgres_server + ("&" if "?" in postgres_server else "?") + "options=-csearch_path%3Dnone_such"
    refused(cli.run("runs", "list", "--target", place), 2, "holds no runs yet")


def test_a_program_records_into_a_database(cli: Cli, postgres: str) -> None:
    gate = cli.folder / "gate"
    gate.touch()
    agent = cli.agent(STEPS, str(gate), TRODO_TARGET=postgres)
    recorded = agent.line()
    assert agent.end().code == 0
    cli.ok("spool", "drain")
    shown = cli.ok("runs", "list", "--json", "id,status,session", "--target", postgres).json
    assert shown == [{"id": recorded, "status": "completed", "session": "chat-7"}]


def test_who_follows_one_server_sees_and_stops_what_is_told_to_the_other(cli: Cli, servers: Servers) -> None:
    one, other = servers
    agent = cli.agent(STEPS, str(cli.folder / "never"), TRODO_TARGET=one)
    recorded = agent.line()
    tail = cli.start("tail", recorded, "--json", "seq,type", "--target", other)
    tail.line_with("span-end")
    assert cli.ok("runs", "list", "--json", "id,status", "--target", other).json == [
        {"id": recorded, "status": "running"}
    ]
    cli.ok("runs", "cancel", recorded, "--wait", "--target", other)
    assert "RunCancelled" in agent.end().err
    done = tail.end()
    assert done.code == 7
    seqs = [event["seq"] for event in done.json_lines if "seq" in event]
    assert seqs == list(range(1, len(seqs) + 1))
    for url in servers:
        assert cli.ok("runs", "show", recorded, "--json", "status", "--target", url).json == {
            "status": "cancelled"
        }


def test_several_workers_over_one_database_act_as_one(cli: Cli, postgres: str) -> None:
    server = cli.start("serve", "--port", "0", "--workers", "2", "--log", "-", "--target", postgres)
    url = server.line()
    agent = cli.agent(STEPS, str(cli.folder / "never"), TRODO_TARGET=url)
    recorded = agent.line()
    pid, tails = server.process.pid, []
    first, second = workers_of(pid)
    for worker in (first, second):
        with only(worker, pid):
            tails.append(cli.start("tail", recorded, "--json", "seq,type", "--target", url))
            tails[-1].line_with("span-end")
    os.kill(first, signal.SIGKILL)
    server.told(f"worker {first} was ended by signal 9; another one takes its place")
    eventually(lambda: len(workers_of(pid)) == 2)
    assert second in workers_of(pid)
    cli.ok("runs", "cancel", recorded, "--wait", "--target", url)
    assert "RunCancelled" in agent.end().err
    for tail in tails:
        done = tail.end()
        assert done.code == 7
        seqs = [event["seq"] for event in done.json_lines if "seq" in event]
        assert seqs == list(range(1, len(seqs) + 1)), "each event once, in order"
    server.process.send_signal(signal.SIGTERM)
    assert server.end().code == 0


def test_the_tools_that_a_refusal_names_copy_a_database_and_put_it_back(
    cli: Cli, postgres_server: str
) -> None:
    source, target = new_database(postgres_server), new_database(postgres_server)
    publish(source, run(1, "worker", span("search", kind="tool")))
    follow_hint(cli.run("backup", "x.dump", "--target", source), cli.folder)
    follow_hint(cli.run("restore", "x.dump", "--target", target), cli.folder)
    shown = [cli.ok("trace", "show", run_id(1), "--json", "--target", url).out for url in (source, target)]
    assert shown[0] == shown[1]
    publish(target, run(2))
    assert len(cli.ok("runs", "list", "--json", "id", "--target", target).json) == 2


def follow_hint(done: Done, folder: Path) -> None:
    """Run the command that a refusal ends with."""
    assert done.code == 2
    program, *arguments = shlex.split(done.err[done.err.rindex("pg_") :])
    subprocess.run([tools() / program, *arguments], cwd=folder, check=True)


def test_a_store_that_is_closed_leaves_no_thread_behind(postgres: str, tmp_path: Path) -> None:
    for target in (postgres, str(tmp_path / "trodo.db")):
        client = connect(target, agents=[])
        client.publish(run(1))
        client.wait(client.change_mark(), 0.01)
        assert "trodo-listen" in named_threads() or target != postgres
        client.close()
        assert not named_threads(), target


def named_threads() -> set[str]:
    return {thread.name for thread in threading.enumerate() if thread.name.startswith("trodo")}


def test_a_key_revoked_in_the_database_ends_the_streams_of_every_server(
    cli: Cli, servers: Servers, postgres: str
) -> None:
    made = cli.ok("keys", "create", "--owner", "ada", "--target", postgres)
    key, secret = made.err.partition(":")[0], made.out.strip()
    client = connect(servers[0], key_of=lambda: secret)
    client.publish(run(1, status="running", ago_ns=0)[:1], alive=True)
    client.close()
    tails: list[Running] = [
        cli.start("tail", run_id(1), "--json", "seq", "--target", url, "--api-key", secret) for url in servers
    ]
    for tail in tails:
        tail.line()
    cli.ok("keys", "revoke", key, "--target", postgres)
    for tail in tails:
        assert tail.end().code == 4, tail.err
    for url in servers:
        eventually(lambda url=url: cli.run("runs", "list", "--target", url, "--api-key", secret).code == 4)  # type: ignore[misc]
