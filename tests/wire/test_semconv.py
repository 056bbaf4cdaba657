"""Token counts under every provider's names."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trodo_cli.model.span import Usage
from trodo_cli.wire.semconv import flattened, usage_of, whole_number


@pytest.mark.parametrize(
    ("details", "usage"),
    [
        (
            {"input": 3.0, "output": 4.0, "cache_read": 1.0, "cache_write": 2.0, "reasoning": 1.0},
            Usage(input=3, output=4, cache_read=1, cache_write=2, reasoning=1),
        ),
        ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}, Usage(input=10, output=5)),
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "prompt_tokens_details": {"cached_tokens": 6, "audio_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": 2, "audio_tokens": 0},
            },
            Usage(input=10, output=5, cache_read=6, reasoning=2),
        ),
        (
            {"prompt_tokens": 10.0, "completion_tokens": 5.0, "cached_tokens": 6.0, "reasoning_tokens": 2.0},
            Usage(input=10, output=5, cache_read=6, reasoning=2),
        ),
        (
            {
                "input_tokens": 10,
                "output_tokens": 5,
                "input_tokens_details": {"cached_tokens": 4},
                "output_tokens_details": {"reasoning_tokens": 3},
            },
            Usage(input=10, output=5, cache_read=4, reasoning=3),
        ),
        ({"input_tokens": 10, "output_tokens": 5}, Usage(input=10, output=5)),
        (
            {
                "input_tokens": 10,
                "output_tokens": 5,
                "cache_read_input_tokens": 80,
                "cache_creation_input_tokens": 7,
            },
            Usage(input=97, output=5, cache_read=80, cache_write=7),
        ),
        (
            {
                "input_tokens": 10,
                "output_tokens": 5,
                "cache_read_input_tokens": 0,
                "cache_creation_input_tokens": None,
            },
            Usage(input=10, output=5, cache_read=0),
        ),
        (
            {"input_tokens": 90, "output_tokens": 5, "total_tokens": 95, "cache_read_input_tokens": 80},
            Usage(input=90, output=5, cache_read=80),
        ),
        (
            {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15, "cache_read_input_tokens": 80},
            Usage(input=90, output=5, cache_read=80),
        ),
        ({"cache_read_input_tokens": 80}, Usage(cache_read=80)),
        (
            {
                "promptTokenCount": 50,
                "candidatesTokenCount": 9,
                "totalTokenCount": 59,
                "cachedContentTokenCount": 30,
            },
            Usage(input=50, output=9, cache_read=30),
        ),
        (
            {"prompt_token_count": 50, "candidates_token_count": 9, "cached_content_token_count": 30},
            Usage(input=50, output=9, cache_read=30),
        ),
        ({"prompt_tokens": "12"}, Usage(input=12)),
        ({"prompt_tokens": 0}, Usage(input=0)),
        ({"prompt_tokens": None, "completion_tokens": 3}, Usage(output=3)),
        ({"total_tokens": 9}, None),
        ({"prompt_tokens": "many", "completion_tokens": float("nan")}, None),
        ({"prompt_tokens": True}, None),
        ({"prompt_tokens": 2**63}, None),
        ({}, None),
    ],
)
def test_the_names_of_each_provider_are_understood(details: dict[str, object], usage: Usage | None) -> None:
    assert usage_of(details) == usage


def test_the_thoughts_of_gemini_are_told_beside_its_output_and_belong_to_it() -> None:
    usage = usage_of(
        {"promptTokenCount": 50, "candidatesTokenCount": 9, "thoughtsTokenCount": 20, "totalTokenCount": 79}
    )
    assert usage == Usage(input=50, output=29, reasoning=20)


def test_objects_in_a_usage_object_are_read_like_dicts() -> None:
    details = {
        "prompt_tokens": 10,
        "prompt_tokens_details": SimpleNamespace(cached_tokens=4, audio_tokens=None),
    }
    assert usage_of(details) == Usage(input=10, cache_read=4)


def test_of_two_detail_objects_with_one_name_the_later_counts() -> None:
    assert flattened({"a": {"audio_tokens": 1}, "b": {"audio_tokens": 2}, "c": "text"}) == {"audio_tokens": 2}


anything = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.binary(max_size=4),
    st.just(object()),
)


@given(anything)
def test_a_count_is_a_whole_number_of_64_bits_or_nothing(value: object) -> None:
    count = whole_number(value)
    assert count is None or (type(count) is int and -(2**63) <= count < 2**63)


@given(
    st.dictionaries(
        st.sampled_from(["input_tokens", "prompt_tokens", "cache_read_input_tokens", "x"]),
        anything | st.dictionaries(st.text(max_size=3), anything, max_size=2),
    )
)
def test_any_usage_object_is_read_without_an_error(details: dict[str, object]) -> None:
    usage = usage_of(details)
    counts = [getattr(usage, name) for name in Usage.__struct_fields__] if usage else []
    assert all(count is None or -(2**63) <= count < 2**63 for count in counts)
