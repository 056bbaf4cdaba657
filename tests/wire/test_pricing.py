"""What a model call costs: by its tokens, at the prices of its time, and never by guessing."""

from datetime import UTC, datetime

import msgspec
import pytest

from tests.cli.conftest import cli  # noqa: F401 - a fixture
from tests.cli.made import run, span
from tests.cli.program import Cli
from tests.contract.events import payload
from trodo_cli.model.span import Span, Usage
from trodo_cli.wire.pricing import model_cost, price_span, price_table

NOON = int(datetime(2026, 6, 1, 12, tzinfo=UTC).timestamp() * 10**9)

MILLION = 1_000_000


def cost(
    usage: Usage, model: str = "gpt-4o", provider: str | None = "openai", at_ns: int = NOON
) -> float | None:
    return model_cost(usage, model, provider, at_ns)


def test_input_and_output_have_prices_of_their_own() -> None:
    assert cost(Usage(input=MILLION, output=0)) == pytest.approx(2.5)
    assert cost(Usage(input=0, output=MILLION)) == pytest.approx(10)


def test_cached_tokens_are_part_of_the_input_and_cheaper() -> None:
    assert cost(Usage(input=MILLION, output=0, cache_read=MILLION)) == pytest.approx(1.25)
    assert cost(Usage(input=MILLION, output=0, cache_read=400_000)) == pytest.approx(0.6 * 2.5 + 0.4 * 1.25)


def test_written_to_the_cache_they_are_dearer() -> None:
    model, provider = "claude-sonnet-4-5", "anthropic"
    plain = cost(Usage(input=100_000, output=0), model, provider)
    written = cost(Usage(input=100_000, output=0, cache_write=100_000), model, provider)
    assert plain == pytest.approx(0.3)
    assert written == pytest.approx(0.375)


def test_reasoning_is_part_of_the_output_and_not_counted_twice() -> None:
    assert cost(Usage(input=0, output=MILLION, reasoning=MILLION)) == pytest.approx(10)


def test_reasoning_has_a_price_of_its_own_where_a_provider_has_one() -> None:
    model, provider = "sonar-deep-research", "perplexity"
    without = cost(Usage(input=0, output=MILLION), model, provider)
    reasoned = cost(Usage(input=0, output=MILLION, reasoning=MILLION), model, provider)
    assert without is not None
    assert reasoned is not None
    assert reasoned != without


def test_parts_that_are_more_than_the_whole_are_still_priced() -> None:
    assert cost(Usage(input=0, output=0, cache_read=MILLION)) == pytest.approx(1.25)


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("nobody-knows-it", "openai"),
        ("nobody-knows-it", None),
        ("gpt-4o", "ollama"),
        ("llama3", "vllm"),
        ("deepseek-r1:7b", "ollama"),
        ("gpt-4o", "anthropic"),
        ("nobody-knows-it", "strands-agents"),
        ("", "openai"),
    ],
)
def test_what_is_not_in_the_table_stays_unknown(model: str, provider: str | None) -> None:
    assert cost(Usage(input=1, output=1), model, provider) is None


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "gpt-4o-mini"), ("azure.ai.openai", "gpt-4o"), ("gcp.vertex_ai", "gemini-2.5-pro"),
        ("aws.bedrock", "anthropic.claude-sonnet-4-20250514-v1:0"), ("mistral_ai", "mistral-large-latest"),
        ("x_ai", "grok-4"), ("azure.ai.inference", "gpt-4o"), ("gcp.gemini", "gemini-2.5-pro"), (None, "gpt-4o"),
    ],
)  # fmt: skip
def test_providers_are_known_by_the_names_of_opentelemetry(provider: str | None, model: str) -> None:
    assert (cost(Usage(input=1_000, output=10), model, provider) or 0) > 0


@pytest.mark.parametrize("framework", ["strands-agents", "autogen", "langgraph"])
def test_a_framework_in_the_place_of_the_provider_leaves_the_price_to_the_model(framework: str) -> None:
    usage = Usage(input=1_000, output=10, cache_read=400)
    assert cost(usage, "gpt-4o-mini", framework) == pytest.approx(cost(usage, "gpt-4o-mini"))


@pytest.mark.parametrize("usage", [Usage(), Usage(input=-5, output=1), Usage(input=5), Usage(reasoning=-1)])
def test_tokens_that_do_not_tell_all_have_no_cost(usage: Usage) -> None:
    assert cost(usage) is None


def test_an_embedding_has_only_input() -> None:
    assert (cost(Usage(input=MILLION), "text-embedding-3-small") or 0) == pytest.approx(0.02)


@pytest.mark.parametrize("at_ns", [0, -(2**63), 2**63 - 1])
def test_no_time_is_too_absurd_to_be_priced(at_ns: int) -> None:
    assert cost(Usage(input=1, output=1), at_ns=at_ns) is not None


def call(**said: object) -> Span:
    made = Span(
        id="a", kind="model", model="gpt-4o", provider="openai", usage=Usage(input=1_000, output=100),
        started_ns=NOON, payload=payload(input="x"),
    )  # fmt: skip
    return msgspec.structs.replace(made, **said)


def test_a_span_notes_beside_its_cost_where_that_comes_from() -> None:
    priced = call()
    price_span(priced)
    assert (priced.cost, priced.details.input, priced.details.priced) == (0.0035, "x", price_table())


@pytest.mark.parametrize(
    "said", [{"cost": 9.0}, {"cost": 0.0}, {"kind": "agent"}, {"usage": None}, {"model": None}]
)
def test_a_cost_that_was_sent_stands_and_what_is_no_model_call_gets_none(said: dict[str, object]) -> None:
    before, after = call(**said), call(**said)
    price_span(after)
    assert after == before


def test_the_table_names_its_package_and_its_date() -> None:
    name, _, day = price_table().partition(", newest price from ")
    assert name.startswith("genai-prices 0.")
    assert datetime.fromisoformat(day) < datetime.now()


def test_a_run_recorded_without_a_server_is_priced_when_somebody_reads_it(cli: Cli) -> None:  # noqa: F811
    known = span("ask", kind="model", model="gpt-4o", provider="openai", usage=Usage(input=1_000, output=100))
    other = span("odd", kind="model", model="nobody-knows-it", usage=Usage(input=1, output=1))
    cli.publish(run(1, "worker", known, other))
    told = cli.ok("trace", "show", "latest", "--json").json
    assert told["summary"]["cost"] == 0.0035
    costs = {found["name"]: (found["cost"], found["priced"]) for found in told["spans"][1:]}
    assert costs == {"ask": (0.0035, price_table()), "odd": (None, None)}
    assert "0.0035" in cli.ok("tail", "latest", "--json").out


def test_doctor_says_which_prices_there_are(cli: Cli) -> None:  # noqa: F811
    assert ["prices", "info", price_table()] in cli.ok("doctor").rows
