"""What a run may take."""

import msgspec


class Limits(msgspec.Struct, frozen=True):
    """Of one run, but for `runs` and `waiting`, which are of one owner."""

    seconds: float = 3_600.0
    memory_bytes: int = 4 * 1024**3
    """Of address space, for each process of the run."""
    processes: int = 64
    """The run's own and all that it starts, at one time."""
    runs: int = 4
    """At work at one time."""
    waiting: int = 100
    """Runs that wait for their turn; one more is refused."""
    grace_seconds: float = 10.0
    """From a cancel request to the end by force."""
    output_bytes: int = 32 * 1024
    """What is kept of stdout and of stderr, each: their ends."""


MAX_INPUT_BYTES = 1024 * 1024
