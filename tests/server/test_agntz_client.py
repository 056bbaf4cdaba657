"""The published `agntz` client, sync and async, against our server as it is."""

import asyncio
from collections.abc import Callable, Iterator
from inspect import isawaitable
from typing import Any

import httpx
import pytest
from agntz.client import AgntzClient, AgntzError, AsyncAgntzClient, AuthenticationError, NotFoundError

from tests.contract.events import run_end, run_start, span_end, span_start
from tests.server.served import SOUTH, Served, finished_run, live_run
from trodo_cli.model import ids
from trodo_cli.model.key import new_secret

SECOND = 10**9

Ask = Callable[[Any], Any]


class SyncClient:
    """The client as it is."""

    def __init__(self, url: str, secret: str) -> None:
        self._http = httpx.Client(trust_env=False, verify=False)
        self._client = AgntzClient(api_key=secret, base_url=url, http_client=self._http)

    def __call__(self, ask: Ask) -> Any:
        """What a method answers."""
        return ask(self._client)

    def events(self, ask: Ask) -> Iterator[Any]:
        """What a stream tells."""
        yield from ask(self._client)

    def close(self) -> None:
        self._http.close()


class AsyncClient:
    """The async client, with a loop of its own."""

    def __init__(self, url: str, secret: str) -> None:
        self._runner = asyncio.Runner()
        self._http = httpx.AsyncClient(trust_env=False, verify=False)
        self._client = AsyncAgntzClient(api_key=secret, base_url=url, http_client=self._http)

    def __call__(self, ask: Ask) -> Any:
        async def answered() -> Any:
            answer = ask(self._client)
            return await answer if isawaitable(answer) else answer

        return self._runner.run(answered())

    def events(self, ask: Ask) -> Iterator[Any]:
        events = ask(self._client)
        try:
            while True:
                try:
                    yield self._runner.run(anext(events))
                except StopAsyncIteration:
                    return
        finally:
            self._runner.run(events.aclose())

    def close(self) -> None:
        self._runner.run(self._http.aclose())
        self._runner.close()


Client = SyncClient | AsyncClient

KINDS: dict[str, type[Client]] = {"sync": SyncClient, "async": AsyncClient}


@pytest.fixture(params=KINDS, scope="module")
def kind(request: pytest.FixtureRequest) -> type[Client]:
    return KINDS[request.param]


@pytest.fixture(scope="module")
def client(kind: type[Client], server: Served) -> Iterator[Client]:
    client = kind(server.url, server.secret())
    yield client
    client.close()


@pytest.fixture
def agent(server: Served) -> str:
    """An agent with five runs, numbers 1 to 5, that began a minute apart, and a child, number 6, of the first."""
    agent = ids.new_span_id()
    for number, status in enumerate(
        ("completed", "failed", "cancelled", "pending", "running", "running"), start=1
    ):
        run_id, parent_id = f"{agent}-{number}", f"{agent}-1" if number == 6 else None
        opened = "pending" if status == "pending" else "running"
        server.publish(
            run_start(run_id, agent=agent, started_ns=moment(number), status=opened, parent_id=parent_id),
            alive=True,
        )
        if status in ("completed", "failed", "cancelled"):
            server.publish(run_end(run_id, status=status, ended_ns=moment(number) + SECOND, error="broken"))
    return agent


def moment(number: int) -> int:
    return (1_800_000_000 + 60 * number) * SECOND


def iso(number: int) -> str:
    return f"2027-01-15T08:{number:02}:00.000Z"


def numbers(page: Any) -> list[int]:
    """Which runs of the agent a page has."""
    return [int((row.trace_id if hasattr(row, "trace_id") else row.id)[-1]) for row in page.rows]


ROOTS = [5, 4, 3, 2, 1]

