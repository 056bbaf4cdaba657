"""The log of a server: what is in it, what never is, and that it can be moved away."""

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.program import Cli, eventually, refused
from tests.server.running import Raw
from tests.server.served import Program, asked, finished_run, lines, program
from tests.workers import only, workers_of

CANARY = "canary-7f3a"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


@pytest.fixture(scope="module")
def noted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """A server with a log as JSON."""
    folder = tmp_path_factory.mktemp("noted")
    with program(folder, "--log", "server.log", "--log-format", "json") as started:
        yield started


def log_of(served: Program) -> Path:
    return served.cli.folder / "server.log"


def entries(served: Program, path: Path | None = None) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (path or log_of(served)).read_text(encoding="ascii").splitlines()]


def routes(served: Program) -> list[str]:
    return [entry["route"] for entry in entries(served)]


def test_each_request_is_a_line_with_its_route_and_figures(noted: Program) -> None:
    noted.ask("POST", "/v1/events", body=lines(*finished_run("run-1")))
    eventually(lambda: routes(noted)[-1:] == ["/v1/events"])  # a line follows its answer
    before = len(entries(noted))
    answer = noted.ask("GET", "/runs/run-1?q=1", "x-request-id: from-the-proxy-1")
    asked(noted.port, "GET", "/runs/run-1")
    asked(noted.port, "GET", "/nothing")
    eventually(lambda: routes(noted)[-1:] == ["-"])
    found = entries(noted)[before:]
    times = [re.fullmatch(TIME, entry.pop("time")) for entry in found]
    assert all(times)
    assert all(0 < entry.pop("ms") < 60_000 for entry in found)
    assert len({entry["request"] for entry in found}) == 3
    common = {"level": "info", "process": noted.pid, "message": "request"}
    assert found[0] == {
        **common, "method": "GET", "route": "/runs/{run}", "status": 200, "bytes": len(answer.body),
        "owner": "local", "request": "from-the-proxy-1",
    }  # fmt: skip
    assert [(entry["route"], entry["status"], entry["owner"]) for entry in found[1:]] == [
        ("/runs/{run}", 401, ""), ("-", 404, ""),
    ]  # fmt: skip


def test_nothing_that_was_sent_is_in_it(noted: Program) -> None:
    key = f"authorization: Bearer {CANARY}"
    body = lines(*finished_run(f"{CANARY}-run", agent=CANARY))
    for method, target, *headers in (
        ("GET", f"/runs/{CANARY}"), ("GET", f"/runs?q={CANARY}"), ("GET", f"/{CANARY}"),
        ("GET", "/runs", key), ("GET", f"/runs/a%0d%0a{CANARY}"), ("GET", "/runs", f"x-request-id: {CANARY} x"),
        ("GET", "/runs", f"x-request-id: {CANARY}\x1b[2J"), ("GET", "/runs", f"user-agent: {CANARY}"),
        ("GET", "/runs", f"x-request-id: {noted.key}"),
    ):  # fmt: skip
        noted.ask(method, target, *headers)
    noted.ask("POST", "/v1/events", body=body + f"\n{CANARY}".encode())
    noted.ask("POST", f"/runs/{CANARY}-run/cancel", body=json.dumps({"reason": CANARY}).encode())
    for target, said in (
        ("/runs", {"agentId": CANARY, "input": CANARY}), ("/v1/traces", {"resourceSpans": CANARY}),
        ("/api/sdk/batch", {"items": [{"type": CANARY}]}), ("/api/sdk/track", {"event": CANARY}),
        (f"/api/sdk/runs/{CANARY}/spans", {"spans": [CANARY]}), (f"/api/sdk/people/{CANARY}", {"id": CANARY}),
    ):  # fmt: skip
        noted.ask("POST", target, "content-type: application/json", body=json.dumps(said).encode())
        noted.ask("POST", target, f"x-trodo-site-id: {CANARY}", body=json.dumps(said).encode())
    with Raw(noted.port) as raw:
        raw.send(f"{CANARY}\x1b]0;x\x07\r\n\r\n".encode()).rest()
    eventually(lambda: entries(noted)[-1]["status"] == 400)
    text = log_of(noted).read_text()
    assert CANARY not in text
    assert noted.key not in text
    assert re.fullmatch(r"[ -~\n]+", text)


def test_it_is_for_its_owner_alone(noted: Program) -> None:
    assert log_of(noted).stat().st_mode & 0o777 == 0o600


def test_a_log_that_was_moved_away_is_made_anew_and_no_line_is_lost(tmp_path: Path) -> None:
    moved = tmp_path / "server.log.1"
    with program(tmp_path, "--workers", "2", "--log", "server.log", "--log-format", "json") as served:
        ask_each(served)
        log_of(served).rename(moved)
        os.kill(served.pid, signal.SIGHUP)
        eventually(log_of(served).exists)
        ask_each(served)
        os.kill(served.pid, signal.SIGHUP)
        assert served.ask("GET", "/health").status == 200, "a SIGHUP ends nobody"
        assert served.stop().code == 0
        found = [*entries(served, moved), *entries(served)]
    assert sum(entry["message"] == "request" for entry in found) == 5
    assert len({entry["process"] for entry in found}) == 2


def ask_each(served: Program) -> None:
    """One request to each worker."""
    for worker in workers_of(served.pid):
        with only(worker, served.pid):
            served.ask("GET", "/runs")


FAILING = """
    import sys
    from trodo_cli.client.local import LocalRuns
    def failing(*arguments, **named):
        raise ValueError("canary-7f3a\\x1b[2J")
    LocalRuns.list = failing
"""


def test_a_fault_of_ours_is_told_by_its_place_and_by_the_request_that_found_it(tmp_path: Path) -> None:
    from textwrap import dedent

    with program(tmp_path, "--log", "-", "--log-level", "error", plant=dedent(FAILING)) as served:
        assert served.ask("GET", "/health").status == 200
        assert served.ask("GET", "/runs", "x-request-id: from-the-proxy-1").status == 500
        done = served.stop()
    fault, request = [line for line in done.err.splitlines() if " error " in line]
    assert re.fullmatch(
        rf"{TIME} error {served.pid} ValueError in failing, line 5 of \S+ request=from-the-proxy-1", fault
    )
    said = rf"{TIME} error {served.pid} request method=GET route=/runs status=500 ms=\S+ bytes=\d+ owner=local request="
    assert re.fullmatch(f"{said}from-the-proxy-1", request)
    assert CANARY not in done.err
    assert "/health" not in done.err


def test_without_being_asked_for_nothing_is_written(tmp_path: Path) -> None:
    with program(tmp_path) as served:
        assert served.ask("GET", "/runs").status == 200
        assert served.ask("GET", "/nothing").status == 404
        done = served.stop()
    assert done.lines == [served.url]
    assert done.err.splitlines() == [f"serving {served.cli.database}; ctrl-c stops"]


def test_what_cannot_be_a_log_is_named(tmp_path: Path) -> None:
    cli = Cli(tmp_path)
    refused(cli.run("serve", "--port", "0", "--log", "no/such/folder.log"), 5, "no/such/folder.log", "--log")
    refused(cli.run("serve", "--port", "0", "--log", "-", "--log-format", "xml"), 2, "xml", "text, json")
    refused(cli.run("serve", "--port", "0", "--log-level", "loud"), 2, "loud", "info, warning, error")
    cli.close()
