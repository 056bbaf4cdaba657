"""Tokens, cost and models of calls: by hand and from the providers' usage objects."""

from collections.abc import Callable

import pytest

import trodo_cli as trodo
from tests.sdk.host import Recording


class Usage:
    """A provider's usage object: attributes, no dict."""

    def __init__(self, **counts: object) -> None:
        self.__dict__.update(counts)


OPENAI = {
    "prompt_tokens": 100,
    "completion_tokens": 20,
    "total_tokens": 120,
    "prompt_tokens_details": {"cached_tokens": 40, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 12, "audio_tokens": 0},
}
ANTHROPIC = {
    "input_tokens": 10,
    "output_tokens": 5,
    "cache_read_input_tokens": 80,
    "cache_creation_input_tokens": 7,
}
GEMINI = {
    "promptTokenCount": 50,
    "candidatesTokenCount": 9,
    "totalTokenCount": 59,
    "cachedContentTokenCount": 30,
}


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        (OPENAI, {"input": 100, "output": 20, "cache_read": 40, "cache_write": None, "reasoning": 12}),
        (ANTHROPIC, {"input": 97, "output": 5, "cache_read": 80, "cache_write": 7, "reasoning": None}),
        (GEMINI, {"input": 50, "output": 9, "cache_read": 30, "cache_write": None, "reasoning": None}),
    ],
    ids=["openai", "anthropic", "gemini"],
)
@pytest.mark.parametrize("shape", [dict, lambda counts: Usage(**counts)], ids=["dict", "object"])
def test_the_usage_objects_of_the_providers_are_understood(
    recording: Recording,
    usage: dict[str, object],
    counts: dict[str, int | None],
    shape: Callable[..., object],
) -> None:
    with trodo.wrap_agent("llm") as run:
        trodo.track_llm_call(model="m", usage=shape(usage))
    (span,) = recording.spans(run.run_id)
    assert span.usage is not None
    assert {name: getattr(span.usage, name) for name in counts} == counts
    assert recording.run_of("llm").totals.input_tokens == counts["input"]


def test_a_model_call_that_has_happened_is_one_span(recording: Recording) -> None:
    with trodo.wrap_agent("llm") as run:
        trodo.track_llm_call(
            model="gpt-5.4",
            provider="openai",
            input_tokens=10,
            output_tokens=2,
            cache_read_tokens=4,
            cache_write_tokens=1,
            prompt=[{"role": "user", "content": "hi"}],
            completion="hello",
            temperature=0.5,
            cost=0.25,
            name="greet",
            metadata={"try": 1},
        )
        trodo.track_llm_call(model="unnamed", cost_details={"input": 0.25, "output": 0.5})
        trodo.track_llm_call()
    greet, unnamed, bare = recording.spans(run.run_id)
    assert (greet.name, greet.kind, greet.model, greet.provider) == ("greet", "model", "gpt-5.4", "openai")
    assert (greet.usage.input, greet.usage.output, greet.usage.cache_read, greet.usage.cache_write) == (
        10,
        2,
        4,
        1,
    )
    assert (greet.cost, greet.details.output) == (0.25, "hello")
    assert greet.details.input == [{"role": "user", "content": "hi"}]
    assert greet.details.attributes == {"try": 1, "temperature": 0.5}
    assert (unnamed.name, unnamed.cost) == ("unnamed", 0.75)
    assert (bare.name, bare.usage, bare.cost) == ("llm", None, None)
    assert recording.run_of("llm").totals.cost == 1.0


def test_what_is_said_by_name_goes_before_the_usage_object_and_none_leaves_it(recording: Recording) -> None:
    with trodo.wrap_agent("llm") as run, trodo.span("call", kind="llm") as span:
        span.set_llm(model="m", usage_details=OPENAI, input_tokens=7, cost=1.0)
        span.set_llm(provider="p", output_tokens=3)
        span.set_llm()
    (span_,) = recording.spans(run.run_id)
    assert (span_.model, span_.provider, span_.cost) == ("m", "p", 1.0)
    assert (span_.usage.input, span_.usage.output, span_.usage.cache_read) == (7, 3, 40)


def test_the_usage_in_a_models_answer_is_read(recording: Recording) -> None:
    class Answer:
        usage = Usage(**OPENAI)

        def __str__(self) -> str:
            return "answer"

    with trodo.wrap_agent("llm") as run:
        trodo.llm("by-object", lambda: Answer(), model="m", provider="p", temperature=1)()
        trodo.llm("by-dict", lambda: {"usageMetadata": GEMINI})()
        trodo.llm("by-pair", lambda: "text", extract_usage=lambda result: (3, 4))()
        trodo.llm("by-map", lambda: "text", extract_usage_map=lambda result: {"input": 5.0, "output": 6.0})()
        trodo.llm("broken", lambda: "text", extract_usage=lambda result: 1 / 0)()
    spans = {span.name: span for span in recording.spans(run.run_id)}
    usages = {name: (s.usage.input, s.usage.output) for name, s in spans.items() if s.usage}
    assert usages == {"by-object": (100, 20), "by-dict": (50, 9), "by-pair": (3, 4), "by-map": (5, 6)}
    assert (spans["by-object"].model, spans["by-object"].provider) == ("m", "p")
    assert (spans["broken"].status, spans["broken"].details.output) == ("ok", "text")
