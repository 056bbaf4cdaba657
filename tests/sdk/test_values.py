"""Hostile values: every setter takes them, nothing is raised, nothing is lost."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

import trodo_cli as trodo
from tests.sdk.host import Host, Recording


@dataclass
class Score:
    value: float


class Mute:
    """A value that cannot be printed."""

    def __str__(self) -> str:
        raise ValueError("no words")

    __repr__ = __str__


class Locked(dict[str, object]):
    """A dict that does not open."""

    def items(self) -> Any:
        raise OSError("locked")


def _circle() -> list[object]:
    circle: list[object] = [1]
    circle.append(circle)
    return circle


def _nested(depth: int) -> object:
    value: object = "bottom"
    for _ in range(depth):
        value = [value]
    return value


HUGE = "é" * 1_000_000
"""2 MB of text."""

VALUES: dict[str, tuple[object, Callable[[Any], bool]]] = {
    "nan": (float("nan"), lambda kept: kept == "NaN"),
    "infinity": ([float("inf"), {"x": -float("inf")}], lambda kept: kept == ["Infinity", {"x": "-Infinity"}]),
    "nan-in-a-dataclass": (Score(float("nan")), lambda kept: kept == {"value": "NaN"}),
    "none": ([None], lambda kept: kept == [None]),
    "lone-surrogate": ("a\ud800b", lambda kept: kept == "a\ufffdb"),
    "lone-surrogate-key": ({"\udfff": 1}, lambda kept: kept == {"\ufffd": 1}),
    "split-pair": ("\ud83d\ude00", lambda kept: kept == "😀"),
    "nul": ("a\0b", lambda kept: kept in ("a\0b", "a\u2400b")),
    "control": ("\x1b]52;c;?\x07\u202e\u2028", lambda kept: kept == "\x1b]52;c;?\x07\u202e\u2028"),
    "object": (object(), lambda kept: kept.startswith("<object object at")),
    "mute": (Mute(), lambda kept: "Mute" in kept),
    "mute-key": ({Mute(): 1, "a": 2}, lambda kept: 1 in kept.values() and kept["a"] == 2),
    "locked": (Locked(a=float("nan")), lambda kept: bool(kept)),
    "function": (len, lambda kept: "len" in kept),
    "bytes": (b"\xff\0", lambda kept: kept == "/wA="),
    "set": ({3}, lambda kept: kept == [3]),
    "keys": ({1: "a", None: "b", (2, 3): "c"}, lambda kept: sorted(kept.values()) == ["a", "b", "c"]),
    "big-integer": (2**100, lambda kept: kept == 2**100),
    "huge-integer": (10**5_000, lambda kept: bool(kept)),
    "huge": (
        HUGE,
        lambda kept: kept["cut"] and kept["bytes"] == 2_000_002 and kept["text"].startswith('"éé'),
    ),
    "circle": (_circle(), lambda kept: kept[0] == 1),
    "deep": (_nested(200), lambda kept: isinstance(kept, list)),
    "deep-but-encodable": (_nested(700), lambda kept: isinstance(kept, list)),
    "very-deep": (_nested(100_000), lambda kept: isinstance(kept, list)),
}

every_value = pytest.mark.parametrize(("value", "fits"), VALUES.values(), ids=VALUES)


@every_value
def test_every_setter_of_a_run_keeps_the_value(
    recording: Recording, value: object, fits: Callable[[Any], bool]
) -> None:
    with trodo.wrap_agent("hostile", metadata={"first": value}, user={"trait": value}, input=value) as run:
        run.set_metadata({"second": value}, third=value)
        run.set_input(value)
        run.set_output(value)
    kept = recording.run_of("hostile")
    assert kept.status == "completed"
    assert fits(kept.details.input)
    assert fits(kept.details.output)
    assert all(fits(kept.details.attributes[key]) for key in ("first", "second", "third"))
    assert "user" in kept.details.attributes
    assert recording.drops() == {}


@every_value
def test_every_setter_of_a_span_keeps_the_value(
    recording: Recording, value: object, fits: Callable[[Any], bool]
) -> None:
    with trodo.wrap_agent("hostile") as run:
        with trodo.span("early", input=value, attributes={"first": value}) as span:
            span.set_output(value)
        with trodo.span("late") as span:
            span.set_input(value)
            span.set_output(value)
            span.set_attribute("first", value)
            span.set_attributes({"second": value})
    spans = recording.spans(run.run_id)
    assert [(span.name, span.status) for span in spans] == [("early", "ok"), ("late", "ok")]
    for span in spans:
        assert fits(span.details.input)
        assert fits(span.details.output)
        assert all(fits(kept) for kept in span.details.attributes.values())
    assert set(spans[1].details.attributes) == {"first", "second"}
    assert recording.drops() == {}


@every_value
def test_model_calls_wrapped_functions_and_manual_runs_keep_the_value(
    recording: Recording, value: object, fits: Callable[[Any], bool]
) -> None:
    run_id = trodo.start_run("hostile", input=value, metadata={"first": value})
    with trodo.join_run(run_id, name="joined", input=value, attributes={"first": value}):
        trodo.track_llm_call(model="m", prompt=value, completion=value, metadata={"first": value})
        assert trodo.tool("echo", lambda given: given)(value) is value
    trodo.end_run(run_id, output=value, metadata={"second": value})
    kept = recording.run_of("hostile")
    assert fits(kept.details.input)
    assert fits(kept.details.output)
    assert all(fits(kept.details.attributes[key]) for key in ("first", "second"))
    joined, call, echo = recording.spans(run_id)
    assert fits(joined.details.input)
    assert fits(joined.details.attributes["first"])
    assert fits(call.details.input)
    assert fits(call.details.output)
    assert fits(call.details.attributes["first"])
    assert echo.status == "ok"
    assert recording.drops() == {}


def test_a_value_of_any_depth_arrives(host: Host) -> None:
    (run_id,) = host.run(
        """
        import trodo
        with trodo.wrap_agent("deep") as run:
            print(run.run_id)
            for depth in range(80, 1_100, 2):
                value = "bottom"
                for _ in range(depth):
                    value = [value]
                with trodo.span(f"depth{depth}", input=value):
                    pass
        """
    )
    assert host.drain().troubles == []
    spans = host.spans(run_id)
    assert [(span.name, span.status) for span in spans] == [
        (f"depth{depth}", "ok") for depth in range(80, 1_100, 2)
    ]
    assert host.drops() == {}


def test_what_was_cut_says_how_long_it_was_and_its_digest(recording: Recording) -> None:
    with trodo.wrap_agent("long") as run, trodo.span("s", attributes={"long": HUGE, "short": 1}) as span:
        span.set_output(HUGE)
    (kept,) = recording.spans(run.run_id)
    whole = json.dumps(HUGE, ensure_ascii=False).encode()
    for cut in (kept.details.output, kept.details.attributes["long"]):
        assert (cut["bytes"], cut["sha256"]) == (len(whole), hashlib.sha256(whole).hexdigest())
        assert whole.decode().startswith(cut["text"])
    assert kept.details.attributes["short"] == 1


def test_a_tree_whose_nodes_know_their_parents_is_stored_in_bounded_time_and_memory(host: Host) -> None:
    (run_id,) = host.run(
        """
        import resource, trodo
        resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
        resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
        root = {"name": "root", "children": []}
        root["children"] = [{"name": n, "parent": root, "children": []} for n in range(3)]
        with trodo.wrap_agent("tree") as run:
            print(run.run_id)
            with trodo.span("s", input=root):
                pass
        """
    )
    (span,) = host.spans(run_id)
    assert span.status == "ok"
    assert span.details.input is not None


@pytest.mark.parametrize("text", ["a\ud800b\0c", "", "\x1b[31m", "x" * 2_000_000, "[/]"])
def test_every_name_and_text_is_stored(recording: Recording, text: str) -> None:
    with trodo.wrap_agent(text, distinct_id=text, conversation_id=text) as run:
        run.set_error_summary(text or "-", type=text)
        with trodo.span(text, kind=text) as span:
            span.set_tool(text)
            span.set_level(text)
            span.set_llm(model=text, provider=text)
            span.set_error(text or "-", type=text, status_code=text, stack_trace=text)
    (run_,) = recording.runs()
    (span_,) = recording.spans(run.run_id)
    stored = text.replace("\ud800", "\ufffd").replace("\0", "\u2400")
    assert (run_.agent, run_.user, run_.session) == (stored, stored, stored)
    assert (span_.name, span_.tool, span_.level, span_.model, span_.provider) == (stored,) * 5
    assert (span_.kind, span_.error) == (stored or "generic", (stored or "-")[:4_000])
    assert recording.drops() == {}


@pytest.mark.parametrize(
    "said",
    [
        {"input_tokens": float("nan")},
        {"input_tokens": float("inf")},
        {"input_tokens": "many"},
        {"input_tokens": 2**80},
        {"input_tokens": -1},
        {"cost": float("nan")},
        {"cost": float("inf")},
        {"cost": 1e300},
        {"cost": 1e12},
        {"cost": "much"},
        {"cost": object()},
        {"cost_details": {"input": "1"}},
        {"cost_details": {"input": float("nan")}},
        {"cost_details": [1]},
        {"usage_details": {"prompt_tokens": "7", "odd": object()}},
        {"usage_details": [1]},
        {"usage_details": object()},
        {"temperature": float("nan")},
        {"model": object(), "provider": 7},
    ],
    ids=lambda said: "-".join((*said, *(type(value).__name__ for value in said.values()))),
)
def test_odd_numbers_of_a_model_call_cost_nothing_but_themselves(
    recording: Recording, said: dict[str, Any]
) -> None:
    with trodo.wrap_agent("odd") as run:
        with trodo.span("call", kind="llm") as span:
            span.set_llm(**{"model": "m", "output_tokens": 5, "cache_read_tokens": 3, **said})
        with trodo.span("next"):
            pass
    call, after = recording.spans(run.run_id)
    assert (call.status, after.status) == ("ok", "ok")
    assert call.model is not None
    assert call.usage is not None
    assert (call.usage.output, call.usage.cache_read) == (5, 3)
    assert recording.run_of("odd").totals.output_tokens == 5
    assert recording.drops() == {}


def test_token_counts_whose_sum_leaves_64_bits_are_stored(recording: Recording) -> None:
    with trodo.wrap_agent("rich") as run:
        for _ in range(3):
            trodo.track_llm_call(model="m", input_tokens=2**62, cost=1e9)
    spans = recording.spans(run.run_id)
    assert [span.usage.input if span.usage else None for span in spans] == [2**62] * 3
    assert recording.drops() == {}
