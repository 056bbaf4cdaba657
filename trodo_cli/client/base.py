"""The shape of a client, local or hosted."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, Protocol

import msgspec

from trodo_cli.errors import Ambiguous, NotFound
from trodo_cli.model.agent import Agent, Broken, meant
from trodo_cli.model.event import Event
from trodo_cli.model.ids import check_part
from trodo_cli.model.key import Key
from trodo_cli.model.run import Cancel, Run
from trodo_cli.model.span import Span
from trodo_cli.model.trace import Trace
from trodo_cli.query.plan import RunFilter
from trodo_cli.stores.base import Appended, Page
from trodo_cli.wire.receipt import Receipt

__all__ = [
    "Agents",
    "Appended",
    "Client",
    "Keys",
    "OnState",
    "Page",
    "RunFilter",
    "Runs",
    "SpanPage",
    "StreamState",
    "Traces",
]

DEFAULT_LIMIT = 50
MAX_LIMIT = 1_000

PAGE_SEQS = 2_000
"""Over so many event numbers a page of spans goes; a span that was started and ended has taken two."""

StreamState = Literal["live", "reconnecting", "stale", "ended"]
"""How a stream stands: events arrive; the server is away; it is silent for too long; nothing more will come."""

OnState = Callable[[StreamState], None]
"""Called when a stream's state changes, in the thread that reads the stream."""


class SpanPage(msgspec.Struct):
    """Some of a run's spans, without payloads; `after` fetches the next page, None on the last."""

    rows: list[Span]
    after: int | None = None


class Runs(Protocol):
    """`client.runs`"""

    def list(
        self,
        *,
        agent_id: str | None = None,
        status: str | None = None,
        limit: int = DEFAULT_LIMIT,
        cursor: str | None = None,
        wanted: RunFilter | None = None,
    ) -> Page:
        """Runs, newest first, without payloads. `agent_id` and `status` narrow `wanted` further.

        Raises `InvalidInput` for a limit below 1, an unknown status or a text that is no cursor.
        """

    def get(self, run_id: str) -> Run:
        """One run with its payload. Raises `NotFound`."""

    def find(self, reference: str) -> str:
        """The run id behind an id, a unique prefix or suffix of four characters, `latest`, `latest:AGENT` or `@2`.

        Raises `NotFound`, `Ambiguous`, or `InvalidInput` for less of an id.
        """

    def start(self, *, agent_id: str, input: Any = msgspec.UNSET, session_id: str | None = None) -> Run:
        """Start an agent; the run as it is right now. It lives as long as what started it: this process, or the server.

        Without an input every parameter has its default; `None` is JSON's null.
        Raises `NotFound` for an unknown agent, `InvalidInput` for an input that does not fit; then there is no run.
        """

    def cancel(
        self, run_id: str, *, reason: str | None = None, by: str | None = None, force: bool = False
    ) -> Run:
        """Ask a run, and every run below it, to stop; the run as it is right now. Raises `NotFound`.

        A run that has ended stays as it is. Asking twice changes nothing, but that `force` ends the process of a run
        that `start` began without waiting for the call in flight.
        """

    def delete(self, run_id: str) -> None:
        """Remove a run and its spans for good. Raises `NotFound`."""


class Traces(Protocol):
    """`client.traces`"""

    def get(self, run_id: str, *, payload: bool = True) -> Trace:
        """The span tree of a run. Raises `NotFound`."""

    def pages(self, run_id: str) -> Iterator[list[Span]]:
        """The spans of a run without payloads, some at a time, in the order they were first stored.

        What is stored from now on is not among them, but may be in them already. Raises `NotFound`.
        """

    def span(self, run_id: str, span_id: str) -> Span:
        """One span with its payload. Raises `NotFound`."""

    def stream(
        self, run_id: str, *, after: int = 0, payload: bool = True, on_state: OnState | None = None
    ) -> Iterator[Event]:
        """The run's events above the number `after`: what happened, then what happens, until it ends.

        Every event comes once and in order, also when the connection breaks. Raises `NotFound`.
        """

    def delete(self, run_id: str) -> None:
        """Remove the spans of a run for good; the run itself stays. Raises `NotFound`, also the second time."""


