"""Follows a run with the product's client and logs what it is told: `python -m tests.harness.following URL RUN`.

One JSON object a line: an event's `seq`, `type`, `span` and whether its payload is as it should be, or a `state` of
the stream and when it came. Ends well when the run has ended.
"""

import argparse
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

import trodo_cli
from tests.harness.audit import Told, told
from tests.harness.verdict import Failed
from tests.harness.writers import RETRY_SECONDS
from trodo_cli.client.base import Client
from trodo_cli.errors import Unavailable
from trodo_cli.model.event import Event, SpanEnd, TraceDone


class Line(msgspec.Struct, omit_defaults=True):
    """One line of the log: an event, or a state."""

    seq: int = 0
    type: str = ""
    span: str = ""
    odd: str = ""
    """What is wrong with the payload."""
    state: str = ""
    at: float = 0.0
    """When the state began, seconds of the monotonic clock."""


class Away(NamedTuple):
    """A time without a connection."""

    since: float
    until: float
    is_first: bool
    """Whether the connection before had told something; after one that had not, the client takes its time."""


class Log:
    """What a follower wrote down."""

    def __init__(self, path: Path) -> None:
        lines = [msgspec.json.decode(line, type=Line) for line in path.read_bytes().splitlines()]
        self.events = [Told(line.seq, line.type, line.span) for line in lines if line.seq]
        self.away = list(_away(lines))
        self._states = [line.state for line in lines if line.state]
        self._odd = [f"event {line.seq} {line.odd}" for line in lines if line.odd]

    def check(self, who: str) -> None:
        """What can be wrong beside the events themselves."""
        if self._odd:
            raise Failed(
                "payload", f"{who}: {len(self._odd)} payloads are not as they should be: {self._odd[0]}"
            )
        if self._states[-1:] != ["ended"]:
            raise Failed("state", f"{who} was last told {self._states[-1:]} of its stream")

    @property
    def reconnects(self) -> int:
        return max(self._states.count("live") - 1, 0)

    @property
    def times_lost(self) -> int:
        """How often the run was taken for lost, which ends a stream."""
        return self._states.count("lost")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("run")
    parser.add_argument("--full", dest="light", action="store_false")
    parser.add_argument("--light", action="store_true")
    asked = parser.parse_args()
    client, after, status = _connected(asked.url), 0, ""
    while True:
        for event in client.traces.stream(
            asked.run, after=after, payload=not asked.light, on_state=_note_state
        ):
            if isinstance(event, TraceDone):
                status = event.run.status
            else:
                _write(Line(*told(event), odd=_odd(event, light=asked.light)))
                after = event.seq
        if status != "lost":
            return
        _note_state("lost")


def _away(lines: Iterable[Line]) -> Iterator[Away]:
    since, is_first = 0.0, False
    for line in lines:
        if line.seq:
            is_first = True
        elif line.state == "live":
            if since:
                yield Away(since, line.at, is_first)
            since, is_first = 0.0, False
        elif line.state in ("reconnecting", "stale"):
            since = since or line.at


def _note_state(state: str) -> None:
    _write(Line(state=state, at=time.monotonic()))


def _odd(event: Event, *, light: bool) -> str:
    holder: Any = getattr(event, "span", None) or getattr(event, "run", None)
    if light:
        return "has a payload" if bytes(holder.payload) else ""
    is_odd = isinstance(event, SpanEnd) and event.span.details.output != event.span.id
    return "has the payload of another one" if is_odd else ""


def _connected(url: str) -> Client:
    while True:
        try:
            return trodo_cli.connect(url)
        except Unavailable:
            time.sleep(RETRY_SECONDS)


def _write(line: Line) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(line) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
