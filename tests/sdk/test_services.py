"""One run across services: two real processes that talk HTTP, and whoever else sends the headers."""

import asyncio
import gc
import json
import shutil
import socket
import subprocess
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path
from textwrap import dedent
from threading import Thread
from typing import Any

import apsw
import pytest

import trodo_cli
from tests.sdk.host import Host, Recording, eventually, finished, names, next_line, parent_names, rest, tell
from tests.sdk.test_hosted import Place, place
from trodo_cli.model import ids
from trodo_cli.model.span import Span

__all__ = ["place"]

pytestmark = pytest.mark.slow

CALLER = """
    import sys
    import requests
    import trodo

    with trodo.wrap_agent("parent-service") as run:
        print(run.run_id, flush=True)
        with trodo.span("call", kind="tool"):
            answer = requests.post(
                f"http://127.0.0.1:{sys.argv[1]}/work",
                headers=trodo.propagation_headers(),
                json={"task": "summarise"},
            )
        print(answer.json(), flush=True)
    trodo.flush()
"""

CHILD = """
    import asyncio, socket, sys, threading
    import uvicorn
    from fastapi import FastAPI, HTTPException
    from fastapi.responses import StreamingResponse
    import trodo

    app = FastAPI()
    MIDDLEWARE
    gates = {name: asyncio.Event() for name in ("a", "b", "stream")}

    def summarise(task):
        return task[:3]

    @app.post("/work")
    def work(body: dict):
        with trodo.span("summarise", kind="tool") as span:
            span.set_tool("summarise")
            span.set_input(body)
            summary = summarise(body["task"])
            span.set_output({"summary": summary})
            return {"summary": summary}

    @app.post("/slow")
    def slow(body: dict):
        with trodo.span("slowly"):
            print("slow", flush=True)
            sys.stdin.readline()
        return {}

    @app.get("/wait/{mine}/{other}")
    async def wait(mine: str, other: str):
        async with trodo.span(f"before {mine}"):
            gates[mine].set()
            await gates[other].wait()
        async with trodo.span(f"after {mine}"):
            await asyncio.sleep(0)
        return {"run": trodo.current_run_id()}

    @app.get("/stream")
    async def stream():
        async def chunks():
            yield "first"
            await gates["stream"].wait()
            with trodo.span("while it streams"):
                yield "last"
        return StreamingResponse(chunks())

    @app.get("/go-on")
    async def go_on():
        gates["stream"].set()
        return {"run": trodo.current_run_id()}

    @app.get("/raise")
    def fails():
        raise KeyError("no such customer")

    @app.get("/refuse/{status}")
    def refuses(status: int):
        raise HTTPException(status, "no")

    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    config = uvicorn.Config(app, log_level="critical", ws="none", loop="asyncio")
    server = uvicorn.Server(config)
    server.run([listener])
"""

FASTAPI = 'app.middleware("http")(trodo.fastapi_middleware())'
ASGI = "app.add_middleware(trodo.asgi_middleware)"
FORMS = pytest.mark.parametrize("form", [FASTAPI, ASGI], ids=["fastapi_middleware", "asgi_middleware"])


class Child:
    """The FastAPI service."""

    def __init__(self, host: Host, form: str = FASTAPI, **settings: str) -> None:
        self.process = host.start(CHILD.replace("MIDDLEWARE", form), **settings)
        self.port = next_line(self.process)

    def get(self, path: str, **headers: str) -> tuple[int, bytes]:
        asked = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=headers)
        try:
            with urllib.request.urlopen(asked, timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.read()

    def stop(self) -> None:
        """End it as a system does, so that it ships what it has."""
        self.process.terminate()
        rest(self.process)


def headers_of(run_id: str, span_id: str | None = None) -> dict[str, str]:
    return {"X-Trodo-Run-Id": run_id, **({"X-Trodo-Parent-Span-Id": span_id} if span_id else {})}


def kept_spans(database: Path) -> int:
    """How many spans there are, seen or not."""
    with closing(apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)) as connection:
        return len(connection.execute("SELECT id FROM spans WHERE status != 'running'").fetchall())


def spans_by_name(host: Host, run_id: str) -> dict[str, Span]:
    return {span.name: span for span in host.spans(run_id)}


