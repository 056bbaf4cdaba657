"""The filter language: `status:failed agent:writer tool:search cost:>0.05 duration:>2s since:2h tag:prod`.

Words with spaces are quoted: `agent:"my agent"`. A bare word is part of the agent's name or of the id.
"""

import shlex
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from trodo_cli.errors import InvalidInput
from trodo_cli.model import ids
from trodo_cli.model.run import canonical_status
from trodo_cli.model.totals import MAX_SUMMAND, NANOS
from trodo_cli.query.plan import STATUS_WORDS, RunFilter
from trodo_cli.query.times import read_duration, read_instant

_HINT = "fields: status agent model tool user session tag since until cost:>USD duration:<TIME"


def read_filter(text: str, *, roots_only: bool = True) -> RunFilter:
    """The filter that a text stands for; every word of it must fit. Raises `InvalidInput` that names the word."""
    found: dict[str, Any] = {"tags": (), "words": ()}
    for word in _words(text):
        name, field, value = _read(word)
        if field in ("tags", "words"):
            found[field] += (value,)
        elif field in found:
            raise InvalidInput(f"{name} stands twice", "give each field once; only tag may stand again")
        else:
            found[field] = value
    return RunFilter(**found, roots_only=roots_only)


def completions(word: str, known: Mapping[str, Iterable[str]] | None = None) -> list[str]:
    """What a word that is being typed may become: fields first, then the values of one.

    `known` are values by the name of their field, for fields whose values are nowhere written down.
    """
    name, colon, value = word.partition(":")
    if not colon:
        return [f"{field}:" for field in (*_FIELDS, *_BOUNDS) if field.startswith(word.lower())]
    values = [*_VALUES.get(name, ()), *sorted((known or {}).get(name, ()))]
    return [f"{name}:{said}" for said in map(_quoted, values) if said.startswith(value) and said != value]


def _quoted(value: str) -> str:
    """The value as it has to be typed."""
    try:
        is_one_word = shlex.split(value) == [value]
    except ValueError:
        is_one_word = False
    return value if is_one_word else shlex.quote(value)


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        raise InvalidInput("a quote is not closed", 'write agent:"my agent"') from None


def _read(word: str) -> tuple[str, str, Any]:
    """The name that a word gives, the field of a `RunFilter` that it fills, and the value."""
    name, colon, value = word.partition(":")
    if word and not colon:
        return "", "words", word
    name = name.lower()
    if not value or name not in (*_FIELDS, *_BOUNDS):
        raise InvalidInput(f"{word!r} is no filter", _HINT)
    if name in _FIELDS:
        field, read = _FIELDS[name]
        return name, field, read(value)
    return name, *_bounded(name, value)


def _bounded(name: str, value: str) -> tuple[str, Any]:
    """The field that a bound fills: `>` and `<` leave out the value itself, `>=` and `<=` do not."""
    bound, sign = _BOUNDS[name], value[:1]
    if sign not in (">", "<"):
        raise InvalidInput(f"{name}:{value} says no bound", f"write {name}:>{value} or {name}:<{value}")
    said = value[1:]
    limit = bound.read(said.removeprefix("="), name)
    step = 0 if said.startswith("=") else bound.step
    return (bound.least, limit + step) if sign == ">" else (bound.most, limit - step)


def _status(value: str) -> str:
    word = canonical_status(value.lower())
    if word not in STATUS_WORDS:
        raise InvalidInput(f"unknown status {value!r}", f"one of {', '.join(STATUS_WORDS)}, ok, error")
    return word


def _cost(value: str, name: str) -> float:
    try:
        usd = float(value)
    except ValueError:
        usd = float("nan")
    if not abs(usd) < MAX_SUMMAND:
        raise InvalidInput(f"{name}:{value} is no amount", f"write USD, as in {name}:>0.05")
    return usd


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
}
"""The words of the language, the field of a `RunFilter` each fills, and how its value is read."""


class _Bound(NamedTuple):
    """The fields of a `RunFilter` that bound an amount, how it is read, and the least that two can differ by."""

    least: str
    most: str
    read: Callable[[str, str], Any]
    step: float


_BOUNDS = {
    "cost": _Bound("min_cost", "max_cost", _cost, 1 / NANOS),
    "duration": _Bound("min_duration_ns", "max_duration_ns", read_duration, 1),
}

_VALUES: dict[str, tuple[str, ...]] = {
    "status": (*STATUS_WORDS, "ok", "error"),
    "since": ("30m", "2h", "1d", "1w"),
    "until": ("30m", "2h", "1d", "1w"),
    "cost": (">0.01", ">0.1", ">1"),
    "duration": (">1s", ">30s", "<5m"),
}
"""Values that a field takes, or such as it takes."""
