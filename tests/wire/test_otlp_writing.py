"""A trace goes out as OTLP as it came in, and what was recorded otherwise can be read by others."""

import json

import pytest

from tests.contract.events import payload, run_end, run_start, span_end
from tests.contract.reading import OWNER, append
from tests.wire.otlp_made import TRACE, span, span_id
from tests.wire.test_otlp_golden import CONVENTIONS, taken
from trodo_cli.client.local import LocalClient
from trodo_cli.model import ids
from trodo_cli.model.span import Usage
from trodo_cli.model.trace import Trace
from trodo_cli.stores.sqlite import SqliteStore
from trodo_cli.wire.otlp.events import events_of
from trodo_cli.wire.otlp.export import Export
from trodo_cli.wire.otlp.protobuf import read_protobuf
from trodo_cli.wire.otlp.text import read_json
from trodo_cli.wire.otlp.writing import export_of, write_json, write_protobuf

ENCODINGS = {"json": (read_json, write_json), "protobuf": (read_protobuf, write_protobuf)}


def stored(export: Export) -> Trace:
    store = SqliteStore(None)
    append(store, *events_of(export))
    return LocalClient(store, OWNER).traces.get(export.spans[0].trace_id)


@pytest.mark.parametrize("name", CONVENTIONS)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_an_export_survives_the_way_through_a_store_unchanged(name: str, encoding: str) -> None:
    read, write = ENCODINGS[encoding]
    sent = taken(name, "json")
    spans = {
        span.span_id: span
        for span in sent.spans
        if span.attributes.get("logfire.span_type") != "pending_span"
    }
    back = read(write(export_of(stored(sent))))
    found = {span.span_id: span for span in back.spans}
    assert (back.refused, found) == (0, spans)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_what_a_sender_left_out_stays_known(encoding: str) -> None:
    read, write = ENCODINGS[encoding]
    left_out = {"droppedAttributesCount": 3}
    said = span(
        1, droppedEventsCount=4, droppedLinksCount=5, events=[{"name": "e", **left_out}],
        links=[{"traceId": TRACE, "spanId": span_id(2), **left_out}], **left_out,
    )  # fmt: skip
    part = {"scope": {"name": "s", **left_out}, "spans": [said]}
    request = {"resourceSpans": [{"resource": left_out, "scopeSpans": [part]}]}
    sent = read_json(json.dumps(request).encode())
    back = read(write(export_of(stored(sent))))
    (found,) = back.spans
    assert (found.dropped, found.dropped_events, found.dropped_links) == (3, 4, 5)
    parts = (found.moments[0], found.links[0], found.scope, found.resource)
    assert [part.dropped for part in parts] == [3] * 4
    assert back == sent


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_run_of_our_own_is_one_tree_that_others_can_read(encoding: str) -> None:
    read, write = ENCODINGS[encoding]
    run_id, store = ids.new_run_id(), SqliteStore(None)
    append(
        store,
        run_start(run_id, agent="worker", session="s", user="ada", payload=payload(input="asked")),
        span_end(
            run_id, "ab" * 8, kind="model", name="ask", model="m", provider="openai", cost=0.5,
            usage=Usage(input=5, output=2, cache_read=1), payload=payload(input=[1], attributes={"k": 1}),
        ),
        span_end(run_id, "any text", parent_id="ab" * 8, kind="tool", tool="look", status="error", error="no",
                 error_type="E", payload=payload(stack="line")),
        run_end(run_id, status="failed", error="no"),
    )  # fmt: skip
    export = read(write(export_of(LocalClient(store, OWNER).traces.get(run_id))))
    root, *_ = [span for span in export.spans if span.parent_id is None]
    again = stored(export)
    assert (export.refused, len(export.spans), root.trace_id) == (0, 3, run_id)
    summary = again.summary
    assert (summary.agent, summary.session, summary.user) == ("worker", "s", "ada")
    assert (summary.totals.input_tokens, summary.totals.cost, summary.totals.errors) == (5, 0.5, 1)
    model = again.span("ab" * 8)
    assert model is not None
    assert (model.kind, model.model, model.provider, model.usage, model.details.input) == (
        "model", "m", "openai", Usage(input=5, output=2, cache_read=1), [1],
    )  # fmt: skip
    (tool,) = [span for span in again.spans if span.kind == "tool"]
    assert (tool.tool, tool.parent_id, tool.error, tool.error_type, tool.details.stack) == (
        "look", "ab" * 8, "no", "E", "line",
    )  # fmt: skip


def test_a_run_that_comes_back_as_otlp_was_given_no_more_than_before_and_was_cancelled_as_before() -> None:
    run_id, store = ids.new_run_id(), SqliteStore(None)
    append(
        store,
        run_start(run_id, agent="worker"),
        span_end(
            run_id, "ab" * 8, kind="agent", name="request", payload=payload(input="its own", output="too")
        ),
        span_end(run_id, "cd" * 8, parent_id="ab" * 8, status="cancelled", error="stopped", error_type="E"),
        run_end(run_id, status="cancelled"),
    )
    again = stored(export_of(LocalClient(store, OWNER).traces.get(run_id)))
    details, totals = again.summary.details, again.summary.totals
    assert (again.summary.status, again.summary.heard) == ("cancelled", {})
    assert (details.input, details.output, totals.errors, totals.spans) == (None, None, 0, 2)
    span = again.span("cd" * 8)
    assert span is not None
    assert (span.status, span.error, span.error_type) == ("cancelled", "stopped", "E")


@pytest.mark.parametrize("kind", ["agent", "model", "tool", "retrieval", "step", "generic", "guardrail"])
@pytest.mark.parametrize("level", [None, "warning", "debug"])
def test_kind_and_level_come_back_as_they_were(kind: str, level: str | None) -> None:
    run_id, store = ids.new_run_id(), SqliteStore(None)
    append(store, run_start(run_id), span_end(run_id, "ab" * 8, kind=kind, level=level), run_end(run_id))
    again = stored(export_of(LocalClient(store, OWNER).traces.get(run_id))).span("ab" * 8)
    assert again is not None
    assert (again.kind, again.level, again.status) == (kind, level, "ok")
