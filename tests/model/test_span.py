"""Spans: which of two versions stands, and what a span says of itself."""

import itertools

import msgspec
import pytest

from tests.contract.events import NOW, SECOND, payload
from trodo_cli.model.payload import NO_PAYLOAD, Payload
from trodo_cli.model.span import KINDS, Span, canonical_kind, light_span, newer_span, opened_span

OPEN, OPEN_LATER = Span(id="a"), Span(id="a", version=5)
ENDED, ENDED_LATER = Span(id="a", status="ok"), Span(id="a", status="error", version=5)


@pytest.mark.parametrize(
    ("older", "newer"),
    [(OPEN, OPEN_LATER), (OPEN, ENDED), (OPEN_LATER, ENDED), (ENDED, ENDED_LATER), (OPEN, ENDED_LATER)],
)
def test_ended_beats_open_and_then_the_higher_version_stands(older: Span, newer: Span) -> None:
    assert newer_span(older, newer) is newer
    assert newer_span(newer, older) is newer


def test_of_equal_versions_the_first_given_stands() -> None:
    one, same = Span(id="a", payload=payload(input=1)), Span(id="a", payload=payload(input=1))
    assert newer_span(one, same) is one


def test_of_equal_ranks_the_same_one_stands_however_three_are_paired() -> None:
    versions = [Span(id="a", status="ok", name=name, payload=payload(input=name)) for name in ("x", "", "y")]
    winners = {
        newer_span(newer_span(one, other), third).name
        for one, other, third in itertools.permutations(versions)
    }
    assert len(winners) == 1


def test_which_one_stands_does_not_depend_on_where_its_texts_came_from() -> None:
    greater, less = Span(id="a", payload=payload(input=2)), Span(id="a", payload=payload(input=1))
    decoded = msgspec.structs.replace(greater, kind="".join(["gen", "eric"]))
    assert decoded == greater
    assert newer_span(greater, less) == newer_span(decoded, less)


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("llm", "model"),
        ("model.call", "model"),
        ("tool.execute", "tool"),
        ("agent.invoke", "agent"),
        ("run", "agent"),
    ],
)
def test_the_words_of_other_tools_become_the_house_word(word: str, kind: str) -> None:
    assert canonical_kind(word) == kind


def test_a_kind_we_do_not_know_stays_and_an_empty_one_is_generic() -> None:
    assert canonical_kind("guardrail") == "guardrail"
    assert canonical_kind("") == "generic"
    assert [canonical_kind(kind) for kind in KINDS] == list(KINDS)


def test_a_duration_is_known_once_the_span_has_ended() -> None:
    assert (OPEN.duration_ns, OPEN.duration_ms) == (None, None)
    span = Span(id="a", started_ns=NOW, ended_ns=NOW + 1_499_999)
    assert (span.duration_ns, span.duration_ms) == (1_499_999, 1)


def test_a_clock_that_stepped_back_gives_a_negative_duration() -> None:
    assert Span(id="a", started_ns=NOW, ended_ns=NOW - SECOND).duration_ms == -1_000


def test_a_light_span_has_everything_but_the_payload() -> None:
    span = Span(id="a", name="n", cost=0.5, payload=payload(input=1))
    assert light_span(span) == Span(id="a", name="n", cost=0.5)
    assert light_span(OPEN) is OPEN


def test_an_opened_span_tells_nothing_that_only_the_end_knows() -> None:
    span = Span(
        id="a",
        parent_id="p",
        name="n",
        kind="tool",
        started_ns=1,
        ended_ns=2,
        status="ok",
        cost=1.0,
        version=3,
    )
    assert opened_span(span) == Span(id="a", parent_id="p", name="n", kind="tool", started_ns=1)
    assert opened_span(span).is_open


def test_details_are_empty_without_a_payload() -> None:
    assert Span(id="a").details == Payload()
    assert Span(id="a", payload=NO_PAYLOAD).details.attributes == {}


def test_details_are_what_the_payload_says() -> None:
    span = Span(id="a", payload=payload(input={"q": 1}, stack="line", unknown="kept out"))
    assert (span.details.input, span.details.stack) == ({"q": 1}, "line")
