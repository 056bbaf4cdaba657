"""The spans of a run, some at a time."""

from unittest.mock import patch

import pytest

from tests.contract.events import payload, run_end, run_start, span_end, span_start
from tests.contract.reading import OWNER, append
from trodo_cli.client import local_traces
from trodo_cli.client.base import Client
from trodo_cli.errors import NotFound
from trodo_cli.stores.base import MAX_SEQ, Store

MANY = 50


def fill(store: Store) -> None:
    """Two runs side by side: every span of the first takes two numbers, for its start and its end."""
    append(store, run_start("r"), run_start("other"), span_end("other", "foreign"))
    for number in range(MANY):
        append(store, span_start("r", f"s{number}"), span_end("r", f"s{number}", payload=payload(input="x")))
    append(store, run_end("r"))


@pytest.mark.parametrize("size", [1, 7, 2_000])
def test_pages_hold_every_span_once_in_the_order_they_came_and_light(
    client: Client, store: Store, size: int
) -> None:
    fill(store)
    with patch.object(local_traces, "PAGE_SEQS", size):
        spans = [span for page in client.traces.pages("r") for span in page]
    assert [span.id for span in spans] == [f"s{number}" for number in range(MANY)]
    assert {(span.status, bytes(span.payload)) for span in spans} == {("ok", b"")}


def test_the_pages_of_a_run_that_is_not_there_are_missing(client: Client) -> None:
    with pytest.raises(NotFound):
        list(client.traces.pages("nowhere"))


def test_the_pages_of_a_deleted_trace_are_missing(client: Client, store: Store) -> None:
    fill(store)
    client.traces.delete("r")
    with pytest.raises(NotFound, match="no trace r"):
        list(client.traces.pages("r"))


@pytest.mark.parametrize("after", [MAX_SEQ - 1, MAX_SEQ, MAX_SEQ + 1, 2**40, 2**62])
def test_beyond_the_last_number_there_is_nothing_of_any_other_run(store: Store, after: int) -> None:
    fill(store)
    assert store.spans(OWNER, "r", payload=False, after=after, upto=after + 2**33) == []


def test_only_the_numbers_asked_for_are_read(store: Store) -> None:
    fill(store)
    spans = store.spans(OWNER, "r", payload=True, after=1, upto=5)
    assert [(span.id, bool(bytes(span.payload))) for span in spans] == [("s0", True), ("s1", True)]
