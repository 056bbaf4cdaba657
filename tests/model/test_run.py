"""Runs: the announcement and the end that stand, and the run a reader sees of both."""

import itertools

import msgspec
import pytest

from tests.contract.events import NOW, SECOND, payload
from trodo_cli.model.registers import first_end, folded_run, newer_start
from trodo_cli.model.run import RUN_STATUSES, Cancel, Run, Totals, canonical_status, produced_run, root_span
from trodo_cli.model.span import Span, Usage

START = Run(
    id="r", agent="a", started_ns=NOW, user="u", payload=payload(input=1, attributes={"x": 1, "y": 1})
)
END = Run(
    id="r",
    status="failed",
    ended_ns=NOW + SECOND,
    error="boom",
    payload=payload(output=2, attributes={"y": 2}),
)


def test_the_announcement_of_the_highest_version_stands_in_any_order() -> None:
    starts = [Run(id="r", agent=str(version), version=version) for version in range(3)]
    for one, other, third in itertools.permutations([*starts, None], 3):
        last = max(run.version for run in (one, other, third) if run)
        stands = newer_start(newer_start(one, other), third)
        assert stands is not None
        assert stands.version == last


def test_the_earliest_end_stands_in_any_order() -> None:
    ends = [Run(id="r", status="completed", error=str(time), ended_ns=NOW + time) for time in range(3)]
    for order in itertools.permutations(ends):
        assert first_end(first_end(order[0], order[1]), order[2]) is ends[0]


def test_without_a_second_one_the_first_stands() -> None:
    assert newer_start(START, None) is newer_start(None, START) is START
    assert first_end(END, None) is first_end(None, END) is END
    assert newer_start(None, None) is first_end(None, None) is None


def test_the_end_is_laid_over_the_announcement() -> None:
    run = folded_run("r", START, END)
    assert (run.agent, run.user, run.started_ns) == ("a", "u", NOW)
    assert (run.status, run.ended_ns, run.error) == ("failed", NOW + SECOND, "boom")
    assert (run.details.input, run.details.output) == (1, 2)
    assert run.details.attributes == {"x": 1, "y": 2}
    assert run.duration_ms == 1_000


def test_folding_changes_neither_of_both() -> None:
    before = msgspec.structs.replace(START), msgspec.structs.replace(END)
    folded_run("r", START, END)
    assert before == (START, END)


def test_a_run_of_which_nothing_is_known_is_empty() -> None:
    assert folded_run("r", None, None) == Run(id="r")
    assert folded_run("r", START, None) == START
    assert folded_run("r", None, END) == END


@pytest.mark.parametrize(
    "odd",
    [b"[1]", b"null", b'"text"', b'{"attributes":null}', b'{"input":1e400}', b'{"input":"\\ud800"}'],
)
def test_an_odd_payload_does_not_keep_a_run_from_ending(odd: bytes) -> None:
    start = Run(id="r", started_ns=NOW, payload=msgspec.Raw(odd))
    assert folded_run("r", start, END).status == "failed"


def test_a_producer_cannot_say_what_is_the_stores_own() -> None:
    said = msgspec.structs.replace(
        START,
        owner="mallory",
        totals=Totals(spans=9),
        cancel=Cancel(requested_ns=1),
        heartbeat_ns=2,
        last_seq=3,
    )
    assert produced_run(said) == START


def test_a_run_is_the_topmost_node_of_its_own_tree() -> None:
    node = root_span(msgspec.structs.replace(folded_run("r", START, END), id="r" * 32))
    assert (node.id, node.name, node.kind, node.status, node.error) == (
        "r" * 16,
        "a",
        "agent",
        "error",
        "boom",
    )
    assert root_span(Run(id="r", status="lost")).status == "running"


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("ok", "completed"),
        ("error", "failed"),
        ("draining", "running"),
        ("canceled", "cancelled"),
        ("odd", "odd"),
    ],
)
def test_the_words_people_type_become_the_house_word(word: str, status: str) -> None:
    assert canonical_status(word) == status


def test_only_three_statuses_are_terminal() -> None:
    terminal = [status for status in RUN_STATUSES if Run(id="r", status=status).is_terminal]  # type: ignore[arg-type]
    assert terminal == ["completed", "failed", "cancelled"]


def test_totals_of_many_costs_are_exact_and_come_back_to_nothing() -> None:
    spans = [Span(id=str(n), cost=0.1, usage=Usage(input=n), status="error") for n in range(1_000)]
    totals = Totals()
    for span in spans:
        totals.add(span)
    assert totals.cost == 100.0
    assert (totals.spans, totals.errors, totals.input_tokens) == (1_000, 1_000, 499_500)
    for span in reversed(spans):
        totals.add(span, -1)
    assert totals == Totals()
    assert totals.cost is None
