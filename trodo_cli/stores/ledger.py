"""One run's rows while a batch is folded in, and the rule that numbers each change.

Pure: a store loads the rows, the ledger changes them, the store saves what is marked. The numbers
on the rows are the event log: a span row holds the number of its first and of its latest change, and
a number that a later change of the same row replaced is kept aside, so every number from 1 to
`last_seq` can always be answered.
"""

from collections.abc import Callable

import msgspec

from trodo_cli.model.conclusion import over
from trodo_cli.model.event import (
    CancelRequested,
    Event,
    FeedbackGiven,
    RunEnd,
    RunStart,
    SpanEnd,
    SpanStart,
    SpanUpdate,
)
from trodo_cli.model.payload import NO_PAYLOAD
from trodo_cli.model.registers import first_cancel, first_end, folded_run, joined_feedback, newer_start
from trodo_cli.model.run import Cancel, Feedback, Run, produced_run
from trodo_cli.model.span import Span, newer_span, settled_span, span_rank
from trodo_cli.model.sums import Sums
from trodo_cli.model.totals import Totals

RUN_PLACE, CANCEL_PLACE, FEEDBACK_PLACE = 0, -1, -2
"""What a replaced number was about when it was no span: what the run says of itself, a cancel request, feedback."""


Replaced = tuple[int, int]
"""A number that a later change took over: the number, and `first_seq` of its span or one of the places."""


class SpanRow(msgspec.Struct):
    """A span as stored: `first_seq` names the row inside its run."""

    span: Span
    first_seq: int
    changed_seq: int


class RunRow(msgspec.Struct):
    """A run as stored: both registers, its numbers and what the store itself knows."""

    key: int
    id: str
    received_ns: int
    start: Run | None = None
    end: Run | None = None
    cancel: Cancel | None = None
    totals: Totals = msgspec.field(default_factory=Totals)
    last_seq: int = 0
    start_seq: int | None = None
    end_seq: int | None = None
    cancel_seq: int | None = None
    heartbeat_ns: int | None = None
    traceless: bool = False
    feedback: tuple[Feedback, ...] = ()
    feedback_seq: int | None = None
    has_payloads: bool = False
    """Whether the registers were loaded, and are to be saved, with their payloads."""

    def take_payloads(self, started: bytes, ended: bytes) -> None:
        """The payloads of both registers, as a store keeps them."""
        for register, data in ((self.start, started), (self.end, ended)):
            if register is not None:
                register.payload = stored_payload(data)
        self.has_payloads = True

    @property
    def view(self) -> Run:
        """The run a reader sees."""
        run = folded_run(self.id, self.start, self.end)
        return msgspec.structs.replace(
            run,
            totals=self.totals,
            cancel=self.cancel,
            feedback=self.feedback,
            heartbeat_ns=self.heartbeat_ns,
            last_seq=self.last_told_seq,
            traceless=self.traceless,
        )

    @property
    def last_told_seq(self) -> int:
        """The highest number that an event still has."""
        if not self.traceless:
            return self.last_seq
        return max(self.start_seq or 0, self.end_seq or 0, self.cancel_seq or 0, self.feedback_seq or 0)

    @property
    def is_heard(self) -> bool:
        """Whether only its spans tell of it."""
        return bool(self.start and self.start.heard)

    @property
    def is_told_outright(self) -> bool:
        """Whether its own process announced it."""
        return self.start is not None and not self.start.heard

    @property
    def is_announced(self) -> bool:
        """Whether anyone may see it: somebody said when it began."""
        return bool((self.start and self.start.started_ns) or (self.end and self.end.started_ns))


