"""Ids: where they come from, and one spelling for each."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trodo_cli.errors import InvalidInput
from trodo_cli.model import ids

UUID = "0193abcd-1234-7000-8000-00000000abcd"
HEX = UUID.replace("-", "")


def run_ids_at(monkeypatch: pytest.MonkeyPatch, *milliseconds: int) -> list[str]:
    """New run ids at these times."""
    made: list[str] = []
    for millisecond in milliseconds:
        monkeypatch.setattr(ids, "now_ns", lambda now=millisecond: now * 1_000_000 + 999_999)
        made.append(ids.new_run_id())
    return made


def test_a_run_id_is_a_version_7_uuid_of_the_time_it_was_made(monkeypatch: pytest.MonkeyPatch) -> None:
    (made,) = run_ids_at(monkeypatch, 0x0193_ABCD_1234)
    assert re.fullmatch("0193abcd12347[0-9a-f]{3}[89ab][0-9a-f]{15}", made)
    assert ids.is_run_id(made)


def test_run_ids_sort_by_the_millisecond_they_were_made(monkeypatch: pytest.MonkeyPatch) -> None:
    made = run_ids_at(monkeypatch, 1, 2, 3, 255, 256, 2**40, 2**47, 2**48 - 1)
    assert made == sorted(made)


def test_run_ids_of_one_instant_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(set(run_ids_at(monkeypatch, *[7] * 1_000))) == 1_000


def test_a_time_beyond_the_range_still_makes_an_id(monkeypatch: pytest.MonkeyPatch) -> None:
    made = run_ids_at(monkeypatch, 0, 2**48, -1)
    assert all(ids.is_run_id(run_id) and len(run_id) == 32 for run_id in made)


def test_span_ids_are_sixteen_hex_digits_and_differ() -> None:
    made = {ids.new_span_id() for _ in range(1_000)}
    assert len(made) == 1_000
    assert all(re.fullmatch("[0-9a-f]{16}", span_id) for span_id in made)


def test_a_run_stands_for_its_topmost_span_under_the_end_of_its_id() -> None:
    assert ids.root_span_id(HEX) == HEX[16:]
    assert ids.root_span_id("short") == "short"


@pytest.mark.parametrize("text", [UUID, HEX, UUID.upper(), HEX.upper(), UUID.title()])
def test_both_spellings_of_a_uuid_are_one_id(text: str) -> None:
    assert ids.canonical_id(text) == HEX
    assert ids.is_run_id(text)


@pytest.mark.parametrize(
    "text",
    [
        "Run-1",
        "ABCDEF",
        HEX[:-1],
        HEX + "0",
        HEX[:-1].upper() + "G",
        UUID.upper().replace("-", "_"),
        "-" * 36,
        "{" + UUID + "}",
        UUID + "\n",
        HEX + "\n",
        " ",
        "é" * 32,
        "٣" * 32,
        "\x00",
    ],
)
def test_any_other_text_stays_as_it_is(text: str) -> None:
    assert ids.canonical_id(text) == text
    assert not ids.is_run_id(text)


@pytest.mark.parametrize("text", ["", "x" * (ids.MAX_ID_LENGTH + 1)])
def test_an_empty_or_too_long_id_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        ids.canonical_id(text)


def test_the_longest_id_is_taken_by_characters_not_bytes() -> None:
    assert ids.canonical_id("😀" * ids.MAX_ID_LENGTH) == "😀" * ids.MAX_ID_LENGTH


@given(
    st.text(min_size=1, max_size=ids.MAX_ID_LENGTH) | st.uuids().map(str) | st.uuids().map(lambda u: u.hex)
)
@settings(max_examples=200, deadline=None)
def test_a_canonical_id_is_its_own_canonical_id(text: str) -> None:
    once = ids.canonical_id(text)
    assert ids.canonical_id(once) == once
