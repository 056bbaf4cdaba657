"""The root cause of a failed run."""

from tests.render.made import run, span, trace
from trodo_cli.insight.failure import failure
from trodo_cli.model.span import Span


def error(name: str, parent: str | None = None, end: float = 1, **said: object) -> Span:
    return span(name, parent, 0, end, status="error", **{"error": f"{name} broke", **said})


def path_of(*spans: Span, says: str | None = None) -> list[str]:
    found = failure(trace(list(spans), run("failed", error=says)))
    assert found is not None
    return [one.name for one in found.path]


def test_nothing_failed_so_there_is_no_failure() -> None:
    assert failure(trace([span("a")])) is None
    assert failure(trace([span("a", end=None)], run("running"))) is None


def test_the_cause_is_the_deepest_failed_span() -> None:
    spans = [error("a"), error("b", "a"), error("c", "b"), span("d", "c")]
    assert path_of(*spans) == ["article-pipeline", "a", "b", "c"]


def test_of_failures_at_one_depth_the_one_that_ended_first_is_the_cause() -> None:
    assert path_of(error("late", end=2), error("early", end=1))[-1] == "early"


def test_a_failure_that_was_handled_on_the_way_up_is_not_the_cause() -> None:
    handled = [span("retry"), span("attempts", "retry"), error("attempt", "attempts", end=0.5)]
    assert path_of(*handled, error("write", end=3)) == ["article-pipeline", "write"]


def test_the_failure_that_the_run_speaks_of_is_the_cause() -> None:
    spans = [error("a", end=0.5), error("b", "a", end=0.5), error("write", end=3)]
    assert path_of(*spans, says="pipeline: write broke")[-1] == "write"


def test_a_run_that_failed_by_itself_is_its_own_cause() -> None:
    found = failure(trace([span("a")], run("failed", error="out of money", error_type="Broke")))
    assert found is not None
    assert [one.name for one in found.path] == ["article-pipeline"]
    assert (found.error, found.error_type, found.others) == ("out of money", "Broke", 0)


def test_a_running_run_may_have_a_failure_already() -> None:
    found = failure(trace([error("a"), error("b")], run("running")))
    assert found is not None
    assert found.span.name == "a"
    assert found.others == 1


def test_a_failed_run_below_the_cause_is_named() -> None:
    child = run("failed", id="c" * 32, parent_span_id="call")
    found = failure(trace([error("call")], run("failed"), (child,)))
    assert found is not None
    assert found.child is child
    beside = run("failed", id="d" * 32, parent_span_id="other")
    found = failure(trace([error("call"), span("other")], run("failed"), (beside,)))
    assert found is not None
    assert found.child is None


def test_circles_and_orphans_among_the_failed_are_survived() -> None:
    assert path_of(error("a", "b"), error("b", "a"))[0] == "article-pipeline"
    assert path_of(error("self", "self")) == ["article-pipeline", "self"]
    assert path_of(error("orphan", "ghost")) == ["article-pipeline", "orphan"]


def test_a_chain_of_ten_thousand_failures_is_followed_to_its_end() -> None:
    chain = [error(f"{n:05}", f"{n - 1:05}" if n else None) for n in range(10_000)]
    assert path_of(*chain)[-1] == "09999"


def test_what_is_told_of_the_cause_is_all_its_own_or_all_the_runs() -> None:
    spans = [error("call", error=None, error_type="TypeError")]
    found = failure(trace(spans, run("failed", error="[Errno 32]", error_type="BrokenPipeError")))
    assert found is not None
    assert (found.error, found.error_type) == (None, "TypeError")
    silent = failure(trace([error("call", error=None)], run("failed", error="out", error_type="Broke")))
    assert silent is not None
    assert (silent.error, silent.error_type) == ("out", "Broke")
