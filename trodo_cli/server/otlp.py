"""Trace exports of OpenTelemetry: OTLP over HTTP, in protobuf or JSON."""

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
from starlette.responses import Response

from trodo_cli.errors import StorageFull
from trodo_cli.server.call import Call, in_thread
from trodo_cli.server.errors import no_room
from trodo_cli.server.limits import MIB, Refused, check_shape
from trodo_cli.wire.otlp import protobuf, text
from trodo_cli.wire.otlp.events import events_of
from trodo_cli.wire.otlp.export import Export

MAX_JSON_BYTES = 16 * MIB
MAX_JSON_PARTS = 500_000
"""Keys of one export, and its other values; a span has a hundred of them or so."""

MAX_JSON_LEVELS = 400
"""Of arrays and objects; a value takes four for each level of its own, and one that nests too deeply costs its span."""


class TraceExport(msgspec.Struct, rename="camel"):
    """An `ExportTraceServiceRequest` in JSON, as far as it is described here."""

    resource_spans: list[dict[str, Any]] = []


class PartialSuccess(msgspec.Struct, rename="camel", omit_defaults=True):
    rejected_spans: str = "0"
    error_message: str = ""


class ExportAnswer(msgspec.Struct, rename="camel", omit_defaults=True):
    """An `ExportTraceServiceResponse`; empty when every span was taken."""

    partial_success: PartialSuccess | None = None


class Encoding(NamedTuple):
    read: Callable[[bytes], Export]
    write_answer: Callable[[Export], bytes]


def _read_json(body: bytes) -> Export:
    check_shape(
        body,
        most_bytes=MAX_JSON_BYTES,
        most_keys=MAX_JSON_PARTS,
        most_values=MAX_JSON_PARTS,
        most_levels=MAX_JSON_LEVELS,
    )
    return text.read_json(body)


ENCODINGS = {
    "application/x-protobuf": Encoding(protobuf.read_protobuf, protobuf.write_answer),
    "application/protobuf": Encoding(protobuf.read_protobuf, protobuf.write_answer),
    "application/json": Encoding(_read_json, text.write_answer),
}


async def take_traces(call: Call) -> Response:
    """Store the spans of an export; one that cannot be taken does not spoil the others."""
    media = call.request.headers.get("content-type", "").partition(";")[0].strip().lower()
    encoding = ENCODINGS.get(media)
    if encoding is None:
        raise Refused(415, f"the content type must be one of {', '.join(ENCODINGS)}")
    body = await call.body()
    export = await in_thread(_taken, call, encoding, body)
    return Response(encoding.write_answer(export), media_type=media)


async def take_sdk_traces(call: Call) -> Response:
    """The same at the place where the Trodo SDK looks for it."""
    return await take_traces(call)


def _taken(call: Call, encoding: Encoding, body: bytes) -> Export:
    export = encoding.read(body) if body else Export()
    try:
        call.client.publish(events_of(export))
    except StorageFull as error:
        raise no_room(error) from None
    call.service.board.taken(refused=export.refused)
    return export
