"""What an OTLP body may look like, and what is left out of it."""

import json
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tests.wire.otlp_made import START, TRACE, body, model, pairs, span, span_id
from trodo_cli.errors import InvalidInput
from trodo_cli.model.event import Event, RunStart, SpanEnd
from trodo_cli.wire.exchange import input_of
from trodo_cli.wire.genai import first_token_of
from trodo_cli.wire.otlp import protobuf, text
from trodo_cli.wire.otlp.events import events_of
from trodo_cli.wire.otlp.export import Export

BIG = 2**63 - 1


def events(*spans: Any) -> list[Event]:
    return events_of(text.read_json(body(*spans)))


def one(**said: Any) -> Any:
    (run, ended) = events(span(1, **said))
    assert isinstance(run, RunStart)
    assert isinstance(ended, SpanEnd)
    return ended.span


def test_ids_are_lower_case_hex_whatever_was_sent() -> None:
    (run, ended) = events(span(1, traceId=TRACE.upper(), spanId="00000000000000AF"))
    assert (run.run_id, ended.span.id) == (TRACE, "00000000000000af")  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ({"intValue": str(BIG)}, BIG),
        ({"intValue": BIG}, BIG),
        ({"intValue": "-5"}, -5),
        ({"doubleValue": "NaN"}, "NaN"),
        ({"doubleValue": "-Infinity"}, "-Infinity"),
        ({"doubleValue": 1}, 1.0),
        ({"boolValue": False}, False),
        ({"bytesValue": "AQI="}, {"bytesValue": "AQI="}),
        ({"arrayValue": {"values": [{"intValue": 1}, {}]}}, [1, None]),
        ({"arrayValue": {}}, []),
        ({"kvlistValue": {"values": [{"key": "k", "value": {"stringValue": "v"}}]}}, {"k": "v"}),
        ({"stringValue": ""}, ""),
        ({}, None),
        (None, None),
        ({"newValue": 1}, None),
    ],
)
def test_every_value_keeps_its_digits_and_its_kind(said: Any, kept: Any) -> None:
    assert one(attributes={})  # a span without attributes is one
    made = span(1)
    made["attributes"] = [{"key": "x", "value": said}]
    attributes = events(made)[1].span.details.attributes  # type: ignore[union-attr]
    assert attributes == {"x": kept}
    assert type(attributes["x"]) is type(kept)


@pytest.mark.parametrize("kind", [3, "SPAN_KIND_CLIENT", "CLIENT"])
def test_enums_are_numbers_or_names(kind: Any) -> None:
    assert one(kind=kind).details.origin["kind"] == 3


@pytest.mark.parametrize("code", [2, "STATUS_CODE_ERROR", "ERROR"])
def test_a_status_is_a_number_or_a_name(code: Any) -> None:
    assert one(status={"code": code, "message": "no"}).error == "no"


def test_times_may_be_numbers_zero_absurd_or_reversed() -> None:
    assert one(startTimeUnixNano=START, endTimeUnixNano=START + 5).duration_ns == 5
    assert one(startTimeUnixNano="0", endTimeUnixNano=str(START)).started_ns == START
    assert one(startTimeUnixNano=str(2**64 - 1), endTimeUnixNano=None).started_ns == 1
    assert one(startTimeUnixNano=str(START), endTimeUnixNano=str(START - 5)).duration_ns == -5


@pytest.mark.parametrize(
    "damage",
    [
        {"traceId": "00" * 16}, {"traceId": "ab"}, {"traceId": ""}, {"traceId": "x" * 32}, {"traceId": 7},
        {"spanId": "0" * 16}, {"spanId": None}, {"spanId": "0" * 15 + "g"}, {"parentSpanId": "12"},
        {"startTimeUnixNano": "soon"}, {"startTimeUnixNano": True}, {"endTimeUnixNano": str(2**65)},
    ],
)  # fmt: skip
def test_a_bad_span_is_left_out_and_the_others_are_taken(damage: dict[str, Any]) -> None:
    export = text.read_json(body(span(1), span(2, **damage), span(3)))
    assert [taken.span_id for taken in export.spans] == [span_id(1), span_id(3)]
    assert (export.refused, len(export.reasons)) == (1, 1)


def test_what_is_no_span_is_counted_too() -> None:
    assert text.read_json(body(None, 7, "span", [], span(1))).refused == 4