@FORMS
def test_the_example_of_the_documents_is_one_run_across_two_services(host: Host, form: str) -> None:
    child = Child(host, form)
    run_id, answer = host.run(CALLER, child.port)
    assert answer == "{'summary': 'sum'}"
    child.stop()
    host.drain()
    (run,) = host.runs()
    spans = host.spans(run_id)
    assert (run.id, run.status, run.agent) == (run_id, "completed", "parent-service")
    assert parent_names(spans) == {"call": None, "http.POST./work": "call", "summarise": "http.POST./work"}
    request, work = spans[1], spans[2]
    assert (request.kind, request.status) == ("agent", "ok")
    assert request.details.input == {"method": "POST", "path": "/work"}
    assert request.details.output == {"status_code": 200}
    assert (work.tool, work.details.output) == ("summarise", {"summary": "sum"})


def test_a_child_that_reports_before_its_caller_stands_for_the_run_and_then_has_its_place(
    host: Host, place: Place
) -> None:
    place.unsteady.trouble = "busy"
    child = Child(host, TRODO_TARGET=str(host.folder / "server.db"))
    caller = host.start(CALLER.replace("trodo.flush()", "input()"), child.port, **place.settings)
    run_id = next_line(caller)
    next_line(caller)
    eventually(lambda: kept_spans(host.folder / "server.db") == 2)
    (run,) = place.local.runs.list().rows
    assert (run.id, run.agent, run.status) == (run_id, "http.POST./work", "running")
    place.unsteady.trouble = ""
    tell(caller)
    finished(caller)
    run = place.local.runs.get(run_id)
    assert (run.agent, run.status) == ("parent-service", "completed")
    expected = {"call": None, "http.POST./work": "call", "summarise": "http.POST./work"}
    assert parent_names(place.spans(run_id)) == expected
    child.stop()


def test_a_child_goes_on_when_its_caller_dies_and_the_run_shows_what_was_open(host: Host) -> None:
    child = Child(host)
    caller = host.start(CALLER.replace("/work", "/slow"), child.port)
    run_id = next_line(caller)
    assert next_line(child.process) == "slow"
    caller.kill()
    rest(caller)
    tell(child.process)
    eventually(
        lambda: (
            host.drain()
            and "slowly" in str(host.spans(run_id))
            and spans_by_name(host, run_id)["slowly"].ended_ns
        )
    )
    spans = spans_by_name(host, run_id)
    assert parent_names(list(spans.values())) == {
        "call": None,
        "http.POST./slow": "call",
        "slowly": "http.POST./slow",
    }
    assert (spans["call"].status, spans["slowly"].status) == ("running", "ok")
    child.stop()