class Agents(Protocol):
    """`client.agents`: what `runs.start` can start."""

    def list(self) -> Sequence[Agent]:
        """All of them, by their sources."""

    def get(self, agent_id: str) -> Agent:
        """One of them. Raises `NotFound`."""

    def broken(self) -> Sequence[Broken]:
        """Sources that cannot be used; a server keeps to itself which those are."""


class Keys(Protocol):
    """`client.keys`: the API keys of a store, those of every owner; for who runs the store."""

    def create(self, owner: str, scopes: Sequence[str], label: str = "") -> tuple[Key, str]:
        """A new key and its secret, which nobody can ever read again.

        Raises `InvalidInput` for a name that no owner may have and for unknown scopes.
        """

    def list(self, owner: str | None = None) -> Sequence[Key]:
        """The keys of an owner, or of all, newest first, the revoked ones too."""

    def revoke(self, key_id: str) -> Key:
        """End a key for good: it is refused at once. Raises `NotFound`."""


class Client(Protocol):
    """What `connect` gives."""

    @property
    def runs(self) -> Runs:
        """Lists, finds, cancels and deletes runs."""

    @property
    def traces(self) -> Traces:
        """Reads and deletes span trees and follows runs."""

    @property
    def agents(self) -> Agents:
        """The agents that can be started."""

    @property
    def keys(self) -> Keys:
        """Makes, lists and revokes API keys."""

    def publish(self, events: Sequence[Event], *, alive: bool = True) -> Appended:
        """Store events of producers. `alive`: the producer is at work now."""

    def publish_lines(self, lines: Sequence[bytes], *, alive: bool = True) -> Receipt:
        """Store events as they were written down; lines that are none are refused, the others are stored."""

    def heartbeat(self, run_ids: Sequence[str]) -> dict[str, Cancel]:
        """Note that these runs are alive; answers what they are asked to stop."""

    def asked_to_stop(self, run_ids: Sequence[str]) -> list[str]:
        """Which of these runs have a cancel request; cheap enough to poll."""

    def record_drops(self, counts: dict[str, int]) -> None:
        """Add to the count of events that producers had to drop, by reason."""

    def drops(self) -> dict[str, int]:
        """What producers had to drop so far, by reason."""

    def change_mark(self) -> object:
        """A value that differs after something was committed; cheap enough to poll from one thread."""

    def wait(self, mark: object, seconds: float = 1.0) -> None:
        """Return once something was committed after `mark` was taken, or after `seconds`."""

    def health(self) -> dict[str, str]:
        """What answers: the store, or the server and its version. Raises `Unavailable`."""

    def close(self) -> None:
        """Give back files and connections."""


def no_run(reference: str) -> NotFound:
    """There is no such run, or it is another owner's."""
    return NotFound(f"no run {reference}", "`trodo runs list` shows the runs there are")


def one_of(fitting: Sequence[str], reference: str) -> str:
    """The one run that a part of an id is meant for. Raises `NotFound`, `Ambiguous` or `InvalidInput`."""
    if not fitting:
        raise no_run(reference)
    if reference not in fitting:
        check_part(reference)
    if len(fitting) > 1:
        some = ", ".join(fitting[:3]) + (", …" if len(fitting) > 3 else "")
        raise Ambiguous(f"several runs fit {reference}: {some}", "give more of the id")
    return fitting[0]


def no_nth(count: int, agent: str | None) -> NotFound:
    """There are only so many runs, of an agent or of all."""
    from trodo_cli.render.format import counted

    there = f"only {counted(count, 'run')}" if count else "no runs"
    return NotFound(
        f"there {'is' if count == 1 else 'are'} {there}{f' of {agent}' if agent else ''}",
        "`trodo runs list` shows what there is" if count or agent else "`trodo demo` makes a few",
    )


def no_agent(agent_id: str, known: Sequence[Agent] = ()) -> NotFound:
    """There is no such agent where the runs are; these are there."""
    hint = meant(agent_id, [agent.id for agent in known])
    return NotFound(f"no agent {agent_id}", hint or "`trodo agents list` shows those that there are")


def no_trace(run_id: str) -> NotFound:
    """The spans of the run were deleted, or there is no such run."""
    return NotFound(f"no trace {run_id}", f"`trodo runs show {run_id}` shows what is left of a deleted one")


def no_span(run_id: str, span_id: str) -> NotFound:
    """The run has no such span."""
    return NotFound(f"no span {span_id} in run {run_id}", f"`trodo trace show {run_id}` shows its spans")
