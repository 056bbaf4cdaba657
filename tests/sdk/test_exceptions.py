"""What an exception does to the span and the run it leaves, and what it does not."""
# ruff: noqa: PT012  (what raises is a block of several steps)

import inspect
import sys
import time

import pytest

import trodo_cli as trodo
from tests.sdk.host import Recording


class Trouble(Exception):
    """A host program's own error."""


def _fail() -> None:
    raise Trouble("it broke")


def test_an_exception_marks_what_it_leaves_and_goes_on_unchanged(recording: Recording) -> None:
    with pytest.raises(Trouble) as raised, trodo.wrap_agent("failing"), trodo.span("outer"):
        with trodo.span("fine"):
            pass
        with trodo.span("broken"):
            _fail()
    assert raised.value.args == ("it broke",)
    assert (raised.value.__cause__, raised.value.__context__) == (None, None)
    run = recording.run_of("failing")
    assert (run.status, run.error, run.error_type) == ("failed", "it broke", "Trouble")
    spans = {span.name: span for span in recording.spans(run.id)}
    assert {name: span.status for name, span in spans.items()} == {
        "outer": "error",
        "fine": "ok",
        "broken": "error",
    }
    assert (spans["broken"].error, spans["broken"].error_type) == ("it broke", "Trouble")
    assert "in _fail" in (spans["broken"].details.stack or "")


@pytest.mark.parametrize("decorate", ["tool", "trace", "llm", "retrieval"])
def test_a_decorated_function_raises_what_the_plain_one_raises(recording: Recording, decorate: str) -> None:
    with trodo.wrap_agent("failing") as run, pytest.raises(Trouble, match="it broke"):
        getattr(trodo, decorate)(_fail)()
    (span,) = recording.spans(run.run_id)
    assert (span.status, span.error, recording.run_of("failing").status) == ("error", "it broke", "completed")


def test_an_error_that_was_told_by_hand_goes_before_the_exceptions(recording: Recording) -> None:
    with pytest.raises(Trouble), trodo.wrap_agent("failing") as run, trodo.span("s") as span:
        span.set_error("quota", type="Quota", status_code=429)
        raise Trouble("it broke")
    (span_,) = recording.spans(run.run_id)
    assert (span_.error, span_.error_type, span_.status_code, span_.status) == (
        "quota",
        "Quota",
        "429",
        "error",
    )


def test_leaving_by_a_clean_exit_is_no_failure(recording: Recording) -> None:
    with pytest.raises(SystemExit), trodo.wrap_agent("exits") as run, trodo.span("s"):
        sys.exit(0)
    (span,) = recording.spans(run.run_id)
    run_ = recording.run_of("exits")
    assert (run_.status, run_.error, run_.error_type) == ("completed", None, None)
    assert (span.status, span.error, span.error_type, span.details.stack) == ("ok", None, None, None)


@pytest.mark.parametrize("code", [1, "no such file"])
def test_leaving_by_an_exit_with_a_code_is_a_failure(recording: Recording, code: int | str) -> None:
    with pytest.raises(SystemExit), trodo.wrap_agent("exits") as run, trodo.span("s"):
        sys.exit(code)
    (span,) = recording.spans(run.run_id)
    run_ = recording.run_of("exits")
    assert (run_.status, run_.error_type, run_.error) == ("failed", "SystemExit", str(code))
    assert (span.status, span.error) == ("error", str(code))


def test_a_keyboard_interrupt_is_a_cancel(recording: Recording) -> None:
    with pytest.raises(KeyboardInterrupt), trodo.wrap_agent("stopped") as run, trodo.span("s"):
        raise KeyboardInterrupt
    (span,) = recording.spans(run.run_id)
    assert (recording.run_of("stopped").status, span.status) == ("cancelled", "cancelled")


class Mute(Exception):
    """An exception that cannot even say what it is."""

    def __str__(self) -> str:
        raise ValueError("no words")

    __repr__ = __str__


def test_an_exception_that_cannot_be_printed_ends_its_span_and_run_all_the_same(recording: Recording) -> None:
    with pytest.raises(Mute), trodo.wrap_agent("mute") as run, trodo.span("s"):
        raise Mute
    (span,) = recording.spans(run.run_id)
    run_ = recording.run_of("mute")
    assert (span.status, span.error_type, run_.status, run_.error_type) == ("error", "Mute", "failed", "Mute")


def test_a_very_long_error_is_cut_and_its_stack_keeps_the_end(recording: Recording) -> None:
    with pytest.raises(Trouble), trodo.wrap_agent("long") as run, trodo.span("s"):
        raise Trouble("é" * 2_000_000)
    (span,) = recording.spans(run.run_id)
    assert span.error == "é" * 4_000
    assert len(span.details.stack or "") == 20_000


def test_time_goes_on_while_a_span_is_open(recording: Recording) -> None:
    with trodo.wrap_agent("timed") as run, trodo.span("sleep"):
        time.sleep(0.01)
    (span,) = recording.spans(run.run_id)
    assert span.duration_ns is not None
    assert span.duration_ns >= 10_000_000


@pytest.mark.parametrize("error", [RecursionError, MemoryError, GeneratorExit])
def test_errors_of_the_interpreter_go_through_unchanged(
    recording: Recording, error: type[BaseException]
) -> None:
    with pytest.raises(error), trodo.wrap_agent("through") as run, trodo.span("s"):
        raise error
    assert recording.spans(run.run_id)[0].ended_ns is not None
    assert recording.run_of("through").is_terminal


def test_a_block_deep_in_a_recursion_raises_what_the_plain_code_raises(recording: Recording) -> None:
    def dive(depth: int) -> int:
        with trodo.span("level"):
            return dive(depth + 1)

    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack()) + 150)
    try:
        with pytest.raises(RecursionError), trodo.wrap_agent("deep") as run:
            dive(0)
    finally:
        sys.setrecursionlimit(limit)
    run_ = recording.run_of("deep")
    assert (run_.status, run_.error_type) == ("failed", "RecursionError")
    assert recording.spans(run.run_id)
