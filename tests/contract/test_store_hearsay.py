"""Runs that nobody announced and of which only spans tell: what is known of them, and when they are over."""

import itertools
import json
from typing import Any

import pytest

from tests.contract.conftest import Clock
from tests.contract.events import run_end, run_start, span_end
from tests.contract.reading import OWNER, dump, listed, numbers, run_of, told
from tests.wire.otlp_made import START, TRACE, agent, body, model, span, span_id
from trodo_cli.client.local import LocalClient
from trodo_cli.live import Hub
from trodo_cli.model.event import Event, RunStart
from trodo_cli.model.heard_run import HEARD_LOST_AFTER_NS, partial_run
from trodo_cli.model.hearsay import PATIENCE_NS, QUIET_NS, Claim
from trodo_cli.model.run import Run
from trodo_cli.stores.base import Store
from trodo_cli.stores.sqlite import SqliteStore
from trodo_cli.wire.otlp.events import events_of
from trodo_cli.wire.otlp.text import read_json

SECOND = 10**9

FAILED = {"code": 2, "message": "boom"}


@pytest.fixture
def hub(store: SqliteStore, clock: Clock) -> Hub:
    return Hub(store)


def told_by(*spans: Any) -> list[Event]:
    return events_of(read_json(body(*spans)))


def send(hub: Hub, *spans: Any) -> None:
    hub.publish(OWNER, told_by(*spans))


def run(hub: Hub, clock: Clock) -> Run:
    return run_of(hub.store, TRACE, now_ns=clock.now_ns)


def after_silence(hub: Hub, clock: Clock, silence_ns: int = QUIET_NS) -> Run:
    clock.advance(silence_ns)
    hub.conclude(0)
    return run(hub, clock)


def test_a_run_is_there_from_its_first_span_on(hub: Hub, clock: Clock) -> None:
    send(hub, model(2, 1))
    seen = run(hub, clock)
    assert (seen.status, seen.started_ns, seen.ended_ns) == ("running", START + 2 * SECOND, None)
    assert listed(hub.store) == [TRACE]


def test_agent_session_and_user_are_filled_in_as_they_come(hub: Hub, clock: Clock) -> None:
    send(hub, model(3, 2))
    assert run(hub, clock).agent == "span 3"
    send(hub, agent(2, 1, attributes={"gen_ai.agent.name": "inner", "session.id": "deep"}))
    assert (run(hub, clock).agent, run(hub, clock).session) == ("inner", "deep")
    send(hub, agent(1, attributes={"gen_ai.agent.name": "outer", "session.id": "top", "user.id": "ada"}))
    seen = run(hub, clock)
    assert (seen.agent, seen.session, seen.user, seen.started_ns) == ("outer", "top", "ada", START + SECOND)


def test_it_is_over_when_nothing_is_open_and_nothing_came_for_a_while(hub: Hub, clock: Clock) -> None:
    send(hub, model(2, 1), agent(1))
    assert after_silence(hub, clock, QUIET_NS - 1).status == "running"
    assert after_silence(hub, clock, 1).status == "completed"
    assert run(hub, clock).ended_ns == START + 3 * SECOND


def test_the_arrival_of_its_root_does_not_end_it(hub: Hub, clock: Clock) -> None:
    send(hub, agent(1))
    send(hub, agent(2))
    assert run(hub, clock).status == "running"
    assert after_silence(hub, clock).totals.spans == 2


def test_a_run_whose_root_is_still_to_come_goes_on(hub: Hub, clock: Clock) -> None:
    send(hub, model(2, 1))
    assert after_silence(hub, clock, 60 * SECOND).status == "running"
    send(hub, agent(1))
    assert after_silence(hub, clock).status == "completed"


def test_a_run_whose_root_never_comes_ends_after_a_long_silence(hub: Hub, clock: Clock) -> None:
    send(hub, model(2, 1), model(3, 1, status=FAILED))
    assert after_silence(hub, clock, PATIENCE_NS - 1).status == "running"
    assert after_silence(hub, clock, 1).status == "completed"


def test_a_run_of_which_only_a_part_is_heard_waits_for_its_owner(hub: Hub, clock: Clock) -> None:
    hub.publish(OWNER, [RunStart(run_id=TRACE, run=partial_run(TRACE, "part", "s", START))])
    hub.publish(OWNER, [span_end(TRACE, "s")])
    assert after_silence(hub, clock).status == "running"
    assert after_silence(hub, clock, PATIENCE_NS).status == "completed"
    hub.publish(OWNER, [run_start(TRACE, agent="owner")])
    assert (run(hub, clock).agent, run(hub, clock).status) == ("owner", "running")


