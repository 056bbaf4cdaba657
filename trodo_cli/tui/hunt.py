"""The search for a row, some rows at a time, so that a long one holds up nobody."""

from trodo_cli.model.run import Run
from trodo_cli.model.span import Span
from trodo_cli.tui.outline import Outline

STEP_ROWS = 2_000
"""What is looked at in one go: about 5 ms."""


class Hunt:
    """Looks for a text in names, models, tools and errors, from one row on and once round.

    The trace may change in between; what was added behind is not looked at.
    """

    def __init__(self, outline: Outline, text: str, key: str, *, forward: bool) -> None:
        self.text = text
        self.found: str | None = None
        """The row that fits, once there is one."""
        self._outline = outline
        self._sought = text.lower()
        self._at = key
        self._forward = forward
        self._left = outline.size

    def step(self) -> bool:
        """Look a while; whether it has ended, with or without a find."""
        rows = min(self._left, STEP_ROWS)
        self._at, fits = self._outline.look(self._fits, self._at, rows, self._forward)
        self._left -= rows
        self.found = self._at if fits else None
        return fits or self._left <= 0

    def _fits(self, subject: Span | Run) -> bool:
        texts = (
            (subject.name, subject.kind, subject.model, subject.tool, subject.error, subject.error_type)
            if isinstance(subject, Span)
            else (subject.agent, subject.id, subject.error)
        )
        return any(self._sought in text.lower() for text in texts if text)
