"""What a gate finds wrong, the time it may take, and how it prints what it measured."""

import math
import threading
import time
from collections.abc import Callable, Sequence

POLL_SECONDS = 0.01

Figures = dict[str, object]
"""What a gate prints when it passes, in this order."""


class Failed(Exception):
    """The verdict against the product; `kind` is one word for it, the same for the same kind of bug."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Limit:
    """The time a gate may take. All that waits asks it, in every thread."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._began = time.monotonic()
        self._over = threading.Event()

    @property
    def spent(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._began

    def end(self) -> None:
        """Let everybody stop waiting."""
        self._over.set()

    def check(self) -> None:
        """Raises `Failed` when there is no time left."""
        if self._over.is_set():
            raise Failed("ended", "the gate is over")
        if self.spent > self._seconds:
            raise Failed("time", f"not done after {self._seconds:g} s")

    def sleep(self, seconds: float) -> None:
        """Wait so long, or until the gate is over."""
        self.check()
        self._over.wait(seconds)

    def until(self, is_ready: Callable[[], bool], watch: Callable[[], None] = lambda: None) -> None:
        """Wait for something; `watch` raises when it can no longer come."""
        while not is_ready():
            watch()
            self.sleep(POLL_SECONDS)


def spread(seconds: Sequence[float]) -> str:
    """`p50 12 ms, p99 80 ms`."""
    if not seconds:
        return "none"
    return f"p50 {_quantile(seconds, 0.5) * 1000:.0f} ms, p99 {_quantile(seconds, 0.99) * 1000:.0f} ms"


def _quantile(values: Sequence[float], share: float) -> float:
    return sorted(values)[max(math.ceil(len(values) * share) - 1, 0)]
