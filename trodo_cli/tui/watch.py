"""A run that is watched: what is heard of it and of the runs below it, drawn into one picture."""

import gc
from collections.abc import Callable

from trodo_cli.client.base import Client, RunFilter, StreamState
from trodo_cli.errors import NotFound, TrodoError, Unauthorized
from trodo_cli.model import ids
from trodo_cli.tui.feed import Complete, Failed, Heard, Known, Listed, Opened, RunFeed, RunsFeed, State
from trodo_cli.tui.picture import Picture

INTAKE_NS = 6_000_000
"""How long what was heard is taken in at one go."""

MOST_BELOW = 1_000
"""How many runs below the run are heard of, the newest."""


_WHY: dict[type[TrodoError], str] = {NotFound: "deleted", Unauthorized: "refused"}
"""Errors after which nothing more is heard, and how the connection stands then; after any other it has failed."""


class Watch:
    """Both feeds of a run.

    `wake` is called in another thread when `take_in` has something to do; `fail` is told why nothing more is heard.
    """

    def __init__(
        self, client: Client, run_id: str, wake: Callable[[], object], fail: Callable[[TrodoError], object]
    ) -> None:
        self._feed = RunFeed(client, run_id, wake)
        self._below = RunsFeed(client, RunFilter(parent_id=run_id), MOST_BELOW, wake)
        self.picture: Picture | None = None
        """What is known of the run, as soon as anything is."""
        self.state: StreamState | str = "loading"
        self.since_ns = ids.now_ns()
        """When that began."""
        self._fail = fail

    def start(self) -> None:
        self._feed.start()

    def stop(self) -> None:
        """Hear no more, and give back what is held."""
        self._feed.stop()
        self._below.stop()
        gc.unfreeze()
        if self.picture is not None:
            self.picture.release()

    def take_in(self) -> bool:
        """Draw what was heard, for a moment; whether there was time for all of it."""
        until = ids.monotonic_ns() + INTAKE_NS
        while (heard := self._below.take()) is not None:
            self._hear_below(heard)
        while (heard := self._feed.take()) is not None:
            self._hear(heard)
            if ids.monotonic_ns() > until:
                return False
        return True

    def _hear(self, heard: Heard) -> None:
        match heard:
            case Opened(run) if self.picture is not None:
                self.picture.reopen(run)
            case Opened(run):
                self.picture = Picture(run)
                self._below.start()
            case State(name):
                self._stand(name)
            case Failed(error):
                self._stand(_WHY.get(type(error), "failed"))
                self._fail(error)
            case _ if self.picture is not None:
                _draw(self.picture, heard)

    @property
    def is_over(self) -> bool:
        """Whether nothing more is heard, at least for now."""
        return self.state in ("ended", "failed", *_WHY.values())

    def _stand(self, state: str) -> None:
        if state != self.state:
            self.state, self.since_ns = state, ids.now_ns()

    def _hear_below(self, heard: Heard) -> None:
        """A server that cannot say which runs are below this one leaves the tree without them."""
        if not isinstance(heard, Listed) or self.picture is None:
            return
        self.picture.link(heard.page.rows)
        if self.is_over and all(run.is_terminal for run in heard.page.rows):
            self._below.stop()


def _draw(picture: Picture, heard: Heard) -> None:
    match heard:
        case Known(rows):
            picture.add(rows)
        case Complete():
            picture.complete()
            gc.freeze()  # nothing of it is garbage; to look through it would hold up a frame
        case Opened() | State() | Failed() | Listed():
            pass
        case event:
            picture.apply(event)
