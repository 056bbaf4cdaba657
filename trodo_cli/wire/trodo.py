"""The Trodo SDK's own wire: its items, runs, spans and feedback as our events. What we write is in `trodo_write`.

A run of that SDK says nothing until it ends, or only what has ended inside it, so it may be silent for long.
Its topmost spans stand below an id that never comes: that of the run itself.
"""

from trodo_cli.errors import InvalidInput
from trodo_cli.model.event import Event, FeedbackGiven, RunEnd, RunStart, SpanEnd, SpanStart
from trodo_cli.model.heard_run import partial_run
from trodo_cli.model.ids import canonical_id, is_run_id
from trodo_cli.model.run import Feedback, Run
from trodo_cli.model.span import Span
from trodo_cli.wire.native import settled_event
from trodo_cli.wire.tags import run_tags
from trodo_cli.wire.trodo_said import Check, Said, payload, values
from trodo_cli.wire.trodo_span import NO_RUN, RUN_STATUS, interval, is_known, span_event, status_of
from trodo_cli.wire.values import json_value

SILENCE_NS = 15 * 60 * 10**9
"""How long a producer may say nothing: it sends no signs of life, and retries for ten minutes."""

COUNTERS = frozenset(
    ("total_tokens_in", "total_tokens_out", "total_cost", "span_count", "tool_count", "error_count")
)
"""What the sending process still had in memory; what counts are the spans that are stored."""


class Reader:
    """Reads what came in at `now_ns`. A value that `check` refuses is kept cut; all else that is wrong raises
    `InvalidInput`.
    """

    def __init__(self, now_ns: int, check: Check = lambda _: None) -> None:
        self._now_ns = now_ns
        self._check = check

    def item(self, data: bytes) -> list[Event]:
        """One of a batch: a run with its spans, more spans of a run, feedback, or spans without a run."""
        item = _around(data, "item")
        if run := item.raw("run"):
            return self._whole_run(run, item.each("spans"))
        if feedback := item.raw("feedback"):
            return self.feedback(item.name("run_id"), feedback)
        run_id, spans = item.text("run_id"), item.each("spans")
        if run_id is None and not spans:
            raise InvalidInput("an item has a `run`, `feedback` or `spans`")
        return _heard([event for span in spans for event in self._span(span, run_id)])

    def whole_run(self, data: bytes) -> list[Event]:
        """A run with its spans."""
        item = _around(data, "body")
        return self._whole_run(item.raw("run"), item.each("spans"))

    def started_run(self, data: bytes) -> list[Event]:
        """A run that goes on, whatever it says of an end."""
        return self._run(_around(data, "body").raw("run"))[:1]

    def ended_run(self, run_id: str, data: bytes) -> list[Event]:
        """The end of a run that was started before."""
        said = self._said(data, "body")
        run, output, noted = _outcome(run_id, said)
        ended_ns = said.time("ended_at")
        run.ended_ns = self._now_ns if ended_ns is None else ended_ns
        noted, run.tags = _facts(said, noted)
        run.payload = payload(noted, output=output)
        return [settled_event(RunEnd(run_id=run_id, run=run))]

    def spans(self, run_id: str, data: bytes) -> list[Event]:
        """Spans of a run that is told otherwise."""
        spans = _around(data, "body").each("spans")
        return _heard([event for span in spans for event in self._span(span, run_id)])

    def span(self, data: bytes) -> list[Event]:
        """A span of the run that it names; one that names none is a run of its own."""
        return _heard(self._span(data))

    def _span(self, data: bytes, run_id: str | None = None) -> list[Event]:
        said = self._said(data, "span")
        said_id = said.text("run_id")
        if run_id := run_id or said_id:
            return [span_event(run_id, said, self._now_ns)]
        run = Run(id=NO_RUN, patience_ns=SILENCE_NS)
        run.agent, run.user, run.session = _whose(said)
        if not run.agent or not run.user:
            raise InvalidInput("a span without a run needs `agent_name` and `distinct_id`")
        return _as_run(run, span_event(NO_RUN, said, self._now_ns))

    def feedback(self, run_id: str, data: bytes) -> list[Event]:
        """What somebody says of a run."""
        said = self._said(data, "feedback")
        given = Feedback(
            at_ns=self._now_ns,
            satisfaction=said.text("satisfaction"),
            rating=said.number("rating"),
            comment=said.text("comment"),
            user=said.text("distinct_id"),
            attributes=values(said.members("attributes")),
        )
        if given.satisfaction is None and given.rating is None and given.comment is None:
            raise InvalidInput("feedback needs a `satisfaction`, a `rating` or a `comment`")
        return [settled_event(FeedbackGiven(run_id=run_id, feedback=(given,)))]

    def _said(self, data: bytes, what: str) -> Said:
        return Said(data, what, self._check)

    def _whole_run(self, run: bytes, spans: list[bytes]) -> list[Event]:
        begun, *ended = self._run(run)
        return [begun, *(event for span in spans for event in self._span(span, begun.run_id)), *ended]

    def _run(self, data: bytes) -> list[Event]:
        """The announcement of a run, and its end when there is one."""
        said = self._said(data or b"{}", "run")
        run = Run(id=said.name("run_id"), parent_id=said.text("parent_run_id"), patience_ns=SILENCE_NS)
        run.agent, run.user, run.session = _whose(said)
        end, output, outcome = _outcome(run.id, said)
        run.started_ns, end.ended_ns = interval(said, self._now_ns, is_open=end.status == "running")
        given = said.raw("input")
        noted, run.tags = _facts(said, {})
        if end.ended_ns is None:
            run.payload = payload(noted, input=given, output=output)
            return [settled_event(RunStart(run_id=run.id, run=run))]
        run.payload, run.version = payload(noted, input=given), 1
        end.payload = payload(outcome, output=output)
        end.status = "completed" if end.status == "running" else end.status
        return [
            settled_event(RunStart(run_id=run.id, run=run)),
            settled_event(RunEnd(run_id=run.id, run=end)),
        ]


