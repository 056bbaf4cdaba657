"""Tokens as spans tell them, in several words at once or in a provider's own report."""

import json
from typing import Any

import pytest

from trodo_cli.model.span import Usage
from trodo_cli.wire.usage import tokens_of

OPENAI = {
    "prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120,
    "prompt_tokens_details": {"cached_tokens": 40}, "completion_tokens_details": {"reasoning_tokens": 5},
}  # fmt: skip
ANTHROPIC = {
    "input_tokens": 60, "output_tokens": 20, "cache_read_input_tokens": 30, "cache_creation_input_tokens": 10,
}  # fmt: skip
MLFLOW = {"input_tokens": 100, "output_tokens": 20, "total_tokens": 120, "cache_read_input_tokens": 40}

SAID = {"gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 20}
APART = {"gen_ai.usage.input_tokens": 60, "gen_ai.usage.output_tokens": 20}


@pytest.mark.parametrize(
    ("said", "report", "usage"),
    [
        (SAID, OPENAI, Usage(input=100, output=20, cache_read=40, reasoning=5)),
        (SAID, ANTHROPIC, Usage(input=100, output=20, cache_read=30, cache_write=10)),
        (APART, ANTHROPIC, Usage(input=100, output=20, cache_read=30, cache_write=10)),
        ({}, OPENAI, Usage(input=100, output=20, cache_read=40, reasoning=5)),
        (SAID, {}, Usage(input=100, output=20)),
        (SAID, "cut {", Usage(input=100, output=20)),
    ],
)
def test_a_provider_s_report_tells_what_the_span_does_not(said: Any, report: Any, usage: Usage) -> None:
    text = report if isinstance(report, str) else json.dumps(report)
    assert tokens_of({**said, "gen_ai.usage.raw": text}) == usage


@pytest.mark.parametrize(
    ("report", "usage"),
    [
        (MLFLOW, Usage(input=100, output=20, cache_read=40)),
        ({**MLFLOW, "input_tokens": 30, "total_tokens": 50}, Usage(input=70, output=20, cache_read=40)),
        ({"input_tokens": 7, "output_tokens": 2, "total_tokens": 9}, Usage(input=7, output=2)),
    ],
)
def test_the_total_tells_whether_cached_tokens_are_in_the_input(report: Any, usage: Usage) -> None:
    assert tokens_of({"mlflow.chat.tokenUsage": json.dumps(report)}) == usage


@pytest.mark.parametrize(
    "key", ["gen_ai.usage.cache_write.input_tokens", "gen_ai.usage.cache_creation.input_tokens"]
)
def test_tokens_written_to_the_cache_have_two_names(key: str) -> None:
    assert tokens_of({**SAID, key: 10}) == Usage(input=100, output=20, cache_write=10)