class Ledger:
    """Takes the events of one run; afterwards `changed`, `replaced` and `row` say what to save."""

    def __init__(
        self, row: RunRow, known: dict[str, SpanRow], load_payload: Callable[[int], msgspec.Raw], sums: Sums
    ) -> None:
        self.row = row
        self.sums = sums
        self.changed: dict[str, SpanRow] = {}
        """Span rows to write, by span id."""
        self.replaced: list[Replaced] = []
        self.known_seq = row.last_seq
        """The last number of the rows that were there before."""
        self._known = known
        self._load_payload = load_payload

    def take(self, event: Event) -> bool:
        """Fold one event in; False when it changes nothing."""
        match event:
            case SpanStart() | SpanUpdate() | SpanEnd():
                return self._take_span(settled_span(event.span))
            case RunStart():
                return self._take_start(produced_run(event.run))
            case RunEnd():
                return self._take_end(produced_run(event.run))
            case CancelRequested():
                return self._take_cancel(event.cancel)
            case FeedbackGiven():
                return self._take_feedback(event.feedback)
            case _:
                return False

    def lengthen(self) -> None:
        """Let a run that was said to be over last as long as the spans that came since, if only they tell of it."""
        end = self.row.end
        if end is not None and end.heard:
            latest_ns = max((row.span.ended_ns or 0 for row in self.changed.values()), default=0)
            if latest_ns > (end.ended_ns or 0):
                self.take(over(self.row.id, latest_ns))

    def _take_span(self, span: Span) -> bool:
        if self.row.traceless:
            return False
        row = self._known.get(span.id)
        if row is None:
            seq = self._next_seq()
            row = self._known[span.id] = SpanRow(span, seq, seq)
            self.sums.replace(None, span)
        else:
            if newer_span(self._comparable(row, span), span) is not span:
                return False
            self.sums.replace(row.span, span)
            if row.changed_seq > row.first_seq:
                self.replaced.append((row.changed_seq, row.first_seq))
            row.span, row.changed_seq = span, self._next_seq()
        self.changed[span.id] = row
        return True

    def _comparable(self, row: SpanRow, span: Span) -> Span:
        """The stored version, with its payload where only the whole text can decide."""
        if span_rank(row.span) != span_rank(span) or span.id in self.changed:
            return row.span
        return msgspec.structs.replace(row.span, payload=self._load_payload(row.first_seq))

    def _take_start(self, run: Run) -> bool:
        start = newer_start(self.row.start, run)
        if start == self.row.start:
            return False
        self.row.start, self.row.start_seq = start, self._renumbered(self.row.start_seq)
        if self.row.is_told_outright and self.row.end is not None and self.row.end.heard:
            self.replaced.append((self.row.end_seq or 0, RUN_PLACE))
            self.row.end = self.row.end_seq = None
        return True

    def _take_end(self, run: Run) -> bool:
        end = first_end(self.row.end, run)
        if end == self.row.end or (run.heard and self.row.is_told_outright):
            return False
        self.row.end, self.row.end_seq = end, self._renumbered(self.row.end_seq)
        return True

    def _take_cancel(self, cancel: Cancel) -> bool:
        first = first_cancel(self.row.cancel, cancel)
        if first == self.row.cancel:
            return False
        self.row.cancel, self.row.cancel_seq = first, self._renumbered(self.row.cancel_seq, CANCEL_PLACE)
        return True

    def _take_feedback(self, feedback: tuple[Feedback, ...]) -> bool:
        joined = joined_feedback(self.row.feedback, feedback)
        if joined == self.row.feedback:
            return False
        self.row.feedback = joined
        self.row.feedback_seq = self._renumbered(self.row.feedback_seq, FEEDBACK_PLACE)
        return True

    def _renumbered(self, seq: int | None, place: int = RUN_PLACE) -> int:
        if seq is not None:
            self.replaced.append((seq, place))
        return self._next_seq()

    def _next_seq(self) -> int:
        self.row.last_seq += 1
        return self.row.last_seq


def stored_payload(data: bytes | None) -> msgspec.Raw:
    """A payload as a store keeps it; none for a missing row."""
    return msgspec.Raw(data) if data else NO_PAYLOAD
