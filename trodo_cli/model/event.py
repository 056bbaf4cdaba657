"""The one vocabulary that goes in and comes out of trodo."""

from typing import TypeAlias

import msgspec

from trodo_cli.model.run import Cancel, Feedback, Run
from trodo_cli.model.span import Span


class _Event(msgspec.Struct, omit_defaults=True, kw_only=True, tag_field="type"):
    run_id: str
    seq: int = 0
    """The event's number inside its run: 1, 2, 3 …, given by the store; 0 before that."""

    @property
    def type(self) -> str:
        """The event's name on the wire: `span-start`, `run-end` …"""
        return str(self.__struct_config__.tag)


class RunStart(_Event, tag="run-start"):
    """A run is announced, or announced again with more known about it."""

    run: Run


class SpanStart(_Event, tag="span-start"):
    span: Span


class SpanUpdate(_Event, tag="span-update"):
    span: Span


class SpanEnd(_Event, tag="span-end"):
    span: Span


class RunEnd(_Event, tag="run-end"):
    run: Run


class CancelRequested(_Event, tag="cancel-requested"):
    cancel: Cancel


class FeedbackGiven(_Event, tag="feedback-given"):
    """Somebody said what they think of the run, also long after its end."""

    feedback: tuple[Feedback, ...]
    """As told by a store, all there is by then."""


class TraceDone(_Event, tag="trace-done"):
    """Closes a stream: nothing more is expected. Says no `seq`; it is the stream's word, not the run's."""

    run: Run


SpanEvent: TypeAlias = SpanStart | SpanUpdate | SpanEnd
RunEvent: TypeAlias = RunStart | RunEnd
Event: TypeAlias = SpanEvent | RunEvent | CancelRequested | FeedbackGiven | TraceDone
