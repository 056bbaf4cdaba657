"""A text that grows while somebody is told of it, as the output of a stream does."""

from typing import Any


class Growing:
    """What was told of a text so far."""

    def __init__(self, told: Any = "") -> None:
        """`told`: what needs not be told; what is no text is none."""
        self._told = told if isinstance(told, str) else ""

    def more(self, value: Any) -> str | None:
        """What the value has beyond what was told, which is told from now on.

        None for what is no text, or does not begin with what was told.
        """
        if not isinstance(value, str) or not value.startswith(self._told):
            return None
        more = value[len(self._told) :]
        self._told = value
        return more
