"""TOML files: read without what writing needs, and changed so that the user's comments stay."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from trodo_cli.config.files import held, read_file, write_private
from trodo_cli.errors import InvalidInput


def read_toml(path: Path, *, private: bool = False) -> dict[str, Any]:
    """The tables of a file; nothing when there is none. Raises `InvalidInput` that names file and line."""
    data = read_file(path, private=private)
    return _parsed(path, data) if data else {}


@contextmanager
def changed_toml(path: Path, *, private: bool = False) -> Iterator[Any]:
    """The file as a document to change, written when the block ends; two processes change it one after the other.

    Raises `InvalidInput` for a file that is broken, or laid out so that it cannot be changed in place.
    """
    with held(path.parent):
        path = path.resolve()
        before = read_file(path, private=private) or b""
        _parsed(path, before)
        import tomllib

        import tomlkit
        from tomlkit.exceptions import TOMLKitError

        try:
            document = tomlkit.parse(before if before[-1:] in (b"", b"\n") else before + b"\n")
            yield document
            after = tomlkit.dumps(document)
            tomllib.loads(after)
        except (TOMLKitError, ValueError):
            raise InvalidInput(f"{path} cannot be changed in place", "change it in an editor") from None
        if after.encode() != before:
            write_private(path, after.encode())


def _parsed(path: Path, data: bytes) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(data.decode())
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        what = f"no UTF-8 (at line {line})"
    except (ValueError, RecursionError) as error:
        last = data.count(b"\n") + 1
        what = str(error).replace("at end of document", f"at line {last}, the end")
    raise InvalidInput(f"{path} is broken: {what}", "mend it in an editor")
