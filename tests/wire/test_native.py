"""Our own format: what was written is read back, and what is wrong is named."""

import json
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from trodo_cli.errors import InvalidInput
from trodo_cli.model.event import (
    CancelRequested,
    Event,
    FeedbackGiven,
    RunEnd,
    RunStart,
    SpanEnd,
    SpanStart,
    SpanUpdate,
    TraceDone,
)
from trodo_cli.model.payload import NO_PAYLOAD
from trodo_cli.model.run import Cancel, Feedback, Run, RunStatus
from trodo_cli.model.span import Span, SpanStatus, Usage
from trodo_cli.wire.native import read_event, write_event
from trodo_cli.wire.values import storable_text

names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
maybe = st.none() | names
run_ids = st.from_regex(r"[a-z0-9_.:/-]{1,31}", fullmatch=True)
times = st.integers(-(2**63), 2**63 - 1)
counts = st.none() | times
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
payloads = st.fixed_dictionaries(
    {},
    optional={
        "input": json_values,
        "output": json_values,
        "attributes": st.dictionaries(st.text(max_size=5), json_values, max_size=3),
        "stack": st.text(max_size=10),
    },
).map(lambda parts: msgspec.Raw(msgspec.json.encode(parts)) if parts else NO_PAYLOAD)
spans = st.builds(
    Span,
    id=run_ids,
    parent_id=st.none() | run_ids,
    name=names,
    kind=st.sampled_from(["agent", "model", "tool", "retrieval", "step", "generic", "mine", "\x1b"]),
    status=st.sampled_from(get_args(SpanStatus)),
    level=maybe,
    started_ns=times,
    ended_ns=counts,
    usage=st.none()
    | st.builds(Usage, input=counts, output=counts, cache_read=counts, cache_write=counts, reasoning=counts),
    cost=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    model=maybe,
    provider=maybe,
    tool=maybe,
    error=maybe,
    error_type=maybe,
    status_code=maybe,
    version=times,
    payload=payloads,
)
runs = st.builds(
    Run,
    id=run_ids,
    agent=names,
    status=st.sampled_from(get_args(RunStatus)),
    parent_id=st.none() | run_ids,
    parent_span_id=st.none() | run_ids,
    session=maybe,
    user=maybe,
    tags=st.lists(names, max_size=3).map(tuple),
    started_ns=times,
    ended_ns=counts,
    error=maybe,
    error_type=maybe,
    version=times,
    payload=payloads,
)
cancels = st.builds(Cancel, requested_ns=times, by=maybe, reason=maybe, delivered_ns=counts)
feedbacks = st.builds(
    Feedback,
    at_ns=times,
    satisfaction=maybe,
    rating=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    comment=maybe,
    user=maybe,
)
seqs = st.integers(0, 2**53)


@st.composite
def events(draw: st.DrawFn) -> Event:
    """Any event in canonical form."""
    kind = draw(
        st.sampled_from(
            [RunStart, RunEnd, TraceDone, SpanStart, SpanUpdate, SpanEnd, CancelRequested, FeedbackGiven]
        )
    )
    seq = draw(seqs)
    if kind in (RunStart, RunEnd, TraceDone):
        run = draw(runs)
        assume(run.id != run.parent_id and (kind is not RunEnd or run.is_terminal))
        return kind(run_id=run.id, seq=seq, run=run)
    if kind is CancelRequested:
        return CancelRequested(run_id=draw(run_ids), seq=seq, cancel=draw(cancels))
    if kind is FeedbackGiven:
        given = draw(st.lists(feedbacks, max_size=2).map(tuple))
        return FeedbackGiven(run_id=draw(run_ids), seq=seq, feedback=given)
    return kind(run_id=draw(run_ids), seq=seq, span=draw(spans))


@given(events())
def test_what_was_written_is_read_back(event: Event) -> None:
    line = write_event(event)
    assert b"\n" not in line
    assert read_event(line) == event
    assert write_event(read_event(line)) == line


@given(st.text(st.characters(), max_size=20), st.text(st.characters(), max_size=20))
def test_any_text_is_written_and_read_back_as_stores_can_hold_it(name: str, error: str) -> None:
    event = read_event(write_event(SpanEnd(run_id="r", span=Span(id="s", name=name, error=error))))
    assert isinstance(event, SpanEnd)
    assert (event.span.name, event.span.error) == (storable_text(name), storable_text(error))


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_an_event_or_named_as_none(line: bytes) -> None:
    try:
        read_event(line)
    except InvalidInput:
        return


WHOLE = write_event(
    SpanEnd(
        run_id="r",
        seq=3,
        span=Span(
            id="s",
            parent_id="p",
            name="née",
            status="error",
            started_ns=1,
            ended_ns=2,
            usage=Usage(input=1),
            cost=0.5,
            error="\x1b",
            payload=msgspec.Raw('{"input":["é",1.5,null],"attributes":{"a":{}},"stack":"at"}'.encode()),
        ),
    )
)


