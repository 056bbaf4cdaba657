"""What writers send: events drawn from the seed, each with an identity that the auditor knows it by."""

import random
from collections.abc import Iterator
from itertools import count, islice

import msgspec

from trodo_cli.model import ids
from trodo_cli.model.event import Event, RunEnd, RunStart, SpanEnd, SpanStart, SpanUpdate
from trodo_cli.model.run import Run
from trodo_cli.model.span import Span

MOST_OPEN = 12
"""How many spans one writer has open at a time."""

Mark = tuple[str, str]
"""The identity of an event inside its run: its type and its span, if it has one. No run has two of the same."""

_NAMES = ("search", "plan a trip", "id: 7\n\ndata: {}", "a\u2028b\u0085c", "naïve ☃ 🙂", ": comment")


def mark(event: Event) -> Mark:
    span = getattr(event, "span", None)
    return event.type, span.id if span is not None else ""


def run_start(run_id: str) -> RunStart:
    return RunStart(run_id=run_id, run=Run(id=run_id, agent="harness", started_ns=ids.now_ns()))


def run_end(run_id: str) -> RunEnd:
    return RunEnd(run_id=run_id, run=Run(id=run_id, status="completed", ended_ns=ids.now_ns()))


def span_events(chance: random.Random, run_id: str, name: str) -> Iterator[Event]:
    """Without end: spans called `NAME-1`, `NAME-2` … that begin, go on and end beside each other."""
    opened: list[Span] = []
    numbers = count(1)
    while True:
        if not opened or (len(opened) < MOST_OPEN and chance.random() < 0.45):
            span = Span(id=f"{name}-{next(numbers)}", name=chance.choice(_NAMES), started_ns=ids.now_ns())
            opened.append(span)
            yield SpanStart(run_id=run_id, span=_known(span, input="x" * chance.randrange(300)))
            continue
        span = chance.choice(opened)
        span.version += 1
        if span.version == 1 and chance.random() < 0.3:
            yield SpanUpdate(run_id=run_id, span=_known(span, input="more"))
        else:
            opened.remove(span)
            span.status, span.ended_ns = "ok", ids.now_ns()
            yield SpanEnd(run_id=run_id, span=_known(span, output=span.id))


def whole_spans(run_id: str, name: str, number: int) -> list[Event]:
    """So many spans from their start to their end."""
    found: list[Event] = []
    for place in range(number):
        span = Span(id=f"{name}-{place}", name="step", started_ns=ids.now_ns())
        found.append(SpanStart(run_id=run_id, span=_known(span, input="x")))
        span.version, span.status, span.ended_ns = 1, "ok", ids.now_ns()
        found.append(SpanEnd(run_id=run_id, span=_known(span, output=span.id)))
    return found


def batches(
    chance: random.Random, events: Iterator[Event], total: int, largest: int, beside: Iterator[Event]
) -> Iterator[list[Event]]:
    """The next `total` events in batches of random size, now and then with events of another run among them."""
    wanted = islice(events, total)
    while batch := list(islice(wanted, chance.randint(1, largest))):
        yield batch + list(islice(beside, chance.choice((0, 0, 1, 4))))


def _known(span: Span, **payload: str) -> Span:
    """The span as it is now."""
    return msgspec.structs.replace(span, payload=msgspec.Raw(msgspec.json.encode(payload)))