RUN_FILTERS: dict[str, tuple[dict[str, Any], list[int]]] = {
    "none": ({}, ROOTS),
    "roots": ({"roots_only": True}, ROOTS),
    "children too": ({"roots_only": False}, [6, *ROOTS]),
    "completed": ({"status": "completed"}, [1]),
    "failed": ({"status": "failed"}, [2]),
    "cancelled": ({"status": "cancelled"}, [3]),
    "pending": ({"status": "pending"}, [4]),
    "running": ({"status": "running"}, [5, 4]),
    "no status of ours": ({"status": "draining"}, []),
    "no status at all": ({"status": "nonsense"}, []),
    "after": ({"started_after": iso(3)}, [5, 4, 3]),
    "before": ({"started_before": iso(3)}, [3, 2, 1]),
    "between": ({"started_after": iso(2), "started_before": iso(4)}, [4, 3, 2]),
    "an instant": ({"started_after": iso(3), "started_before": iso(3)}, [3]),
    "after no time": ({"started_after": "yesterday"}, ROOTS),
    "before no time": ({"started_before": "tomorrow"}, ROOTS),
    "limited": ({"limit": 2}, [5, 4]),
    "more than there may be": ({"limit": 100_000}, ROOTS),
    "no cursor": ({"cursor": "nonsense"}, ROOTS),
    "several": ({"status": "failed", "started_after": iso(3)}, []),
}

TRACE_FILTERS: dict[str, tuple[dict[str, Any], list[int]]] = {
    "none": ({}, ROOTS),
    "ok": ({"status": "ok"}, [1]),
    "error": ({"status": "error"}, [2]),
    "cancelled": ({"status": "cancelled"}, [3]),
    "running": ({"status": "running"}, [5, 4]),
    "a run's status": ({"status": "completed"}, []),
    "after": ({"started_after": iso(3)}, [5, 4, 3]),
    "before": ({"started_before": iso(3)}, [3, 2, 1]),
    "a part of a text": ({"started_after": "2027-01-15T08:04"}, [5, 4]),
    "no time": ({"started_after": "yesterday"}, []),
    "limited": ({"limit": 2}, [5, 4]),
}


@pytest.mark.parametrize("name", RUN_FILTERS)
def test_runs_are_listed_by_every_filter(client: Client, agent: str, name: str) -> None:
    said, wanted = RUN_FILTERS[name]
    assert numbers(client(lambda api: api.runs.list(agent_id=agent, **said))) == wanted


@pytest.mark.parametrize("name", TRACE_FILTERS)
def test_traces_are_listed_by_every_filter(client: Client, agent: str, name: str) -> None:
    said, wanted = TRACE_FILTERS[name]
    assert numbers(client(lambda api: api.traces.list(agent_id=agent, **said))) == wanted


@pytest.mark.parametrize("limit", [1, 2, 5])
@pytest.mark.parametrize("what", ["runs", "traces"])
def test_pages_go_on_to_the_end_while_runs_are_added(
    client: Client, server: Served, agent: str, what: str, limit: int
) -> None:
    found: list[int] = []
    said: dict[str, Any] = {"agent_id": agent, "limit": limit}
    while "cursor" not in said or said["cursor"] is not None:
        page = client(lambda api: getattr(api, what).list(**said))
        found += numbers(page)
        server.publish(run_start(f"{agent}-9{len(found)}", agent=agent, started_ns=moment(9)))
        said["cursor"] = page.cursor
    assert found == ROOTS


def test_a_finished_run_is_read_whole(client: Client, server: Served) -> None:
    run_id = ids.new_run_id()
    server.publish(*finished_run(run_id, "writer", session="s1"))
    run = client(lambda api: api.runs.get(run_id))
    assert (run.id, run.root_id, run.parent_id, run.depth) == (run_id, run_id, None, 0)
    assert (run.agent_id, run.status, run.input, run.session_id) == ("writer", "completed", "question", "s1")
    assert run.result["output"] == "answer"
    assert run.ended_at - run.started_at == run.result["duration"] == 999
    assert run.error is None


def test_a_failed_run_says_why_and_a_running_one_has_no_end(client: Client, agent: str) -> None:
    failed = client(lambda api: api.runs.get(f"{agent}-2"))
    running = client(lambda api: api.runs.get(f"{agent}-5"))
    assert (failed.status, failed.error, failed.result) == ("failed", "broken", None)
    assert (running.status, running.ended_at, running.error) == ("running", None, None)


