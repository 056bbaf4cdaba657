"""The project file: `trodo.toml` in the working folder or one above it, up to the repository or the home folder.

It says `profile = "NAME"`, one of the user's own, or `target = "…"`, a URL or a path from the file's folder on.
It comes with somebody's repository, so it is never believed with a key: it can hold none, and a URL that only it
names is sent none. See `keys`.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from trodo_cli.config.paths import settled_place
from trodo_cli.config.profiles import refuse_keys
from trodo_cli.config.toml import read_toml
from trodo_cli.errors import InvalidInput

PROJECT_NAME = "trodo.toml"


class Project(NamedTuple):
    """What a project file says; one of `profile` and `target` is None."""

    path: Path
    profile: str | None
    target: str | None

    @property
    def shown(self) -> str:
        """How the file is called in what we tell: `./trodo.toml`, or its whole path."""
        return f"./{PROJECT_NAME}" if self.path.parent == _working_folder() else str(self.path)


def find_project() -> Project | None:
    """The nearest project file that says something of ours. Raises `InvalidInput` that names what is wrong in it."""
    for folder in _folders():
        path = folder / PROJECT_NAME
        if _is_ours_to_follow(path) and (project := _read(path)) is not None:
            return project
    return None


def nearest_project_file(key: str) -> Path | None:
    """The nearest project file that has this key. Raises `InvalidInput` for a broken one."""
    paths = (folder / PROJECT_NAME for folder in _folders())
    return next((path for path in paths if _is_ours_to_follow(path) and key in read_toml(path)), None)


def _read(path: Path) -> Project | None:
    settings = read_toml(path)
    refuse_keys(settings, str(path))
    said = {name: settings[name] for name in ("profile", "target") if settings.get(name) is not None}
    for name, value in said.items():
        if not isinstance(value, str) or not value:
            raise InvalidInput(f"{path}: `{name}` is no text", f'write it as {name} = "…"')
    if len(said) == 2:
        raise InvalidInput(f"{path} names a profile and a target", "leave one of them out")
    target = said.get("target")
    place = settled_place(target, path.parent) if target else None
    return Project(path, said.get("profile"), place) if said else None


def _folders() -> Iterator[Path]:
    """The working folder and those above it; the last is the home folder, a repository's, or the root."""
    here, home = _working_folder(), os.path.realpath(os.path.expanduser("~"))
    if here is None:
        return
    for folder in (here, *here.parents):
        yield folder
        if str(folder) == home or os.path.lexists(folder / ".git"):
            return


def _working_folder() -> Path | None:
    """None when it was deleted."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        return None


def _is_ours_to_follow(path: Path) -> bool:
    """Whether there is a file, and not one that another user left in a folder open to all, such as /tmp."""
    try:
        found, folder = path.lstat(), path.parent.stat()
    except OSError:
        return False
    return found.st_uid in (os.geteuid(), 0) or not folder.st_mode & stat.S_IWOTH
