"""The published `trodo-python`, as it is, against the real server: what it records is there, and it counts no loss."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.official.conftest import PACKAGE, Official, install
from tests.server.served import NORTH, Served
from tests.test_imports import PROJECT
from trodo_cli.model.run import Run
from trodo_cli.model.trace import Trace
from trodo_cli.query.plan import RunFilter

pytestmark = pytest.mark.slow

HEAD = """
    import json, os, sys
    import trodo

    errors = []
    client = trodo.init(
        site_id=os.environ["SITE_ID"], api_base=os.environ["API_BASE"], delivery=sys.argv[1],
        auto_instrument=False,
        on_error=lambda error: errors.append(str(error)),
    )

    def end(**said):
        trodo.flush()
        stats = client.delivery_stats()
        print(json.dumps({"errors": errors, "dropped": stats["dropped"], "sent": stats["sent"], **said}))
"""

AGENT = (
    HEAD
    + """
    @trodo.tool("look-up")
    def look_up(order):
        return {"order": order, "state": "on its way"}

    class Usage:
        usage = {"prompt_tokens": 120, "completion_tokens": 30, "total_tokens": 150,
                 "prompt_tokens_details": {"cached_tokens": 100}}

    with trodo.wrap_agent("support-agent", distinct_id="ada", conversation_id="chat-9",
                          metadata={"env": "prod"}) as run:
        run.set_input([{"role": "user", "content": "where is my parcel?"}])
        with trodo.span("plan", kind="agent"):
            look_up(4711)
            trodo.llm("answer", lambda messages: Usage(), model="gpt-5", provider="openai")(
                [{"role": "user", "content": "hi"}])
        try:
            with trodo.span("flaky", kind="tool") as span:
                span.set_tool("flaky_tool")
                raise TimeoutError("too slow")
        except TimeoutError:
            pass
        trodo.track_llm_call(model="claude-sonnet-4", provider="anthropic", completion="ok", usage={
            "input_tokens": 10, "output_tokens": 5, "cache_read_input_tokens": 90, "cache_creation_input_tokens": 0})
        run.set_output("tomorrow")
    trodo.feedback(run.run_id, satisfaction="negative", rating=2, comment="wrong parcel", distinct_id="ada")
    end(run_id=run.run_id)
