"""Tenants: a foreign id looks exactly like a missing one, and equal ids of two owners never meet."""

from collections.abc import Callable

import pytest

from tests.contract.conftest import Clock
from tests.contract.events import NOW, cancel_request, payload, run_end, run_start, span_end, span_start
from tests.contract.reading import EVERY_RUN, OWNER, append, dump, events_of, listed, numbers, run_of
from trodo_cli.client.base import Client
from trodo_cli.client.local import LocalClient
from trodo_cli.errors import TrodoError
from trodo_cli.model.event import Event
from trodo_cli.query.plan import RunFilter
from trodo_cli.stores.base import Store

SPY = "mallory"

STORE_READS: dict[str, Callable[[Store, str], object]] = {
    "run": lambda store, run_id: store.run(SPY, run_id, NOW),
    "spans": lambda store, run_id: store.spans(SPY, run_id, payload=True),
    "span": lambda store, run_id: store.span(SPY, run_id, "a"),
    "events": lambda store, run_id: store.events_after(SPY, run_id, 0, 10, payload=True),
    "find": lambda store, run_id: store.find_runs(SPY, run_id, 10),
    "prefix": lambda store, run_id: store.find_runs(SPY, run_id[:3], 10),
    "list": lambda store, run_id: listed(store, EVERY_RUN, owner=SPY),
    "children": lambda store, run_id: listed(store, RunFilter(parent_id=run_id), owner=SPY),
    "by model": lambda store, run_id: listed(store, RunFilter(model="m"), owner=SPY),
    "drops": lambda store, run_id: store.drops(SPY),
    "asked": lambda store, run_id: store.asked_to_stop(SPY, [run_id]),
    "heartbeat": lambda store, run_id: store.heartbeat(SPY, [run_id], NOW),
    "delete": lambda store, run_id: store.delete_run(SPY, run_id),
}

CLIENT_CALLS: dict[str, Callable[[LocalClient, str], object]] = {
    "get": lambda client, run_id: client.runs.get(run_id),
    "find": lambda client, run_id: client.runs.find(run_id),
    "latest": lambda client, run_id: client.runs.find("latest"),
    "cancel": lambda client, run_id: client.runs.cancel(run_id),
    "delete": lambda client, run_id: client.runs.delete(run_id),
    "trace": lambda client, run_id: client.traces.get(run_id),
    "span": lambda client, run_id: client.traces.span(run_id, "a"),
    "stream": lambda client, run_id: list(client.traces.stream(run_id)),
    "heartbeat": lambda client, run_id: client.heartbeat([run_id]),
    "asked": lambda client, run_id: client.asked_to_stop([run_id]),
    "drops": lambda client, run_id: client.drops(),
}


@pytest.fixture
def secret(store: Store) -> Store:
    """A store in which only one owner has anything."""
    append(store, run_start("secret", payload=payload(input="s")), run_start("child", parent_id="secret"))
    append(store, span_end("secret", "a", model="m", payload=payload(input="s")), cancel_request("secret"))
    append(store, span_start("early", "a"))
    store.record_drops(OWNER, {"full": 1}, NOW)
    return store


@pytest.fixture
def spy(secret: Store, clock: Clock) -> LocalClient:
    return LocalClient(secret, SPY)


def answer(call: Callable[[LocalClient, str], object], client: Client, run_id: str) -> str:
    """What a call gives or raises, as text without the id that was asked for."""
    try:
        return repr(call(client, run_id))
    except TrodoError as error:
        return repr((type(error), error.message, error.hint)).replace(run_id, "X")


@pytest.mark.parametrize("name", STORE_READS)
def test_a_foreign_run_reads_like_a_missing_one(secret: Store, name: str) -> None:
    before = dump(secret)
    assert STORE_READS[name](secret, "secret") == STORE_READS[name](secret, "missing")
    assert dump(secret) == before


@pytest.mark.parametrize("name", CLIENT_CALLS)
def test_a_foreign_run_answers_like_a_missing_one(spy: LocalClient, secret: Store, name: str) -> None:
    before = dump(secret)
    call = CLIENT_CALLS[name]
    assert answer(call, spy, "secret") == answer(call, spy, "missing")
    assert dump(secret) == before


def test_equal_ids_of_two_owners_never_meet(store: Store) -> None:
    append(store, run_start("r", agent="mine"), span_end("r", "a", payload=payload(output="mine")), owner="a")
    append(store, span_start("r", "a", name="theirs"), owner="b")
    assert listed(store, owner="b") == []
    append(store, run_start("r", agent="theirs"), owner="b")
    assert [run_of(store, "r", owner=owner).agent for owner in "ab"] == ["mine", "theirs"]
    assert [run_of(store, "r", owner=owner).owner for owner in "ab"] == ["a", "b"]
    assert [store.spans(owner, "r", payload=True)[0].details.output for owner in "ab"] == ["mine", None]
    assert [numbers(store, "r", owner=owner) for owner in "ab"] == [[1, 2], [1, 2]]
    assert [store.find_runs(owner, "r", 5) for owner in "ab"] == [["r"], ["r"]]


def test_one_owners_changes_leave_the_other_untouched(store: Store) -> None:
    family: list[Event] = [
        run_start("r"),
        run_start("child", parent_id="r"),
        span_end("r", "a", payload=payload(input=1)),
    ]
    for owner in "ab":
        append(store, *family, owner=owner)
    before, heard = dump(store, "b"), run_of(store, "r", owner="b").heartbeat_ns
    append(store, cancel_request("r"), run_end("child"), span_end("r", "z", cost=1.0), owner="a")
    store.heartbeat("a", ["r"], NOW + 5)
    store.record_drops("a", {"full": 1}, NOW)
    assert (dump(store, "b"), run_of(store, "r", owner="b").heartbeat_ns) == (before, heard)
    assert store.drops("b") == {}
    assert store.heartbeat("b", ["r"], NOW) == {}


def test_deleting_an_owners_run_leaves_the_other_owners_run_of_that_id(store: Store) -> None:
    for owner in "ab":
        append(store, run_start("r"), span_start("r", "a", payload=payload(input=owner)), owner=owner)
        append(store, span_end("r", "a", payload=payload(input=owner)), owner=owner)
    before, events = dump(store, "b"), events_of(store, "r", owner="b")
    assert store.delete_run("a", "r")
    assert listed(store, owner="a") == []
    assert dump(store, "b") == before
    assert events_of(store, "r", owner="b") == events


def test_a_parent_of_another_owner_hands_no_request_down(store: Store) -> None:
    append(store, run_start("top"), cancel_request("top"), owner="a")
    append(store, run_start("child", parent_id="top"), owner="b")
    assert run_of(store, "child", owner="b").cancel is None


def test_a_sweep_is_for_all_owners(store: Store) -> None:
    for owner in "abc":
        append(store, span_start("early", "a"), owner=owner)
    assert store.sweep(NOW + 1) == 3


@pytest.mark.parametrize("owner", ["", "%", "_", "ada ", "ADA", "ad", "ada\x00", "'; --"])
def test_owners_are_compared_letter_by_letter(secret: Store, owner: str) -> None:
    assert listed(secret, owner=owner) == []
    assert secret.run(owner, "secret", NOW) is None
