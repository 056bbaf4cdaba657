"""The cost of a model call by its tokens, from the price table that `genai-prices` brings along.

A cost that was sent stands. A model that is not in the table has no cost: nothing is guessed.
"""

import math
from collections.abc import Iterable
from datetime import UTC, date, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

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
    found = _calculated(_counts(usage), model, provider, _moment(at_ns))
    if found is None or (usage.output is None and found.model_price.output_mtok is not None):
        return None
    cost = float(found.total_price)
    return cost if math.isfinite(cost) else None


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
    from genai_prices import Usage as Counted
    from genai_prices import calc_price

    try:
        return calc_price(
            Counted(**counts),
            model,
            provider_id=_PROVIDERS.get(provider, provider) if provider else None,
            genai_request_timestamp=moment,
        )
    except (LookupError, ValueError):
        return None


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
