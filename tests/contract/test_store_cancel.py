"""Requests to stop a run: kept once, handed down to the runs below, delivered through the heartbeat."""

import pytest

from tests.contract.conftest import Clock
from tests.contract.events import NOW, SECOND, cancel_request, run_end, run_start, span_start
from tests.contract.reading import OWNER, append, cancel_of, listed, run_of, settled_mark, told
from trodo_cli.client.base import Client
from trodo_cli.errors import NotFound
from trodo_cli.model.run import Cancel
from trodo_cli.stores.base import Appended, Store


def asked(store: Store, *run_ids: str) -> list[bool]:
    """Which of these runs are asked to stop."""
    return [cancel_of(store, run_id) is not None for run_id in run_ids]


def add_family(store: Store) -> None:
    append(store, run_start("top"), run_start("child", parent_id="top"), run_start("deep", parent_id="child"))
    append(store, run_start("stranger"))


# -- asking ------------------------------------------------------------------------------------------


def test_a_request_is_kept_with_who_asked_why_and_when(client: Client, store: Store) -> None:
    append(store, run_start("r"))
    run = client.runs.cancel("r", reason="too dear", by="ada")
    assert run.cancel == Cancel(requested_ns=NOW, by="ada", reason="too dear")
    assert run.status == "running"
    assert told(store, "r") == [(1, "run-start"), (2, "cancel-requested")]


def test_asking_twice_changes_nothing(client: Client, store: Store, clock: Clock) -> None:
    append(store, run_start("r"))
    first = client.runs.cancel("r", by="ada")
    clock.advance(SECOND)
    assert client.runs.cancel("r", by="bob", reason="me too") == first
    assert append(store, cancel_request("r", NOW + 1)) == Appended(stored=0, known=1)
    assert run_of(store, "r").last_seq == 2


def test_the_earliest_request_stands_in_either_order(store: Store) -> None:
    for name, times in (("forth", (NOW, NOW + 1)), ("back", (NOW + 1, NOW))):
        append(store, run_start(name), *[cancel_request(name, time) for time in times])
        assert cancel_of(store, name) == Cancel(requested_ns=NOW)


def test_a_finished_run_stays_as_it_is(client: Client, store: Store) -> None:
    append(store, run_start("r"), run_end("r"))
    before = run_of(store, "r")
    assert client.runs.cancel("r") == before
    assert run_of(store, "r") == before


def test_a_run_that_finishes_after_the_request_keeps_its_own_end(client: Client, store: Store) -> None:
    append(store, run_start("r"))
    client.runs.cancel("r")
    append(store, run_end("r", status="completed"))
    run = run_of(store, "r")
    assert run.status == "completed"
    assert run.cancel is not None


def test_a_missing_run_cannot_be_cancelled(client: Client) -> None:
    with pytest.raises(NotFound):
        client.runs.cancel("missing")


def test_asking_is_no_sign_of_life_of_the_run(client: Client, store: Store, clock: Clock) -> None:
    append(store, run_start("r"), now_ns=NOW)
    clock.advance(60 * SECOND)
    assert client.runs.cancel("r").status == "lost"


# -- handing down ------------------------------------------------------------------------------------


def test_a_request_goes_down_to_every_open_run_below(client: Client, store: Store) -> None:
    add_family(store)
    client.runs.cancel("top", reason="stop")
    assert asked(store, "top", "child", "deep", "stranger") == [True, True, True, False]
    assert cancel_of(store, "deep") == Cancel(requested_ns=NOW, reason="stop")
    assert told(store, "deep") == [(1, "run-start"), (2, "cancel-requested")]


def test_a_request_does_not_go_up_or_aside(client: Client, store: Store) -> None:
    add_family(store)
    append(store, run_start("sibling", parent_id="top"))
    client.runs.cancel("child")
    assert asked(store, "top", "child", "deep", "sibling") == [False, True, True, False]


def test_a_finished_run_below_stays_as_it_is(client: Client, store: Store) -> None:
    add_family(store)
    append(store, run_end("child"))
    before = run_of(store, "child")
    client.runs.cancel("top")
    assert run_of(store, "child") == before


def test_a_run_below_that_finished_without_saying_when_stays_as_it_is(client: Client, store: Store) -> None:
    add_family(store)
    append(store, run_end("deep", ended_ns=None))
    client.runs.cancel("top")
    assert asked(store, "deep") == [False]


def test_a_request_reaches_an_open_run_below_a_finished_one(client: Client, store: Store) -> None:
    add_family(store)
    append(store, run_end("child"))
    client.runs.cancel("top")
    assert asked(store, "deep") == [True]


def test_a_request_leaves_an_earlier_one_below_as_it_is(client: Client, store: Store, clock: Clock) -> None:
    add_family(store)
    client.runs.cancel("child", reason="first")
    clock.advance(SECOND)
    client.runs.cancel("top", reason="second")
    assert cancel_of(store, "deep") == Cancel(requested_ns=NOW, reason="first")
    assert cancel_of(store, "top") == Cancel(requested_ns=NOW + SECOND, reason="second")


