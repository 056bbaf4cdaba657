"""The hub: the one way into a store, and the way to follow a run as it goes on.

It keeps no history: who follows reads from the store what came after a number, and waits until
something was committed, by this process (woken) or by another one (noticed by polling).
"""

import threading
from collections.abc import Iterator, Sequence

from trodo_cli.errors import NotFound
from trodo_cli.model import ids
from trodo_cli.model.event import CancelRequested, Event, TraceDone
from trodo_cli.model.hearsay import PATIENCE_NS, QUIET_NS
from trodo_cli.model.payload import NO_PAYLOAD
from trodo_cli.model.run import Cancel, Run
from trodo_cli.stores.base import Appended, Store
from trodo_cli.wire.pricing import price_events

POLL_SECONDS = 0.05
"""How often a follower looks for commits of other processes."""

COMMIT_NS = 15 * 10**9
"""How long after its time a batch may be committed, at most."""

PAGE_EVENTS = 1_000
"""How many events one read takes at most."""


class Hub:
    """One store and those who follow it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.prices = False
        """Whether model calls are priced when they are stored, as a server does; else whoever reads them does."""
        self._changed = threading.Condition()

    def publish(self, owner: str, events: Sequence[Event], *, alive: bool = True) -> Appended:
        """Store a batch and wake the followers. `alive`: the producer is at work now."""
        if self.prices:
            price_events(events)
        appended = self.store.append(owner, events, ids.now_ns(), alive=alive)
        self._wake()
        return appended

    def cancel(self, owner: str, run_id: str, cancel: Cancel) -> None:
        """Store the request for the run and every open run below it."""
        self.publish(owner, [CancelRequested(run_id=run_id, cancel=cancel)], alive=False)

    def conclude(self, after_ns: int) -> int:
        """End the runs of which only spans tell and no more came for a while; up to when it has looked now.

        Looks at those that were heard of last after `after_ns`, 0 for all.
        """
        quiet_ns = ids.now_ns() - QUIET_NS
        ended = False
        for more_ns, complete in ((0, True), (PATIENCE_NS - QUIET_NS, False)):
            since_ns = after_ns - more_ns - COMMIT_NS if after_ns else 0
            until_ns = quiet_ns - more_ns
            for owner, run_id in self.store.silent_runs(since_ns, until_ns):
                ended |= self.store.conclude(owner, run_id, until_ns, complete=complete)
        if ended:
            self._wake()
        return quiet_ns

    def heartbeat(self, owner: str, run_ids: Sequence[str]) -> dict[str, Cancel]:
        """Note that these runs are alive; answers what they are asked to stop."""
        return self.store.heartbeat(owner, run_ids, ids.now_ns())

    def follow(self, owner: str, run_id: str, after: int = 0, *, payload: bool = True) -> Iterator[Event]:
        """The run's events above `after`, what happened first and then what happens, ended by `TraceDone`.

        Ends when the run has ended, or is lost, and everything is told. Raises `NotFound`.
        """
        while True:
            mark = self.store.change_mark()
            events = self.news(owner, run_id, after, payload=payload)
            for event in events:
                yield event
                after = event.seq or after
            if events and isinstance(events[-1], TraceDone):
                return
            if not events:
                self.wait(mark)

    def news(
        self, owner: str, run_id: str, after: int, *, payload: bool = True, limit: int = PAGE_EVENTS
    ) -> list[Event]:
        """What is there to tell after a number, now: the next events, and `TraceDone` behind the last of them all.

        Raises `NotFound`.
        """
        run = self._run(owner, run_id)
        if not payload:
            run.payload = NO_PAYLOAD
        events = self.store.events_after(owner, run_id, after, limit, payload=payload)
        if not self.prices:
            price_events(events, payload=payload)
        told = events[-1].seq if events else after
        if told >= run.last_seq and (run.is_terminal or run.status == "lost"):
            events.append(TraceDone(run_id=run_id, run=run))
        return events

    def wait(self, mark: object, seconds: float = 1.0) -> None:
        """Return once something was committed after `mark` was taken, or after `seconds`."""
        deadline = ids.monotonic_ns() + int(seconds * 1e9)
        while self.store.change_mark() == mark and ids.monotonic_ns() < deadline:
            with self._changed:
                self._changed.wait(POLL_SECONDS)

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _run(self, owner: str, run_id: str) -> Run:
        run = self.store.run(owner, run_id, ids.now_ns())
        if run is None:
            raise NotFound(f"no run {run_id}", "`trodo runs list` shows the runs there are")
        return run
