"""The document of the API: what it must be, that it names everything, and that the server keeps to it."""

import json
import re
from collections import Counter
from contextlib import closing
from typing import Any

import jsonschema_rs
import pytest
import schemathesis

from tests.harness.api_fuzz import Fuzz, Reader
from tests.server.served import Served, finished_run, live_run
from tests.server.test_tenants import POLICY
from trodo_cli.model import ids
from trodo_cli.server.app import OPERATIONS


@pytest.fixture(scope="module")
def document(server: Served) -> Any:
    answer = server.ask("GET", "/openapi.json", secret="")
    assert answer["content-type"] == "application/json"
    return answer.json


def test_it_is_a_valid_document_of_openapi_3_1(document: Any) -> None:
    assert document["openapi"].startswith("3.1.")
    schemathesis.openapi.from_dict(document, config=schemathesis.Config()).validate()
    for schema in schemas_of(document):
        jsonschema_rs.meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})


def test_it_names_every_operation_with_its_parameters_and_its_scope(document: Any) -> None:
    found = {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    assert found.keys() == {*POLICY.keys(), "GET /health"}
    for operation in OPERATIONS:
        said = found[f"{operation.method} {operation.path}"]
        named = {(parameter["in"], parameter["name"]) for parameter in said["parameters"]}
        assert named == {
            *(("path", name) for name in re.findall(r"\{(\w+)\}", operation.path)),
            *(("query", parameter.name) for parameter in operation.parameters),
        }
        assert all(parameter["required"] for parameter in said["parameters"] if parameter["in"] == "path")
        assert ("requestBody" in said) == (operation.takes is not None)
        assert f"`{operation.scope}`" in said["description"]
        assert said["summary"]
    names = Counter(operation["operationId"] for operation in found.values())
    assert max(names.values()) == 1


def test_every_reference_in_it_leads_somewhere(document: Any) -> None:
    references = set(re.findall(r'"\$ref":\s*"([^"]+)"', json.dumps(document)))
    assert references
    for reference in references:
        place = document
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]


def test_refusals_are_as_it_describes_them(server: Served, document: Any) -> None:
    for asked in ("GET /runs?limit=x", "GET /find?run=x", "POST /runs", "POST /v1/asked", "POST /v1/drops"):
        method, _, target = asked.partition(" ")
        answer = server.ask(method, target)
        described = document["paths"][target.partition("?")[0]][method.lower()]["responses"][
            str(answer.status)
        ]
        schema = described["content"]["application/json"]["schema"]
        jsonschema_rs.validate({**schema, "components": document["components"]}, answer.json)


def test_a_few_made_up_requests_are_answered_and_all_they_left_can_be_read(fresh: Served) -> None:
    fresh.publish(*finished_run(ids.new_run_id()), *live_run(ids.new_run_id()), alive=True)
    with closing(Fuzz(fresh.url, fresh.secret())) as fuzz:
        fuzz.play(150, chance=1)
    with closing(Reader(fresh.url, fresh.secret())) as reader:
        reader.read()
    assert fuzz.problems == reader.problems == []
    assert (fuzz.sent, fuzz.events["stored"] > 0, reader.shown["spans"] > 0) == (150, True, True)


def schemas_of(document: Any) -> list[Any]:
    """Every schema in the document."""
    found = [*document["components"]["schemas"].values()]
    for methods in document["paths"].values():
        for operation in methods.values():
            found += [parameter["schema"] for parameter in operation["parameters"]]
            bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
            found += [media["schema"] for body in bodies for media in body.get("content", {}).values()]
    return found
