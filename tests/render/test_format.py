"""Numbers as people read them."""

import math
import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trodo_cli.render import format as shown

US, MS, S = 10**3, 10**6, 10**9
M, H, D = 60 * S, 3_600 * S, 86_400 * S


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (None, "-"),
        (0, "0ms"),
        (7, "7ns"),
        (850 * US, "850µs"),
        (123 * MS, "123ms"),
        (999_600, "1ms"),
        (999_600_000, "1.0s"),
        (1_200 * MS, "1.2s"),
        (59_940 * MS, "59.9s"),
        (59_960 * MS, "1m 00s"),
        (125 * S, "2m 05s"),
        (H - 1, "1h 00m"),
        (H + 2 * M, "1h 02m"),
        (D - 1, "1d 00h"),
        (3 * D + 4 * H, "3d 04h"),
        (-123 * MS, "-123ms"),
    ],
)
def test_a_duration_has_the_two_units_that_matter(ns: int | None, text: str) -> None:
    assert shown.duration(ns) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [(None, "-"), (0, "0"), (812, "812"), (999, "999"), (1_200, "1.2k"), (44_149, "44.1k"), (150_400, "150k"),
     (999_960, "1.0M"), (3_400_000, "3.4M"), (-1_200, "-1.2k"), (10**12, "1.0T")],
)  # fmt: skip
def test_tokens_keep_two_or_three_digits(number: int | None, text: str) -> None:
    assert shown.tokens(number) == text


@pytest.mark.parametrize(
    ("usd", "text"),
    [(None, "-"), (math.nan, "-"), (0.0, "$0"), (0.0012, "$0.0012"), (0.012345, "$0.012"), (0.5, "$0.50"),
     (0.999, "$1.00"), (1.23, "$1.23"), (1234.5, "$1,234.50"), (-0.5, "-$0.50"), (1e-9, "<$0.000001"),
     (math.inf, "$inf")],
)  # fmt: skip
def test_a_cost_shows_the_digits_that_count(usd: float | None, text: str) -> None:
    assert shown.cost(usd) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "now"), (3, "3s ago"), (125, "2m ago"), (5 * 3_600, "5h ago"), (3 * 86_400, "3d ago"),
     (-90, "in 1m"), (40 * 86_400, "2026-08-12")],
)  # fmt: skip
def test_an_age_is_one_number_and_after_a_month_a_date(seconds: int, text: str) -> None:
    now = 1_790_000_000 * S
    assert shown.age(now - seconds * S, now) == text


def test_an_unknown_moment_has_no_age() -> None:
    assert shown.age(0, 10**18) == "-"


def test_iso_has_three_decimals_and_a_z() -> None:
    assert shown.iso(0) == "1970-01-01T00:00:00.000Z"
    assert shown.iso(1_790_000_000_123_999_999) == "2026-09-21T14:13:20.123Z"


@given(st.datetimes(timezones=st.just(UTC)))
def test_iso_tells_the_millisecond_that_it_was_given(moment: datetime) -> None:
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    ns = (since.days * 86_400 * 10**6 + since.seconds * 10**6 + since.microseconds) * 1_000
    assert datetime.fromisoformat(shown.iso(ns)) == moment.replace(
        microsecond=moment.microsecond // 1000 * 1000
    )


def test_the_clock_shows_hours_minutes_and_seconds() -> None:
    hours, minutes, seconds = shown.clock(1_790_000_000 * S).split(":")
    assert (len(hours), minutes, seconds) == (2, "13", "20")


@given(st.integers())
def test_no_number_is_too_absurd_to_be_shown(number: int) -> None:
    texts = [shown.duration(number), shown.tokens(number), shown.size(number), shown.clock(number)]
    texts += [shown.iso(number), shown.age(number, 0), shown.age(0, number), shown.age(number, -number)]
    assert all(texts)


def test_the_year_300000_is_shown_as_its_number() -> None:
    ns = 300_000 * 365 * D
    assert shown.iso(ns) == f"{ns}ns"
    assert shown.clock(-(10**40)) == f"-{10**40}ns"


@given(st.floats())
def test_no_cost_is_too_absurd_to_be_shown(usd: float) -> None:
    assert shown.cost(usd)


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (812, "812 B"), (1_229, "1.2 KiB"), (50 * 2**20, "50.0 MiB"), (-812, "-812 B")],
)
def test_a_size_is_told_in_binary_units(count: int, text: str) -> None:
    assert shown.size(count) == text


def test_a_short_id_is_the_end_of_it() -> None:
    assert shown.short_id("019ab3c47d2e7f10a4d2c81e4f1e88ba") == "4f1e88ba"
    assert shown.short_id("abc") == "abc"


@pytest.mark.parametrize(
    ("text", "width", "fit"),
    [("hello", 5, "hello"), ("hello", 4, "hel…"), ("固体電池", 8, "固体電池"), ("固体電池", 7, "固体電…"),
     ("固体電池", 6, "固体…"), ("e\u0301a\u0301", 2, "e\u0301a\u0301"), ("hello", 0, ""), ("hello", 1, "…")],
)  # fmt: skip
def test_text_is_cut_by_cells_and_the_cut_is_seen(text: str, width: int, fit: str) -> None:
    assert shown.fitted(text, width) == fit


@given(st.text(), st.integers(0, 40), st.sampled_from(["…", "...", ""]))
def test_fitted_text_is_never_wider_than_asked_for(text: str, width: int, ellipsis: str) -> None:
    assert shown.cells(shown.fitted(text, width, ellipsis)) <= width


def test_cells_agree_with_rich_about_common_text() -> None:
    from rich.cells import cell_len

    for text in ("abc", "固体電池", "e\u0301", "✓✗●⊘", "✋", "⚙", "⚠\ufe0f", "각", "한", "🎉", "ﷺ"):
        assert shown.cells(text) == cell_len(unicodedata.normalize("NFC", text)), text


def test_a_count_has_its_noun_in_the_right_number() -> None:
    assert shown.counted(1, "span") == "1 span"
    assert shown.counted(12_345, "span") == "12,345 spans"
