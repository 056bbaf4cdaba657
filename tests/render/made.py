"""Made-up runs and spans, at round moments of a made-up day."""

from typing import Any

import msgspec

from trodo_cli.model.payload import NO_PAYLOAD
from trodo_cli.model.run import Run
from trodo_cli.model.span import Span
from trodo_cli.model.trace import Trace
from trodo_cli.render.theme import Line, plain

SECOND = 10**9
NOON = 1_790_000_000 * SECOND
RUN_ID = "019ab3c47d2e7f10a4d2c81e4f1e88ba"


def at(seconds: float) -> int:
    return NOON + round(seconds * 1_000) * 1_000_000


def run(status: str = "completed", ends: float | None = 3.2, **said: Any) -> Run:
    ended_ns = at(ends) if ends is not None and status in ("completed", "failed", "cancelled") else None
    said = {"id": RUN_ID, "agent": "article-pipeline", "started_ns": NOON, "ended_ns": ended_ns, **said}
    return Run(status=status, **said)


def span(name: str, parent: str | None = None, start: float = 0, end: float | None = 1, **said: Any) -> Span:
    status = said.pop("status", "ok" if end is not None else "running")
    said = {"id": name, "kind": "tool", **said}
    return Span(
        name=name,
        parent_id=parent,
        status=status,
        started_ns=at(start),
        ended_ns=None if end is None else at(end),
        **said,
    )


def payload(**said: Any) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(said)) if said else NO_PAYLOAD


def trace(spans: list[Span], of: Run | None = None, children: tuple[Run, ...] = ()) -> Trace:
    return Trace.from_rows(of or run(), spans, children)


def failed_trace(**search: Any) -> Trace:
    """A pipeline whose search timed out, beside work that went well."""
    spans = [
        span("plan", end=0.8, kind="agent"),
        span("gpt-4o", "plan", 0.1, 0.7, kind="model"),
        span("research", None, 0.8, 3.0, kind="agent", status="error", error="search failed"),
        span("store", "research", 0.9, 1.0, kind="retrieval"),
        span("lookup", "store", 0.92, 0.95, kind="step"),
        span("search", "research", 1.0, 2.9, status="error", error="timed out", **search),
    ]
    return trace(spans, run("failed", error="research: search failed"))


def texts(lines: list[Line]) -> list[str]:
    return [plain(line) for line in lines]
