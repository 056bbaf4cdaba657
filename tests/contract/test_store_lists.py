"""Lists of runs: order, keyset pages, every filter; and finding a run by a part of its id."""

from typing import Any

import pytest

from tests.contract.events import NOW, SECOND, run_end, run_start, span_end
from tests.contract.reading import EVERY_RUN, OWNER, append, listed, pages, run_of
from trodo_cli.client.base import Client
from trodo_cli.errors import Ambiguous, InvalidInput, NotFound
from trodo_cli.model.run import LOST_AFTER_NS
from trodo_cli.query.plan import Cursor, RunFilter
from trodo_cli.stores.base import Store


def add_runs(store: Store, *names: str, started_ns: int = NOW) -> None:
    append(store, *[run_start(name, started_ns=started_ns) for name in names])


# -- pages -------------------------------------------------------------------------------------------


def test_runs_are_listed_newest_first_and_ties_by_id(store: Store) -> None:
    add_runs(store, "b", "c", "a")
    add_runs(store, "newest", started_ns=NOW + 1)
    add_runs(store, "oldest", started_ns=NOW - 1)
    assert listed(store) == ["newest", "c", "b", "a", "oldest"]


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
def test_pages_of_any_size_list_every_run_once(store: Store, limit: int) -> None:
    add_runs(store, "a", "b", "c")
    add_runs(store, "d", "e", "f", "g", started_ns=NOW + 1)
    found = [[run.id for run in rows] for rows in pages(store, EVERY_RUN, limit)]
    assert [run_id for rows in found for run_id in rows] == ["g", "f", "e", "d", "c", "b", "a"]
    assert all(len(ids) == limit for ids in found[:-1])


def test_the_last_page_has_no_cursor(store: Store) -> None:
    add_runs(store, "a", "b")
    assert store.list_runs(OWNER, EVERY_RUN, 2, None, NOW).cursor is None
    assert store.list_runs(OWNER, EVERY_RUN, 1, None, NOW).cursor is not None
    assert store.list_runs("nobody", EVERY_RUN, 1, None, NOW).rows == []


def test_runs_that_begin_meanwhile_neither_repeat_nor_shift_a_page(store: Store) -> None:
    add_runs(store, "m1", "m2", "m3", "m4")
    reading = pages(store, EVERY_RUN, 2)
    first = [run.id for run in next(reading)]
    add_runs(store, "newer", started_ns=NOW + 1)
    add_runs(store, "m9")
    add_runs(store, "older", started_ns=NOW - 1)
    rest = [run.id for rows in reading for run in rows]
    assert (first, rest) == (["m4", "m3"], ["m2", "m1", "older"])


def test_a_run_that_is_deleted_meanwhile_shifts_no_page(store: Store) -> None:
    add_runs(store, "a", "b", "c", "d")
    reading = pages(store, EVERY_RUN, 2)
    first = [run.id for run in next(reading)]
    store.delete_run(OWNER, "c")
    assert first + [run.id for rows in reading for run in rows] == ["d", "c", "b", "a"]


def test_a_cursor_keeps_the_filter_of_its_list(client: Client, store: Store) -> None:
    append(store, *[run_start(f"r{n}", agent="ab"[n % 2], started_ns=NOW + n) for n in range(6)])
    page = client.runs.list(agent_id="a", limit=2)
    rest = client.runs.list(agent_id="a", limit=2, cursor=page.cursor)
    assert [run.id for run in page.rows + rest.rows] == ["r4", "r2", "r0"]
    assert rest.cursor is None


@pytest.mark.parametrize("text", ["nonsense", "é", "W10", "WzEsMl0", "!", "x" * 1_000, "bnVsbA=="])
def test_a_text_that_is_no_cursor_is_refused(client: Client, text: str) -> None:
    with pytest.raises(InvalidInput):
        client.runs.list(cursor=text)


def test_a_cursor_with_an_impossible_time_is_refused(client: Client) -> None:
    with pytest.raises(InvalidInput):
        client.runs.list(cursor=Cursor(2**70, "a").text())