@pytest.mark.parametrize("data", [b"", b"[]", b"7", b"{", b"\xff", b'{"resourceSpans":' + b"[" * 10_000])
def test_what_is_no_export_is_refused_in_words(data: bytes) -> None:
    with pytest.raises(InvalidInput, match="not an OTLP trace export"):
        text.read_json(data)


@pytest.mark.parametrize(
    "data", [b"{}", b'{"resourceSpans":null}', b'{"resourceSpans":[{"scopeSpans":7}]}', b'{"other":1}']
)
def test_an_empty_export_is_one(data: bytes) -> None:
    assert text.read_json(data) == Export()


def test_half_a_surrogate_pair_does_not_spoil_a_body() -> None:
    data = body(span(1, name="NAME")).replace(b"NAME", rb"cut \ud83d here")
    assert events_of(text.read_json(data))[1].span.name == "cut \ufffd here"  # type: ignore[union-attr]


def test_answers_count_what_was_left_out() -> None:
    export = Export(refused=3, reasons=["a", "b"])
    assert json.loads(text.write_answer(export)) == {
        "partialSuccess": {"rejectedSpans": "3", "errorMessage": "a; b"}
    }
    partial = ExportTraceServiceResponse.FromString(protobuf.write_answer(export)).partial_success
    assert (partial.rejected_spans, partial.error_message) == (3, "a; b")
    assert (text.write_answer(Export()), protobuf.write_answer(Export())) == (b"{}", b"")


def test_protobuf_with_bad_ids_is_taken_but_for_them() -> None:
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    for trace_id, id_ in ((b"\1" * 16, b"\1" * 8), (b"\1" * 15, b"\1" * 8), (b"\0" * 16, b"\1" * 8)):
        spans.add(trace_id=trace_id, span_id=id_)
    export = protobuf.read_protobuf(request.SerializeToString())
    assert (len(export.spans), export.refused) == (1, 2)


def test_protobuf_values_nested_too_deeply_cost_only_their_span() -> None:
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    value = spans.add(trace_id=b"\1" * 16, span_id=b"\1" * 8).attributes.add(key="x").value
    for _ in range(40):
        value = value.array_value.values.add()
    value.int_value = 1
    spans.add(trace_id=b"\1" * 16, span_id=b"\2" * 8)
    export = protobuf.read_protobuf(request.SerializeToString())
    assert (len(export.spans), export.refused) == (1, 1)


def test_a_protobuf_bomb_is_refused_before_it_is_parsed() -> None:
    def framed(tag: int, inner: bytes) -> bytes:
        length, size = b"", len(inner)
        while size > 0x7F:
            length, size = length + bytes((size & 0x7F | 0x80,)), size >> 7
        return bytes((tag,)) + length + bytes((size,)) + inner

    inside = framed(0x4A, framed(0x12, framed(0x2A, b"\x0a\x00" * 1_000_000)))
    for bomb in (b"\x0a\x00" * 1_000_000, framed(0x0A, framed(0x12, framed(0x12, inside)))):
        with pytest.raises(InvalidInput, match="more than 500,000 values"):
            protobuf.read_protobuf(bomb)


def test_a_large_honest_body_is_not_taken_for_a_bomb() -> None:
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    for number in range(512):
        made = spans.add(trace_id=b"\1" * 16, span_id=(number + 1).to_bytes(8, "big"))
        for name in range(40):
            made.attributes.add(key=f"k{name}").value.string_value = "x" * 60
    assert len(protobuf.read_protobuf(request.SerializeToString()).spans) == 512


def test_a_number_beyond_every_double_is_told_as_one() -> None:
    made = span(1)
    made["attributes"] = [{"key": "x", "value": {"doubleValue": 10**400}}]
    assert events(made)[1].span.details.attributes == {"x": "Infinity"}  # type: ignore[union-attr]


def test_the_model_and_tokens_of_an_unmarked_span_of_openinference_are_read_last() -> None:
    said = {"llm.token_count.prompt": 1, "gen_ai.usage.input_tokens": 2, "gen_ai.request.model": "m"}
    assert one(attributes=said).usage.input == 2
    assert one(attributes={**said, "openinference.span.kind": "LLM"}).usage.input == 1


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("gen_ai.response.time_to_first_chunk", 0.25),
        ("ai.response.msToFirstChunk", 250),
        ("gen_ai.server.time_to_first_token", 250),
    ],
)
def test_the_time_to_the_first_token_is_told_in_seconds_or_milliseconds(key: str, told: float) -> None:
    assert first_token_of({key: told}) == 250_000_000


