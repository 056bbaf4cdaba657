"""Ids and clocks: the only place that asks for the time or for randomness."""

import os
import re
import time

from trodo_cli.errors import InvalidInput

MAX_ID_LENGTH = 200
"""The longest foreign id that is taken, in characters."""

MIN_PART_LENGTH = 4
"""How many characters of an id name a run."""

now_ns = time.time_ns
"""The wall clock, nanoseconds since the epoch."""

monotonic_ns = time.perf_counter_ns
"""A clock that never steps back; only differences mean anything."""

random_bytes = os.urandom
"""So many bytes of the system's generator, good enough for secrets."""

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_HEX = re.compile(r"[0-9a-f]{32}", re.IGNORECASE)


def new_run_id() -> str:
    """A UUIDv7 as 32 hex digits (RFC 9562): sorts by time and serves as an OpenTelemetry trace id."""
    random = int.from_bytes(os.urandom(10), "big")
    milliseconds = now_ns() // 1_000_000
    value = (milliseconds & (1 << 48) - 1) << 80
    value |= 0x7 << 76 | (random >> 68 & 0xFFF) << 64
    value |= 0b10 << 62 | random & (1 << 62) - 1
    return f"{value:032x}"


def new_span_id() -> str:
    """16 hex digits. From the system's generator: neither `fork` nor a host's `random.seed` repeats one."""
    return os.urandom(8).hex()


def root_span_id(run_id: str) -> str:
    """The id under which a run itself is the parent of its topmost spans; no span is stored under it."""
    return run_id[-16:]


def canonical_id(text: str) -> str:
    """One spelling per id: a UUID loses its dashes, 32 hex digits become lower case, other text stays.

    Raises `InvalidInput` for an empty id or one of more than `MAX_ID_LENGTH` characters.
    """
    if not text:
        raise InvalidInput("an id is empty", "`trodo runs list` shows ids")
    if len(text) > MAX_ID_LENGTH:
        raise InvalidInput(f"an id has {len(text)} characters", f"an id has at most {MAX_ID_LENGTH}")
    if len(text) == 36 and _UUID.fullmatch(text):
        return text.replace("-", "").lower()
    return text.lower() if len(text) == 32 and _HEX.fullmatch(text) else text


def check_part(text: str) -> None:
    """Raises `InvalidInput` for a part of an id that is too short to be meant."""
    if len(text) < MIN_PART_LENGTH:
        raise InvalidInput(
            f"{text} is too short for an id", f"give at least {MIN_PART_LENGTH} characters of it"
        )


def is_run_id(text: str) -> bool:
    """Whether the text is a whole id of the kind that `new_run_id` makes, in either spelling."""
    return bool(_UUID.fullmatch(text) or _HEX.fullmatch(text))
