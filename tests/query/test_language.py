"""The filter language, from what a person types to what a store is asked for."""

import shlex
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trodo_cli.errors import InvalidInput
from trodo_cli.model import ids
from trodo_cli.query.language import completions, read_filter
from trodo_cli.query.plan import STATUS_WORDS, RunFilter

SECOND = 10**9
DAY = 86_400 * SECOND
NOW = 1_780_000_000 * SECOND

TEXT_FIELDS = ("agent", "model", "tool", "user", "session")
FIELDS = ("status", *TEXT_FIELDS, "tag", "since", "until", "cost", "duration")

values = st.text(min_size=1, max_size=20)
"""Any text, quotes and spaces too."""


@pytest.fixture(autouse=True)
def _one_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ids, "now_ns", lambda: NOW)


def test_nothing_typed_asks_for_every_run_at_the_top() -> None:
    assert read_filter("") == RunFilter()
    assert read_filter("   ", roots_only=False) == RunFilter(roots_only=False)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("writer", RunFilter(words=("writer",))),
        ("my agent", RunFilter(words=("my", "agent"))),
        ("Agent:Writer Status:Failed", RunFilter(agent="Writer", status="failed")),
        ("agent:writer", RunFilter(agent="writer")),
        ('agent:"my agent"', RunFilter(agent="my agent")),
        ("'my agent'", RunFilter(words=("my agent",))),
        ("agent:a:b", RunFilter(agent="a:b")),
        ("status:failed", RunFilter(status="failed")),
        ("status:error", RunFilter(status="failed")),
        ("status:ok", RunFilter(status="completed")),
        ("status:open", RunFilter(status="open")),
        ("model:m tool:t user:u session:s", RunFilter(model="m", tool="t", user="u", session="s")),
        ("tag:prod tag:env=eu", RunFilter(tags=("prod", "env=eu"))),
        ("since:2h", RunFilter(started_after_ns=NOW - 7200 * SECOND)),
        ("until:30m", RunFilter(started_before_ns=NOW - 1800 * SECOND)),
        ("since:1970-01-02T00:00:00Z", RunFilter(started_after_ns=86_400 * SECOND)),
        ("cost:>0.05", RunFilter(min_cost=0.050000001)),
        ("cost:>0 cost:<=2", RunFilter(min_cost=1e-9, max_cost=2.0)),
        ("cost:>=1", RunFilter(min_cost=1.0)),
        ("duration:>2s", RunFilter(min_duration_ns=2 * SECOND + 1)),
        ("duration:>=1s duration:<2s", RunFilter(min_duration_ns=SECOND, max_duration_ns=2 * SECOND - 1)),
        ("duration:>=1.5m", RunFilter(min_duration_ns=90 * SECOND)),
        ("status:failed writer since:1d", RunFilter(status="failed", words=("writer",), started_after_ns=NOW - DAY)),
    ],
)  # fmt: skip
def test_a_filter_is_read(text: str, wanted: RunFilter) -> None:
    assert read_filter(text) == wanted


@dataclass(frozen=True)
class Wrong:
    """A text that is no filter, what the error names, and what it says to write."""

    text: str
    named: str
    hint: str