@given(st.integers(0, len(WHOLE) - 1), st.integers(0, 255))
def test_a_damaged_line_is_an_event_or_named_as_none(place: int, byte: int) -> None:
    line = bytearray(WHOLE)
    line[place] = byte
    try:
        read_event(bytes(line))
    except InvalidInput:
        return


def span_line(**fields: Any) -> bytes:
    return json.dumps({"type": "span-end", "run_id": "r", "span": {"id": "s", **fields}}).encode()


def run_line(**fields: Any) -> bytes:
    return json.dumps({"type": "run-end", "run_id": "r", "run": {"id": "r", **fields}}).encode()


# -- spelling ----------------------------------------------------------------------------------------

DASHED = "0AF76519-16CD-43DD-8448-EB211C80319C"
BARE = "0af7651916cd43dd8448eb211c80319c"


def test_ids_have_one_spelling() -> None:
    event = read_event(
        json.dumps(
            {"type": "span-end", "run_id": DASHED, "span": {"id": DASHED, "parent_id": DASHED.lower()}}
        ).encode()
    )
    assert isinstance(event, SpanEnd)
    assert (event.run_id, event.span.id, event.span.parent_id) == (BARE, BARE, BARE)


def test_the_events_run_id_goes_before_the_runs_own() -> None:
    event = read_event(f'{{"type":"run-start","run_id":"{DASHED}","run":{{"id":"other"}}}}'.encode())
    assert isinstance(event, RunStart)
    assert (event.run_id, event.run.id) == (BARE, BARE)


def test_an_empty_parent_is_no_parent() -> None:
    span = read_event(span_line(parent_id=""))
    run = read_event(run_line(parent_id=""))
    assert isinstance(span, SpanEnd)
    assert isinstance(run, RunEnd)
    assert (span.span.parent_id, run.run.parent_id) == (None, None)


@pytest.mark.parametrize(
    ("said", "kind"), [("llm", "model"), ("tool.execute", "tool"), ("", "generic"), ("own", "own")]
)
def test_kinds_have_one_spelling(said: str, kind: str) -> None:
    event = read_event(span_line(kind=said))
    assert isinstance(event, SpanEnd)
    assert event.span.kind == kind


def test_unknown_keys_of_a_newer_release_are_passed_over() -> None:
    event = read_event(b'{"type":"span-end","run_id":"r","later":1,"span":{"id":"s","newer":[{}]}}')
    assert isinstance(event, SpanEnd)
    assert event.span.id == "s"


# -- lone surrogates ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("escaped", "read"),
    [
        (r"\ud800", "\ufffd"),
        (r"\uDFFF", "\ufffd"),
        (r"a\ud83db", "a\ufffdb"),
        (r"\ud83d\ude00", "😀"),
        (r"\ud83d\ud83d\ude00", "\ufffd😀"),
        (r"\ud83d\ude00\ude00", "😀\ufffd"),
        (r"\ude00\ud83d", "\ufffd\ufffd"),
        (r"\ud800\u0041", "\ufffdA"),
        (r"\\ud800", r"\ud800"),
        (r"\\\ud800", "\\\ufffd"),
        (r"\ud800 and \\ud800", "\ufffd and \\ud800"),
        (r"\u0000", "\u2400"),
    ],
)
def test_lone_surrogate_escapes_are_read_as_the_replacement_character(escaped: str, read: str) -> None:
    event = read_event(b'{"type":"span-end","run_id":"r","span":{"id":"s","name":"%s"}}' % escaped.encode())
    assert isinstance(event, SpanEnd)
    assert event.span.name == read


@pytest.mark.parametrize("escaped", [r"\ud800", r"\udc00x", r"\ud83d\ude00\ude00", r"\u0000"])
@pytest.mark.parametrize("place", ["value", "key"])
def test_lone_surrogate_escapes_in_a_payload_do_not_spoil_it(escaped: str, place: str) -> None:
    inner = f'"{escaped}"' if place == "value" else f'{{"{escaped}":1}}'
    event = read_event(
        f'{{"type":"span-end","run_id":"r","span":{{"id":"s","payload":{{"input":{inner}}}}}}}'.encode()
    )
    assert isinstance(event, SpanEnd)
    json.dumps(event.span.details.input, ensure_ascii=False).encode("utf-8")
    assert event.span.details.input is not None


# -- numbers -----------------------------------------------------------------------------------------

TOO_LARGE = [2**63, -(2**63) - 1, 2**64, 10**30]


