"""Runs for tests, short to write: the events of a whole run with its spans."""

from typing import Any

import msgspec

from trodo_cli.model import ids
from trodo_cli.model.event import Event, RunEnd, RunStart, SpanEnd, SpanStart
from trodo_cli.model.run import Run
from trodo_cli.model.span import Span

MILLISECOND = 10**6
SECOND = 10**9
HOUR = 3600 * SECOND


def run_id(number: int) -> str:
    """An id that tells its number at both ends: `a0000001…b0000001`."""
    return f"a{number:07x}70008000{0:08x}b{number:07x}"


def run(
    number: int = 1,
    agent: str = "worker",
    *spans: list[Event],
    status: str = "completed",
    ago_ns: int = HOUR,
    took_ns: int = SECOND,
    id: str | None = None,
    ended: dict[str, Any] | None = None,
    **said: Any,
) -> list[Event]:
    """A run that began `ago_ns` ago, or at `started_ns`, and may be silent for long.

    `status="running"` leaves its end out; `ended` is what is known at its end only.
    """
    id = id or run_id(number)
    started_ns = said.pop("started_ns", ids.now_ns() - ago_ns)
    said.setdefault("patience_ns", HOUR)
    events: list[Event] = [RunStart(run_id=id, run=Run(id=id, agent=agent, started_ns=started_ns, **said))]
    for made in spans:
        for event in made:
            event.run_id = id
            assert isinstance(event, SpanStart | SpanEnd)
            event.span.started_ns += started_ns
            if event.span.ended_ns is not None:
                event.span.ended_ns += started_ns
            events.append(event)
    if status != "running":
        end = {"status": status, "ended_ns": started_ns + took_ns, "version": 9, **(ended or {})}
        events.append(RunEnd(run_id=id, run=Run(id=id, **end)))
    return events


def span(id: str, name: str = "", *, status: str = "ok", at_ns: int = 0, **said: Any) -> list[Event]:
    """A span that began `at_ns` after its run; `status="running"` leaves its end out."""
    known = {"name": name or id, "parent_id": said.pop("parent", None), "kind": said.pop("kind", "generic")}
    events: list[Event] = [SpanStart(run_id="", span=Span(id=id, started_ns=at_ns, **known))]
    if status != "running":
        end = {**known, "status": status, "ended_ns": at_ns + 100 * MILLISECOND, "version": 1, **said}
        events.append(SpanEnd(run_id="", span=Span(id=id, started_ns=at_ns, **end)))
    return events


def payload(**parts: Any) -> msgspec.Raw:
    """`input=…, output=…, attributes=…` as the JSON text that a span or run carries."""
    return msgspec.Raw(msgspec.json.encode(parts))
