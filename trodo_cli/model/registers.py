"""What producers say of a run, kept as registers: the latest announcement, the first end, the first request to stop.

The run a reader sees is the end laid over the announcement. Every register is an extremum, so any order, repetition or
split of the events ends in the same run. What its spans say of a run (`hearsay`) counts as long as nobody announced it.
"""

from collections.abc import Sequence

import msgspec

from trodo_cli.model.heard_run import ended_hearsay, joined_hearsay
from trodo_cli.model.payload import written
from trodo_cli.model.run import MAX_FEEDBACK, PRODUCED, Cancel, Feedback, Run

_DEFAULTS = {name: getattr(Run(id="-"), name) for name in PRODUCED}


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
            return ended_hearsay(joined_hearsay(start, end) if start else end)
        end = None
    if start is None or end is None:
        return start or end or Run(id=run_id)
    start = msgspec.structs.replace(start, heard={})
    said = {name: value for name in PRODUCED if (value := getattr(end, name)) != _DEFAULTS[name]}
    said["payload"] = _overlaid(start.payload, end.payload)
    said["tags"] = tuple(dict.fromkeys((*start.tags, *end.tags)))
    return msgspec.structs.replace(start, **said)


def _outright(one: Run, other: Run) -> Run | None:
    """The one of both that is no hearsay."""
    return next((run for run in (one, other) if not run.heard), None)


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
