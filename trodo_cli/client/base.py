"""The shape of a client, local or hosted."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from trodo_cli.model.event import Event
from trodo_cli.model.run import Cancel, Run
from trodo_cli.model.span import Span
from trodo_cli.model.trace import Trace
from trodo_cli.query.plan import RunFilter
from trodo_cli.stores.base import Appended, Page

__all__ = ["Appended", "Client", "Page", "RunFilter", "Runs", "Traces"]

DEFAULT_LIMIT = 50
MAX_LIMIT = 1_000


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
        """The run id behind an id, a unique prefix or suffix, `latest`, `latest:AGENT` or `@2`.

        Raises `NotFound` or `Ambiguous`.
        """

    def cancel(self, run_id: str, *, reason: str | None = None, by: str | None = None) -> Run:
        """Ask a run, and every run below it, to stop; the run as it is right now. Raises `NotFound`.

        A run that has ended stays as it is. Asking twice changes nothing.
        """

    def delete(self, run_id: str) -> None:
        """Remove a run and its spans for good. Raises `NotFound`."""


class Traces(Protocol):
    """`client.traces`"""

    def get(self, run_id: str, *, payload: bool = True) -> Trace:
        """The span tree of a run. Raises `NotFound`."""

    def span(self, run_id: str, span_id: str) -> Span:
        """One span with its payload. Raises `NotFound`."""

    def stream(self, run_id: str, *, after: int = 0, payload: bool = True) -> Iterator[Event]:
        """The run's events above the number `after`: what happened, then what happens, until it ends."""


class Client(Protocol):
    """What `connect` gives."""

    @property
    def runs(self) -> Runs:
        """Lists, finds, cancels and deletes runs."""

    @property
    def traces(self) -> Traces:
        """Reads span trees and follows runs."""

    def publish(self, events: Sequence[Event], *, alive: bool = True) -> Appended:
        """Store events of producers. `alive`: the producer is at work now."""

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

    def close(self) -> None:
        """Give back files and connections."""
