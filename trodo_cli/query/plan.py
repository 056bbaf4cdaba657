"""What a list of runs is asked for, in a form every store can compile."""

import base64

import msgspec

from trodo_cli.errors import InvalidInput
from trodo_cli.model.run import RUN_STATUSES

STATUS_WORDS = (*RUN_STATUSES, "open")
"""What a list can ask for as a status; `open` is a run that has not ended: pending, running or lost."""


class RunFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which runs; every field that is set must fit."""

    agent: str | None = None
    status: str | None = None
    """One of `STATUS_WORDS`; `running` leaves out the lost ones."""
    started_after_ns: int | None = None
    started_before_ns: int | None = None
    model: str | None = None
    """A model that one of the run's spans used."""
    tool: str | None = None
    words: tuple[str, ...] = ()
    """Each of them is part of the agent's name or of the id, in capitals or not."""
    min_cost: float | None = None
    """USD."""
    max_cost: float | None = None
    min_duration_ns: int | None = None
    max_duration_ns: int | None = None
    user: str | None = None
    session: str | None = None
    tags: tuple[str, ...] = ()
    parent_id: str | None = None
    roots_only: bool = True
    with_trace: bool = False
    """Leave out runs whose trace was deleted."""

    def narrowed(self, agent: str | None, status: str | None) -> "RunFilter":
        """The same with these, where they are given."""
        return msgspec.structs.replace(self, agent=agent or self.agent, status=status or self.status)


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """Where a page ended: the next one begins strictly below this pair."""

    started_ns: int
    id: str

    def text(self) -> str:
        """The opaque form that a page hands out."""
        return base64.urlsafe_b64encode(msgspec.json.encode(self)).decode().rstrip("=")


def read_cursor(text: str) -> Cursor:
    """The cursor behind its opaque form. Raises `InvalidInput` for anything else."""
    try:
        cursor = msgspec.json.decode(base64.urlsafe_b64decode(text + "=="), type=Cursor)
        if -(2**63) <= cursor.started_ns < 2**63:
            return cursor
    except (ValueError, msgspec.MsgspecError):
        pass
    raise InvalidInput(f"not a cursor: {text!r}", "use the cursor that a page gave, unchanged")
