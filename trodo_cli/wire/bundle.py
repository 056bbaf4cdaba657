"""A trace as the events that make it again, in any store."""

from collections.abc import Iterator

import msgspec

from trodo_cli.model.conclusion import over
from trodo_cli.model.event import CancelRequested, Event, FeedbackGiven, RunEnd, RunStart, SpanEnd, SpanStart
from trodo_cli.model.run import Run, produced_run
from trodo_cli.model.trace import Trace


def bundled(trace: Trace) -> Iterator[Event]:
    """The announcement of the run, its spans, what was asked and said of it, and its end."""
    run = trace.summary
    yield RunStart(run_id=run.id, run=_begun(run))
    for span in trace.own:
        yield (SpanStart if span.is_open else SpanEnd)(run_id=run.id, span=span)
    if run.cancel is not None:
        yield CancelRequested(run_id=run.id, cancel=run.cancel)
    if run.feedback:
        yield FeedbackGiven(run_id=run.id, feedback=run.feedback)
    if run.is_terminal:
        yield _end(run)


def _begun(run: Run) -> Run:
    """The run as it was announced, with all that is known of it: whatever it meets in a store, nothing is lost."""
    heard = {name: claim for name, claim in run.heard.items() if name != "over"}
    return msgspec.structs.replace(
        produced_run(run),
        status="pending" if run.status == "pending" else "running",
        ended_ns=None,
        error=None,
        error_type=None,
        heard=heard,
    )


def _end(run: Run) -> RunEnd:
    """Its end; of a run that only spans tell of just that it is over."""
    if run.heard and run.ended_ns is not None:
        return over(run.id, run.ended_ns)
    return RunEnd(run_id=run.id, run=produced_run(run))
