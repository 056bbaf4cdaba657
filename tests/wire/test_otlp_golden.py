"""One payload in, one list of events out, for each convention; the lists follow the table of the mapping."""

import base64
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from trodo_cli.model.event import Event
from trodo_cli.wire.native import read_event, write_event
from trodo_cli.wire.otlp.events import events_of
from trodo_cli.wire.otlp.export import Export
from trodo_cli.wire.otlp.protobuf import read_protobuf
from trodo_cli.wire.otlp.text import read_json

GOLDEN = Path(__file__).parent / "golden"
CONVENTIONS = sorted(path.stem for path in GOLDEN.glob("*.json"))

RAW = ("attributes", "events", "origin")
"""What of a span's payload is what was sent; the lists leave it out."""


@pytest.mark.parametrize("name", CONVENTIONS)
@pytest.mark.parametrize("encoding", ["json", "protobuf"])
def test_a_convention_is_read_as_the_table_says(name: str, encoding: str) -> None:
    expected = [json.loads(line) for line in (GOLDEN / f"{name}.events").read_text().splitlines()]
    assert [bare(event) for event in events_of(taken(name, encoding))] == expected


@pytest.mark.parametrize("name", CONVENTIONS)
def test_both_encodings_say_the_same(name: str) -> None:
    assert taken(name, "json") == taken(name, "protobuf")


@pytest.mark.parametrize("name", CONVENTIONS)
def test_everything_that_was_sent_is_kept(name: str) -> None:
    export = taken(name, "json")
    told = [json.loads(write_event(event)) for event in events_of(export)]
    payloads = [event["span"].get("payload", {}) for event in told if "span" in event]
    for span, payload in zip(export.spans, payloads, strict=True):
        assert payload.get("attributes", {}) == span.attributes
        assert [event["name"] for event in payload.get("events", [])] == [m.name for m in span.moments]
        assert payload["origin"]["scope"]["version"] == "1"
        assert payload["origin"]["resource"]["attributes"] == {"service.name": "svc"}
        assert payload["origin"].get("links", []) == msgspec.to_builtins(span.links)


@pytest.mark.parametrize("name", CONVENTIONS)
def test_events_survive_our_own_format(name: str) -> None:
    events = events_of(taken(name, "json"))
    assert [read_event(write_event(event)) for event in events] == events


def taken(name: str, encoding: str) -> Export:
    text = (GOLDEN / f"{name}.json").read_bytes()
    return read_json(text) if encoding == "json" else read_protobuf(as_protobuf(text))


def as_protobuf(text: bytes) -> bytes:
    """The same request in the other encoding, whose JSON has ids in base64 and ours in hex."""

    def plain(value: Any) -> Any:
        if isinstance(value, list):
            return [plain(item) for item in value]
        if not isinstance(value, dict):
            return value
        return {key: base64_of(item) if key in IDS else plain(item) for key, item in value.items()}

    message = json_format.ParseDict(plain(json.loads(text)), ExportTraceServiceRequest())
    return bytes(message.SerializeToString())


IDS = ("traceId", "spanId", "parentSpanId")


def base64_of(digits: str) -> str:
    return base64.b64encode(bytes.fromhex(digits)).decode()


def bare(event: Event) -> Any:
    """The event as the lists have it."""
    told = json.loads(write_event(event))
    if "run" in told:
        for name in ("heard", "patience_ns", "totals"):
            told["run"].pop(name, None)

        return told
    told["span"].pop("version", None)
    told["span"]["payload"] = {
        name: value for name, value in told["span"].get("payload", {}).items() if name not in RAW
    }
    return told
