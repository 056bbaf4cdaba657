"""A run that nobody announced, made of what its spans say of it."""

from typing import Any

import msgspec

from trodo_cli.model.hearsay import LAST, PATIENCE_NS, Claim, Claims, begun, better, joined_claims
from trodo_cli.model.payload import NO_PAYLOAD
from trodo_cli.model.run import LOST_AFTER_NS, Run

HEARD_LOST_AFTER_NS = LOST_AFTER_NS + PATIENCE_NS
"""The same for a run that nobody announced: its spans come when they end, so silence is no bad sign.

Unless a process of it says that it gives signs of life.
"""


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


def partial_run(
    run_id: str, name: str, span_id: str, started_ns: int, *, patience_ns: int = HEARD_LOST_AFTER_NS
) -> Run:
    """A run that somebody else owns, by a span of the part in it that is known: it goes on although that part ends."""
    agent = Claim(LAST + begun(started_ns, span_id, is_root=False), name)
    claims = {"agent": agent, "part": Claim("", True)}
    return hearsay_run(run_id, claims, started_ns=started_ns, patience_ns=patience_ns)


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


def ended_hearsay(run: Run) -> Run:
    """The run after its end, which went as its own topmost span did."""
    claim = run.heard.get("status") or _NO_STATUS
    status, error, error_type = claim.value
    return msgspec.structs.replace(run, status=status, error=error, error_type=error_type)


_NO_STATUS = Claim("", ("completed", None, None))


def _joined_payload(one: Run, other: Run) -> msgspec.Raw:
    """Each part from the run whose claim about it stands; none where that claim is that there is none."""
    if one.payload == other.payload:
        return one.payload
    try:
        parts = [(run, _parts_of(run)) for run in (one, other)]
    except msgspec.MsgspecError:
        return max(one.payload, other.payload, key=bytes)
    texts: dict[str, msgspec.Raw] = {}
    for name in sorted({name for _, part in parts for name in part}):
        best = better(one.heard.get(name), other.heard.get(name))
        told = [bytes(part[name]) for run, part in parts if name in part and run.heard.get(name) == best]
        if told:
            texts[name] = msgspec.Raw(max(told))
    return msgspec.Raw(msgspec.json.encode(texts)) if texts else NO_PAYLOAD


def _parts_of(run: Run) -> dict[str, msgspec.Raw]:
    payload = bytes(run.payload)
    return msgspec.json.decode(payload, type=dict[str, msgspec.Raw]) if payload else {}
