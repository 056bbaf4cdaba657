"""The only writer to stdout. Whatever is written passes `render.safe` a second time on its way."""

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from trodo_cli.errors import InvalidInput, TrodoError

if TYPE_CHECKING:
    from rich.table import Table

    from trodo_cli.render.theme import Line


class ReaderGone(Exception):
    """Whoever read our output has had enough, as `head` has."""


class OutputFailed(Exception):
    """Stdout takes nothing more, as on a full disk."""


Fields = Mapping[str, Callable[[Any], Any]]
"""What a kind of row can tell: name to value, in the order they are shown."""


def write_text(text: str) -> None:
    """Plain text of our own, such as a version."""
    _write(text)


def write_lines(lines: "Iterable[Line]", *, colour: bool) -> None:
    """Styled lines, one by one as they come."""
    from trodo_cli.render.theme import ansi

    for line in lines:
        _write(ansi(line, colour))


def write_table(table: "Table", *, colour: bool, width: int) -> None:
    """A table for people."""
    from io import StringIO

    from rich.console import Console

    rendered = StringIO()
    console = Console(
        file=rendered,
        width=width,
        force_terminal=colour,
        color_system="standard" if colour else None,
        legacy_windows=False,
        highlight=False,
        markup=False,
        emoji=False,
    )
    console.print(table)
    _write(rendered.getvalue().rstrip("\n"))


def write_tab_separated(rows: Iterable[Any], fields: Fields) -> None:
    """Full values, one row a line, for programs that read lines."""
    from trodo_cli.render.safe import safe_line

    for row in rows:
        _write("\t".join(safe_line(_as_text(value(row))) for value in fields.values()))


def write_columns(rows: Iterable[Any], fields: Fields) -> None:
    """The same for people: values in columns."""
    from trodo_cli.render.format import cells
    from trodo_cli.render.safe import safe_line

    lines = [[safe_line(_as_text(value(row))) for value in fields.values()] for row in rows]
    widths = [max(cells(text) for text in column) for column in zip(*lines, strict=True)]
    for line in lines:
        padded = [text + " " * (width - cells(text)) for text, width in zip(line, widths, strict=True)]
        _write("  ".join(padded).rstrip())


def write_pairs(row: Any, fields: Fields) -> None:
    """One row of many fields: a name and its full value a line."""
    from trodo_cli.render.safe import safe_line

    for name, value in fields.items():
        _write(f"{name}\t{safe_line(_as_text(value(row)))}")


def write_json_rows(rows: Iterable[Any], fields: Fields) -> None:
    """One JSON array, a row a line."""
    encoded = [_json(_record(row, fields)) for row in rows]
    _write("[\n" + ",\n".join(encoded) + "\n]" if encoded else "[]")


def write_json(value: Any) -> None:
    """One JSON value on one line."""
    _write(_json(value))


def write_document(lines: Iterable[str]) -> None:
    """The lines of a document that people or programs read elsewhere."""
    for line in lines:
        _write(line)


def write_file(path: str, lines: Iterable[str]) -> None:
    """The same into a file, whole or not at all: what was there before stays until all of it is written.

    What is no regular file, as `/dev/null`, is written to. Raises `TrodoError`.
    """
    place = os.path.expanduser(path)
    data = (f"{line}\n".encode("utf-8", "backslashreplace") for line in lines)
    try:
        if os.path.exists(place) and not os.path.isfile(place):
            with open(place, "wb") as file:
                file.writelines(data)
        else:
            _replace_file(os.path.realpath(place), data)
    except OSError as error:
        raise TrodoError(
            f"cannot write {path}: {error.strerror}", "name another file with --output"
        ) from None


def _replace_file(place: str, data: Iterable[bytes]) -> None:
    folder, name = os.path.split(place)
    draft = os.path.join(folder, f".{name[:200]}.{os.getpid()}")
    try:
        with open(draft, "xb") as file:
            if os.path.exists(place):
                os.fchmod(file.fileno(), os.stat(place).st_mode & 0o777)
            file.writelines(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, place)
    except BaseException:
        with suppress(OSError):
            os.unlink(draft)
        raise


def chosen(fields: Fields, names: str) -> Fields:
    """The fields a `--json` names, in that order; all for `*`.

    Raises `InvalidInput` that lists the fields there are.
    """
    if names == "*":
        return fields
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in fields]
    if unknown or not wanted:
        what = f"unknown field {', '.join(unknown)}" if unknown else "--json names no field"
        raise InvalidInput(what, f"fields: {', '.join(fields)}")
    return {name: fields[name] for name in wanted}


def record(row: Any, fields: Fields) -> dict[str, Any]:
    """A row as a JSON object."""
    return _record(row, fields)


def _record(row: Any, fields: Fields) -> dict[str, Any]:
    return {name: value(row) for name, value in fields.items()}


def _json(value: Any) -> str:
    import msgspec

    from trodo_cli import config
    from trodo_cli.render.safe import json_escaped

    ascii_only = not config.speaks_unicode(sys.stdout.encoding)
    return json_escaped(msgspec.json.encode(value).decode(), ascii_only=ascii_only)


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ",".join(_as_text(item) for item in value)
    return value if isinstance(value, str) else _json(value)


def _write(text: str) -> None:
    from trodo_cli.render.safe import guarded

    try:
        sys.stdout.write(f"{guarded(text)}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        raise ReaderGone from None
    except OSError as error:
        raise OutputFailed(f"cannot write the output: {error.strerror}") from None


def steady_streams() -> None:
    """Streams that take everything: a closed one swallows it, a character that one cannot show becomes its code."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "r" if name == "stdin" else "w"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def silence() -> None:
    """Nobody takes our output any more: let what is left in the buffer go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
