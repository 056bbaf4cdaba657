"""Whatever is sent as OTLP: it is read, or refused in words, and everything in it is counted."""

import itertools
import json
import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.contract.reading import OWNER, append, listed
from tests.property.test_merge import filled
from tests.wire.otlp_made import body, pairs, span
from tests.wire.test_otlp_golden import CONVENTIONS, GOLDEN, as_protobuf
from trodo_cli.client.local import LocalClient
from trodo_cli.errors import InvalidInput
from trodo_cli.wire import conventions as names
from trodo_cli.wire import usage_names
from trodo_cli.wire.native import read_event, write_event
from trodo_cli.wire.otlp.events import events_of
from trodo_cli.wire.otlp.export import Export
from trodo_cli.wire.otlp.protobuf import read_protobuf
from trodo_cli.wire.otlp.text import read_json

SEEDS = [(GOLDEN / f"{name}.json").read_bytes() for name in CONVENTIONS]


def known_keys() -> list[str]:
    """Every attribute that means something, and a few that nearly do."""
    tables = [value for of in (names, usage_names) for value in vars(of).values() if isinstance(value, dict)]
    found = {key for table in tables for keys in table.values() if isinstance(keys, tuple) for key in keys}
    found |= {key for table in usage_names.USAGE.values() for keys in table.values() for key in keys}
    found |= {key for key, _ in names.KINDS} | {*usage_names.USAGE_OBJECTS}
    found |= {usage_names.LANGFUSE_USAGE, usage_names.LANGFUSE_COST, names.METADATA_TEXT, names.PARAMETERS}
    more = [
        "llm.input_messages.0.message.role", "llm.input_messages.0.message.contents.1.message_content.text",
        "llm.input_messages.99999999999.message", "llm.input_messages.x", "gen_ai.prompt.0.content",
        "gen_ai.prompt.0", "gen_ai.prompt.0.tool_calls.0.name", "gen_ai.input.messages", "ai.response.toolCalls",
        "gen_ai.system_instructions", "gen_ai.output.messages", "events", "logfire.span_type", "logfire.level_num",
        "logfire.pending_parent_id", "exception.stacktrace", "langfuse.observation.level", "trodo.metadata.",
        "trodo.parent_run_id", "langfuse.trace.tags", "error.type", "http.status_code",
        "retrieval.documents.0.document.content", "embedding.embeddings.0.embedding.text",
        "llm.output_messages.0.message.contents.0.tool_call.id",
    ]  # fmt: skip
    return sorted({*found, *more})


TEXTS = st.text(max_size=20) | st.sampled_from(
    [
        "[]",
        "{}",
        "[{}]",
        '{"a":1}',
        '{"total":1e400}',
        "[" * 200,
        "\0",
        "pending_span",
        "ERROR",
        "chat",
        "12",
        "NaN",
    ]
)
LEAVES = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | TEXTS
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
ATTRIBUTES = st.dictionaries(st.sampled_from(known_keys()) | TEXTS, VALUES, max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def spans(draw: st.DrawFn) -> dict[str, Any]:
    """A span whose parts are mostly as they should be."""
    events = draw(
        st.lists(st.tuples(st.sampled_from(["exception", "gen_ai.choice", "x"]), ATTRIBUTES), max_size=2)
    )
    made = span(
        draw(st.integers(1, 3)),
        draw(st.none() | st.integers(1, 4)),
        name=draw(TEXTS),
        attributes=draw(ATTRIBUTES),
        events=[{"name": name, "timeUnixNano": "1", "attributes": pairs(said)} for name, said in events],
        status={"code": draw(st.integers(0, 3)), "message": draw(TEXTS)},
        endTimeUnixNano=str(draw(st.integers(0, 2**64 - 1))),
    )
    if draw(st.integers(0, 5)) == 0:
        made[draw(st.sampled_from(sorted(made)))] = draw(JSON)
    return made


@given(st.lists(spans() | JSON, max_size=5))
def test_every_span_of_a_body_is_taken_or_counted_as_left_out(said: list[Any]) -> None:
    data = body(*said).replace(b"NaN", b'"NaN"').replace(b"Infinity", b'"Infinity"')
    try:
        export = read_json(data)
    except InvalidInput:
        return
    assert len(export.spans) + export.refused == len(said)
    stored_and_read(export)


@given(JSON, st.sampled_from(["resourceSpans", "scopeSpans", "spans", "resource", "scope"]))
def test_any_json_at_any_place_is_read_or_refused(value: Any, place: str) -> None:
    request = json.loads(SEEDS[0])
    group = request["resourceSpans"][0]
    part = group["scopeSpans"][0]
    {"resourceSpans": request, "scopeSpans": group, "resource": group}.get(place, part)[place] = value
    taken(read_json, json.dumps(request).encode())


@given(st.integers(0, 2**32), st.sampled_from(range(len(SEEDS))), st.booleans())
def test_damaged_bodies_are_read_or_refused(chance: int, seed: int, is_json: bool) -> None:
    dice = random.Random(chance)
    data = bytearray(SEEDS[seed] if is_json else as_protobuf(SEEDS[seed]))
    for _ in range(dice.randint(1, 8)):
        place = dice.randrange(len(data))
        match dice.randrange(4):
            case 0:
                data[place] = dice.randrange(256)
            case 1:
                del data[place : place + dice.randint(1, 30)]
            case 2:
                data[place:place] = dice.randbytes(dice.randint(1, 5))
            case _:
                data[place:place] = data[place : place + dice.randint(1, 60)]
        if not data:
            return
    taken(read_json if is_json else read_protobuf, bytes(data))


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    taken(read_protobuf, data)
    taken(read_json, data)


@given(st.permutations(range(6)), st.lists(st.integers(0, 6), max_size=3), st.sampled_from(range(len(SEEDS))))
def test_the_order_and_the_split_of_an_export_never_matter(
    order: list[int], cuts: list[int], seed: int
) -> None:
    export = read_json(SEEDS[seed])
    picked = [export.spans[place] for place in order if place < len(export.spans)]
    edges = sorted({0, len(picked), *(min(cut, len(picked)) for cut in cuts)})
    parts = [picked[one:other] for one, other in itertools.pairwise(edges)]
    with filled(events_of(Export(sorted(picked, key=lambda one: one.span_id)))) as whole, filled() as split:
        for part in parts:
            append(split, *events_of(Export(part)))
        assert seen(split) == seen(whole)


def seen(store: Any) -> list[Any]:
    traces = [LocalClient(store, OWNER).traces.get(run_id) for run_id in listed(store)]
    return [
        (trace.summary.agent, trace.summary.session, trace.summary.user, trace.summary.details,
         trace.summary.heard, trace.summary.totals, trace.own)
        for trace in traces
    ]  # fmt: skip


def taken(read: Any, data: bytes) -> None:
    try:
        export = read(data)
    except InvalidInput:
        return
    stored_and_read(export)


def stored_and_read(export: Export) -> None:
    """What was read can be stored, told again, and looked at."""
    events = events_of(export)
    for event in events:
        assert read_event(write_event(event)) == event
    with filled(events) as store:
        client = LocalClient(store, OWNER)
        for run_id in listed(store):
            trace = client.traces.get(run_id)
            assert trace.summary.started_ns
            assert all(found.details is not None for found in trace.spans)