def test_a_child_knows_its_parent_and_root(client: Client, agent: str) -> None:
    child = client(lambda api: api.runs.get(f"{agent}-6"))
    assert (child.parent_id, child.root_id, child.depth) == (f"{agent}-1", f"{agent}-1", 1)
    links = [
        span for span in client(lambda api: api.traces.get(f"{agent}-1")).spans if span.run_id == child.id
    ]
    assert [(span.trace_id, span.kind, span.status) for span in links] == [
        (f"{agent}-1", "invoke", "running")
    ]


def test_starting_an_unknown_agent_gives_a_run_that_failed(client: Client) -> None:
    run = client(lambda api: api.runs.start(agent_id="nobody", input={"a": 1}, session_id="s"))
    assert (run.agent_id, run.input, run.session_id) == ("nobody", '{"a":1}', "s")
    after = client(lambda api: api.runs.get(run.id))
    assert (after.status, after.error) == ("failed", 'Agent "nobody" not found')


def test_a_cancelled_run_is_asked_to_stop_and_so_are_those_below_it(client: Client, server: Served) -> None:
    above, below = ids.new_run_id(), ids.new_run_id()
    server.publish(*live_run(above), *live_run(below, parent_id=above), alive=True)
    assert client(lambda api: api.runs.cancel(above)).status == "running"
    receipt = server.send(span_start(below, "next"))
    assert receipt["asked"] == [below]
    server.send(run_end(above, status="cancelled", ended_ns=ids.now_ns(), error="cancelled by user"))
    run = client(lambda api: api.runs.get(above))
    assert (run.status, run.error) == ("cancelled", "cancelled by user")


def test_cancelling_a_run_that_has_ended_changes_nothing(client: Client, server: Served) -> None:
    run_id = ids.new_run_id()
    server.publish(*finished_run(run_id))
    before = client(lambda api: api.runs.get(run_id))
    assert client(lambda api: api.runs.cancel(run_id)) == before == client(lambda api: api.runs.get(run_id))


def test_a_trace_is_read_deleted_once_and_its_run_stays(client: Client, server: Served) -> None:
    run_id = ids.new_run_id()
    server.publish(*finished_run(run_id, "writer"))
    trace = client(lambda api: api.traces.get(run_id))
    assert (trace.summary.root_name, trace.summary.status, trace.summary.span_count) == ("writer", "ok", 2)
    assert {span.kind for span in trace.spans} == {"run", "tool"}
    assert client(lambda api: api.traces.delete(run_id)) is None
    for again in (lambda api: api.traces.delete(run_id), lambda api: api.traces.get(run_id)):
        with pytest.raises(NotFoundError, match="Trace not found"):
            client(again)
    assert client(lambda api: api.runs.get(run_id)).status == "completed"


def test_a_live_trace_can_be_read(client: Client, server: Served) -> None:
    run_id = ids.new_run_id()
    server.publish(*live_run(run_id), alive=True)
    trace = client(lambda api: api.traces.get(run_id))
    assert (trace.summary.status, trace.summary.ended_at) == ("running", None)
    assert [span.status for span in trace.spans] == ["running", "running"]


def test_the_stream_of_a_finished_run_tells_all_and_ends(client: Client, server: Served) -> None:
    run_id = ids.new_run_id()
    server.publish(*finished_run(run_id))
    events = list(client.events(lambda api: api.runs.stream(run_id=run_id)))
    assert [event.type for event in events] == [
        "run-spawn",
        "tool-call-start",
        "tool-call-end",
        "run-complete",
    ]
    assert [event.seq for event in events] == [1, 2, 3, 4]
    rest = list(client.events(lambda api: api.runs.stream(run_id=run_id, since=2)))
    assert [event.type for event in rest] == ["tool-call-end", "run-complete"]
    assert list(client.events(lambda api: api.runs.stream(run_id=run_id, since=4))) == []


