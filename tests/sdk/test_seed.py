"""The programs of the documents that trodo comes from, word for word."""

from pathlib import Path

import pytest

import trodo_cli
from tests.sdk.host import Host, Recording, finished, names, next_line, tell
from trodo_cli.errors import NotFound
from trodo_cli.model.event import RunEnd, SpanEnd, SpanStart, TraceDone

PARENT = """
# parent.py
import trodo
from worker import process_in_worker
with trodo.wrap_agent("orchestrator") as run:
    run.set_input({"task": "summarise docs"})
    process_in_worker(run.run_id, doc_id=123) # pass run_id across module boundary
    run.set_output({"done": True})
"""

WORKER = """
# worker.py
import trodo
import db

def process_in_worker(run_id, doc_id):
    with trodo.join_run(run_id):
        with trodo.span("fetch-doc", kind="tool") as span:
            span.set_tool("fetch-doc")
            span.set_input({"docId": doc_id})
            doc = db.get(doc_id)
            span.set_output({"bytes": len(doc)})
"""

DATABASE = """
def get(doc_id):
    return f"document {doc_id}"
"""

SERVICE = """
import sys
from worker import process_in_worker
process_in_worker(sys.argv[1], doc_id=123)
"""

CALLER = """
import subprocess
import sys
import trodo
with trodo.wrap_agent("orchestrator") as run:
    run.set_input({"task": "summarise docs"})
    subprocess.run([sys.executable, "service.py", run.run_id], check=True)
    run.set_output({"done": True})
"""


@pytest.fixture
def seed(host: Host) -> Path:
    """The example's files; gives its main program."""
    host.write("worker.py", WORKER)
    host.write("db.py", DATABASE)
    host.write("service.py", SERVICE)
    return host.write("parent.py", PARENT)


def test_the_parent_and_worker_example_runs_without_any_set_up(host: Host, seed: Path) -> None:
    assert host.run(seed) == []
    (row,) = host.runs()
    run = host.run_of("orchestrator")
    assert (row.id, row.status, row.error) == (run.id, "completed", None)
    assert (run.details.input, run.details.output) == ({"task": "summarise docs"}, {"done": True})
    (span,) = host.spans(run.id)
    assert (span.name, span.kind, span.tool, span.status) == ("fetch-doc", "tool", "fetch-doc", "ok")
    assert (span.parent_id, span.error) == (None, None)
    assert (span.details.input, span.details.output) == ({"docId": 123}, {"bytes": 12})
    assert run.started_ns <= span.started_ns <= span.ended_ns <= run.ended_ns


def test_a_worker_in_another_process_records_into_the_run_that_it_was_told(host: Host, seed: Path) -> None:
    assert host.run(CALLER) == []
    (run,) = host.runs()
    (span,) = host.spans(run.id)
    assert (run.agent, run.status, run.totals.spans) == ("orchestrator", "completed", 1)
    assert (span.name, span.kind, span.status) == ("fetch-doc", "tool", "ok")
    assert span.details.output == {"bytes": 12}


def test_joining_a_run_that_does_not_exist_shows_nothing_and_raises_nothing(host: Host, seed: Path) -> None:
    assert host.run(host.folder / "service.py", "no-such-run") == []
    assert host.drain().troubles == []
    assert host.runs() == []
    with host.reading() as client:
        for ask in (client.runs.get, client.traces.get):
            with pytest.raises(NotFound):
                ask("no-such-run")
        with pytest.raises(NotFound):
            list(client.traces.stream("no-such-run"))


@pytest.mark.parametrize("nothing", ["", " ", "x" * 201, "\0", "\ud800", "../../etc/passwd"])
def test_joining_by_what_is_no_id_shows_nothing_and_raises_nothing(
    recording: Recording, nothing: str
) -> None:
    with trodo_cli.join_run(nothing), trodo_cli.span("work"):
        pass
    with trodo_cli.wrap_agent("later"):
        pass
    assert [run.agent for run in recording.runs()] == ["later"]


def test_a_joined_run_that_is_announced_later_has_the_spans_from_before(recording: Recording) -> None:
    with trodo_cli.join_run("the-run"), trodo_cli.span("early"):
        pass
    assert recording.runs() == []
    trodo_cli.start_run("late", run_id="the-run")
    trodo_cli.end_run("the-run")
    assert names(recording.spans("the-run")) == ["early"]


def test_the_list_and_inspect_loop_of_the_documents_works(recording: Recording) -> None:
    with trodo_cli.wrap_agent("support-agent"), pytest.raises(OSError), trodo_cli.span("look", kind="tool"):  # noqa: PT011
        raise OSError("no network")
    with pytest.raises(KeyError), trodo_cli.wrap_agent("support-agent"):
        raise KeyError("customer")
    with recording.reading() as client:
        page = client.runs.list(agent_id="support-agent", status="error", limit=50)
        assert [row.error_type for row in page.rows] == ["KeyError"]
        (ok,) = client.runs.list(agent_id="support-agent", status="ok").rows
        trace = client.traces.get(ok.id)
        told = [(span.kind, span.name, span.duration_ms, span.status) for span in trace.spans]
    assert [(kind, name, status) for kind, name, _, status in told] == [
        ("agent", "support-agent", "ok"),
        ("tool", "look", "error"),
    ]
    assert all(isinstance(duration, int) for _, _, duration, _ in told)


def test_the_stream_loop_of_the_documents_tells_starts_and_ends_in_order(recording: Recording) -> None:
    with trodo_cli.wrap_agent("pipeline") as run, trodo_cli.span("outer"), trodo_cli.span("inner"):
        pass
    lines = []
    with recording.reading() as client:
        for event in client.traces.stream(run.run_id):
            if event.type == "span-start":
                assert isinstance(event, SpanStart)
                lines.append(f"→ {event.span.name}")
            if event.type == "span-end":
                assert isinstance(event, SpanEnd)
                assert event.span.duration_ms is not None
                lines.append(f"← {event.span.name}")
    assert lines == ["→ outer", "→ inner", "← inner", "← outer"]


def test_a_stream_follows_a_program_from_its_first_span_to_its_end(host: Host) -> None:
    process = host.start(
        """
        import trodo
        with trodo.wrap_agent("live") as run:
            print(run.run_id, flush=True)
            for name in ("one", "two"):
                with trodo.span(name):
                    input()
        """
    )
    run_id = next_line(process)
    seen = []
    host.eventually_visible(run_id)
    with host.reading() as client:
        for event in client.traces.stream(run_id):
            seen.append((event.type, getattr(getattr(event, "span", None), "name", None)))
            if isinstance(event, SpanStart):
                tell(process)
    assert finished(process) == []
    assert isinstance(event, TraceDone)
    assert event.run.status == "completed"
    assert seen == [
        ("run-start", None),
        ("span-start", "one"),
        ("span-end", "one"),
        ("span-start", "two"),
        ("span-end", "two"),
        (RunEnd.__struct_config__.tag, None),
        ("trace-done", None),
    ]
