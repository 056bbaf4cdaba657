"""The OpenAPI 3.1 document, made from the table of operations and the structs that bodies are read into."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, get_args, get_origin

import msgspec

from trodo_cli import __version__
from trodo_cli.model.event import Event
from trodo_cli.server.call import Operation

Schemas = Mapping[str, dict[str, Any]]
"""Of each struct, by its name."""

_REFUSALS = {
    "400": "Something cannot be used as given.",
    "401": "No key, or one that is not known.",
    "403": "The key lacks the scope.",
    "404": "There is no such thing.",
    "409": "Several runs fit.",
    "413": "The body is too large.",
    "415": "The body is of a kind that is not read here.",
    "429": "Too many open streams.",
    "503": "Not now; `Retry-After` says when.",
    "507": "No room to write.",
}


def document(operations: Sequence[Operation]) -> bytes:
    """The document as JSON."""
    bodies = [body for operation in operations for body in (operation.takes, operation.gives)]
    structs = [body for body in bodies if body not in (None, Event, str)]
    schemas, components = msgspec.json.schema_components(
        [*structs, Failure], ref_template="#/components/schemas/{name}"
    )
    schema_of = {str(body): schema for body, schema in zip([*structs, Failure], schemas, strict=True)} | {
        str(Event): _event_schema(),
        str(str): _TEXT,
    }
    shared = Counter(operation.handle for operation in operations)
    paths: dict[str, dict[str, Any]] = {"/health": {"get": _HEALTH}}
    for operation in operations:
        described = _described(operation, schema_of)
        if shared[operation.handle] > 1:
            described["operationId"] += re.sub(r"\W+", "_", operation.path).rstrip("_")
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


class Failure(msgspec.Struct):
    error: str
    code: str
    hint: str = ""


def _event_schema() -> dict[str, Any]:
    """One line of a batch, as far as every event is alike."""
    kinds = [kind.__struct_config__.tag for kind in get_args(Event)]
    parts: dict[str, Any] = {name: {"type": "object"} for name in ("run", "span", "cancel")}
    parts["feedback"] = {"type": "array", "items": {"type": "object"}}
    return {
        "type": "object",
        "required": ["type", "run_id"],
        "properties": {"type": {"enum": kinds}, "run_id": _TEXT, **parts},
    }


def _described(operation: Operation, schema_of: Schemas) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.handle.__name__.strip("_"),
        "summary": operation.what,
        "parameters": [*_path_parameters(operation), *_query_parameters(operation)],
        "responses": {
            "2XX": _answer(operation, schema_of),
            **{status: _refusal(what, schema_of[str(Failure)]) for status, what in _REFUSALS.items()},
        },
    }
    if operation.scope:
        described["description"] = f"Needs a key with the scope `{operation.scope}`."
    if operation.takes is not None:
        media = "application/x-ndjson" if operation.takes is Event else "application/json"
        described["requestBody"] = {"content": {media: {"schema": schema_of[str(operation.takes)]}}}
    return described


def _answer(operation: Operation, schema_of: Schemas) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": operation.what}
    if operation.gives is not None:
        media = "text/event-stream" if operation.gives is str else "application/json"
        schema = schema_of[str(operation.gives)]
        if get_origin(operation.gives) is list:
            schema = {"type": "object", "required": ["rows"], "properties": {"rows": schema, "cursor": _TEXT}}
        answer["content"] = {media: {"schema": schema}}
    return answer


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
_HEALTH = {
    "operationId": "health",
    "summary": "Whether the server answers, and what it is.",
    "parameters": [],
    "security": [],
    "responses": {"2XX": {"description": "It does."}},
}
