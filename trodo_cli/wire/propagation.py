"""The headers by which a request carries its run to the service it calls: Trodo's own and W3C `traceparent`."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from trodo_cli.model.ids import is_run_id, root_span_id

RUN_HEADER, PARENT_HEADER, AGENT_HEADER = "X-Trodo-Run-Id", "X-Trodo-Parent-Span-Id", "X-Trodo-Agent-Name"
TRACE_HEADER = "traceparent"

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
_SPAN_ID = re.compile(r"[0-9a-f]{16}")
_SAMPLED = 1


class Caller(NamedTuple):
    """Who asks: the run, the span in it, and the name that the caller gives to what is done for it."""

    run_id: str
    parent_span_id: str | None
    agent: str | None = None


def written_headers(run_id: str, span_id: str | None) -> dict[str, str]:
    """Both forms; `traceparent` only for ids that fit it, and nothing for an id that no header can hold.

    Without a span the run itself is the parent.
    """
    parent_id = span_id or root_span_id(run_id)
    if not _fits_header(run_id) or not _fits_header(parent_id):
        return {}
    headers = {RUN_HEADER: run_id, PARENT_HEADER: parent_id}
    if is_run_id(run_id) and _SPAN_ID.fullmatch(parent_id) and set(parent_id) != {"0"}:
        headers[TRACE_HEADER] = f"00-{run_id}-{parent_id}-01"
    return headers


def read_headers(headers: Mapping[str, str]) -> Caller | None:
    """The caller behind headers with lower-case names; Trodo's go before a sampled `traceparent`. None for neither."""
    run_id = headers.get(RUN_HEADER.lower())
    traced = _traced(headers.get(TRACE_HEADER, ""))
    if not run_id:
        return traced
    parent_id = headers.get(PARENT_HEADER.lower()) or None
    if parent_id is None and traced is not None and traced.run_id == run_id.replace("-", "").lower():
        parent_id = traced.parent_span_id
    return Caller(run_id, parent_id, headers.get(AGENT_HEADER.lower()) or None)


def _traced(text: str) -> Caller | None:
    """The trace and the span of a `traceparent`; None for one that is malformed or not sampled."""
    found = _TRACEPARENT.fullmatch(text.strip())
    if found is None or not int(found[3], 16) & _SAMPLED or not int(found[1], 16) or not int(found[2], 16):
        return None
    return Caller(found[1], found[2])


def _fits_header(text: str) -> bool:
    return text.isascii() and text.isprintable() and text == text.strip()
