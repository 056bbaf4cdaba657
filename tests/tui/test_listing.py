"""A list that is read page by page while it changes."""

from hypothesis import given
from hypothesis import strategies as st

from tests.cli.made import run, run_id
from trodo_cli.client.base import Page
from trodo_cli.client.local import LocalClient
from trodo_cli.model.run import Run
from trodo_cli.stores.sqlite import SqliteStore
from trodo_cli.tui.listing import Listing


def made(number: int, **said: object) -> Run:
    return Run(id=f"r{number:04}", agent="a", started_ns=number, **said)  # type: ignore[arg-type]


def page(*numbers: int, more: bool = False) -> Page:
    return Page([made(number) for number in numbers], "more" if more else None)


def numbers(listing: Listing) -> list[int]:
    return [run.started_ns for run in listing.runs]


def test_new_runs_stand_above_those_that_were_read_before() -> None:
    listing = Listing()
    listing.take_newest(page(9, 8, 7, more=True))
    listing.take_older(page(6, 5, 4, more=True))
    listing.take_newest(page(11, 10, 9, more=True))
    assert numbers(listing) == [11, 10, 9, 8, 7, 6, 5, 4]
    assert listing.more == "more", "the next page is still the one behind the oldest"


def test_a_run_that_was_deleted_is_gone() -> None:
    listing = Listing()
    listing.take_newest(page(9, 8, 7, more=True))
    listing.take_newest(page(9, 7, 6, more=True))
    assert numbers(listing) == [9, 7, 6]


def test_a_page_that_is_the_whole_list_leaves_nothing_else() -> None:
    listing = Listing()
    listing.take_newest(page(9, 8, 7, more=True))
    listing.take_older(page(6, 5))
    listing.take_newest(page(8))
    assert numbers(listing) == [8]
    assert listing.more is None


def test_more_new_runs_than_a_page_leave_no_gap_that_nobody_sees() -> None:
    listing = Listing()
    listing.take_newest(page(9, 8, 7, more=True))
    listing.take_older(page(6, 5))
    listing.take_newest(page(30, 29, 28, more=True))
    assert numbers(listing) == [30, 29, 28]
    assert listing.more == "more"


def test_a_run_further_down_is_asked_after_on_its_own() -> None:
    listing = Listing()
    listing.take_newest(page(9, 8, more=True))
    listing.take_older(page(7, 6))
    assert listing.is_watched("r0008")
    assert not listing.is_watched("r0007")
    listing.take(made(7, status="completed"))
    listing.drop("r0006")
    assert [(run.started_ns, run.status) for run in listing.runs][2:] == [(7, "completed")]


@given(st.integers(1, 7), st.lists(st.sampled_from(["new", "older"]), max_size=25))
def test_whatever_is_read_in_whatever_order_the_list_is_the_stores(limit: int, steps: list[str]) -> None:
    client = LocalClient(SqliteStore(None), "local")
    listing, last = Listing(), 0
    for step in steps:
        if step == "older" and listing.more:
            listing.take_older(client.runs.list(limit=limit, cursor=listing.more))
        else:
            last += 1
            client.publish(run(last, started_ns=last * 10**9))
            listing.take_newest(client.runs.list(limit=limit))
    while listing.more:
        listing.take_older(client.runs.list(limit=limit, cursor=listing.more))
    assert [run.id for run in listing.runs] == [run_id(number) for number in range(last, 0, -1)]
    client.close()
