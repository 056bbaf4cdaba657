"""A run: one execution of an agent.

What producers say of a run is kept as two registers, the latest announcement and the first end,
and the run a reader sees is the end laid over the announcement. Both registers are an extremum,
so any order, repetition or split of the events ends in the same run.
"""

from typing import Literal, get_args

import msgspec

from trodo_cli.model.ids import root_span_id
from trodo_cli.model.payload import NO_PAYLOAD, Payload, payload_of, written
from trodo_cli.model.span import Span, SpanStatus

RunStatus = Literal["pending", "running", "completed", "failed", "cancelled", "lost"]
RUN_STATUSES: tuple[str, ...] = get_args(RunStatus)
TERMINAL_STATUSES = frozenset(("completed", "failed", "cancelled"))

_STATUS_SYNONYMS = {"ok": "completed", "error": "failed", "draining": "running", "canceled": "cancelled"}

_SPAN_STATUS: dict[str, SpanStatus] = {"completed": "ok", "failed": "error", "cancelled": "cancelled"}

NANOS = 10**9

MAX_SUMMAND = 10**9
"""A count of tokens or a cost from here on is no real one and is left out of sums."""

LOST_AFTER_NS = 15 * 10**9
"""A running run that gave no sign of life for this long is shown as lost."""


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


class Totals(msgspec.Struct, omit_defaults=True, kw_only=True):
    """Sums over a run's own spans, in whole numbers so that they do not depend on the order of adding.

    An agent span repeats what its children report, so it adds neither tokens nor cost.
    """

    spans: int = 0
    errors: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_nanos: int = 0
    """Thousand-millionths of a USD."""
    costed_spans: int = 0

    @property
    def cost(self) -> float | None:
        """USD; None while no span has told a cost."""
        return self.cost_nanos / NANOS if self.costed_spans else None

    def add(self, span: Span, times: int = 1) -> None:
        """Count a span in, or with `times=-1` out again."""
        self.spans += times
        self.errors += times * (span.status == "error")
        if span.kind == "agent":
            return
        if span.usage is not None:
            self.input_tokens += times * _countable(span.usage.input)
            self.output_tokens += times * _countable(span.usage.output)
        if span.cost is not None and abs(span.cost) < MAX_SUMMAND:
            self.cost_nanos += times * round(span.cost * NANOS)
            self.costed_spans += times


def _countable(count: int | None) -> int:
    return count if count is not None and abs(count) < MAX_SUMMAND else 0


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
    payload: msgspec.Raw = NO_PAYLOAD

    owner: str = ""
    totals: Totals = msgspec.field(default_factory=Totals)
    cancel: Cancel | None = None
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


def newer_start(one: Run | None, other: Run | None) -> Run | None:
    """The announcement that stands: the higher version, then the greater text."""
    if one is None or other is None:
        return one or other
    return max(one, other, key=lambda run: (run.version, written(run)))


def first_end(one: Run | None, other: Run | None) -> Run | None:
    """The end that stands: the earliest by its own clock, then the smaller text."""
    if one is None or other is None:
        return one or other
    return min(one, other, key=lambda run: (run.ended_ns or 0, written(run)))


def first_cancel(one: Cancel | None, other: Cancel | None) -> Cancel | None:
    """The request that stands: the earliest, then the smaller text; delivered, and by force, as soon as either is."""
    if one is None or other is None:
        return one or other
    first = min(one, other, key=lambda cancel: (cancel.requested_ns, cancel.by or "", cancel.reason or ""))
    delivered_ns, force = one.delivered_ns or other.delivered_ns, one.force or other.force
    return msgspec.structs.replace(first, delivered_ns=delivered_ns, force=force)


def folded_run(run_id: str, start: Run | None, end: Run | None) -> Run:
    """The run a reader sees: what the end says laid over what the announcement says."""
    if start is None or end is None:
        return start or end or Run(id=run_id)
    said = {name: value for name in _PRODUCED if (value := getattr(end, name)) != _DEFAULTS[name]}
    said["payload"] = _overlaid(start.payload, end.payload)
    said["tags"] = tuple(dict.fromkeys((*start.tags, *end.tags)))
    return msgspec.structs.replace(start, **said)


def produced_run(run: Run) -> Run:
    """Only what a producer may say of a run; the store's own fields are left out."""
    return Run(id=run.id, **{name: getattr(run, name) for name in _PRODUCED})


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


_PRODUCED = tuple(f for f in Run.__struct_fields__[: Run.__struct_fields__.index("owner")] if f != "id")
_DEFAULTS = {name: getattr(Run(id="-"), name) for name in _PRODUCED}


def _overlaid(below: msgspec.Raw, above: msgspec.Raw) -> msgspec.Raw:
    """One JSON object laid over another, their attributes key by key."""
    if below == above or not bytes(below):
        return above
    if not bytes(above):
        return below
    try:
        base, top = msgspec.json.decode(below, type=dict), msgspec.json.decode(above, type=dict)
        attributes = {**base.get("attributes", {}), **top.get("attributes", {})}
    except (msgspec.MsgspecError, TypeError):
        return above
    merged = {**base, **top, **({"attributes": attributes} if attributes else {})}
    return msgspec.Raw(msgspec.json.encode(merged))
