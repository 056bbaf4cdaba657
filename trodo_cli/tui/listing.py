"""The runs of a list that is read page by page while it changes: the newest again and again, the older ones once."""

from collections.abc import Iterable

from trodo_cli.client.base import Page
from trodo_cli.model.run import Run

_Key = tuple[int, str]


class Listing:
    """What is known of a list so far, newest first."""

    def __init__(self) -> None:
        self._known: dict[str, Run] = {}
        self._fresh: set[str] = set()
        self._has_older = False
        self.more: str | None = None
        """The cursor of the page that comes next; None when there is none."""

    @property
    def runs(self) -> list[Run]:
        return sorted(self._known.values(), key=_key, reverse=True)

    def take_newest(self, page: Page) -> None:
        """The first page as it is now; what it no longer has between its ends is gone."""
        if page.cursor is None or self._has_gap(page.rows):
            self._known, self._has_older = {}, False
        else:
            end = min(map(_key, page.rows))
            self._known = {id: run for id, run in self._known.items() if _key(run) < end}
        self._fresh = {run.id for run in page.rows}
        self._keep(page.rows)
        if not self._has_older:
            self.more = page.cursor

    def take_older(self, page: Page) -> None:
        """The page behind `more`."""
        self._has_older = True
        self.more = page.cursor
        self._keep(page.rows)

    def take(self, run: Run) -> None:
        """One run as it is now."""
        self._keep([run])

    def drop(self, run_id: str) -> None:
        """A run that is no longer there."""
        self._known.pop(run_id, None)

    def is_watched(self, run_id: str) -> bool:
        """Whether the first page tells what becomes of a run."""
        return run_id in self._fresh

    def _has_gap(self, rows: list[Run]) -> bool:
        """Whether so many runs are new that some lie unread between them and those that are known."""
        newest = max(map(_key, self._known.values()), default=None)
        return newest is not None and min(map(_key, rows)) > newest

    def _keep(self, runs: Iterable[Run]) -> None:
        self._known.update((run.id, run) for run in runs)


def _key(run: Run) -> _Key:
    return run.started_ns, run.id