@pytest.mark.parametrize(
    "wrong",
    [
        Wrong("colour:red", "'colour:red'", "fields: status agent model"),
        Wrong("agent:", "'agent:'", "fields:"),
        Wrong(":x", "':x'", "fields:"),
        Wrong("''", "''", "fields:"),
        Wrong("duration:>1s duration:>=2s", "duration stands twice", "give each field once"),
        Wrong("status:broken", "'broken'", "one of pending, running"),
        Wrong("agent:a agent:b", "agent stands twice", "only tag may stand again"),
        Wrong('agent:"my', "a quote is not closed", 'agent:"my agent"'),
        Wrong("cost:0.05", "cost:0.05 says no bound", "write cost:>0.05"),
        Wrong("duration:5s", "duration:5s says no bound", "duration:<5s"),
        Wrong("cost:>", "no amount", "as in cost:>0.05"),
        Wrong("cost:>much", "cost:much is no amount", "as in cost:>0.05"),
        Wrong("cost:>nan", "no amount", "USD"),
        Wrong("cost:>1e99", "no amount", "USD"),
        Wrong("duration:>soon", "'soon' is no duration", "500ms"),
        Wrong("since:yesterday", "'yesterday' is no time", "2h"),
        Wrong("until:99999999w", "too far away", "centuries"),
    ],
    ids=lambda wrong: wrong.text,
)
def test_what_is_no_filter_is_named(wrong: Wrong) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_filter(wrong.text)
    assert wrong.named in caught.value.message
    assert wrong.hint in (caught.value.hint or "")


def read(text: str) -> RunFilter | InvalidInput:
    """The filter, or why there is none."""
    try:
        return read_filter(text)
    except InvalidInput as error:
        return error


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    found = read(text)
    assert isinstance(found, RunFilter) or (found.message and found.hint)


@given(st.lists(st.sampled_from(FIELDS).flatmap(lambda name: values.map(lambda value: f"{name}:{value}"))))
def test_words_of_known_fields_are_read_or_refused_in_words(words: list[str]) -> None:
    found = read(shlex.join(words))
    assert isinstance(found, RunFilter) or (found.message and found.hint)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(TEXT_FIELDS, values)), st.lists(values))
def test_whatever_was_quoted_comes_back_as_it_was(said: dict[str, str], tags: list[str]) -> None:
    words = [f"{name}:{value}" for name, value in said.items()] + [f"tag:{tag}" for tag in tags]
    assert read_filter(shlex.join(words)) == RunFilter(**said, tags=tuple(tags))


@given(st.permutations(["status:failed", "agent:a", "tool:t", "since:2h", "cost:>1", "tag:x"]))
def test_the_order_of_different_fields_means_nothing(words: list[str]) -> None:
    assert read_filter(" ".join(words)) == read_filter("status:failed agent:a tool:t since:2h cost:>1 tag:x")


@given(st.integers(0, 999_999), st.sampled_from(["ms", "s", "m", "h"]))
def test_what_is_older_is_never_newer(number: int, unit: str) -> None:
    one, other = read_filter(f"since:{number}{unit}"), read_filter(f"since:{number + 1}{unit}")
    assert (other.started_after_ns or 0) < (one.started_after_ns or 0) <= NOW


def test_an_empty_word_may_become_any_field() -> None:
    assert completions("") == [f"{name}:" for name in _in_their_order()]


def _in_their_order() -> tuple[str, ...]:
    return (
        "status",
        "agent",
        "model",
        "tool",
        "user",
        "session",
        "tag",
        "since",
        "until",
        "cost",
        "duration",
    )


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("s", ["status:", "session:", "since:"]),
        ("status:c", ["status:completed", "status:cancelled"]),
        ("status:failed", []),
        ("cost:", ["cost:>0.01", "cost:>0.1", "cost:>1"]),
        ("agent:", ["agent:reader", "agent:writer"]),
        ("agent:w", ["agent:writer"]),
        ("tool:", []),
        ("unknown:", []),
        ("x", []),
    ],
)
def test_a_word_that_is_typed_is_completed(word: str, found: list[str]) -> None:
    assert completions(word, {"agent": {"writer", "reader"}}) == found


def test_every_status_is_offered() -> None:
    assert {word.removeprefix("status:") for word in completions("status:")} == {*STATUS_WORDS, "ok", "error"}


@given(st.sampled_from(FIELDS), st.sets(values, min_size=1, max_size=4))
def test_whatever_is_offered_can_be_read(field: str, said: set[str]) -> None:
    known = {field: said} if field in (*TEXT_FIELDS, "tag") else {}
    for word in completions(f"{field}:", known):
        read_filter(word)