def test_silence_is_no_bad_sign_until_nobody_is_there_to_end_it(hub: Hub, clock: Clock) -> None:
    send(hub, model(2, 1))
    clock.advance(HEARD_LOST_AFTER_NS)
    assert run(hub, clock).status == "running"
    clock.advance(1)
    assert run(hub, clock).status == "lost"


def test_a_root_decides_how_it_went_and_an_inner_failure_does_not(hub: Hub, clock: Clock) -> None:
    send(hub, model(2, 1, status=FAILED), agent(1))
    seen = after_silence(hub, clock)
    assert (seen.status, seen.error, seen.totals.errors) == ("completed", None, 1)


def test_a_root_that_failed_fails_the_run_also_among_several(hub: Hub, clock: Clock) -> None:
    send(hub, agent(1), agent(2, status=FAILED), agent(3))
    seen = after_silence(hub, clock)
    assert (seen.status, seen.error) == ("failed", "boom")


def test_a_late_span_is_added_and_opens_nothing_again(hub: Hub, clock: Clock) -> None:
    send(hub, agent(1))
    after_silence(hub, clock)
    send(hub, model(5, 1, attributes={"user.id": "late"}))
    seen = run(hub, clock)
    assert (seen.status, seen.totals.spans, seen.user) == ("completed", 2, "late")
    assert seen.ended_ns == START + 6 * SECOND, "and the run lasted as long"
    send(hub, model(2, 1))
    assert after_silence(hub, clock).ended_ns == START + 6 * SECOND


def test_a_root_that_comes_after_the_end_still_decides(hub: Hub, clock: Clock) -> None:
    send(hub, model(2, 1))
    assert after_silence(hub, clock, PATIENCE_NS).status == "completed"
    send(hub, agent(1, status=FAILED))
    assert (run(hub, clock).status, run(hub, clock).agent) == ("failed", "agent")


def test_batches_sent_twice_change_nothing(hub: Hub, clock: Clock) -> None:
    send(hub, model(2, 1), agent(1))
    after_silence(hub, clock)
    before, last = dump(hub.store), run(hub, clock).last_seq
    send(hub, model(2, 1), agent(1))
    assert (dump(hub.store), run(hub, clock).last_seq) == (before, last)


def test_any_order_and_split_of_the_spans_ends_in_the_same_run(clock: Clock) -> None:
    spans = [
        agent(1, attributes={"user.id": "a", "input.value": "asked", "output.value": "told"}),
        agent(2, 1, attributes={"gen_ai.agent.name": "inner", "session.id": "s"}),
        model(3, 2, attributes={"session.id": "t", "tag.tags": ["x"]}),
        model(4, 9, status=FAILED),
    ]
    seen = set()
    for order in itertools.permutations(spans):
        hub = Hub(SqliteStore(None))
        for one in order:
            send(hub, one)
        clock.advance(PATIENCE_NS)
        hub.conclude(0)
        seen.add(dump(hub.store))
    assert len(seen) == 1
    assert json.loads(seen.pop().splitlines()[0].removeprefix("run ").partition(" [")[0])["session"] == "s"


def test_it_ends_also_after_another_process_took_over(store: SqliteStore, clock: Clock) -> None:
    send(Hub(store), agent(1))
    clock.advance(3_600 * SECOND)
    successor = Hub(store)
    assert successor.conclude(0) == clock.now_ns - QUIET_NS
    assert run(successor, clock).status == "completed"


def test_who_looks_again_and_again_ends_each_run_once(hub: Hub, clock: Clock) -> None:
    looked = hub.conclude(0)
    for number in range(20):
        send(hub, agent(1, trace=f"{number + 1:032x}"))
        clock.advance(SECOND)
        looked = hub.conclude(looked)
    clock.advance(QUIET_NS)
    hub.conclude(looked)
    runs = [run_of(hub.store, run_id, now_ns=clock.now_ns) for run_id in listed(hub.store)]
    assert [run.status for run in runs] == ["completed"] * 20
    assert {told(hub.store, run.id)[-1][1] for run in runs} == {"run-end"}


def test_numbers_have_no_gaps(hub: Hub, clock: Clock) -> None:
    for spans in ([model(3, 2)], [agent(2, 1)], [agent(1)]):
        send(hub, *spans)
    last = after_silence(hub, clock).last_seq
    assert numbers(hub.store, TRACE) == list(range(1, last + 1))


