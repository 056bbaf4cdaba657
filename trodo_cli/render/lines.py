"""Lines that are made when somebody looks at them: what the explorer's detail pane scrolls over."""

from collections.abc import Callable, Iterator
from itertools import islice

from trodo_cli.render.theme import Line

KEPT = 20_000
"""Lines that are held at most above the ones last asked for."""


class LazyLines:
    """The lines of an iterator, made only as far as somebody has looked (and one line further).

    Who scrolls back beyond the lines that are held has them made anew from the first.
    """

    def __init__(self, make: Callable[[], Iterator[Line]]) -> None:
        self._make = make
        self._source = make()
        self._held: list[Line] = []
        self._first_held = 0
        self.known = 0
        """How many lines there are for certain."""
        self.is_whole = False
        """Whether there are no more than the known ones."""

    def lines(self, first: int, count: int) -> list[Line]:
        """So many lines, beginning with number `first` (from 0); fewer where they end."""
        if first < self._first_held:
            self._source, self._held, self._first_held = self._make(), [], 0
        self._reach(first, first + count + 1)
        at = first - self._first_held
        return self._held[at : at + count]

    def __iter__(self) -> Iterator[Line]:
        return self._make()

    def _reach(self, first: int, end: int) -> None:
        """Make the lines up to `end`, and let go of those too far above `first`."""
        while (wanted := end - self._first_held - len(self._held)) > 0:
            step = min(wanted, KEPT)
            made = list(islice(self._source, step))
            self._held += made
            self.known = max(self.known, self._first_held + len(self._held))
            if (above := min(first - self._first_held, len(self._held)) - KEPT) > 0:
                del self._held[:above]
                self._first_held += above
            if len(made) < step:
                self.is_whole = True
                return