@pytest.mark.parametrize("limit", [0, -1, 1_001])
def test_a_limit_out_of_range_is_refused(client: Client, limit: int) -> None:
    with pytest.raises(InvalidInput):
        client.runs.list(limit=limit)


# -- filters -----------------------------------------------------------------------------------------


@pytest.fixture
def varied(store: Store) -> Store:
    """One run, `fit`, and one, `other`, that differs from it in everything a filter can ask."""
    append(
        store,
        run_start("fit", agent="a", user="u", session="s", tags=("t1", "t2"), started_ns=NOW),
        span_end("fit", "x", model="m", tool="search", cost=0.05),
        run_end("fit", status="failed", ended_ns=NOW + 10 * SECOND),
        run_start(
            "other", agent="A", user="U", session="S", tags=("T1", "t12"), started_ns=NOW + 100 * SECOND
        ),
        span_end("other", "x", model="M", tool="Search", cost=0.049),
        run_end("other", status="completed", ended_ns=NOW + 101 * SECOND),
    )
    return store


@pytest.mark.parametrize(
    "asked",
    [
        {"agent": "a"},
        {"status": "failed"},
        {"started_before_ns": NOW},
        {"started_after_ns": NOW, "started_before_ns": NOW + 99 * SECOND},
        {"model": "m"},
        {"tool": "search"},
        {"min_cost": 0.05},
        {"min_duration_ns": 10 * SECOND},
        {"words": ("FI",)},
        {"words": ("Fit", "a")},
        {"user": "u"},
        {"session": "s"},
        {"tags": ("t1",)},
        {"tags": ("t2", "t1")},
        {"agent": "a", "status": "failed", "model": "m", "tags": ("t2",), "min_cost": 0.01, "user": "u"},
    ],
    ids=str,
)
def test_a_filter_lists_the_runs_that_fit_and_no_other(varied: Store, asked: dict[str, Any]) -> None:
    assert listed(varied, RunFilter(**asked)) == ["fit"]


@pytest.mark.parametrize(
    "asked",
    [
        {"agent": "a", "status": "completed"},
        {"agent": ""},
        {"status": "running"},
        {"started_after_ns": NOW + 101 * SECOND},
        {"started_before_ns": NOW - 1},
        {"model": "m", "tool": "Search"},
        {"model": "%"},
        {"min_cost": 0.06},
        {"min_duration_ns": 10 * SECOND + 1},
        {"max_duration_ns": -1},
        {"max_cost": 0.0},
        {"words": ("_it",)},
        {"words": ("%",)},
        {"words": ("\\",)},
        {"words": ("fit", "missing")},
        {"tags": ("t1", "missing")},
        {"tags": ("t",)},
        {"parent_id": "fit"},
    ],
    ids=str,
)
def test_a_filter_that_no_run_fits_lists_none(varied: Store, asked: dict[str, Any]) -> None:
    assert listed(varied, RunFilter(**asked)) == []


def test_a_filter_without_a_wish_lists_all(varied: Store) -> None:
    assert listed(varied, RunFilter()) == ["other", "fit"]
    assert listed(varied, RunFilter(started_after_ns=NOW, min_cost=0.0, min_duration_ns=0)) == [
        "other",
        "fit",
    ]


def test_the_most_a_run_may_cost_or_take(varied: Store) -> None:
    assert listed(varied, RunFilter(max_cost=0.05)) == ["other", "fit"]
    assert listed(varied, RunFilter(max_cost=0.049)) == ["other"]
    assert listed(varied, RunFilter(max_duration_ns=SECOND)) == ["other"]
    assert listed(varied, RunFilter(max_duration_ns=SECOND - 1)) == []


def test_a_minimal_cost_of_zero_leaves_out_runs_of_unknown_cost(varied: Store) -> None:
    append(varied, run_start("unknown"), span_end("unknown", "x"))
    assert "unknown" not in listed(varied, RunFilter(min_cost=0.0))


def test_a_run_of_exactly_the_minimal_cost_fits(store: Store) -> None:
    for cents in range(1, 300):
        append(store, run_start(f"r{cents}"), span_end(f"r{cents}", "x", cost=cents / 100))
    cheapest = [listed(store, RunFilter(min_cost=cents / 100)) for cents in range(1, 300)]
    assert [len(found) for found in cheapest] == list(range(299, 0, -1))


