"""The span that stands for a run of ours in an export, as the run again: the other way of `writing`."""

from typing import Any

import msgspec

from trodo_cli.model.event import Event, RunEnd, RunStart
from trodo_cli.model.ids import root_span_id
from trodo_cli.model.run import Run
from trodo_cli.wire import conventions as names
from trodo_cli.wire.native import settled_event
from trodo_cli.wire.otlp.export import OUR_SCOPE, OtlpSpan
from trodo_cli.wire.telling import AGENT, PLAIN_EXCHANGE, USER
from trodo_cli.wire.values import json_value

COPY_VERSION = -1
"""Of the announcement: one that the run's own process has made stands."""


def is_our_root(otlp: OtlpSpan) -> bool:
    """Whether the span stands for a run that trodo has written."""
    return otlp.scope.name == OUR_SCOPE and otlp.span_id == root_span_id(otlp.trace_id)


def run_events(otlp: OtlpSpan) -> list[Event]:
    """The announcement of the run, and its end if it has one."""
    said, word = otlp.attributes, otlp.attributes.get(names.STATUS)
    tags = said.get("tag.tags")
    run = Run(
        id=otlp.trace_id,
        agent=_text(said, AGENT) or "",
        session=_text(said, "session.id"),
        user=_text(said, USER),
        parent_id=_text(said, names.PARENT_RUN),
        tags=tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else (),
        started_ns=otlp.started_ns,
        version=COPY_VERSION,
        payload=_payload(otlp),
    )
    begun = settled_event(RunStart(run_id=run.id, run=run))
    if word == "running":
        return [begun]
    raised = otlp.moments[-1].attributes if otlp.moments and otlp.status == 2 else {}
    end = Run(
        id=run.id,
        status="cancelled" if word == "cancelled" else "failed" if otlp.status == 2 else "completed",
        ended_ns=otlp.ended_ns,
        error=_text(raised, "exception.message") or otlp.message or None,
        error_type=_text(raised, "exception.type"),
    )
    return [begun, settled_event(RunEnd(run_id=run.id, run=end))]


def _payload(otlp: OtlpSpan) -> msgspec.Raw:
    said, prefix = otlp.attributes, names.TAGGED_METADATA
    noted = {key.removeprefix(prefix): value for key, value in said.items() if key.startswith(prefix)}
    given, came = (_opened(said.get(key)) for key in PLAIN_EXCHANGE)
    parts = {"input": given, "output": came, "attributes": noted or None}
    return msgspec.Raw(json_value({name: value for name, value in parts.items() if value is not None}))


def _opened(told: Any) -> Any:
    """What was written as this text: an object or a list again, if it gives the same text."""
    if not isinstance(told, str) or told[:1] not in ("{", "["):
        return told
    try:
        value = msgspec.json.decode(told)
        return value if msgspec.json.encode(value).decode() == told else told
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return told


def _text(said: dict[str, Any], name: str) -> str | None:
    value = said.get(name)
    return value if isinstance(value, str) else None
