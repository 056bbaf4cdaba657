"""`trodo serve --workers`: several processes behind one address, and what becomes of them."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.cli.program import Cli, eventually, refused
from tests.server.running import Raw
from tests.server.served import Program, Served, asked, finished_run, lines, live_run, program, request
from tests.server.served import served as in_thread_served
from tests.workers import only, state_of, workers_of
from trodo_cli.model.event import RunEnd
from trodo_cli.model.run import Run
from trodo_cli.server import ingest
from trodo_cli.server.board import STORE_CALLS, STORE_TIMES

ASKED = STORE_CALLS.index("asked_to_stop")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Program]:
    """Two workers over one SQLite file."""
    with program(tmp_path, "--workers", "2", "--log", "-") as started:
        yield started


def workers(served: Program) -> list[int]:
    """The process ids of the workers there are."""
    return workers_of(served.pid)


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that nobody has asked about yet does not."""
    return state_of(pid) not in "ZX"


def ended(run_id: str) -> RunEnd:
    return RunEnd(run_id=run_id, run=Run(id=run_id, status="completed", ended_ns=2**60))


def test_what_one_worker_stored_the_followers_of_every_other_are_told(served: Program) -> None:
    assert served.ask("POST", "/v1/events", body=lines(*live_run("long"))).status == 200
    with ExitStack() as within:
        streams = []
        for worker in workers(served):
            with only(worker, served.pid):
                streams.append(within.enter_context(served.follow("/traces/long/stream?since=0")))
                assert streams[-1].frame()
        assert served.ask("POST", "/v1/events", body=lines(ended("long"))).status == 200
        for stream in streams:
            assert any("trace-done" in frame.get("event", "") for frame in stream.frames())


def test_the_local_key_is_good_for_every_worker_and_one_revoked_is_for_none(served: Program) -> None:
    secret = served.cli.ok("keys", "create", "--owner", "team", "--scope", "read").out.strip()
    (key,) = served.cli.ok("keys", "list", "--json", "id").json
    theirs = f"authorization: Bearer {secret}"
    for worker in workers(served):
        with only(worker, served.pid):
            assert served.ask("GET", "/runs").status == 200
            assert asked(served.port, "GET", "/runs", theirs).status == 200
    served.cli.ok("keys", "revoke", key["id"])
    for worker in workers(served):
        with only(worker, served.pid):
            assert asked(served.port, "GET", "/runs", theirs).status == 401


def test_who_waits_at_one_worker_for_a_stop_hears_of_a_request_at_another(served: Program) -> None:
    cli = served.cli
    agent = cli.agent(
        """
        import time
        import trodo_cli as trodo

        with trodo.wrap_agent("looping") as run:
            print(run.run_id, flush=True)
            while True:
                with trodo.span("wait"):
                    time.sleep(0.01)
        """,
        TRODO_TARGET=served.url,
    )
    run_id = agent.line()
    eventually(lambda: served.ask("GET", f"/runs/{run_id}").status == 200)
    for _ in range(4):
        assert served.ask("POST", f"/runs/{run_id}/cancel").status in (200, 404)
    assert "RunCancelled" in agent.end().err


def test_who_asks_at_one_server_is_answered_early_when_a_run_begins_at_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "MAX_WAIT_SECONDS", 3_600.0)
    question = b'{"runs": ["long"], "wait_seconds": 3600}'
    with in_thread_served(tmp_path / "trodo.db") as one, in_thread_served(tmp_path / "trodo.db") as other:
        one.send(*live_run("long"))
        with Raw(one.port) as asking:
            secret, before = f"authorization: Bearer {one.secret()}", times_asked(one)
            asking.send(request("POST", "/v1/asked", secret, body=question))
            eventually(lambda: times_asked(one) > before)
            other.send(*live_run("another"))
            assert asking.answer().json == {"asked": []}


def times_asked(server: Served) -> float:
    """How often the store was asked what is to stop."""
    *counts, _seconds = server.service.board.sums()[STORE_TIMES.cell(ASKED) : STORE_TIMES.cell(ASKED + 1)]
    return sum(counts)


def test_a_worker_that_is_killed_is_replaced_and_nobody_is_refused(served: Program) -> None:
    before = workers(served)
    assert len(before) == 2
    served.ask("POST", "/v1/events", body=lines(*finished_run("early")))
    os.kill(before[0], signal.SIGKILL)
    eventually(lambda: len(workers(served)) == 2 and before[0] not in workers(served))
    assert before[1] in workers(served)
    assert {served.ask("GET", "/runs/early").status for _ in range(20)} == {200}
    served.running.told(f"worker {before[0]} was ended by signal 9; another one takes its place")
    eventually(lambda: b"\ntrodo_worker_starts_total 3\n" in served.ask("GET", "/metrics").body)
    counts = served.ask("GET", "/metrics").body
    assert b'trodo_events_taken_total{result="stored"} 4' in counts, "no count falls"


