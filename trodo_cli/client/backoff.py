"""Pauses between tries: none at first, then longer and longer, never two clients in step."""

from trodo_cli.model import ids

FIRST_SECONDS = 0.5
LONGEST_SECONDS = 30.0


class Backoff:
    """The pauses of one who tries again."""

    def __init__(self) -> None:
        self._next = 0.0

    def pause(self, wanted: float | None = None) -> float:
        """Seconds to wait before the next try; at least what the other side wanted."""
        jitter = 0.75 + ids.random_bytes(1)[0] / 510
        seconds = self._next * jitter
        self._next = min(max(self._next * 2, FIRST_SECONDS), LONGEST_SECONDS)
        return max(seconds, wanted or 0.0)

    def worked(self) -> None:
        """The last try led somewhere: begin anew."""
        self._next = 0.0
