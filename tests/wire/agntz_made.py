"""Runs and spans for the agntz tests, and the form in which they are compared."""

import json
from typing import Any

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tests.contract.reading import append, events_of
from trodo_cli.model.event import Event
from trodo_cli.model.ids import canonical_id
from trodo_cli.model.payload import NO_PAYLOAD, Payload
from trodo_cli.model.run import Run, Totals
from trodo_cli.model.span import KINDS, Span, Usage, settled_span
from trodo_cli.stores.sqlite import SqliteStore
from trodo_cli.wire.agntz import sse_json
from trodo_cli.wire.values import storable_text

MS = 10**6
HOSTILE = 'a\u2028b\u2029c\x85d\x0be\x0cf\x1cg\x1dh\x1ei\x7fj"\\\n\r\t𝄞\ud7ff\ufeff</script>'

bounded = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])

texts = st.one_of(st.text(max_size=8).map(storable_text), st.just(storable_text(HOSTILE)))
names = st.none() | texts
row_ids = texts.filter(bool).map(canonical_id)
moments = st.integers(-(2**40), 2**42).map(lambda ms: ms * MS)
counts = st.none() | st.integers(0, 10**8)
scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(-1e9, 1e9) | texts
values = st.recursive(scalars, lambda of: st.lists(of, max_size=3) | st.dictionaries(texts, of, max_size=3))
data = values.filter(lambda value: not (isinstance(value, str) and value.startswith(("{", "["))))
foreign_names = texts.map(lambda text: f"x.{text}")
occurrences = st.builds(
    lambda name, at_ns, noted: {"name": name, "at_ns": at_ns} | ({"attributes": noted} if noted else {}),
    texts,
    moments,
    st.dictionaries(texts, values, max_size=2),
)


@st.composite
def payloads(draw: st.DrawFn) -> msgspec.Raw:
    said = Payload(
        input=draw(data),
        output=draw(data),
        attributes=draw(st.dictionaries(foreign_names, scalars, max_size=3)),
        events=draw(st.lists(occurrences, max_size=2)),
        stack=draw(names),
    )
    return msgspec.Raw(msgspec.json.encode(said)) if said != Payload() else NO_PAYLOAD


@st.composite
def spans(draw: st.DrawFn) -> Span:
    """A span as a store holds it, of whole milliseconds."""
    status = draw(st.sampled_from(["running", "ok", "error", "cancelled"]))
    span = Span(
        id=draw(row_ids),
        parent_id=draw(st.none() | row_ids),
        name=draw(texts),
        kind=draw(st.sampled_from([*KINDS, "manifest", "rerank"])),
        status=status,
        level=draw(names),
        started_ns=draw(moments),
        ended_ns=None if status == "running" else draw(moments),
        usage=draw(
            st.none() | st.builds(Usage, input=counts, output=counts, cache_read=counts, reasoning=counts)
        ),
        cost=draw(st.none() | st.floats(0, 1e6)),
        payload=draw(payloads()),
    )
    for field in ("model", "provider", "tool", "error", "error_type", "status_code"):
        setattr(span, field, draw(names))
    return settled_span(span)


@st.composite
def runs(draw: st.DrawFn) -> Run:
    """A run as a store holds it, of whole milliseconds."""
    status = draw(st.sampled_from(["pending", "running", "completed", "failed", "cancelled"]))
    ends = status in ("completed", "failed", "cancelled")
    totals = Totals(
        spans=draw(st.integers(0, 9)),
        input_tokens=draw(st.integers(0, 10**9)),
        output_tokens=draw(st.integers(0, 10**9)),
        cost_nanos=draw(st.integers(0, 10**12)),
        costed_spans=1,
    )
    return Run(
        id=draw(row_ids),
        agent=draw(texts),
        status=status,
        parent_id=draw(st.none() | row_ids),
        parent_span_id=draw(st.none() | row_ids),
        session=draw(names),
        owner=draw(texts),
        started_ns=draw(moments),
        ended_ns=draw(moments) if ends else None,
        error=draw(names) if status in ("failed", "cancelled") else None,
        payload=draw(payloads()),
        totals=totals,
    )


times = st.integers(-(2**63), 2**63 - 1)
occurrences_of_any_shape = st.dictionaries(
    st.sampled_from(["name", "at_ns", "attributes", "x"]), values, max_size=4
)


@st.composite
def wild_spans(draw: st.DrawFn) -> Span:
    """Any span that a producer can send: any times, any cost, an end without one, attributes of any depth."""
    span = draw(spans())
    span.started_ns, span.ended_ns, span.cost = draw(times), draw(st.none() | times), draw(st.floats())
    said = Payload(
        input=draw(values),
        attributes=draw(st.dictionaries(texts, values, max_size=3)),
        events=draw(st.lists(occurrences_of_any_shape, max_size=2)),
    )
    span.payload = msgspec.Raw(msgspec.json.encode(said))
    return span


@st.composite
def wild_runs(draw: st.DrawFn) -> Run:
    """Any run that a store can hold: of any status with any times."""
    run = draw(runs())
    run.status = draw(st.sampled_from([run.status, "lost"]))
    run.started_ns, run.ended_ns = draw(times), draw(st.none() | times)
    return run


def said(span: Span) -> tuple[Span, Payload]:
    """A span in the form that tests compare: the payload by what it says, without what the wire leaves out."""
    return msgspec.structs.replace(span, payload=NO_PAYLOAD, version=0), span.details


def wired(value: Any) -> Any:
    """What the other side reads; a number that JSON does not have fails."""
    return json.loads(sse_json(value), parse_constant=_no_number)


def _no_number(name: str) -> Any:
    raise AssertionError(f"{name} is no JSON")


def stored(*events: Event) -> list[Event]:
    """The events as a store tells them again."""
    store = SqliteStore(None)
    append(store, *events)
    found = events_of(store, events[0].run_id)
    store.close()
    return found