def test_a_running_run_counts_its_duration_until_now(store: Store) -> None:
    append(store, run_start("r"), now_ns=NOW + 5 * SECOND)
    wanted = RunFilter(min_duration_ns=5 * SECOND)
    assert listed(store, wanted, now_ns=NOW + 5 * SECOND) == ["r"]
    assert listed(store, wanted, now_ns=NOW + 5 * SECOND - 1) == []


def test_every_status_can_be_asked_for(store: Store) -> None:
    for status in ("pending", "completed", "failed", "cancelled"):
        append(store, run_start(status, status="pending"))
        if status != "pending":
            append(store, run_end(status, status=status))
    append(store, run_start("running"), now_ns=NOW)
    append(store, run_start("lost"), now_ns=NOW - LOST_AFTER_NS - 1)
    for status in ("pending", "running", "completed", "failed", "cancelled", "lost"):
        assert listed(store, RunFilter(status=status)) == [status]
        assert run_of(store, status).status == status


def test_open_asks_for_every_run_that_has_not_ended(store: Store, client: Client) -> None:
    append(store, run_start("lost", agent="a"), now_ns=NOW - LOST_AFTER_NS - 1)
    append(store, run_start("running", started_ns=NOW + 2), run_start("child", parent_id="running"))
    append(store, run_start("pending", agent="a", status="pending", started_ns=NOW + 1))
    for status in ("completed", "failed", "cancelled"):
        append(store, run_start(status, agent="a"), run_end(status, status=status))
    assert [run.id for run in client.runs.list(status="open").rows] == ["running", "pending", "lost"]
    assert [run.id for run in client.runs.list(status="open", agent_id="a").rows] == ["pending", "lost"]
    assert listed(store, RunFilter(status="open", roots_only=False, started_before_ns=NOW)) == [
        "lost",
        "child",
    ]
    assert listed(store, RunFilter(status="open"), owner="nobody") == []


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_pages_of_open_runs_mix_the_statuses_by_their_starts(store: Store, limit: int) -> None:
    for number in range(8):
        status = ("running", "pending", "running")[number % 3]
        append(store, run_start(f"r{number}", status=status, started_ns=NOW + number))
    append(store, run_end("r2"), run_end("r5", status="failed"))
    found = [run.id for rows in pages(store, RunFilter(status="open"), limit) for run in rows]
    assert found == ["r7", "r6", "r4", "r3", "r1", "r0"]


@pytest.mark.parametrize(
    ("word", "status"), [("ok", "completed"), ("error", "failed"), ("canceled", "cancelled")]
)
def test_the_words_people_type_are_understood(client: Client, store: Store, word: str, status: str) -> None:
    append(store, run_start("r"), run_end("r", status=status), run_start("open"))
    assert [run.id for run in client.runs.list(status=word).rows] == ["r"]


def test_an_unknown_status_is_refused(client: Client) -> None:
    with pytest.raises(InvalidInput):
        client.runs.list(status="happy")


def test_only_topmost_runs_are_listed_unless_asked_otherwise(store: Store) -> None:
    append(store, run_start("top"), run_start("child", parent_id="top"), run_start("deep", parent_id="child"))
    assert listed(store, RunFilter()) == ["top"]
    assert listed(store, RunFilter(roots_only=False)) == ["top", "deep", "child"]
    assert listed(store, RunFilter(parent_id="top")) == ["child"]


def test_of_two_runs_that_name_each_other_one_is_at_the_top(store: Store) -> None:
    append(store, run_start("one", parent_id="other"), run_start("other", parent_id="one"))
    assert listed(store, RunFilter()) == ["one"]
    append(store, run_start("self", parent_id="self"))
    assert listed(store, RunFilter()) == ["self", "one"]


def test_a_run_that_learns_its_parent_moves_below_it(store: Store) -> None:
    append(store, run_start("top"), run_start("child"))
    append(store, run_start("child", parent_id="top", version=1))
    assert listed(store, RunFilter()) == ["top"]
    assert listed(store, RunFilter(parent_id="top")) == ["child"]


