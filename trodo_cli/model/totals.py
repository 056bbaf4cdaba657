"""What a run used: sums over its spans, each token and each dollar once.

Who wraps a model call often repeats what it reports: a framework around a provider, an agent around all
of its steps. So a span counts unless another one below it tells an amount, and an agent never does; only
where nothing else tells an amount, the outermost agents count.
"""

from collections.abc import Mapping

import msgspec

from trodo_cli.model.span import Span

NANOS = 10**9

MAX_SUMMAND = 10**9
"""A count of tokens or a cost from here on is no real one and is left out of sums."""

MAX_WRAPPED_SPANS = 10_000
"""In a larger run agents do not stand in for model calls that told nothing."""


class Totals(msgspec.Struct, omit_defaults=True, kw_only=True):
    """Sums over a run's own spans, in whole numbers so that they do not depend on the order of adding."""

    spans: int = 0
    errors: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_nanos: int = 0
    """Thousand-millionths of a USD."""
    costed_spans: int = 0
    unpriced_spans: int = 0
    """Model calls that told tokens, but whose cost nobody knows."""
    wrapped: bool = False
    """Whether the amounts are those of agents, because nothing else told any."""

    @property
    def cost(self) -> float | None:
        """USD; None while no span has told a cost."""
        return self.cost_nanos / NANOS if self.costed_spans else None

    @property
    def has_amounts(self) -> bool:
        return bool(self.input_tokens or self.output_tokens or self.costed_spans)

    def add(self, span: Span, times: int = 1, *, counts: bool = True) -> None:
        """Count a span in, or with `times=-1` out again; its amounts only if it `counts`."""
        self.spans += times
        self.errors += times * (span.status == "error")
        if counts and span.kind != "agent":
            self.add_amounts(span, times)

    def add_amounts(self, span: Span, times: int = 1) -> None:
        """Only the tokens and the cost of a span."""
        if span.usage is not None:
            self.input_tokens += times * _countable(span.usage.input)
            self.output_tokens += times * _countable(span.usage.output)
        if span.cost is not None and abs(span.cost) < MAX_SUMMAND:
            self.cost_nanos += times * round(span.cost * NANOS)
            self.costed_spans += times
        elif is_unpriced(span):
            self.unpriced_spans += times

    def clear_amounts(self) -> None:
        self.input_tokens = self.output_tokens = self.cost_nanos = self.costed_spans = self.unpriced_spans = 0
        self.wrapped = False


def tells_amount(span: Span) -> bool:
    """Whether the span says what it used."""
    return span.usage is not None or span.cost is not None


def is_unpriced(span: Span) -> bool:
    """Whether a model call told tokens, but nobody knows what they cost."""
    told = span.usage is not None and bool(span.usage.input or span.usage.output)
    return told and span.kind == "model" and span.cost is None and not span.is_open


def is_counted(span: Span) -> bool:
    """Whether the span's amounts are to be summed up, if no other below it tells any."""
    return span.kind != "agent" and tells_amount(span)


def parent_of(span: Span) -> str | None:
    """The span's parent; none for one that names itself."""
    return span.parent_id if span.parent_id != span.id else None


def totals_of(spans: Mapping[str, Span]) -> Totals:
    """The sums over all spans of a run, by id."""
    wrapping = wrapping_ids(spans)
    totals = Totals()
    for span in spans.values():
        totals.add(span, counts=span.id not in wrapping)
    if not totals.has_amounts and len(spans) <= MAX_WRAPPED_SPANS:
        for span in _outermost(spans):
            totals.add_amounts(span)
            totals.wrapped = True
    return totals


def wrapping_ids(spans: Mapping[str, Span]) -> set[str]:
    """The ids, of known spans and of missing parents, that have a counted span below them."""
    found: set[str] = set()
    for span in spans.values():
        at = parent_of(span) if is_counted(span) else None
        while at is not None and at not in found:
            found.add(at)
            at = parent_of(spans[at]) if at in spans else None
    return found


def _outermost(spans: Mapping[str, Span]) -> list[Span]:
    """The agents that tell an amount and are not below another one that does."""
    is_below: dict[str, bool] = {}
    wrappers = [span for span in spans.values() if span.kind == "agent" and tells_amount(span)]
    return [span for span in wrappers if not _is_below_wrapper(span, spans, is_below)]


def _is_below_wrapper(span: Span, spans: Mapping[str, Span], known: dict[str, bool]) -> bool:
    path: list[str] = []
    at: Span | None = span
    found = False
    while at is not None and at.id not in known:
        known[at.id] = False
        path.append(at.id)
        at = spans.get(parent_of(at) or "")
        if at is not None and at.kind == "agent" and tells_amount(at):
            found = True
            break
    else:
        found = at is not None and known[at.id]
    known.update(dict.fromkeys(path, found))
    return known[span.id]


def _countable(count: int | None) -> int:
    return count if count is not None and abs(count) < MAX_SUMMAND else 0
