"""The tabs of the detail pane."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.render.made import NOON, RUN_ID, SECOND, at, payload, run, span, texts
from tests.render.shown import any_text, check, widths
from trodo_cli.model.run import Cancel, Run, Totals
from trodo_cli.model.span import Span, Usage
from trodo_cli.render.format import clock
from trodo_cli.render.overview import Seen
from trodo_cli.render.tabs import AHEAD, Tab, tabs
from trodo_cli.render.theme import ASCII, UNICODE

QUESTION = {"role": "user", "content": "Is it warm?"}
ANSWER = {"role": "assistant", "content": "It is."}


def seen(of: Span | Run, own_ns: int | None = None) -> Seen:
    return Seen(at(9), at(9), of.status, own_ns)


def tab(name: str, of: Span | Run, own_ns: int | None = None) -> Tab:
    [found] = [tab for tab in tabs(of, UNICODE, seen(of, own_ns)) if tab.name == name]
    return found


def shown(name: str, of: Span | Run, own_ns: int | None = None, width: int = 60) -> list[str]:
    return [line.rstrip() for line in texts(tab(name, of, own_ns).all(width))]


@pytest.mark.parametrize(
    ("of", "names"),
    [
        (span("a"), []),
        (span("a", payload=payload(input=0, output="")), ["Input", "Output"]),
        (span("a", payload=payload(input=None, attributes={}, events=[])), []),
        (span("a", payload=payload(attributes={"n": 1}, events=[{"name": "e"}])), ["Attributes", "Events"]),
        (span("a", kind="model", payload=payload(input="What?")), ["Chat", "Input"]),
        (span("a", payload=payload(input="What?")), ["Input"]),
        (span("a", payload=payload(output=ANSWER)), ["Chat", "Output"]),
        (span("a", error="no"), ["Error"]),
        (span("a", error_type="E"), ["Error"]),
        (span("a", payload=payload(stack="File x")), ["Error"]),
        (run("failed", error="no", payload=payload(input=[QUESTION])), ["Chat", "Input", "Error"]),
        (span("a", payload=msgspec.Raw(b"[")), []),
    ],
)
def test_a_tab_with_nothing_to_show_is_left_out(of: Span | Run, names: list[str]) -> None:
    assert [tab.name for tab in tabs(of, UNICODE, seen(of))] == ["Overview", *names]


def test_the_overview_of_a_model_call() -> None:
    said = payload(input=[QUESTION, {"role": "assistant", "content": "Let me see."}], output=ANSWER)
    call = span(
        "gpt-4o",
        "research",
        kind="model",
        model="gpt-4o-2024",
        provider="openai",
        usage=Usage(input=1_200, output=340, cache_read=800, cache_write=30, reasoning=40),
        cost=0.0123,
        level="warning",
        status_code="200",
        payload=said,
    )
    assert shown("Overview", call, own_ns=SECOND // 2) == [
        "name        gpt-4o",
        "kind        ✦ model",
        "status      ✓ ok",
        "level       warning",
        f"started     {clock(NOON)} (9s ago)",
        "time        1.0s",
        "own time    500ms",
        "model       gpt-4o-2024",
        "provider    openai",
        "tokens      1.2k→340",
        "cached      800 read, 30 written",
        "reasoning   40",
        "cost        $0.012",
        "code        200",
        "span        gpt-4o",
        "parent      research",
        "",
        "input",
        "  Is it warm?",
        "",
        "output",
        "  It is.",
    ]


def test_the_overview_of_a_failed_tool_call_shows_how_its_input_begins() -> None:
    failed = span("search", status="error", error="timed out\nat x", error_type="Timeout", tool="web")
    failed.payload = payload(input={"queries": [f"query {n}" for n in range(30)]})
    lines = shown("Overview", failed)
    assert "error       Timeout: timed out…" in lines
    assert "tool        web" in lines
    assert lines[-9:] == [
        "",
        "input",
        "  {",
        '    "queries": [',
        *[f'      "query {n}",' for n in range(4)],
        "… more in Input",
    ]


def test_the_overview_of_running_work_tells_the_time_so_far() -> None:
    assert "time        8.0s…" in shown("Overview", span("a", start=1, end=None))


def test_the_overview_of_a_run() -> None:
    one = run(
        "cancelled",
        user="u1",
        tags=("demo",),
        totals=Totals(spans=3, input_tokens=10, output_tokens=2),
        cancel=Cancel(requested_ns=at(1), by="me", reason="enough"),
        payload=payload(input={"n": 1}),
    )
    lines = shown("Overview", one)
    assert lines[:4] == [
        f"run         {RUN_ID}",
        "status      ⊘ cancelled",
        "cancel      requested by me: enough",
        "agent       article-pipeline",
    ]
    assert lines[-3:] == ["", "input", '  {"n": 1}']


def test_a_payload_that_cannot_be_read_is_said_to_be_there() -> None:
    for raw in (b"{", b'{"attributes": 1}', b'{"input":' + b"[" * 5_000 + b"]" * 5_000 + b"}"):
        assert shown("Overview", span("a", payload=msgspec.Raw(raw)))[-1].startswith(
            "payload     cannot be read"
        )
    assert "payload" not in " ".join(shown("Overview", span("a", payload=msgspec.Raw(b"{}"))))


def test_input_output_and_attributes_are_values() -> None:
    said = payload(input="one\ntwo", output=[1, 2], attributes={"a.b": {"c": None}})
    assert shown("Input", span("a", payload=said)) == ["one", "two"]
    assert shown("Output", span("a", payload=said)) == ["[1, 2]"]
    assert shown("Attributes", span("a", payload=said)) == ["{", '  "a.b": {"c": null}', "}"]


def test_events_tell_when_they_happened_and_all_that_was_said() -> None:
    events = [
        {"name": "first token", "at_ns": at(0.12), "attributes": {"n": 1}},
        {"name": "early", "at_ns": at(-1)},
        {"name": 7, "ts": "noon", "attributes": [1]},
        {},
    ]
    assert shown("Events", span("a", payload=payload(events=events))) == [
        "first token  +120ms",
        '  {"n": 1}',
        "",
        "early  -1.0s",
        "",
        "event",
        "  {",
        '    "name": 7,',
        '    "ts": "noon",',
        '    "attributes": [1]',
        "  }",
        "",
        "event",
    ]


def test_the_error_is_told_in_full_with_its_stack() -> None:
    failed = span("a", status="error", error="timed out\nafter 3 s", error_type="Timeout", status_code="504")
    failed.payload = payload(stack="Traceback:\n  File x, line 1")
    assert shown("Error", failed) == [
        "Timeout  504",
        "  timed out",
        "  after 3 s",
        "",
        "stack",
        "  Traceback:",
        "    File x, line 1",
    ]
    assert shown("Error", run("failed", error="boom")) == ["error", "  boom"]


def test_lines_are_laid_out_anew_for_another_width() -> None:
    one = tab("Input", span("a", payload=payload(input="word " * 20)))
    assert [one.height(width) for width in (100, 50, 25, 20, 3)] == [1, 2, 4, 5, 5]
    assert len(one.lines(1, 9, 25)) == 3


def test_a_long_tab_is_known_as_far_as_somebody_has_looked_and_some_more() -> None:
    one = tab("Input", span("a", payload=payload(input="line\n" * 5_000)))
    assert one.height(80) == AHEAD + 1
    assert texts(one.lines(AHEAD, 2, 80)) == ["line", "line"]
    assert one.height(80) == AHEAD + 2 + AHEAD + 1
    one.lines(4_990, 40, 80)
    assert one.height(80) == 5_000 == len(one.all(80))


hostile_spans = st.builds(
    Span,
    id=any_text,
    parent_id=st.none() | any_text,
    name=any_text,
    kind=any_text | st.just("model"),
    status=st.sampled_from(["running", "ok", "error", "cancelled"]),
    level=st.none() | any_text,
    started_ns=st.integers(-(2**63), 2**63 - 1),
    ended_ns=st.none() | st.integers(-(2**63), 2**63 - 1),
    usage=st.none()
    | st.builds(Usage, input=st.integers(), cache_read=st.integers(), reasoning=st.integers()),
    cost=st.none() | st.floats(),
    model=st.none() | any_text,
    error=st.none() | any_text,
    error_type=st.none() | any_text,
    status_code=st.none() | any_text,
)
hostile_runs = st.builds(
    Run, id=any_text, agent=any_text, error=any_text, user=any_text, tags=st.tuples(any_text)
)
well_formed = st.text(st.characters(codec="utf-8", categories=None), max_size=80)
stored = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | well_formed,
    lambda inner: st.lists(inner) | st.dictionaries(well_formed, inner),
    max_leaves=10,
)
payloads = st.fixed_dictionaries(
    {},
    optional={
        "input": stored | st.fixed_dictionaries({"role": well_formed, "content": stored}),
        "output": stored,
        "attributes": st.dictionaries(well_formed, stored),
        "events": st.lists(
            st.dictionaries(well_formed | st.sampled_from(["name", "at_ns", "attributes"]), stored)
        ),
        "stack": well_formed,
    },
)


@given(
    hostile_spans | hostile_runs,
    payloads,
    st.integers(-(2**63), 2**63),
    widths,
    st.sampled_from([UNICODE, ASCII]),
)
def test_every_tab_is_inert_and_keeps_to_the_width_whatever_it_shows(
    of: Span | Run, said: dict[str, Any], own_ns: int, width: int, glyphs: Any
) -> None:
    of = msgspec.structs.replace(of, payload=payload(**said))
    for one in tabs(of, glyphs, seen(of, own_ns)):
        lines = one.all(width)
        check(lines, width)
        assert lines
        assert one.lines(0, 7, width) == lines[:7]


def test_the_overview_tells_what_the_attributes_of_a_model_call_say() -> None:
    said = {
        "gen_ai.response.finish_reasons": ["stop", "length"],
        "gen_ai.response.time_to_first_chunk": 0.25,
        "gen_ai.tool.call.id": "call-1",
    }
    text = "\n".join(shown("Overview", span("a", payload=payload(attributes=said, priced="table of May"))))
    for fact in (
        "first token 250ms",
        "finish      stop, length",
        "call id     call-1",
        "priced by   table of May",
    ):
        assert fact in text


def test_a_model_call_that_nobody_can_price_says_so() -> None:
    made = span("a", kind="model", model="nobody-knows-it", usage=Usage(input=1, output=1))
    assert "cost        unknown: no price for nobody-knows-it" in shown("Overview", made)
    assert "cost        $0.50" in shown("Overview", msgspec.structs.replace(made, cost=0.5))
    assert not any("cost" in line for line in shown("Overview", span("a", kind="tool")))


def test_where_a_span_came_from_has_a_tab_of_its_own() -> None:
    origin = {"resource": {"attributes": {"service.name": "svc"}}}
    assert any("svc" in line for line in shown("Origin", span("a", payload=payload(origin=origin))))
