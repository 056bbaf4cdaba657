"""A run on an agntz worker, followed: its stream tells only what happens now, and has no numbers to go on from.

What was missed is taken from the whole trace when the run has ended, so that everything is told once.
"""

import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import msgspec

from trodo_cli.client.backoff import Backoff
from trodo_cli.client.base import OnState, StreamState
from trodo_cli.client.worker_api import Known, WorkerApi, moments, told
from trodo_cli.errors import NotFound, Unavailable
from trodo_cli.model import ids
from trodo_cli.model.event import Event, RunEnd, RunStart, SpanEnd, SpanStart, SpanUpdate, TraceDone
from trodo_cli.model.payload import NO_PAYLOAD
from trodo_cli.model.run import Run
from trodo_cli.model.span import Span, light_span, opened_span
from trodo_cli.model.trace import Trace
from trodo_cli.wire.agntz_read_frames import read_trace_frame

STEADY_SECONDS = 5.0
"""A connection that held for so long was a good one, even if nothing came: a worker sends no heartbeats."""

LOOK_SECONDS = 1.0
"""How often a run is looked at that has no stream now."""

Value = TypeVar("Value")


class WorkerFollower:
    """Follows one run from its beginning."""

    def __init__(self, api: WorkerApi, run_id: str, *, payload: bool, on_state: OnState | None) -> None:
        self._api, self._run_id, self._payload = api, run_id, payload
        self._on_state = on_state
        self._state: StreamState | None = None
        self._backoff = Backoff()
        self._spans = _ToldSpans()
        self._known: dict[str, Span] = {}
        """What the reader of frames knows."""
        self._is_over = self._is_listening = False

    def events(self) -> Iterator[Event]:
        """The events, numbered by us and ended by `TraceDone`. Raises `NotFound` and `Unauthorized`."""
        for seq, event in enumerate(self._events(), start=1):
            number = 0 if isinstance(event, TraceDone) else seq
            yield msgspec.structs.replace(event if self._payload else _light(event), seq=number)
        self._tell("ended")

    def _events(self) -> Iterator[Event]:
        run = self._look().run
        self._tell("live")
        if run.is_terminal:
            trace = self._insist(lambda: self._api.trace(self._run_id))
            yield _start(trace.summary)
        else:
            yield _start(run)
            yield from self._happening()
            trace = self._whole_trace()
        yield from self._spans.rest(trace)
        run = trace.summary
        if run.is_terminal:
            yield RunEnd(run_id=run.id, run=run)
        yield TraceDone(run_id=run.id, run=run)

    def _happening(self) -> Iterator[Event]:
        """What happens from now on, until the run has ended."""
        while not self._is_over:
            began_ns, wanted = ids.monotonic_ns(), None
            try:
                yield from self._one_connection()
            except NotFound:
                self._look_without_stream()
                self._backoff.worked()
                wanted = LOOK_SECONDS
            except Unavailable as error:
                self._look_after_break()
                wanted = error.retry_after_seconds
            if ids.monotonic_ns() - began_ns > STEADY_SECONDS * 1e9:
                self._backoff.worked()
            if not self._is_over:
                threading.Event().wait(self._backoff.pause(wanted))

    def _one_connection(self) -> Iterator[Event]:
        """What one connection tells; ends when it does. What ended before we listened is told to nobody."""
        self._is_listening = False
        with self._api.stream(self._run_id) as frames:
            if self._look().run.is_terminal:
                return
            self._is_listening = True
            self._tell("live")
            for data in frames:
                self._backoff.worked()
                events = told(data, self._read)
                if any(isinstance(event, TraceDone) for event in events):
                    self._is_over = True
                    return
                yield from filter(self._spans.is_news, events)

    def _read(self, frame: Any) -> list[Event]:
        return read_trace_frame(self._run_id, _name(frame), frame, self._known)

    def _look(self) -> Known:
        """The run as it stands."""
        known = self._insist(lambda: self._api.run(self._run_id))
        self._is_over = self._is_over or known.run.is_terminal
        return known

    def _look_without_stream(self) -> None:
        """There is no stream: not yet, no longer, or never, for a run that is part of another one's trace."""
        known = self._look()
        if known.is_child:
            raise known.held_by_root()

    def _look_after_break(self) -> None:
        """A stream on which nothing happens for long breaks too; it is trouble only when more fails."""
        if not self._is_listening:
            self._tell("reconnecting")
        self._look()

    def _whole_trace(self) -> Trace:
        """The trace of the run that was followed; when the server keeps none, of what was told."""
        for _ in moments():
            run = self._look().run
            if run.is_terminal:
                break
        try:
            return self._insist(lambda: self._api.trace(self._run_id))
        except NotFound:
            return Trace.from_rows(run, self._spans.latest.values())

    def _insist(self, ask: Callable[[], Value]) -> Value:
        """An answer, however often the server has to be asked."""
        backoff = Backoff()
        while True:
            try:
                return ask()
            except Unavailable as error:
                self._tell("reconnecting")
                threading.Event().wait(backoff.pause(error.retry_after_seconds))

    def _tell(self, state: StreamState) -> None:
        """Tell a state when it is another one than before."""
        if self._on_state is not None and state != self._state:
            self._on_state(state)
        self._state = state


