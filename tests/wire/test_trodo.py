"""The Trodo SDK's wire: golden files written from its contract, what is refused, what is cut, and the way back."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contract.events import payload
from tests.wire.agntz_made import bounded
from trodo_cli.errors import InvalidInput
from trodo_cli.model.event import Event, RunEnd, RunStart, SpanEnd
from trodo_cli.model.run import Run
from trodo_cli.model.span import Span, Usage
from trodo_cli.model.trace import Trace
from trodo_cli.server.limits import check_shape
from trodo_cli.wire.native import read_event, write_event
from trodo_cli.wire.trodo import Reader
from trodo_cli.wire.trodo_batch import dropped_counts
from trodo_cli.wire.trodo_write import feedback_object, run_item

GOLDEN = sorted((Path(__file__).parent / "golden_trodo").glob("*.json"))

NOW_NS = 1_900_000_000 * 10**9
"""When the bodies of the golden files came in."""

SECOND_TEXT = "2026-11-22T01:42:29Z"


def read(said: Any, how: str = "item", of: str | None = None) -> list[Event]:
    """The events behind a body, encoded as that SDK does."""
    body = json.dumps(said).encode()
    reader = Reader(NOW_NS, check_shape)
    found: list[Event] = getattr(reader, how)(*([of] if of else []), body)
    return found


def plain(event: Event) -> Any:
    """An event as JSON, without what goes without saying."""
    found = json.loads(write_event(event))
    found.get("run", {}).pop("totals", None)
    if found.get("span", {}).get("kind") == "generic":
        del found["span"]["kind"]
    return found


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_a_body_gives_the_events_that_were_written_down_for_it(path: Path) -> None:
    golden = json.loads(path.read_text())
    events = [plain(event) for event in read(golden["said"], golden["as"], golden.get("of"))]
    assert events == golden["events"]


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_what_is_read_is_in_canonical_form(path: Path) -> None:
    golden = json.loads(path.read_text())
    for event in read(golden["said"], golden["as"], golden.get("of")):
        assert read_event(write_event(event)) == event


REFUSED: dict[str, tuple[str, Any, str]] = {
    "no object": ("item", [], "no JSON object"),
    "nothing in it": ("item", {}, "`run`, `feedback` or `spans`"),
    "a run without id": ("item", {"run": {"agent_name": "x"}}, "`run_id` of the run"),
    "an empty run id": ("item", {"run": {"run_id": ""}}, "`run_id` of the run"),
    "a long run id": ("item", {"run": {"run_id": "x" * 201}}, "201 characters"),
    "a run that is none": ("item", {"run": 5}, "the run is no JSON object"),
    "spans that are none": ("item", {"run_id": "r", "spans": {}}, "`spans` of the item"),
    "a span without id": ("item", {"run_id": "r", "spans": [{"name": "x"}]}, "`span_id`"),
    "a span that is none": ("item", {"run_id": "r", "spans": [1]}, "the span is no JSON object"),
    "a time that is none": ("item", {"run": {"run_id": "r", "started_at": "soon"}}, "`started_at`"),
    "a time of another age": ("item", {"run": {"run_id": "r", "started_at": "0001-01-01T00:00:00Z"}}, "age"),
    "a duration of ages": (
        "item",
        {"run_id": "r", "spans": [{"span_id": "s", "duration_ms": 1e300}]},
        "64 bits",
    ),
    "feedback that says nothing": ("item", {"run_id": "r", "feedback": {"rating": None}}, "satisfaction"),
    "feedback without a run": ("item", {"feedback": {"rating": 1}}, "`run_id`"),
    "a call without an agent": ("span", {"span_id": "s", "distinct_id": "u"}, "`agent_name`"),
    "a call without a user": ("span", {"span_id": "s", "agent_name": "MCP"}, "`distinct_id`"),
    "a thousand keys": ("item", {"run": {"run_id": "r", **{str(n): n for n in range(1_000)}}}, "1,000 keys"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_taken_is_refused_with_a_reason(name: str) -> None:
    how, said, reason = REFUSED[name]
    with pytest.raises(InvalidInput, match=reason):
        read(said, how)


@pytest.mark.parametrize("body", [b"", b"{", b'{"run_id":"r","spans":[{]}', b"\xff", b'{"a":' * 100_000])
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidInput):
        Reader(NOW_NS).item(body)


def test_a_value_that_is_too_much_is_kept_cut_and_the_rest_of_its_span_is_whole() -> None:
    deep: Any = 1
    for _ in range(150):
        deep = [deep]
    many = {str(number): 1 for number in range(10_001)}
    said = {"span_id": "s", "name": "x", "input": deep, "output": "out", "attributes": {"a": 1, "many": many}}
    _, event = read({"run_id": "r", "spans": [said]})
    assert isinstance(event, SpanEnd)
    found = event.span.details
    assert (event.span.name, found.output) == ("x", "out")
    assert (found.input["cut"], found.input["bytes"]) == (True, len(json.dumps(deep)))
    assert found.attributes["cut"] is True


@pytest.mark.parametrize("value", [b"1e999", b"-1e999", b"1" * 5_000, b'"\xff"'])
def test_a_value_that_no_reader_could_take_is_kept_as_text(value: bytes) -> None:
    body = b'{"run_id":"r","spans":[{"span_id":"s","name":"x","input":%b,"output":7}]}' % value
    _, event = Reader(NOW_NS).item(body)
    assert isinstance(event, SpanEnd)
    assert event.span.details.input == value.decode("utf-8", "replace")
    assert event.span.details.output == 7


@pytest.mark.parametrize("text", ["[1, 2", "{}x", "[" * 200 + "]" * 200, "plain", '"a"', "[1e999]"])
def test_a_text_that_only_begins_like_json_stays_a_text(text: str) -> None:
    _, event = read({"run_id": "r", "spans": [{"span_id": "s", "kind": "llm", "input": text}]})
    assert isinstance(event, SpanEnd)
    assert event.span.details.input == text


def test_a_long_string_without_an_end_takes_no_longer_than_its_length() -> None:
    with pytest.raises(InvalidInput):
        Reader(NOW_NS).item(b'{"run_id": NaN, "x": "' + b'\\"' * 500_000)


def test_counts_of_what_the_sdk_dropped_are_taken_by_the_reasons_that_it_knows() -> None:
    reasons = {
        "queue_full": 3,
        "shutdown": 1,
        "made up": 2,
        "also": 5,
        "too_large": -1,
        "rejected": "7",
        "gave_up": True,
    }
    assert dropped_counts({"count": 6, "by_reason": reasons}) == {"queue_full": 3, "shutdown": 1, "other": 7}
    assert dropped_counts(None) == dropped_counts([]) == dropped_counts({"by_reason": 5}) == {}


# -- and back ------------------------------------------------------------------------------------------


def of_trace(trace: Trace) -> tuple[Run, list[Span]]:
    """What of a trace the wire can hold."""
    run = msgspec.structs.replace(trace.summary, version=0, patience_ns=0, tags=(), payload=msgspec.Raw(b""))
    spans = [msgspec.structs.replace(span, version=0, payload=msgspec.Raw(b"")) for span in trace.own]
    return run, spans


def details_of(trace: Trace) -> list[Any]:
    return [(of.details.input, of.details.output) for of in (trace.summary, *trace.own)]


texts = st.text(max_size=8).filter(
    lambda text: "\0" not in text and text == text.encode("utf-8", "replace").decode()
)
jsons = st.none() | st.integers(-(2**53), 2**53) | texts | st.lists(texts, max_size=2)
moments = st.integers(1, 2**50).map(lambda microseconds: microseconds * 1_000)
ids_of_spans = st.sampled_from(["1122334455667788", "aabbccddeeff0011", "ab" * 16, "mine"])


@st.composite
def traces(draw: st.DrawFn) -> Trace:
    run_id = draw(st.sampled_from(["ab" * 16, "order/7", "x"]))
    trace = Trace(run_id)
    started_ns = draw(moments)
    given, output = draw(jsons), draw(jsons)
    run = Run(
        id=run_id, agent=draw(texts), user=draw(texts), started_ns=started_ns, payload=payload(input=given)
    )
    trace.apply(RunStart(run_id=run_id, run=run))
    for span_id in draw(st.lists(ids_of_spans, unique=True)):
        began_ns, error = draw(moments), draw(st.none() | texts)
        span = Span(
            id=span_id,
            parent_id=draw(st.none() | ids_of_spans),
            name=draw(texts),
            kind=draw(st.sampled_from(["model", "tool", "agent", "generic", "mine"])),
            status="ok" if error is None else "error",
            error=error,
            level=draw(st.none() | st.just("warning")),
            started_ns=began_ns,
            ended_ns=began_ns + draw(st.integers(0, 10**6)) * 1_000,
            usage=draw(
                st.none() | st.builds(Usage, input=st.integers(0, 9), reasoning=st.none() | st.just(3))
            ),
            cost=draw(st.none() | st.just(0.5)),
            payload=payload(input=draw(jsons), output=draw(jsons)),
        )
        trace.apply(SpanEnd(run_id=run_id, span=span))
    if draw(st.booleans()):
        status = draw(st.sampled_from(["completed", "failed", "cancelled"]))
        end = Run(id=run_id, status=status, ended_ns=started_ns + 5_000, payload=payload(output=output))
        trace.apply(RunEnd(run_id=run_id, run=end))
    return trace


@bounded
@given(traces())
def test_what_we_write_is_read_back_as_it_was(trace: Trace) -> None:
    back = Trace(trace.run_id)
    for event in read(run_item(trace)):
        back.apply(event)
    assert of_trace(back) == of_trace(trace)
    assert details_of(back) == details_of(trace)


def test_ids_and_times_are_written_as_that_sdk_writes_them() -> None:
    trace = Trace("ab" * 16)
    trace.apply(RunStart(run_id="ab" * 16, run=Run(id="ab" * 16, agent="x", started_ns=1795311749467208999)))
    span = Span(id="1122334455667788", kind="model", status="ok", started_ns=1795311749000000000)
    trace.apply(SpanEnd(run_id="ab" * 16, span=msgspec.structs.replace(span, ended_ns=1795311749000000000)))
    item = run_item(trace)
    (written,) = item["spans"]
    assert (item["run"]["run_id"], item["run"]["status"]) == (
        "abababab-abab-abab-abab-abababababab",
        "running",
    )
    assert (item["run"]["started_at"], "ended_at" in item["run"]) == ("2026-11-22T01:42:29.467208Z", False)
    assert (written["span_id"], written["kind"]) == ("00000000-0000-0000-1122-334455667788", "llm")
    assert written["started_at"] == SECOND_TEXT


def test_feedback_is_read_back_as_it_was() -> None:
    said = {
        "satisfaction": "positive",
        "rating": 4.5,
        "comment": None,
        "distinct_id": "u",
        "attributes": {"a": [1]},
    }
    (event,) = read(said, "feedback", "r")
    assert feedback_object(event.feedback[0]) == said  # type: ignore[union-attr]