@pytest.mark.parametrize("number", TOO_LARGE)
@pytest.mark.parametrize("field", ["started_ns", "ended_ns", "version"])
@pytest.mark.parametrize("line", [span_line, run_line])
def test_a_number_of_more_than_64_bits_is_refused_by_name(line: Any, field: str, number: int) -> None:
    with pytest.raises(InvalidInput, match=f"64 bits|{field}"):
        read_event(line(**{field: number}))


@pytest.mark.parametrize("number", TOO_LARGE)
@pytest.mark.parametrize("field", ["input", "output", "cache_read", "cache_write", "reasoning"])
def test_a_token_count_of_more_than_64_bits_is_refused(field: str, number: int) -> None:
    with pytest.raises(InvalidInput):
        read_event(span_line(usage={field: number}))


@pytest.mark.parametrize("field", ["requested_ns", "delivered_ns"])
def test_a_cancel_time_of_more_than_64_bits_is_refused(field: str) -> None:
    cancel = {"requested_ns": 1, field: 2**63}
    with pytest.raises(InvalidInput):
        read_event(json.dumps({"type": "cancel-requested", "run_id": "r", "cancel": cancel}).encode())


@pytest.mark.parametrize("zeros", [18, 19, 20, 100, 5_000])
def test_a_huge_integer_in_a_payload_is_kept_or_refused_in_words(zeros: int) -> None:
    digits = "9" + "0" * zeros
    line = f'{{"type":"span-end","run_id":"r","span":{{"id":"s","payload":{{"input":{digits}}}}}}}'.encode()
    try:
        event = read_event(line)
    except InvalidInput:
        return
    assert isinstance(event, SpanEnd)
    assert event.span.details.input == 9 * 10**zeros


def test_the_last_numbers_of_64_bits_are_taken() -> None:
    event = read_event(span_line(started_ns=-(2**63), ended_ns=2**63 - 1))
    assert isinstance(event, SpanEnd)
    assert (event.span.started_ns, event.span.ended_ns) == (-(2**63), 2**63 - 1)


# -- what is wrong is named --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "named"),
    [
        (span_line(name=7), r"\$\.span\.name"),
        (span_line(started_ns="now"), r"\$\.span\.started_ns"),
        (span_line(started_ns=1.5), r"\$\.span\.started_ns"),
        (span_line(status="done"), r"\$\.span\.status"),
        (span_line(usage={"input": "many"}), r"\$\.span\.usage\.input"),
        (span_line(cost="much"), r"\$\.span\.cost"),
        (span_line(payload=[1]), "payload"),
        (span_line(payload={"attributes": [1]}), r"attributes"),
        (span_line(payload={"stack": 1}), r"stack"),
        (run_line(tags="a"), r"\$\.run\.tags"),
        (run_line(tags=[1]), r"\$\.run\.tags"),
        (run_line(status="ok"), r"\$\.run\.status"),
        (run_line(id=None), r"\$\.run\.id"),
        (b'{"type":"span-end","run_id":"r","span":{}}', "id"),
        (b'{"type":"span-end","run_id":7,"span":{"id":"s"}}', r"\$\.run_id"),
        (b'{"type":"span-end","run_id":"r"}', "span"),
        (b'{"type":"span-end","span":{"id":"s"}}', "run_id"),
        (b'{"type":"wedding","run_id":"r"}', "wedding"),
        (b'{"run_id":"r"}', "type"),
        (b"[]", "object"),
        (b"", "event"),
        (b"nonsense", "malformed|invalid"),
        (b'{"type":"span-end","run_id":"","span":{"id":"s"}}', "empty"),
        (b'{"type":"span-end","run_id":"r","span":{"id":""}}', "empty"),
        (span_line(parent_id="x" * 201), "201 characters"),
        (b'{"type":"span-end","run_id":"%s","span":{"id":"s"}}' % (b"x" * 201), "201 characters"),
        (b"[" * 100_000, "event"),
        (
            b'{"type":"span-end","run_id":"r","span":{"id":"s","payload":{"input":'
            + b"[" * 100_000
            + b"]" * 100_000
            + b"}}}",
            "deep|payload",
        ),
        (b'{"type":"span-end","run_id":"r","span":{"id":"s","payload":{"input":"\xff"}}}', "payload|utf"),
        (b'{"type":"span-end","run_id":"r","span":{"id":"s","payload":{"input":NaN}}}', "event|payload"),
        (b'{"type":"span-end","run_id":"r","span":{"id":"s","name":"\xff"}}', "utf"),
        (b"\xff\xfe", "event"),
        (b"\xef\xbb\xbf{}", "event"),
    ],
)
def test_what_is_wrong_with_a_line_is_named(line: bytes, named: str) -> None:
    with pytest.raises(InvalidInput, match=f"(?i){named}"):
        read_event(line)