def test_a_worker_that_is_asked_to_end_ends_its_streams_well_and_is_replaced(served: Program) -> None:
    served.ask("POST", "/v1/events", body=lines(*live_run("long")))
    with ExitStack() as within:
        streams = [within.enter_context(served.follow("/traces/long/stream?since=0")) for _ in range(4)]
        assert all(stream.frame() for stream in streams)
        for pid in workers(served):
            while is_alive(pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)  # said again, it changes nothing
        for stream in streams:
            stream.frames()
    eventually(lambda: len(workers(served)) == 2 and served.ask("GET", "/health").status == 200)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_at_a_signal_every_stream_ends_well_and_nothing_is_left(
    served: Program, number: signal.Signals
) -> None:
    served.ask("POST", "/v1/events", body=lines(*live_run("long")))
    pids = workers(served)
    with ExitStack() as within:
        streams = [within.enter_context(served.follow("/traces/long/stream?since=0")) for _ in range(12)]
        assert all(stream.frame() for stream in streams)
        for pid in (served.pid, *pids) if number == signal.SIGINT else (served.pid,):  # as ctrl-c does
            os.kill(pid, number)
        for stream in streams:
            stream.frames()
    assert served.running.end().code == 0
    assert not any(map(is_alive, pids))
    assert list((served.cli.home / "servers").iterdir()) == []


def test_workers_do_not_outlive_a_parent_that_is_killed(served: Program) -> None:
    served.ask("POST", "/v1/events", body=lines(*live_run("long")))
    pids = workers(served)
    with served.follow("/traces/long/stream?since=0") as stream:
        assert stream.frame()
        served.running.process.kill()
        stream.frames()
    eventually(lambda: not any(map(is_alive, pids)))


def test_a_worker_that_has_just_begun_does_not_outlive_it_either(served: Program) -> None:
    before = workers(served)
    os.kill(before[0], signal.SIGKILL)
    eventually(lambda: len(workers(served)) == 2 and before[0] not in workers(served))
    pids = workers(served)
    served.running.process.kill()
    eventually(lambda: not any(map(is_alive, pids)))


def test_a_request_that_is_being_answered_is_answered_however_often_a_worker_is_told_to_end(
    tmp_path: Path,
) -> None:
    plant = "from trodo_cli.server import serving\nserving.SHUTDOWN_SECONDS = 30.0"
    body = lines(*finished_run("late"))
    with program(tmp_path, "--workers", "2", plant=plant) as served:
        secret = f"authorization: Bearer {served.key}"
        asking = request("POST", "/v1/events", "connection: close", "expect: 100-continue", secret, body=body)
        with Raw(served.port) as half, Raw(served.port) as other:
            for raw in (half, other):
                raw.send(asking[:-10])
                assert (raw.line(), raw.line()) == (b"HTTP/1.1 100 Continue\r\n", b"\r\n")
            for _ in range(3):
                for pid in workers(served):
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGTERM)
                threading.Event().wait(0.1)
            for raw in (half, other):
                assert raw.send(asking[-10:]).answer().status == 200


def test_the_url_is_told_when_all_answer_and_a_worker_that_cannot_begin_ends_everything(
    tmp_path: Path,
) -> None:
    cli = Cli(tmp_path)
    plant = """
        import os, sys
        import trodo_cli.server.service as service
        begin = service.Service.__init__
        parent = os.getpid()
        def failing(self, *arguments, **named):
            if os.getpid() != parent:
                raise RuntimeError("a secret")
        service.Service.__init__ = failing
        sys.argv[1:] = ["serve", "--port", "0", "--workers", "2"]
        from trodo_cli.__main__ import main
        main()
    """
    done = cli.agent(plant).end()
    cli.close()
    assert done.code == 5
    assert done.out == ""
    assert "RuntimeError" in done.err
    assert "a secret" not in done.err
    assert list((cli.home / "servers").iterdir()) == []


def test_a_database_in_memory_is_one_process_own(tmp_path: Path) -> None:
    cli = Cli(tmp_path)
    refused(cli.run("serve", "--workers", "2", "--target", "memory:"), 2, "memory:", "--workers")
    refused(cli.run("serve", "--workers", "0"), 2, "--workers")
    cli.close()
