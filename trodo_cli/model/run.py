"""A run: one execution of an agent.

What producers say of a run is kept as two registers, the latest announcement and the first end,
and the run a reader sees is the end laid over the announcement. Both registers are an extremum,
so any order, repetition or split of the events ends in the same run. What its spans say of a run
(`hearsay`) counts as long as nobody announced it.
"""

from collections.abc import Sequence
from typing import Any, Literal, get_args

import msgspec

from trodo_cli.model.hearsay import PATIENCE_NS, Claim, Claims, better, joined_claims
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

HEARD_LOST_AFTER_NS = LOST_AFTER_NS + PATIENCE_NS
"""The same for a run that nobody announced: its spans come when they end, so silence is no bad sign.

Unless a process of it says that it gives signs of life.
"""


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


def newer_start(one: Run | None, other: Run | None) -> Run | None:
    """The announcement that stands: the higher version, then the greater text; hearsay only without one."""
    if one is None or other is None:
        return one or other
    if one.heard or other.heard:
        return _outright(one, other) or joined_hearsay(one, other)
    return max(one, other, key=lambda run: (run.version, written(run)))


def first_end(one: Run | None, other: Run | None) -> Run | None:
    """The end that stands: the earliest by its own clock, then the smaller text; hearsay only without one."""
    if one is None or other is None:
        return one or other
    if one.heard or other.heard:
        return _outright(one, other) or joined_hearsay(one, other)
    return min(one, other, key=lambda run: (run.ended_ns or 0, written(run)))


def first_cancel(one: Cancel | None, other: Cancel | None) -> Cancel | None:
    """The request that stands: the earliest, then the smaller text; delivered, and by force, as soon as either is."""
    if one is None or other is None:
        return one or other
    first = min(one, other, key=lambda cancel: (cancel.requested_ns, cancel.by or "", cancel.reason or ""))
    delivered_ns, force = one.delivered_ns or other.delivered_ns, one.force or other.force
    return msgspec.structs.replace(first, delivered_ns=delivered_ns, force=force)


def joined_feedback(one: Sequence[Feedback], other: Sequence[Feedback]) -> tuple[Feedback, ...]:
    """All that was said, each once, the earliest first; beyond `MAX_FEEDBACK` the later ones are left out."""
    first: dict[str, Feedback] = {}
    for feedback in sorted((*one, *other), key=lambda feedback: (feedback.at_ns, feedback.said)):
        first.setdefault(feedback.said, feedback)
    return tuple(first.values())[:MAX_FEEDBACK]


def folded_run(run_id: str, start: Run | None, end: Run | None) -> Run:
    """The run a reader sees: what the end says laid over what the announcement says."""
    if end is not None and end.heard:
        if start is None or start.heard:
            return _ended_hearsay(joined_hearsay(start, end) if start else end)
        end = None
    if start is None or end is None:
        return start or end or Run(id=run_id)
    start = msgspec.structs.replace(start, heard={})
    said = {name: value for name in _PRODUCED if (value := getattr(end, name)) != _DEFAULTS[name]}
    said["payload"] = _overlaid(start.payload, end.payload)
    said["tags"] = tuple(dict.fromkeys((*start.tags, *end.tags)))
    return msgspec.structs.replace(start, **said)


def hearsay_run(run_id: str, claims: Claims, *, patience_ns: int = HEARD_LOST_AFTER_NS, **said: Any) -> Run:
    """An announcement made of what spans say; `said` are fields that no claim is about."""
    value = {name: claim.value for name, claim in claims.items()}
    parent_id, parent_span_id = value.get("parent") or (None, None)
    if parent_id == run_id:
        parent_id = parent_span_id = None
    return Run(
        id=run_id,
        agent=value.get("agent") or "",
        session=value.get("session"),
        user=value.get("user"),
        parent_id=parent_id,
        parent_span_id=parent_span_id,
        heard=claims,
        patience_ns=patience_ns,
        **said,
    )


def joined_hearsay(one: Run, other: Run) -> Run:
    """What is known by two pieces of hearsay together; the store's own fields are those of the first."""
    starts = [run.started_ns for run in (one, other) if run.started_ns]
    ends = [run.ended_ns for run in (one, other) if run.ended_ns]
    joined = hearsay_run(
        one.id,
        joined_claims(one.heard, other.heard),
        tags=tuple(sorted({*one.tags, *other.tags})),
        started_ns=min(starts, default=0),
        ended_ns=max(ends, default=None),
        patience_ns=min(one.patience_ns, other.patience_ns),
        payload=_joined_payload(one, other),
    )
    return msgspec.structs.replace(one, **{name: getattr(joined, name) for name in _HEARD})


_HEARD = (
    "agent",
    "session",
    "user",
    "parent_id",
    "parent_span_id",
    "tags",
    "started_ns",
    "ended_ns",
    "patience_ns",
    "heard",
    "payload",
)


def _ended_hearsay(run: Run) -> Run:
    """The run after its end, which went as its own topmost span did."""
    claim = run.heard.get("status") or _NO_STATUS
    status, error, error_type = claim.value
    return msgspec.structs.replace(run, status=status, error=error, error_type=error_type)


_NO_STATUS = Claim("", ("completed", None, None))


def _outright(one: Run, other: Run) -> Run | None:
    """The one of both that is no hearsay."""
    return next((run for run in (one, other) if not run.heard), None)


def _joined_payload(one: Run, other: Run) -> msgspec.Raw:
    """Each part from the run whose claim about it stands."""
    if one.payload == other.payload or not bytes(other.payload):
        return one.payload
    if not bytes(one.payload):
        return other.payload
    texts: dict[str, msgspec.Raw] = {}
    try:
        parts = [(run, msgspec.json.decode(run.payload, type=dict[str, msgspec.Raw])) for run in (one, other)]
    except msgspec.MsgspecError:
        return max(one.payload, other.payload, key=bytes)
    for name in sorted({name for _, part in parts for name in part}):
        best = better(one.heard.get(name), other.heard.get(name))
        told = [bytes(part[name]) for run, part in parts if name in part and run.heard.get(name) == best]
        texts[name] = msgspec.Raw(max(told, default=b"null"))
    return msgspec.Raw(msgspec.json.encode(texts))


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
