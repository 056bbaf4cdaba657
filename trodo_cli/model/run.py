"""A run: one execution of an agent. How the events of one are put together is in `registers`."""

from typing import Any, Literal, get_args

import msgspec

from trodo_cli.model.hearsay import Claims
from trodo_cli.model.ids import root_span_id
from trodo_cli.model.payload import NO_PAYLOAD, Payload, payload_of, written
from trodo_cli.model.span import Span, SpanStatus
from trodo_cli.model.totals import Totals

RunStatus = Literal["pending", "running", "completed", "failed", "cancelled", "lost"]
RUN_STATUSES: tuple[str, ...] = get_args(RunStatus)
TERMINAL_STATUSES = frozenset(("completed", "failed", "cancelled"))

_STATUS_SYNONYMS = {"ok": "completed", "error": "failed", "draining": "running", "canceled": "cancelled"}

_SPAN_STATUS: dict[str, SpanStatus] = {"completed": "ok", "failed": "error", "cancelled": "cancelled"}

LOST_AFTER_NS = 15 * 10**9
"""A running run that gave no sign of life for this long is shown as lost, unless its producer says another time."""

MAX_FEEDBACK = 100
"""How many judgements of one run are kept: the first ones."""


def canonical_status(status: str) -> str:
    """The house word for a run status: `ok` is `completed`, `error` is `failed`."""
    return _STATUS_SYNONYMS.get(status, status)


class Cancel(msgspec.Struct, omit_defaults=True, kw_only=True):
    """A request to stop: who asked, why, when, and when the run's process heard of it."""

    requested_ns: int
    by: str | None = None
    reason: str | None = None
    delivered_ns: int | None = None
    force: bool = False
    """Not to wait for the call in flight; heard only by what started the run."""


class Feedback(msgspec.Struct, omit_defaults=True, kw_only=True):
    """What somebody says of a run."""

    at_ns: int
    """When it came in."""
    satisfaction: str | None = None
    """`positive` or `negative`."""
    rating: float | None = None
    comment: str | None = None
    user: str | None = None
    attributes: dict[str, Any] = {}

    @property
    def said(self) -> str:
        """All of it but the time: who says the same twice has said it once."""
        return written(msgspec.structs.replace(self, at_ns=0))


class Run(msgspec.Struct, omit_defaults=True, kw_only=True):
    """One execution of an agent. The fields below `payload` are the store's own."""

    id: str
    agent: str = ""
    status: RunStatus = "running"
    parent_id: str | None = None
    parent_span_id: str | None = None
    """The span of the parent run below which this one was started."""
    session: str | None = None
    user: str | None = None
    tags: tuple[str, ...] = ()
    started_ns: int = 0
    """Wall clock of the producer, nanoseconds since the epoch; 0 when nobody has announced the run."""
    ended_ns: int | None = None
    error: str | None = None
    error_type: str | None = None
    version: int = 0
    """Rises with each announcement at the producer."""
    heard: Claims = {}
    """What the run's spans say of it, for a run that nobody announced; empty for any other."""
    patience_ns: int = LOST_AFTER_NS
    """How long its producer may be silent while the run goes on."""
    payload: msgspec.Raw = NO_PAYLOAD

    owner: str = ""
    totals: Totals = msgspec.field(default_factory=Totals)
    cancel: Cancel | None = None
    feedback: tuple[Feedback, ...] = ()
    """In the order it came."""
    heartbeat_ns: int | None = None
    """Last sign of life by the store's clock."""
    last_seq: int = 0
    """The highest number among its events."""
    traceless: bool = False
    """Whether its spans were deleted; what the run says of itself stays."""

    @property
    def duration_ns(self) -> int | None:
        """Nanoseconds from start to end; None while running."""
        return self.ended_ns - self.started_ns if self.ended_ns is not None and self.started_ns else None

    @property
    def duration_ms(self) -> int | None:
        """Whole milliseconds from start to end; None while running."""
        return None if self.duration_ns is None else round(self.duration_ns / 1e6)

    @property
    def is_terminal(self) -> bool:
        return self.status in TERMINAL_STATUSES

    @property
    def details(self) -> Payload:
        """Input, output and attributes; empty when the run was read without them."""
        return payload_of(self.payload)


def produced_run(run: Run) -> Run:
    """Only what a producer may say of a run; the store's own fields are left out."""
    return Run(id=run.id, **{name: getattr(run, name) for name in PRODUCED})


def root_span(run: Run) -> Span:
    """The run as the topmost node of its own tree."""
    return Span(
        id=root_span_id(run.id),
        name=run.agent,
        kind="agent",
        status=_SPAN_STATUS.get(run.status, "running"),
        started_ns=run.started_ns,
        ended_ns=run.ended_ns,
        error=run.error,
        error_type=run.error_type,
        payload=run.payload,
    )


PRODUCED = tuple(f for f in Run.__struct_fields__[: Run.__struct_fields__.index("owner")] if f != "id")
"""The fields that a producer may say something about."""