def test_a_run_that_begins_below_a_cancelled_one_is_asked_too(client: Client, store: Store) -> None:
    add_family(store)
    client.runs.cancel("top", reason="stop")
    append(store, run_start("late", parent_id="deep"))
    append(store, run_start("later", parent_id="late"))
    assert cancel_of(store, "later") == Cancel(requested_ns=NOW, reason="stop")
    assert told(store, "later") == [(1, "run-start"), (2, "cancel-requested")]


def test_a_run_whose_spans_came_first_is_asked_once_it_is_announced(client: Client, store: Store) -> None:
    add_family(store)
    append(store, span_start("late", "a"))
    client.runs.cancel("top")
    append(store, run_start("late", parent_id="top"))
    assert asked(store, "late") == [True]


def test_a_request_that_came_before_its_run_is_handed_down(store: Store) -> None:
    append(store, cancel_request("top"))
    append(store, run_start("child", parent_id="top"))
    assert listed(store) == ["child"]
    append(store, run_start("top"))
    assert asked(store, "top", "child") == [True, True]


def test_a_request_reaches_a_run_whose_parent_is_announced_last(client: Client, store: Store) -> None:
    append(store, run_start("top"))
    client.runs.cancel("top")
    append(store, run_start("deep", parent_id="child"))
    append(store, run_start("child", parent_id="top"))
    assert asked(store, "child", "deep") == [True, True]


def test_a_request_reaches_a_run_that_learns_its_parent_later(client: Client, store: Store) -> None:
    append(store, run_start("top"), run_start("child"))
    client.runs.cancel("top")
    append(store, run_start("child", parent_id="top", version=1))
    assert asked(store, "child") == [True]


def test_an_earlier_request_that_comes_later_is_handed_down_too(store: Store) -> None:
    add_family(store)
    append(store, cancel_request("top", NOW + 1))
    append(store, cancel_request("top", NOW))
    assert cancel_of(store, "deep") == cancel_of(store, "top") == Cancel(requested_ns=NOW)


def test_runs_that_are_each_others_parents_are_asked_once(client: Client, store: Store) -> None:
    append(
        store,
        run_start("a", parent_id="b"),
        run_start("b", parent_id="a"),
        run_start("self", parent_id="self"),
    )
    client.runs.cancel("a")
    client.runs.cancel("self")
    assert asked(store, "a", "b", "self") == [True, True, True]
    assert [run_of(store, name).last_seq for name in ("a", "b", "self")] == [2, 2, 2]


def test_a_request_goes_down_a_long_chain_of_runs(client: Client, store: Store) -> None:
    append(store, run_start("r0"), *[run_start(f"r{n}", parent_id=f"r{n - 1}") for n in range(1, 1_500)])
    client.runs.cancel("r0")
    assert asked(store, "r1499") == [True]


# -- delivering --------------------------------------------------------------------------------------


def test_a_heartbeat_answers_the_request_and_notes_when_it_was_heard(client: Client, store: Store) -> None:
    add_family(store)
    client.runs.cancel("child", reason="stop", by="ada")
    heard = store.heartbeat(OWNER, ["top", "child", "unknown"], NOW + SECOND)
    assert heard == {"child": Cancel(requested_ns=NOW, reason="stop", by="ada", delivered_ns=NOW + SECOND)}
    assert cancel_of(store, "child") == heard["child"]


def test_a_request_is_delivered_at_its_first_heartbeat_and_told_at_every_one(
    client: Client, store: Store
) -> None:
    append(store, run_start("r"))
    client.runs.cancel("r")
    first = store.heartbeat(OWNER, ["r"], NOW + SECOND)
    assert store.heartbeat(OWNER, ["r"], NOW + 9 * SECOND) == first


def test_each_run_of_a_family_hears_for_itself(client: Client, store: Store) -> None:
    add_family(store)
    store.heartbeat(OWNER, ["top", "child"], NOW)
    client.runs.cancel("top")
    store.heartbeat(OWNER, ["top"], NOW + SECOND)
    append(store, run_start("late", parent_id="top"))
    delivered = [cancel_of(store, name) for name in ("top", "child", "late")]
    assert [cancel and cancel.delivered_ns for cancel in delivered] == [NOW + SECOND, None, None]


def test_a_heartbeat_without_requests_answers_nothing(store: Store) -> None:
    add_family(store)
    assert store.heartbeat(OWNER, ["top", "unknown"], NOW) == {}
    assert store.heartbeat(OWNER, [], NOW) == {}


def test_runs_with_a_request_are_named_also_after_one_of_their_processes_has_heard(
    client: Client, store: Store
) -> None:
    add_family(store)
    everyone = ["top", "child", "deep", "stranger", "unknown"]
    assert store.asked_to_stop(OWNER, everyone) == []
    client.runs.cancel("child")
    assert sorted(store.asked_to_stop(OWNER, everyone)) == ["child", "deep"]
    assert store.asked_to_stop(OWNER, ["top", "deep"]) == ["deep"]
    store.heartbeat(OWNER, ["deep"], NOW)
    assert sorted(store.asked_to_stop(OWNER, everyone)) == ["child", "deep"]


def test_asking_who_shall_stop_changes_nothing(client: Client, store: Store) -> None:
    append(store, run_start("r"))
    client.runs.cancel("r")
    before, mark = run_of(store, "r"), settled_mark(store)
    store.asked_to_stop(OWNER, ["r"])
    assert run_of(store, "r") == before
    assert store.change_mark() == mark