@FORMS
def test_requests_at_the_same_time_stay_apart(host: Host, form: str) -> None:
    child = Child(host, form)
    run_ids = {name: trodo_id(host, name) for name in "ab"}
    answers: dict[str, Any] = {}

    def ask(mine: str, other: str) -> None:
        answers[mine] = json.loads(child.get(f"/wait/{mine}/{other}", **headers_of(run_ids[mine]))[1])

    threads = [Thread(target=ask, args=pair) for pair in ("ab", "ba")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert {name: answer["run"] for name, answer in answers.items()} == run_ids
    assert json.loads(child.get("/go-on")[1]) == {"run": None}, "and nothing is left behind for the next one"
    child.stop()
    host.drain()
    for mine, other in ("ab", "ba"):
        name = f"http.GET./wait/{mine}/{other}"
        assert parent_names(host.spans(run_ids[mine])) == {
            name: None, f"before {mine}": name, f"after {mine}": name,
        }  # fmt: skip


@FORMS
def test_a_response_streams_through_and_its_span_lasts_until_its_end(host: Host, form: str) -> None:
    child = Child(host, form)
    run_id = trodo_id(host, "streamed")
    asked = urllib.request.Request(f"http://127.0.0.1:{child.port}/stream", headers=headers_of(run_id))
    with urllib.request.urlopen(asked, timeout=60) as answer:
        assert answer.read(5) == b"first", (
            "what has been sent so far is here, while the rest does not exist yet"
        )
        eventually(lambda: host.drain() and spans_by_name(host, run_id))
        assert spans_by_name(host, run_id)["http.GET./stream"].is_open
        child.get("/go-on")
        assert answer.read() == b"last"
    child.stop()
    host.drain()
    spans = spans_by_name(host, run_id)
    outer, inner = spans["http.GET./stream"], spans["while it streams"]
    assert (inner.parent_id, outer.status, inner.status) == (outer.id, "ok", "ok")
    assert outer.ended_ns is not None
    assert inner.started_ns < outer.ended_ns


@FORMS
def test_a_client_that_leaves_ends_the_span_of_its_request(host: Host, form: str) -> None:
    child = Child(host, form)
    run_id = trodo_id(host, "left")
    with socket.create_connection(("127.0.0.1", int(child.port)), 60) as connection:
        connection.sendall(b"GET /stream HTTP/1.1\r\nhost: x\r\nx-trodo-run-id: %b\r\n\r\n" % run_id.encode())
        while b"first" not in connection.recv(4_096):
            pass
    eventually(lambda: host.drain() and [span.status for span in host.spans(run_id)] == ["ok"])
    assert child.get("/go-on")[0] == 200
    child.stop()


def test_a_response_that_nobody_reads_ends_the_span_of_its_request(recording: Recording) -> None:
    from starlette.requests import Request
    from starlette.responses import StreamingResponse

    run_id = trodo_cli.start_run("unread")
    scope = {"type": "http", "method": "GET", "path": "/x", "headers": [(b"x-trodo-run-id", run_id.encode())]}

    async def respond(_: Any) -> StreamingResponse:
        return StreamingResponse(iter(["never sent"]))

    async def drop() -> None:
        await trodo_cli.fastapi_middleware()(Request(scope), respond)

    asyncio.run(drop())
    gc.collect()
    (span,) = recording.spans(run_id)
    assert (span.status, span.details.output) == ("ok", {"status_code": 200})
    trodo_cli.end_run(run_id)


@FORMS
def test_what_goes_wrong_in_the_service_is_marked_and_answered_as_before(host: Host, form: str) -> None:
    child = Child(host, form)
    run_id = trodo_id(host, "wrong")
    statuses = [
        child.get(path, **headers_of(run_id))[0] for path in ("/raise", "/refuse/503", "/refuse/404", "/none")
    ]
    assert statuses == [500, 503, 404, 404]
    child.stop()
    host.drain()
    spans = spans_by_name(host, run_id)
    raised, failed = spans["http.GET./raise"], spans["http.GET./refuse/503"]
    assert (raised.status, raised.error_type) == ("error", "KeyError")
    assert (failed.status, failed.status_code, failed.error) == ("error", "503", "HTTP 503")
    assert (spans["http.GET./refuse/404"].status, spans["http.GET./none"].status) == ("ok", "ok")
    assert spans["http.GET./none"].details.output == {"status_code": 404}


@FORMS
def test_a_request_without_the_headers_records_nothing_and_a_strange_one_is_served(
    host: Host, form: str
) -> None:
    child = Child(host, form)
    strange = [
        {},
        headers_of("x" * 201),
        headers_of("  "),
        {"traceparent": "nonsense"},
        {"traceparent": f"00-{'0' * 32}-{'1' * 16}-01"},
    ]
    assert [child.get("/go-on", **headers)[0] for headers in strange] == [200] * len(strange)
    child.stop()
    host.drain()
    assert host.runs() == []


def trodo_id(host: Host, agent: str) -> str:
    """The id of a run that is announced, and goes on."""
    return host.run(f"import trodo; print(trodo.start_run({agent!r})); trodo.flush()")[0]


# -- by traceparent alone, and from other languages ------------------------------------------------------

OTEL_CHILD = """
    import sys
    from http.server import BaseHTTPRequestHandler, HTTPServer
    from opentelemetry.propagate import extract
    import trodo

    trodo.register_otel()
    tracer = trodo.get_tracer("service")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            given = {"traceparent": self.headers["traceparent"]}
            with tracer.start_as_current_span("handle", context=extract(given)):
                with tracer.start_as_current_span("inside"):
                    self.send_response(200)
                    self.end_headers()
                    self.wfile.write(b"{}")

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    server.handle_request()
    server.server_close()
    trodo.flush()
"""


def test_an_opentelemetry_service_joins_by_traceparent_alone(host: Host) -> None:
    child = host.start(OTEL_CHILD)
    run_id, _ = host.run(CALLER, next_line(child))
    assert finished(child) == []
    (run,) = host.runs()
    assert (run.id, run.status) == (run_id, "completed")
    assert parent_names(host.spans(run_id)) == {"call": None, "handle": "call", "inside": "handle"}


def test_a_service_of_ours_joins_by_traceparent_alone(host: Host) -> None:
    child = Child(host)
    run_id = trodo_id(host, "traced")
    span_id = ids.new_span_id()
    assert child.get("/go-on", traceparent=f"00-{run_id}-{span_id}-01")[0] == 200
    assert child.get("/go-on", traceparent=f"00-{run_id}-{span_id}-00")[0] == 200
    child.stop()
    host.drain()
    (span,) = host.spans(run_id)
    assert (span.name, span.parent_id) == ("http.GET./go-on", span_id)


NODE_CALLER = """
    const [port, run, parent] = process.argv.slice(2);
    fetch(`http://127.0.0.1:${port}/work`, {
      method: "POST",
      headers: {
        "X-Trodo-Run-Id": run,
        "X-Trodo-Parent-Span-Id": parent,
        "X-Trodo-Agent-Name": "asked by node",
        "content-type": "application/json",
      },
      body: JSON.stringify({ task: "summarise" }),
    }).then(async (answer) => console.log(JSON.stringify(await answer.json())));
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no node on this machine")
def test_a_caller_in_node_joins_a_service_of_ours_by_the_headers(host: Host, tmp_path: Path) -> None:
    child = Child(host)
    run_id, span_id = trodo_id(host, "node-agent"), ids.new_span_id()
    script = tmp_path / "caller.mjs"
    script.write_text(dedent(NODE_CALLER))
    command = ["node", str(script), child.port, run_id, span_id]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(done.stdout) == {"summary": "sum"}
    child.stop()
    host.drain()
    spans = spans_by_name(host, run_id)
    assert spans["asked by node"].parent_id == span_id
    assert spans["summarise"].parent_id == spans["asked by node"].id


# -- what goes out -------------------------------------------------------------------------------------


def test_the_headers_name_the_run_and_the_span_at_hand_in_both_forms(recording: Recording) -> None:
    assert trodo_cli.propagation_headers() == {}
    with trodo_cli.wrap_agent("a") as run:
        root = run.run_id[-16:]
        assert trodo_cli.propagation_headers() == {
            "X-Trodo-Run-Id": run.run_id,
            "X-Trodo-Parent-Span-Id": root,
            "traceparent": f"00-{run.run_id}-{root}-01",
        }
        with trodo_cli.span("s") as span:
            assert trodo_cli.propagation_headers()["X-Trodo-Parent-Span-Id"] == span.span_id
            assert trodo_cli.propagation_headers()["traceparent"] == f"00-{run.run_id}-{span.span_id}-01"
    assert trodo_cli.propagation_headers() == {}


@pytest.mark.parametrize(
    ("run_id", "count"), [("order-7", 2), ("größe", 0), ("a\nb: c", 0), (" a", 0), ("ab" * 16, 3)]
)
def test_an_id_that_no_header_can_hold_is_not_sent(recording: Recording, run_id: str, count: int) -> None:
    with trodo_cli.join_run(run_id):
        assert len(trodo_cli.propagation_headers()) == count


def test_what_was_sent_is_what_a_service_joins(recording: Recording) -> None:
    from trodo_cli.sdk.propagate import joined_request

    with trodo_cli.wrap_agent("a") as run:
        with trodo_cli.span("call"):
            headers = trodo_cli.propagation_headers()
        for sent in (
            headers,
            {"traceparent": headers["traceparent"]},
            {**headers, "X-Trodo-Agent-Name": "named"},
        ):
            part = joined_request(sent, "GET", "/x")
            assert part is not None
            with part:
                pass
    spans = recording.spans(run.run_id)
    assert names(spans) == ["call", "http.GET./x", "http.GET./x", "named"]
    assert {span.parent_id for span in spans[1:]} == {spans[0].id}