def test_the_stream_of_a_live_run_goes_on_to_its_end(client: Client, server: Served) -> None:
    run_id = ids.new_run_id()
    server.publish(*live_run(run_id), alive=True)
    events = client.events(lambda api: api.runs.stream(run_id=run_id))
    assert next(events).type == "run-spawn"
    server.send(span_start(run_id, "tool", kind="tool", name="search"))
    assert next(events).type == "tool-call-start"
    server.send(span_end(run_id, "tool", kind="tool", name="search"), run_end(run_id))
    assert [event.type for event in events] == ["tool-call-end", "run-complete"]


def test_the_trace_stream_of_a_finished_run_is_one_snapshot(client: Client, server: Served) -> None:
    run_id = ids.new_run_id()
    server.publish(*finished_run(run_id))
    (event,) = client.events(lambda api: api.traces.stream(run_id))
    assert (event.type, event.summary["status"], len(event.spans)) == ("snapshot", "ok", 2)


def test_the_trace_stream_of_a_live_run_opens_what_is_open_and_ends_with_the_run(
    client: Client, server: Served
) -> None:
    run_id = ids.new_run_id()
    server.publish(*live_run(run_id), alive=True)
    events = client.events(lambda api: api.traces.stream(run_id))
    opened = [next(events).span["spanId"] for _ in range(2)]
    assert opened == [run_id[-16:], f"{run_id}.s"]
    server.send(span_end(run_id, f"{run_id}.s", kind="model", name="think"), run_end(run_id))
    assert [(event.type, event.span_id) for event in events] == [
        ("span-end", f"{run_id}.s"),
        ("span-end", run_id[-16:]),
        ("trace-done", None),
    ]


def test_separators_and_controls_in_texts_do_not_break_a_stream(client: Client, server: Served) -> None:
    run_id, hostile = ids.new_run_id(), "a\u2028b\u2029c\x85d\x0be\x0cf\x1cg\x1dh\x1ei\r\nj\x7f"
    server.publish(*live_run(run_id, hostile), alive=True)
    server.send(
        span_end(run_id, "tool", kind="tool", name=hostile + "\0", error=hostile),
        run_end(run_id, error=hostile),
    )
    events = client.events(lambda api: api.runs.stream(run_id=run_id))
    assert [event.toolCall["name"] for event in events if event.type == "tool-call-end"] == [
        hostile + "\u2400"
    ]
    (snapshot,) = client.events(lambda api: api.traces.stream(run_id))
    assert snapshot.summary["rootName"] == hostile


def test_health_needs_no_key(client: Client) -> None:
    health = client(lambda api: api.health())
    assert (health.status, health.service) == ("ok", "trodo")


@pytest.mark.parametrize(
    "ask",
    [
        lambda api: api.runs.get("missing"),
        lambda api: api.runs.cancel("missing"),
        lambda api: api.traces.get("missing"),
        lambda api: api.traces.delete("missing"),
        lambda api: api.agents.get("missing"),
        lambda api: api.sessions.list(),
    ],
)
def test_what_is_not_there_is_a_not_found_error(client: Client, ask: Ask) -> None:
    with pytest.raises(NotFoundError) as caught:
        client(ask)
    assert caught.value.status == 404


@pytest.mark.parametrize("secret", ["nonsense", new_secret()], ids=["malformed", "unknown"])
def test_a_bad_key_is_an_authentication_error(kind: type[Client], server: Served, secret: str) -> None:
    client = kind(server.url, secret)
    with pytest.raises(AuthenticationError, match="invalid or revoked API key") as caught:
        client(lambda api: api.runs.list())
    assert caught.value.status == 401
    client.close()


def test_a_missing_scope_is_an_error_with_words(kind: type[Client], server: Served) -> None:
    client = kind(server.url, server.secret(SOUTH, "ingest"))
    with pytest.raises(AgntzError, match="lacks the scope `read`") as caught:
        client(lambda api: api.runs.list())
    assert (caught.value.status, caught.value.code) == (403, "FORBIDDEN")
    client.close()


def test_a_bad_limit_is_refused_in_the_words_of_the_contract(client: Client) -> None:
    with pytest.raises(AgntzError, match="Invalid `limit` query param") as caught:
        client(lambda api: api.runs.list(limit=0))
    assert caught.value.status == 400
