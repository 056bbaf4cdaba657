"""The cost of a model call by its tokens, from the price table that `genai-prices` brings along.

A cost that was sent stands. A model that is not in the table has no cost: nothing is guessed.
"""

import math
from collections.abc import Iterable
from datetime import UTC, date, datetime
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from trodo_cli.model.event import Event, SpanEnd, SpanUpdate
from trodo_cli.model.payload import Payload, payload_of
from trodo_cli.model.span import Span, Usage

if TYPE_CHECKING:
    from genai_prices.types import PriceCalculation

_PROVIDERS = {
    "x_ai": "x-ai",
    "azure.ai.inference": "azure",
    "gcp.gemini": "google",
    "gcp.gen_ai": "google",
    "google.generative": "google",
}
"""OpenTelemetry's names that the price table does not know."""

_OWN_HARDWARE = frozenset(
    ("ollama", "vllm", "lmstudio", "lm_studio", "llama.cpp", "llama_cpp", "llamafile", "localai")
)
"""Who runs a model where nobody is paid by the token."""

_OLDEST, _NEWEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def price_events(events: Iterable[Event], *, payload: bool = True) -> None:
    """Give every model call of these events that told tokens and no cost what it cost."""
    price_spans((event.span for event in events if isinstance(event, SpanEnd | SpanUpdate)), payload=payload)


def price_spans(spans: Iterable[Span], *, payload: bool = True) -> None:
    """The same for spans; `payload`: whether they have theirs with them."""
    for span in spans:
        price_span(span, payload=payload)


def price_span(span: Span, *, payload: bool = True) -> None:
    """Set the span's cost if it has none and its model's price is known, and note the price table in its payload."""
    if span.cost is not None or span.kind != "model" or span.usage is None or not span.model:
        return
    cost = model_cost(span.usage, span.model, span.provider, span.started_ns)
    if cost is None:
        return
    span.cost = cost
    if payload:
        span.payload = _noted(span.payload, price_table())


def model_cost(usage: Usage, model: str, provider: str | None, at_ns: int) -> float | None:
    """USD for the tokens at the prices of that time; None when a price is not known."""
    told = [count for count in msgspec.structs.astuple(usage) if count is not None]
    if not told or min(told) < 0:
        return None
    counts, moment = _counts(usage), _moment(at_ns)
    rates = _rates(model, provider, moment.date())
    if rates is None or (usage.output is None and rates.has_output):
        return None
    if rates.is_simple:
        return rates.cost(counts)
    found = _calculated(counts, model, provider, moment)
    return float(found.total_price) if found is not None else None


class Rates(NamedTuple):
    """USD for a token of each sort, and for the call itself."""

    is_simple: bool
    """Whether this is all there is to it; elsewhere a price depends on the size or on the time of day."""
    has_output: bool
    call: float = 0.0
    input: float = 0.0
    cache_read: float = 0.0
    cache_write: float = 0.0
    output: float = 0.0
    reasoning: float = 0.0

    def cost(self, counts: dict[str, int]) -> float:
        """USD for tokens that are told as the price table wants them."""
        read, written = counts.get("cache_read_tokens", 0), counts.get("cache_write_tokens", 0)
        reasoning = counts.get("output_reasoning_tokens", 0)
        fresh = counts.get("input_tokens", 0) - read - written
        spoken = counts.get("output_tokens", 0) - reasoning
        cached = read * self.cache_read + written * self.cache_write
        return self.call + fresh * self.input + cached + spoken * self.output + reasoning * self.reasoning


@lru_cache(4_096)
def _rates(model: str, provider: str | None, day: date) -> Rates | None:
    """The prices of a model on a day, asked of the table once; None when it is not there."""
    from genai_prices.types import ModelPrice, StartDateConstraint, TieredPrices

    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)

    def price(**counts: int) -> float:
        found = _calculated(counts, model, provider, noon)
        return float(found.total_price) if found is not None else math.nan

    found = _calculated({"input_tokens": 0, "output_tokens": 0}, model, provider, noon)
    if found is None:
        return None
    has_output = found.model_price.output_mtok is not None
    conditions = () if isinstance(found.model.prices, ModelPrice) else found.model.prices
    timeless = all(isinstance(at.constraint, StartDateConstraint | None) for at in conditions)
    if not timeless or any(isinstance(value, TieredPrices) for value in vars(found.model_price).values()):
        return Rates(False, has_output)
    call, many = float(found.total_price), _MANY
    costs = (
        price(input_tokens=many),
        price(input_tokens=many, cache_read_tokens=many),
        price(input_tokens=many, cache_write_tokens=many),
        price(output_tokens=many),
        price(output_tokens=many, output_reasoning_tokens=many),
    )
    rates = [(cost - call) / many for cost in costs]
    return Rates(all(map(math.isfinite, rates)), has_output, call, *rates)


_MANY = 1_000_000


@cache
def price_table() -> str:
    """Which prices these are: `genai-prices 0.2.3, newest price from 2026-09-28`."""
    from genai_prices import __version__

    newest = max(_starts(), default=None)
    return f"genai-prices {__version__}" + (f", newest price from {newest.isoformat()}" if newest else "")


def _counts(usage: Usage) -> dict[str, int]:
    """The tokens by the names of the price table, in which the parts are never more than the whole."""
    cached = (usage.cache_read or 0) + (usage.cache_write or 0)
    counts = {
        "input_tokens": None if usage.input is None and not cached else max(usage.input or 0, cached),
        "output_tokens": None
        if usage.output is None and not usage.reasoning
        else max(usage.output or 0, usage.reasoning or 0),
        "cache_read_tokens": usage.cache_read,
        "cache_write_tokens": usage.cache_write,
        "output_reasoning_tokens": usage.reasoning,
    }
    return {name: count for name, count in counts.items() if count is not None}


def _calculated(
    counts: dict[str, int], model: str, provider: str | None, moment: datetime
) -> "PriceCalculation | None":
    """The price as this provider has it; as the model's maker has it where a framework stands for the provider."""
    from genai_prices import Usage as Counted
    from genai_prices import calc_price

    seller = _PROVIDERS.get(provider, provider) if provider else None
    try:
        return calc_price(Counted(**counts), model, provider_id=seller, genai_request_timestamp=moment)
    except (LookupError, ValueError):
        is_seller = seller is None or seller in _OWN_HARDWARE or _is_known(seller)
        return None if is_seller else _calculated(counts, model, None, moment)


def _is_known(provider: str) -> bool:
    """Whether the price table has this provider."""
    from genai_prices.data_snapshot import get_snapshot

    try:
        return bool(get_snapshot().find_provider(None, provider, None))
    except LookupError:
        return False


def _moment(at_ns: int) -> datetime:
    """The time of a call; one beyond all sense is cut to what prices can be asked for."""
    seconds = at_ns // 10**9
    return datetime.fromtimestamp(min(max(seconds, _OLDEST.timestamp()), _NEWEST.timestamp()), UTC)


def _noted(payload: msgspec.Raw, table: str) -> msgspec.Raw:
    """The payload with a word about where the cost comes from."""
    said: Payload = payload_of(payload)
    said.priced = table
    return msgspec.Raw(msgspec.json.encode(said))


def _starts() -> Iterable[date]:
    """The days from which prices hold, up to today."""
    from genai_prices.data_snapshot import get_snapshot

    from trodo_cli.model.ids import now_ns

    today = _moment(now_ns()).date()
    for provider in get_snapshot().providers:
        for model in provider.models:
            for price in model.prices if isinstance(model.prices, list) else ():
                start: Any = getattr(price.constraint, "start_date", None)
                if start is not None and start <= today:
                    yield start