"""
)

MODES = pytest.mark.parametrize("mode", ["background", "immediate"])


def said(official: Official, server: Served, source: str, mode: str = "background", **more: str) -> Any:
    """What a program tells at its end: it was refused nothing, and dropped nothing."""
    settings = {"SITE_ID": server.secret(NORTH, "ingest"), "API_BASE": server.url, **more}
    told = json.loads(official.run(source, mode, **settings)[-1])
    assert (told["errors"], told["dropped"]) == ([], 0)
    return told


def only_run(server: Served) -> Run:
    (row,) = server.of(NORTH).runs.list(wanted=RunFilter(roots_only=False)).rows
    return server.of(NORTH).runs.get(row.id)


def tree(trace: Trace, at: str | None = None) -> Any:
    """Names with the names below them."""
    found = trace.tree()
    return {span.name: tree(trace, span.id) for span in found.below(at)}


@MODES
def test_a_wrapped_agent_is_one_run_with_its_tree_its_tokens_and_its_feedback(
    official: Official, server: Served, mode: str
) -> None:
    told = said(official, server, AGENT, mode)
    run = only_run(server)
    assert run.id == told["run_id"].replace("-", "")
    assert (run.agent, run.status, run.user, run.session) == ("support-agent", "completed", "ada", "chat-9")
    assert run.details.input == [{"role": "user", "content": "where is my parcel?"}]
    assert (run.details.output, run.tags) == ("tomorrow", ("env=prod",))
    trace = server.of(NORTH).traces.get(run.id)
    calls = {"answer": {}, "look-up": {}}
    assert tree(trace) == {"plan": calls, "flaky": {}, "llm.anthropic.claude-sonnet-4": {}}
    by_name = {span.name: span for span in trace.own}
    assert {name: span.kind for name, span in by_name.items()} == {
        "plan": "agent", "look-up": "tool", "answer": "model", "flaky": "tool",
        "llm.anthropic.claude-sonnet-4": "model",
    }  # fmt: skip
    flaky = by_name["flaky"]
    assert (flaky.status, flaky.error, flaky.error_type, flaky.tool) == (
        "error", "too slow", "TimeoutError", "flaky_tool",
    )  # fmt: skip
    assert "too slow" in (flaky.details.stack or "")
    openai, anthropic = by_name["answer"], by_name["llm.anthropic.claude-sonnet-4"]
    assert openai.usage is not None
    assert (openai.model, openai.usage.input, openai.usage.output, openai.usage.cache_read) == (
        "gpt-5",
        120,
        30,
        100,
    )
    assert anthropic.usage is not None
    assert (anthropic.usage.input, anthropic.usage.output, anthropic.usage.cache_read) == (100, 5, 90)
    assert (run.totals.input_tokens, run.totals.output_tokens, run.totals.errors) == (220, 35, 1)
    (feedback,) = run.feedback
    assert (feedback.satisfaction, feedback.rating, feedback.comment) == ("negative", 2.0, "wrong parcel")


def test_feedback_is_shown_with_the_run_and_no_span_as_lost_from_its_place(
    official: Official, server: Served, tmp_path: Path
) -> None:
    from tests.cli.program import Cli

    said(official, server, AGENT)
    cli = Cli(tmp_path / "cli")
    cli.folder.mkdir()
    settings = {"TRODO_TARGET": server.url, "TRODO_API_KEY": server.secret()}
    shown = cli.terminal("runs", "show", "latest", **settings).end()[1].decode()
    assert "negative, rated 2 by ada: wrong parcel" in shown
    listed = cli.ok("runs", "show", "latest", "--json", **settings).json["feedback"]
    assert [(one["satisfaction"], one["rating"]) for one in listed] == [("negative", 2.0)]
    assert "parent is missing" not in cli.ok("trace", "show", "latest", "--full", **settings).out
    assert any("feedback" in line for line in cli.ok("tail", "latest", "--plain", **settings).lines)
    cli.close()


STARTED = (
    HEAD
    + """
    run_id = trodo.start_run("long-job", distinct_id="ada", input={"task": 1}, run_id=os.environ.get("RUN_ID"))
    with trodo.join_run(run_id):
        with trodo.span("one"):
            pass
    print(run_id, flush=True)
    trodo.flush()
    if sys.stdin.readline() != "stop\\n":
        trodo.end_run(run_id, output="done", metadata={"stage": "last"})
    end()
"""
)


@MODES
@pytest.mark.parametrize("run_id", ["", "order/47 11?#"])
def test_a_run_that_is_started_and_ended_is_live_in_between(
    official: Official, server: Served, mode: str, run_id: str
) -> None:
    source = STARTED.replace('sys.stdin.readline() != "stop\\n"', "True")
    said(official, server, source, mode, **({"RUN_ID": run_id} if run_id else {}))
    run = only_run(server)
    assert run_id in (run.id, "")
    assert (run.agent, run.status, run.details.input, run.details.output) == (
        "long-job", "completed", {"task": 1}, "done",
    )  # fmt: skip
    assert run.details.attributes["stage"] == "last"
    assert run.totals.spans >= 1


def test_a_run_that_only_began_is_running_and_not_lost_when_it_is_silent(
    official: Official, server: Served
) -> None:
    said(official, server, STARTED.replace('sys.stdin.readline() != "stop\\n"', "False"))
    run = only_run(server)
    assert run.status == "running"
    store, minute_ns = server.of(NORTH).hub.store, 60 * 10**9
    assert run.heartbeat_ns is not None
    seen = [store.run(NORTH, run.id, run.heartbeat_ns + minutes * minute_ns) for minutes in (14, 16)]
    assert [found.status for found in seen if found] == ["running", "lost"]


MANY = (
    HEAD
    + """
    for number in range(120):
        with trodo.wrap_agent("many", distinct_id="u", metadata={"n": number}) as run:
            with trodo.span("work") as span:
                span.set_input("x" * 2_000 if number % 2 else {"a": float("nan"), "b": "\\ud83d"})
    end()
