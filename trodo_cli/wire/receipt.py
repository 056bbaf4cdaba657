"""What a server and those who send to it tell each other beside the events themselves."""

import msgspec

from trodo_cli.model.run import Cancel


class Refusal(msgspec.Struct):
    """A line of a batch that was not taken; the others were."""

    line: int
    """From 1."""
    error: str


class Receipt(msgspec.Struct):
    """The answer to a batch: everything in it is stored by now, but for what is refused."""

    stored: int
    """Events that changed something."""
    known: int
    """Events that were there already."""
    refused: int = 0
    """Lines that are no events, or none that can be stored."""
    refusals: list[Refusal] = []
    """The first of them."""
    asked: list[str] = []
    """Runs of this batch that are asked to stop."""


def joined(one: Receipt, other: Receipt, lines: int) -> Receipt:
    """The receipt of a batch that went in two parts; the first one had so many lines."""
    moved = [Refusal(refusal.line + lines, refusal.error) for refusal in other.refusals]
    return Receipt(
        one.stored + other.stored,
        one.known + other.known,
        one.refused + other.refused,
        one.refusals + moved,
        one.asked + other.asked,
    )


class Beat(msgspec.Struct):
    """A sign of life of runs, or a question about them."""

    runs: list[str]
    wait_seconds: float = 0.0
    """How long the answer may wait for something to tell."""


class Asked(msgspec.Struct):
    """Runs that are asked to stop."""

    asked: list[str]


class Cancels(msgspec.Struct):
    """Requests to stop, by run; they count as delivered now."""

    cancels: dict[str, Cancel]


class Drops(msgspec.Struct):
    """How many events producers had to drop, by reason."""

    dropped: dict[str, int]