class _ToldSpans:
    """Which spans of a run were told, so that each is opened and ended once."""

    def __init__(self) -> None:
        self.latest: dict[str, Span] = {}
        """Every span as it was told last."""
        self._ended: set[str] = set()

    def is_news(self, event: Event) -> bool:
        """Whether the event opens or ends a span for the first time; from now on it is told."""
        match event:
            case SpanStart(span=span):
                is_news = span.id not in self.latest
            case SpanEnd(span=span):
                is_news = span.id not in self._ended
                self._ended.add(span.id)
            case _:
                return False
        if is_news:
            self.latest[span.id] = span
        return is_news

    def rest(self, trace: Trace) -> list[Event]:
        """What a whole trace says beyond what was told, in order of time."""
        spans = trace.own
        changes = [self._opening(trace.run_id, span) for span in spans]
        changes += [self._ending(trace.run_id, span) for span in reversed(spans)]
        return [event for _, event in sorted(filter(None, changes), key=lambda change: change[0])]

    def _opening(self, run_id: str, span: Span) -> "_Change | None":
        if span.id in self.latest:
            return None
        shown = span if span.is_open else opened_span(span)
        return span.started_ns, SpanStart(run_id=run_id, span=shown)

    def _ending(self, run_id: str, span: Span) -> "_Change | None":
        """The end; of a span that was told otherwise, as one whose start we missed, what it really was."""
        known = self.latest.get(span.id)
        at_ns = span.ended_ns or span.started_ns
        if not span.is_open and span.id not in self._ended:
            return at_ns, SpanEnd(run_id=run_id, span=span)
        if known is None or known == span:
            return None
        corrected = msgspec.structs.replace(span, version=known.version + 1)
        return at_ns, SpanUpdate(run_id=run_id, span=corrected)


_Change = tuple[int, Event]
"""When, and what."""


def _start(run: Run) -> RunStart:
    """The run as it was announced: open."""
    begun = msgspec.structs.replace(run, ended_ns=None, error=None, error_type=None)
    begun.status = "running" if run.is_terminal else run.status
    return RunStart(run_id=run.id, run=begun)


def _name(frame: Any) -> str:
    """A frame's name, which its data has too, but for two."""
    if not isinstance(frame, dict):
        return ""
    return str(frame.get("type") or ("snapshot" if "summary" in frame else "stream-error"))


def _light(event: Event) -> Event:
    """The event without payloads."""
    match event:
        case SpanStart() | SpanUpdate() | SpanEnd():
            return msgspec.structs.replace(event, span=light_span(event.span))
        case RunStart() | RunEnd() | TraceDone():
            return msgspec.structs.replace(event, run=msgspec.structs.replace(event.run, payload=NO_PAYLOAD))
        case _:
            return event
