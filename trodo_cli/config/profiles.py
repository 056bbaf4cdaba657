"""The user file: named targets, and which of them is in use.

profile = "work"

[profiles.work]
target = "https://trodo.example.com"
"""

import re
from typing import Any

from trodo_cli.config.paths import user_file
from trodo_cli.config.toml import changed_toml, read_toml
from trodo_cli.errors import InvalidInput

_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"


def profiles() -> dict[str, str]:
    """The targets of the user's profiles by name. Raises `InvalidInput` for a file that says something else."""
    return {name: _target(name, table) for name, table in _tables().items()}


def current_profile() -> str | None:
    """The profile that the user file says to use."""
    name = read_toml(user_file()).get("profile")
    if name is not None and not isinstance(name, str):
        raise InvalidInput(f"{user_file()}: `profile` is no text", 'write it as profile = "NAME"')
    return name or None


def target_of_profile(name: str, source: str = "") -> str:
    """The target of a profile that `source` asks for. Raises `InvalidInput` that tells which profiles there are."""
    known = _tables()
    if name in known:
        return _target(name, known[name])
    raise InvalidInput(
        f"no profile {name!r}" + (f" ({source})" if source else ""),
        f"profiles: {', '.join(known) or 'none yet'}; `trodo config set target WHERE --profile NAME` makes one",
    )


def write_profile(name: str, target: str, *, use: bool) -> None:
    """Write the target of a profile. When none is in use, the first one, or one to `use`, is from now on.

    Raises `InvalidInput` for a bad name.
    """
    if not re.fullmatch(_NAME, name):
        raise InvalidInput(
            f"{name!r} is no name for a profile", "use letters, digits, dot, dash and underscore"
        )
    is_first = not _tables()
    with changed_toml(user_file()) as document:
        import tomlkit

        tables = document.setdefault("profiles", tomlkit.table(is_super_table=True))
        tables.setdefault(name, tomlkit.table())["target"] = target
        if is_first or use:
            document.setdefault("profile", name)


def remove_profile(name: str) -> bool:
    """Take a profile away; whether there was one. If it was the one in use, none is."""
    if name not in _tables():
        return False
    with changed_toml(user_file()) as document:
        del document["profiles"][name]
        if document.get("profile") == name:
            del document["profile"]
    return True


def use_profile(name: str) -> None:
    """Make a profile the one in use. Raises `InvalidInput` when there is none of that name."""
    target_of_profile(name)
    with changed_toml(user_file()) as document:
        document["profile"] = name


def stop_using_profile() -> bool:
    """Make no profile the one in use; whether one was."""
    if current_profile() is None:
        return False
    with changed_toml(user_file()) as document:
        del document["profile"]
    return True


def refuse_keys(table: dict[str, Any], file: str) -> None:
    """Raise `InvalidInput` for a key in a file that is no place for one; it is not quoted."""
    for name in ("api_key", "api-key", "key"):
        if name in table:
            raise InvalidInput(
                f"{file} holds `{name}`: a key does not belong there",
                "take it out, make a new key if others could read it, and `trodo config set api-key` stores it",
            )


def _tables() -> dict[str, dict[str, Any]]:
    settings = read_toml(user_file())
    refuse_keys(settings, str(user_file()))
    tables = settings.get("profiles", {})
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        raise InvalidInput(f"{user_file()}: a profile is no table", "write it as [profiles.NAME]")
    return tables


def _target(name: str, table: dict[str, Any]) -> str:
    refuse_keys(table, str(user_file()))
    target = table.get("target")
    if isinstance(target, str) and target:
        return target
    raise InvalidInput(
        f"{user_file()}: profile {name!r} has no target", f'write target = "…" below [profiles.{name}]'
    )
