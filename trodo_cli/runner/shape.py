"""What a function takes and gives, read from its type hints: JSON Schema for others, and the check of a value.

One parameter: the input is its value. Several, or none: the input is an object with their names.

No input at all leaves every parameter at its default. So do `null` and `{}` where every parameter has one, unless the
hint of the one parameter takes them as values of their own: `x: str | None = "a"` is None for `null`, and `x: dict = …`
is empty for `{}`, but `x: int = 3` is 3 for both, and so is `x=3`, whose hint says nothing.
"""

import inspect
from collections.abc import Callable
from contextlib import suppress
from typing import Any, get_args, get_origin, get_type_hints

import msgspec

from trodo_cli.errors import InvalidInput
from trodo_cli.model.agent import NOTHING, given
from trodo_cli.runner.formats import name_formats
from trodo_cli.wire.values import plain_value

Function = Callable[..., Any]

_STREAMS = ("Iterator", "Iterable", "Generator", "AsyncIterator", "AsyncIterable", "AsyncGenerator")
_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class Shape:
    """A function's input and output. Raises `InvalidInput` for hints that have no JSON form."""

    def __init__(self, function: Function, name: str) -> None:
        self._name = name
        hints = _hints(function)
        parameters = inspect.signature(function).parameters.values()
        self._names = [parameter.name for parameter in parameters if parameter.kind in _NAMED]
        positional = [p for p in parameters if p.kind is inspect.Parameter.POSITIONAL_ONLY]
        if positional:
            raise InvalidInput(
                f"the parameter `{positional[0].name}` has no name for a caller", "drop the `/`"
            )
        named = [parameter for parameter in parameters if parameter.kind in _NAMED]
        self.is_optional = all(p.default is not inspect.Parameter.empty for p in named)
        self._input = _input_type(named, hints)
        self._returns = _is_stream(function) and _returned(hints.get("return")) is not None
        self._output = _output_type(function, hints)
        self.input = _schema(self._input, "takes")
        if self.is_optional:
            self.input["default"] = (
                named[0].default if len(named) == 1 and _is_plain(named[0].default) else {}
            )
        self.output = _schema(self._output, "gives")

    def arguments(self, value: Any) -> dict[str, Any]:
        """The arguments by name that an input stands for. Raises `InvalidInput` that names what does not fit."""
        if self.is_optional and value in NOTHING and not self._takes(value):
            return {}
        found = _converted(given(value), self._input, f"the input of {self._name}")
        if len(self._names) == 1:
            return {self._names[0]: found}
        return {name: getattr(found, name) for name in self._names}

    def _takes(self, nothing: Any) -> bool:
        """Whether what may stand for no input is a value of its own here."""
        if nothing is msgspec.UNSET or self._input is Any:
            return False
        try:
            msgspec.convert(nothing, self._input)
        except msgspec.ValidationError:
            return False
        return True

    def checked(self, result: Any) -> Any:
        """A result made of what JSON has. Raises `InvalidInput` when it cannot be, or is not what was promised."""
        what = f"the output of {self._name}"
        plain = as_json(result, what)
        _converted(plain, self._output, what)
        return plain

    def promised(self, result: Any) -> None:
        """Raises `InvalidInput` for a result that is not what the hint says; without a hint it may be anything."""
        if self._output is not Any:
            self.checked(result)

    def outcome(self, items: list[Any], returned: Any = None) -> Any:
        """What a stream gives in the end: what it returned, if its hint says so or it was something, else its items.

        One of texts that gave no item gives the empty text.
        """
        if self._returns or returned is not None:
            return returned
        return collected(items) if items or self._output is not str else ""


def as_json(result: Any, what: str) -> Any:
    """A value made of what JSON has; a number that it has not is text. Raises `InvalidInput` when it cannot be."""
    try:
        data = msgspec.json.encode(result)
        if b"null" in data:
            return plain_value(msgspec.to_builtins(result, str_keys=True))
        return msgspec.json.decode(data)
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError) as error:
        raise InvalidInput(
            f"{what} is not JSON-serialisable: {error}", "return text, numbers, lists, dicts"
        ) from None


def _converted(value: Any, kind: Any, what: str) -> Any:
    if kind is Any or (isinstance(kind, type) and issubclass(kind, msgspec.Struct) and type(value) is kind):
        return value
    try:
        return _read(value, kind)
    except (msgspec.ValidationError, RecursionError) as error:
        raise InvalidInput(f"{what} does not fit: {error}", "`trodo agents show` says what fits") from None


def _read(value: Any, kind: Any) -> Any:
    """A value as it is, or as JSON has it: there 1.0 is an integer."""
    try:
        return msgspec.convert(value, kind, str_keys=True)
    except msgspec.ValidationError:
        with suppress(msgspec.ValidationError):
            return msgspec.convert(_with_integers(value), kind, str_keys=True)
        raise


def _with_integers(value: Any) -> Any:
    """A value of JSON whose whole numbers are all integers."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_with_integers(item) for item in value]
    if isinstance(value, dict):
        return {key: _with_integers(item) for key, item in value.items()}
    return value


def _hints(function: Function) -> dict[str, Any]:
    try:
        hints = get_type_hints(function, include_extras=True)
    except Exception as error:
        raise InvalidInput(f"its type hints cannot be read: {error}", "mend them") from None
    return {name: Any if hint is object else hint for name, hint in hints.items()}


def _input_type(named: list[inspect.Parameter], hints: dict[str, Any]) -> Any:
    if len(named) == 1:
        return hints.get(named[0].name, Any)
    fields = [_field(parameter, hints.get(parameter.name, Any)) for parameter in named]
    return msgspec.defstruct("Input", fields, forbid_unknown_fields=True, kw_only=True)


def _field(parameter: inspect.Parameter, kind: Any) -> tuple[str, Any, Any]:
    default = parameter.default
    if default is inspect.Parameter.empty:
        return parameter.name, kind, msgspec.field()
    if _is_plain(default):
        return parameter.name, kind, msgspec.field(default=default)
    return parameter.name, kind, msgspec.field(default_factory=lambda: default)


def _output_type(function: Function, hints: dict[str, Any]) -> Any:
    """Of a stream: what it says that it returns, else the list of its items, or the whole text when they are texts."""
    kind = hints.get("return", Any)
    if not _is_stream(function):
        return kind
    returned = _returned(kind)
    if returned is not None:
        return returned
    origin = get_origin(kind) or kind
    item = (get_args(kind) or (Any,))[0] if getattr(origin, "__name__", "") in _STREAMS else Any
    return str if item is str else Any if item is Any else list[item]  # type: ignore[valid-type]


def _is_stream(function: Function) -> bool:
    return inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)


def _returned(kind: Any) -> Any:
    """The third of `Generator[items, sent, returned]`; None where it says nothing, or that nothing comes back."""
    said = get_args(kind)[2:] if getattr(get_origin(kind), "__name__", "") == "Generator" else ()
    return next((returned for returned in said if returned not in (None, type(None), Any)), None)


def _schema(kind: Any, what: str) -> dict[str, Any]:
    try:
        schema = msgspec.json.schema(kind)
        name_formats(kind, schema)
        return schema
    except (TypeError, ValueError, RecursionError) as error:
        reason = str(error).splitlines()[-1]
        raise InvalidInput(
            f"what it {what} has no JSON form: {reason}",
            "use dataclasses or msgspec's structs in its type hints",
        ) from None


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float | bool | None)


def collected(items: list[Any]) -> Any:
    """What a stream has given: a text when it is made of texts, else a list."""
    return "".join(items) if items and all(isinstance(item, str) for item in items) else items
