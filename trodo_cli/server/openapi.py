"""The OpenAPI 3.1 document, made from the table of operations and the structs that bodies are read into."""

import re
from collections.abc import Sequence
from typing import Any, get_args

import msgspec

from trodo_cli import __version__
from trodo_cli.model.event import Event
from trodo_cli.server.call import Operation

_REFUSALS = {
    "400": "Something cannot be used as given.",
    "401": "No key, or one that is not known.",
    "403": "The key lacks the scope.",
    "404": "There is no such thing.",
    "413": "The body is too large.",
}


def document(operations: Sequence[Operation]) -> bytes:
    """The document as JSON."""
    structs = [operation.takes for operation in operations if operation.takes not in (None, Event)]
    schemas, components = msgspec.json.schema_components(
        [*structs, _Failure], ref_template="#/components/schemas/{name}"
    )
    body_of = dict(zip(structs, schemas, strict=False)) | {Event: _event_schema()}
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        described = _described(operation, body_of.get(operation.takes), schemas[-1])
        paths.setdefault(operation.path, {})[operation.method.lower()] = described
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {"title": "trodo", "version": __version__},
            "paths": paths,
            "components": {
                "schemas": components,
                "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            },
            "security": [{"key": []}],
        }
    )


class _Failure(msgspec.Struct):
    error: str
    code: str
    hint: str = ""


def _event_schema() -> dict[str, Any]:
    """One line of a batch, as far as every event is alike."""
    kinds = [kind.__struct_config__.tag for kind in get_args(Event)]
    parts = {name: {"type": "object"} for name in ("run", "span", "cancel")}
    return {
        "type": "object",
        "required": ["type", "run_id"],
        "properties": {"type": {"enum": kinds}, "run_id": _TEXT, **parts},
    }


def _described(operation: Operation, body: dict[str, Any] | None, failure: dict[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.handle.__name__.strip("_"),
        "summary": operation.what,
        "parameters": [*_path_parameters(operation), *_query_parameters(operation)],
        "responses": {
            "2XX": {"description": "What was asked for."},
            **{status: _refusal(what, failure) for status, what in _REFUSALS.items()},
        },
    }
    if operation.scope:
        described["description"] = f"Needs a key with the scope `{operation.scope}`."
    if body is not None:
        media = "application/x-ndjson" if operation.takes is Event else "application/json"
        described["requestBody"] = {"content": {media: {"schema": body}}}
    return described


def _path_parameters(operation: Operation) -> list[dict[str, Any]]:
    names = re.findall(r"\{(\w+)\}", operation.path)
    return [{"name": name, "in": "path", "required": True, "schema": _TEXT} for name in names]


def _query_parameters(operation: Operation) -> list[dict[str, Any]]:
    return [
        {"name": parameter.name, "in": "query", "description": parameter.what, "schema": _TEXT}
        for parameter in operation.parameters
    ]


def _refusal(what: str, failure: dict[str, Any]) -> dict[str, Any]:
    return {"description": what, "content": {"application/json": {"schema": failure}}}


_TEXT = {"type": "string"}