"""
)


def test_many_runs_come_in_gzipped_batches_and_none_is_lost(official: Official, server: Served) -> None:
    assert said(official, server, MANY)["sent"] == 120
    rows = server.of(NORTH).runs.list(limit=200).rows
    assert sorted(int(row.tags[0].removeprefix("n=")) for row in rows) == list(range(120))
    for row in rows[:10]:
        (span,) = server.of(NORTH).traces.get(row.id).own
        assert span.details.input in ("x" * 2_000, {"a": "NaN", "b": "\ufffd"})


OTHERS = (
    HEAD
    + """
    trodo.track_mcp(tool="search", distinct_id="ada", input={"q": 1}, output="found", agent_name="MCP", duration_ms=5)
    trodo.track("ada", "clicked", {"page": "help"})
    trodo.identify("ada")
    trodo.upsert_user("ada", properties={"plan": "pro"})
    trodo.people_set("ada", {"a": 1})
    trodo.people_set_once("ada", {"a": 1})
    client.people_increment("ada", "n", 2)
    client.set_group("ada", "team", "x")
    trodo.wallet_address("ada", "0x0")
    trodo.reset("ada")
    end()
"""
)


def test_calls_without_a_run_are_runs_of_their_own_and_analytics_are_taken(
    official: Official, server: Served
) -> None:
    said(official, server, OTHERS)
    run = only_run(server)
    (span,) = server.of(NORTH).traces.get(run.id).own
    assert (run.agent, run.user, run.status) == ("MCP", "ada", "completed")
    assert (span.name, span.kind, span.tool) == ("tool.search", "tool", "search")
    assert span.details.input == {"tool": "search", "params": {"q": 1}}


def test_what_the_sdk_dropped_is_counted_and_a_key_that_is_revoked_is_told(
    official: Official, server: Served
) -> None:
    _, secret = server.local.keys.create(NORTH, ("ingest",))
    source = (
        HEAD
        + """
    def record():
        with trodo.wrap_agent("a", distinct_id="u"):
            pass
        trodo.flush()

    headers, good = client._http._session.headers, os.environ["SITE_ID"]
    headers["X-Trodo-Site-Id"] = "trodo_wrong"
    record()
    headers["X-Trodo-Site-Id"] = good
    record()
    print(json.dumps({"errors": errors, **client.delivery_stats()}))
    """
    )
    told = json.loads(official.run(source, "background", SITE_ID=secret, API_BASE=server.url)[-1])
    assert (told["sent"], told["dropped_by_reason"]) == (1, {"rejected": 1})
    assert "401" in told["errors"][0]
    assert server.of(NORTH).drops() == {"rejected": 1}


TWO_SERVICES = (
    HEAD
    + """
    if len(sys.argv) > 2:
        headers = json.loads(sys.argv[2])
        with trodo.join_run(run_id=headers["X-Trodo-Run-Id"], parent_span_id=headers["X-Trodo-Parent-Span-Id"]):
            with trodo.span("answer"):
                pass
        end()
        sys.exit()
    import subprocess
    with trodo.wrap_agent("caller", distinct_id="u") as run:
        with trodo.span("ask", kind="tool"):
            said = json.dumps(trodo.propagation_headers())
            subprocess.run([sys.executable, "-S", *sys.argv[:2], said], check=True)
    end()
"""
)


def test_a_joined_service_stands_below_the_span_that_called_it(official: Official, server: Served) -> None:
    said(official, server, TWO_SERVICES)
    trace = server.of(NORTH).traces.get(only_run(server).id)
    assert tree(trace) == {"ask": {"remote.handler": {"answer": {}}}}


def test_where_both_are_installed_the_official_package_wins_and_works(
    official: Official, server: Served, tmp_path: Path
) -> None:
    source, site = tmp_path / "source", tmp_path / "both"
    shutil.copytree(PROJECT, source, ignore=shutil.ignore_patterns(".*", "tests", "__pycache__"))
    install(site, "--no-deps", str(source))
    install(site, PACKAGE)
    assert {"trodo", "trodo.py", "trodo_cli"} <= {path.name for path in site.iterdir()}
    program = (
        AGENT
        + """
    import trodo_cli
    print(json.dumps([trodo.__file__, trodo_cli.__file__]))
    """
    )
    settings = {"SITE_ID": server.secret(), "API_BASE": server.url}
    *_, told, files = Official(site, tmp_path).run(program, "background", isolated=False, **settings)
    assert json.loads(files) == [str(site / "trodo" / "__init__.py"), str(site / "trodo_cli" / "__init__.py")]
    assert (json.loads(told)["errors"], json.loads(told)["dropped"]) == ([], 0)
    assert only_run(server).agent == "support-agent"