def test_who_follows_it_sees_it_end(hub: Hub, clock: Clock) -> None:
    send(hub, model(2, 1), agent(1))
    after_silence(hub, clock)
    events = list(hub.follow(OWNER, TRACE))
    assert [event.type for event in events[-2:]] == ["run-end", "trace-done"]
    ended = events[-2].run  # type: ignore[union-attr]
    assert (ended.status, ended.agent, ended.ended_ns) == ("completed", "agent", START + 3 * SECOND)


def test_a_trace_folded_from_its_stream_is_the_one_the_store_gives(hub: Hub, clock: Clock) -> None:
    from trodo_cli.model.trace import Trace

    send(hub, model(2, 1, attributes={"user.id": "u"}))
    send(hub, agent(1, attributes={"input.value": "asked"}, status=FAILED))
    after_silence(hub, clock)
    folded = Trace(TRACE)
    for event in hub.follow(OWNER, TRACE):
        folded.apply(event)
    given = LocalClient(hub.store, OWNER, hub).traces.get(TRACE)
    for name in ("status", "agent", "user", "error", "started_ns", "ended_ns", "details", "totals"):
        assert getattr(folded.summary, name) == getattr(given.summary, name), name


# -- beside a run of our own -------------------------------------------------------------------------


def test_spans_of_a_service_join_the_run_whose_id_their_trace_has(hub: Hub, clock: Clock) -> None:
    hub.publish(OWNER, [run_start(TRACE, agent="ours")])
    send(hub, agent(2, 1, attributes={"user.id": "theirs"}))
    trace = LocalClient(hub.store, OWNER, hub).traces.get(TRACE)
    assert (trace.summary.agent, trace.summary.user) == ("ours", None)
    assert [found.id for found in trace.own] == [span_id(2)]
    assert after_silence(hub, clock, 10 * SECOND).status == "running"


@pytest.mark.parametrize("order", ["announced first", "announced last", "announced after its silence"])
def test_the_announcement_and_the_end_of_its_own_process_count_alone(
    hub: Hub, clock: Clock, order: str
) -> None:
    own = [run_start(TRACE, agent="ours"), run_end(TRACE, status="failed", error="own")]
    parts = [own[:1], told_by(agent(2, 1), agent(1))]
    for events in parts if order == "announced first" else reversed(parts):
        hub.publish(OWNER, events)
        if order == "announced after its silence":
            clock.advance(QUIET_NS)
            hub.conclude(0)
    assert (run(hub, clock).agent, run(hub, clock).status) == ("ours", "running")
    assert after_silence(hub, clock).status == "running"
    hub.publish(OWNER, own[1:])
    assert (run(hub, clock).status, run(hub, clock).error) == ("failed", "own")
    last = run(hub, clock).last_seq
    assert numbers(hub.store, TRACE) == list(range(1, last + 1))


@pytest.mark.parametrize("is_first", [True, False])
def test_hearsay_of_its_end_does_not_end_a_run_of_our_own(hub: Hub, clock: Clock, is_first: bool) -> None:
    over = run_end(TRACE, heard={"over": Claim("")})
    for event in (over, run_start(TRACE)) if is_first else (run_start(TRACE), over):
        hub.publish(OWNER, [event])
    assert run(hub, clock).status == "running"
    assert "run-end" not in [kind for _, kind in told(hub.store, TRACE)]


def test_other_owners_have_nothing_to_do_with_it(hub: Hub, clock: Clock) -> None:
    send(hub, agent(1))
    hub.publish("bob", [run_start(TRACE, agent="bob's")])
    assert after_silence(hub, clock).agent == "agent"
    assert run_of(hub.store, TRACE, owner="bob", now_ns=clock.now_ns).agent == "bob's"


def test_a_run_is_found_by_what_only_spans_said(hub: Hub, clock: Clock) -> None:
    from trodo_cli.query.plan import RunFilter

    send(hub, agent(1, attributes={"user.id": "ada", "session.id": "s"}))
    for wanted in (RunFilter(user="ada"), RunFilter(session="s"), RunFilter(agent="agent")):
        assert listed(hub.store, wanted, now_ns=clock.now_ns) == [TRACE]
    clock.advance(30 * SECOND)
    for status, found in (("running", [TRACE]), ("lost", []), ("open", [TRACE])):
        assert listed(hub.store, RunFilter(status=status), now_ns=clock.now_ns) == found


def test_deleting_it_leaves_nothing(store: Store, row_counts: Any, clock: Clock) -> None:
    empty = row_counts()
    send(Hub(store), model(2, 1), span(1))
    assert row_counts()["wrapping"] == 1
    store.delete_run(OWNER, TRACE)
    assert row_counts() == empty
