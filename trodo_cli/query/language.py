"""The filter language: `status:failed agent:writer tool:search cost:>0.05 duration:>2s since:2h tag:prod`.

Words with spaces are quoted: `agent:"my agent"`. A bare word names the agent.
"""

import shlex
from collections.abc import Callable
from typing import Any

from trodo_cli.errors import InvalidInput
from trodo_cli.model import ids
from trodo_cli.model.run import canonical_status
from trodo_cli.model.totals import MAX_SUMMAND
from trodo_cli.query.plan import STATUS_WORDS, RunFilter
from trodo_cli.query.times import read_duration, read_instant

_HINT = "fields: status agent model tool user session tag since until cost:>USD duration:>TIME"


def read_filter(text: str, *, roots_only: bool = True) -> RunFilter:
    """The filter that a text stands for; every word of it must fit. Raises `InvalidInput` that names the word."""
    found: dict[str, Any] = {}
    tags: list[str] = []
    for word in _words(text):
        name, colon, value = word.partition(":")
        if not colon:
            name, value = "agent", word
        if name not in _FIELDS or not value:
            raise InvalidInput(f"{word!r} is no filter", _HINT)
        field, read = _FIELDS[name]
        if field == "tags":
            tags.append(value)
        elif field in found:
            raise InvalidInput(f"{name} stands twice", "give each field once; only tag may stand again")
        else:
            found[field] = read(value)
    return RunFilter(**found, tags=tuple(tags), roots_only=roots_only)


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        raise InvalidInput("a quote is not closed", 'write agent:"my agent"') from None


def _status(value: str) -> str:
    word = canonical_status(value)
    if word not in STATUS_WORDS:
        raise InvalidInput(f"unknown status {value!r}", f"one of {', '.join(STATUS_WORDS)}, ok, error")
    return word


def _cost(value: str) -> float:
    try:
        usd = float(_at_least(value, "cost"))
    except ValueError:
        raise InvalidInput(f"cost:{value} is no amount", "write USD, as in cost:>0.05") from None
    if not abs(usd) < MAX_SUMMAND:
        raise InvalidInput(f"cost:{value} is no amount", "write USD, as in cost:>0.05")
    return usd


def _duration(value: str) -> int:
    return read_duration(_at_least(value, "duration"), "duration")


def _at_least(value: str, name: str) -> str:
    if not value.startswith(">"):
        raise InvalidInput(f"{name}:{value} says no bound", f"write {name}:>{value}")
    return value.removeprefix(">").removeprefix("=")


def _since(value: str) -> int:
    return read_instant(value, ids.now_ns(), "since")


def _until(value: str) -> int:
    return read_instant(value, ids.now_ns(), "until")


_FIELDS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "status": ("status", _status),
    "agent": ("agent", str),
    "model": ("model", str),
    "tool": ("tool", str),
    "user": ("user", str),
    "session": ("session", str),
    "tag": ("tags", str),
    "since": ("started_after_ns", _since),
    "until": ("started_before_ns", _until),
    "cost": ("min_cost", _cost),
    "duration": ("min_duration_ns", _duration),
}
"""The words of the language, the field of a `RunFilter` each fills, and how its value is read."""