def _around(data: bytes, what: str) -> Said:
    """An object around others, each of which is checked by itself."""
    return Said(data, what, lambda _: None)


def _outcome(run_id: str, said: Said) -> tuple[Run, bytes, dict[str, bytes]]:
    """How a run ended, its output, and the word for its status when it is none of ours."""
    word, error = said.text("status"), said.text("error_summary")
    status = status_of(word, is_error=said.text("level") == "error" or error is not None)
    run = Run(id=run_id, status=RUN_STATUS[status], error=error, error_type=said.text("error_type"))
    return run, said.raw("output"), {} if is_known(word) else {"status": json_value(word)}


def _facts(said: Said, noted: dict[str, bytes]) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """What else is told of a run, and its tags. Asked for last: keys that nobody knows are kept too."""
    metadata, attributes = said.members("metadata"), said.members("attributes")
    rest = {key: data for key, data in said.rest().items() if key not in COUNTERS}
    return {**noted, **rest, **attributes, **metadata}, run_tags(values(metadata))


def _whose(said: Said) -> tuple[str, str | None, str | None]:
    """The agent, the user and the session."""
    return said.text("agent_name") or "", said.text("distinct_id"), said.text("conversation_id")


def _heard(events: list[Event]) -> list[Event]:
    """The events after what their spans say of each run that they do not announce: its own process may come later."""
    announced = {event.run_id for event in events if isinstance(event, RunStart)}
    first: dict[str, Span] = {}
    for event in events:
        if isinstance(event, SpanStart | SpanEnd) and event.run_id not in announced:
            first[event.run_id] = min(first.get(event.run_id, event.span), event.span, key=_place)
    return [*(_heard_of(run_id, span) for run_id, span in first.items()), *events]


def _place(span: Span) -> tuple[int, str]:
    return span.started_ns, span.id


def _heard_of(run_id: str, span: Span) -> Event:
    run = partial_run(run_id, span.name, span.id, span.started_ns, patience_ns=SILENCE_NS)
    return settled_event(RunStart(run_id=run_id, run=run))


def _as_run(run: Run, event: SpanStart | SpanEnd) -> list[Event]:
    """A span as the only one of a run whose id is made of its own, so that it may come twice."""
    span = event.span
    run.id = event.run_id = span.id if is_run_id(span.id) else canonical_id(f"{span.id}.run")
    run.started_ns = span.started_ns
    begun = settled_event(RunStart(run_id=run.id, run=run))
    if span.is_open:
        return [begun, event]
    end = Run(id=run.id, status=RUN_STATUS[span.status], ended_ns=span.ended_ns)
    end.error, end.error_type = span.error, span.error_type
    return [begun, event, settled_event(RunEnd(run_id=run.id, run=end))]
