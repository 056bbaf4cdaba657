"""A run that spans of OpenTelemetry make, while they are open."""

from trodo_cli.model.conclusion import over
from trodo_cli.model.event import Event, RunEnd, RunStart
from trodo_cli.model.hearsay import Claims
from trodo_cli.model.run import LOST_AFTER_NS, Run
from trodo_cli.model.span import Span
from trodo_cli.wire.otlp.export import OtlpSpan
from trodo_cli.wire.otlp.hearsay import Hearsay


class OpenTrace:
    """A run of which spans are open, and what they say of it."""

    def __init__(self, run_id: str, root_id: str | None) -> None:
        self.open = 0
        self._run_id = run_id
        self._root_id = root_id
        """The topmost span; None where a caller has it, or when it ended before."""
        self._heard = Hearsay()
        self._told: Claims = {}
        self._is_over = False
        self._ended_ns = 0

    def begin(self, otlp: OtlpSpan, span: Span) -> Event | None:
        """What there is to tell of the run now that a span has begun."""
        self.open += 1
        self._heard.take(otlp, span)
        return self._news()

    def end(self, otlp: OtlpSpan, span: Span) -> Event | None:
        """The same now that one has ended; the end of the run when none is open any more and the topmost has ended."""
        self._heard.take(otlp, span)
        self.open -= 1
        self._ended_ns = max(self._ended_ns, span.ended_ns or 0)
        self._is_over |= span.id == self._root_id
        return self._news() if self.open or not self._is_over else self._end()

    def _news(self) -> Event | None:
        """What is told of the run, unless that was told; how it went is known when it is over."""
        run = self._run()
        claims = {
            name: claim for name, claim in run.heard.items() if name != "status" or self._root_id is None
        }
        if claims == self._told:
            return None
        self._told = run.heard = claims
        return RunStart(run_id=run.id, run=run)

    def _end(self) -> Event:
        end = over(self._run_id, self._ended_ns)
        run = self._run()
        run.heard = {**run.heard, **end.run.heard}
        run.ended_ns = self._ended_ns
        return RunEnd(run_id=run.id, run=run)

    def _run(self) -> Run:
        run = self._heard.run(self._run_id)
        if self._root_id is not None:
            run.patience_ns = LOST_AFTER_NS
        return run