ASKED = {
    "llm.invocation_parameters": '{"model": "gpt-4o-mini", "stream": true}',
    "openinference.span.kind": "LLM",
}


def test_a_call_that_nobody_answered_has_the_model_that_was_asked() -> None:
    assert one(attributes=ASKED).model == "gpt-4o-mini"
    assert (
        one(attributes={**ASKED, "llm.model_name": "gpt-4o-mini-2024-07-18"}).model
        == "gpt-4o-mini-2024-07-18"
    )
    assert one(attributes={**ASKED, "llm.invocation_parameters": '["model"]'}).model is None
    assert one(attributes={**ASKED, "openinference.span.kind": "TOOL"}).model is None


@pytest.mark.parametrize(
    ("sent", "shown"),
    [('"sunny"', "sunny"), ("sunny", "sunny"), ('"sunny', '"sunny'), ("7", "7"), ('{"a": 1}', {"a": 1})],
)
def test_a_tool_s_result_may_stand_in_quotes(sent: str, shown: Any) -> None:
    said = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.call.result": sent}
    assert one(attributes=said).details.output == shown


@pytest.mark.parametrize("attributes", [{"ai.prompt": "x"}, {"gen_ai.operation.name": "new_thing"}, {}])
def test_what_nobody_knows_is_a_step_and_no_model_call(attributes: dict[str, Any]) -> None:
    assert one(attributes=attributes).kind == "step"


@pytest.mark.parametrize("text_of_it", ["[1, 2", '{"a": ', "[not json]", "plain", '{"a": 1}{']
)  # fmt: skip
def test_text_that_only_looks_like_json_stays_text(text_of_it: str) -> None:
    assert one(attributes={"input.value": text_of_it}).details.input == text_of_it


def test_a_value_can_be_text_on_one_span_and_structured_on_the_next() -> None:
    messages = [{"role": "user", "parts": [{"type": "text", "content": "Hi"}]}]
    as_text = one(attributes={"gen_ai.input.messages": json.dumps(messages)}).details.input
    assert as_text == one(attributes={"gen_ai.input.messages": messages}).details.input == messages


def test_digits_in_a_text_are_tokens_and_nonsense_is_none() -> None:
    assert one(attributes={"gen_ai.usage.input_tokens": "12"}).usage.input == 12
    assert one(attributes={"gen_ai.usage.input_tokens": "many", "gen_ai.request.model": "m"}).usage is None
    assert one(attributes={"gen_ai.usage.cost": "Infinity", "gen_ai.request.model": "m"}).cost is None


def test_a_span_that_names_itself_as_its_parent_is_at_the_top() -> None:
    assert one(parentSpanId=span_id(1)).parent_id is None


def test_a_large_value_is_cut_and_the_others_are_kept() -> None:
    said = one(attributes={"gen_ai.prompt": "x" * 3_000_000, "small": "kept"}).details
    assert said.input["bytes"] > 3_000_000
    assert said.attributes["small"] == "kept"


def test_pairs_that_are_none_are_left_out() -> None:
    made = span(1)
    made["attributes"] = [7, {"value": {"intValue": 1}}, *pairs({"a": 1})]
    assert events(made)[1].span.details.attributes == {"a": 1}  # type: ignore[union-attr]


def test_events_of_one_export_belong_to_as_many_runs_as_it_has_traces() -> None:
    told = events(model(1), model(2, trace="b" * 32))
    assert [(event.type, event.run_id) for event in told] == [
        ("run-start", TRACE), ("run-start", "b" * 32), ("span-end", TRACE), ("span-end", "b" * 32),
    ]  # fmt: skip


def test_reading_messages_leaves_what_was_sent_as_it_was() -> None:
    said: dict[str, Any] = {"gen_ai.prompt.0": {}, "gen_ai.prompt.0.content": "hi"}
    assert input_of(said, []) == [{"content": "hi"}]
    assert said == {"gen_ai.prompt.0": {}, "gen_ai.prompt.0.content": "hi"}