def test_a_trace_knows_the_runs_below_its_own(client: Client, store: Store) -> None:
    append(store, run_start("top"))
    append(store, run_start("second", parent_id="top", started_ns=NOW + 2))
    append(store, run_start("first", parent_id="top", started_ns=NOW + 1))
    assert [run.id for run in client.traces.get("top").children] == ["first", "second"]


# -- finding -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fragment", "found"),
    [
        ("alpha-1", ["alpha-1"]),
        ("alpha", ["alpha-1", "alpha-12"]),
        ("-12", ["alpha-12"]),
        ("lpha", []),
        ("a%", ["a%b_c"]),
        ("%", []),
        ("_c", ["a%b_c"]),
        ("_", []),
        ("\\", ["back\\"]),
        ("a_", []),
        ("", ["back\\", "a%b_c", "alpha-12", "alpha-1"]),
    ],
)
def test_a_run_is_found_by_a_prefix_or_suffix_taken_literally(
    store: Store, fragment: str, found: list[str]
) -> None:
    for number, name in enumerate(["alpha-1", "alpha-12", "a%b_c", "back\\"]):
        append(store, run_start(name, started_ns=NOW + number))
    assert sorted(store.find_runs(OWNER, fragment, 10)) == sorted(found)


def test_an_exact_id_is_found_alone_though_it_begins_others(store: Store) -> None:
    for number in range(20):
        append(store, run_start("a" + "b" * number, started_ns=NOW + number))
    assert store.find_runs(OWNER, "a", 3) == ["a"]
    assert len(store.find_runs(OWNER, "ab", 3)) == 1
    assert store.find_runs(OWNER, "b", 3) == ["a" + "b" * number for number in (19, 18, 17)]


def test_finding_takes_notice_of_case(store: Store) -> None:
    add_runs(store, "ABC", "abd")
    assert store.find_runs(OWNER, "ab", 10) == ["abd"]


def test_a_uuid_is_found_by_a_prefix_in_either_spelling(client: Client, store: Store) -> None:
    add_runs(store, "0193abcd12347000800000000000abcd")
    assert client.runs.find("0193abcd1234") == "0193abcd12347000800000000000abcd"
    assert client.runs.find("0193ABCD-1234") == "0193abcd12347000800000000000abcd"


def test_a_uuid_is_got_in_either_spelling(client: Client, store: Store) -> None:
    add_runs(store, "0193abcd12347000800000000000abcd")
    assert client.runs.get("0193ABCD-1234-7000-8000-00000000abcd").id == "0193abcd12347000800000000000abcd"


def test_a_reference_names_the_latest_run_or_the_nth(client: Client, store: Store) -> None:
    append(store, run_start("a-one", agent="a", started_ns=NOW + 1), run_start("two-b", started_ns=NOW + 2))
    references = ["latest", "latest:a", "@1", "@2", "two-", "-one"]
    assert [client.runs.find(text) for text in references] == ["two-b", "a-one"] * 3


@pytest.mark.parametrize("reference", ["@3", "latest:nobody", "three", "@0"])
def test_a_reference_to_nothing_is_not_found(client: Client, store: Store, reference: str) -> None:
    add_runs(store, "one", "two")
    with pytest.raises(NotFound):
        client.runs.find(reference)


def test_less_than_four_characters_of_an_id_name_no_run_but_a_whole_id_does(
    client: Client, store: Store
) -> None:
    add_runs(store, "0193abcd12347000800000000000abcd", "run")
    for reference in ("0", "bcd", "019", "0-1-9"):
        with pytest.raises(InvalidInput, match="too short"):
            client.runs.find(reference)
    assert client.runs.find("0193") == client.runs.find("abcd") == "0193abcd12347000800000000000abcd"
    assert client.runs.find("run") == "run"


def test_a_reference_that_fits_several_runs_names_some_of_them(client: Client, store: Store) -> None:
    add_runs(store, "one-a", "one-b")
    with pytest.raises(Ambiguous, match=r"one-a.*one-b|one-b.*one-a"):
        client.runs.find("one-")
