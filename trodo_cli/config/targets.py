"""Which target is in force, and what said so."""

import os
from typing import NamedTuple

from trodo_cli.config.paths import DATABASE_NAME, data_folder, settled_place, user_file
from trodo_cli.config.profiles import current_profile, target_of_profile, write_profile
from trodo_cli.config.project import find_project
from trodo_cli.config.urls import checked_origin, is_url, without_password

FIRST_PROFILE = "default"
"""What the profile is called that is made without a name."""


class Target(NamedTuple):
    """Where runs are kept, and what said so."""

    place: str
    """A path, `memory:` or a URL."""
    source: str
    """`--target`, `TRODO_TARGET`, `profile work (TRODO_PROFILE)`, `./trodo.toml`, `default`."""
    profile: str | None = None
    """The user's profile whose target it is."""

    @property
    def shown(self) -> str:
        """The place without a password that its URL may hold."""
        return without_password(self.place)

    @property
    def is_default(self) -> bool:
        return self.source == "default"

    @property
    def is_hosted(self) -> bool:
        """Whether it is a server."""
        return is_url(self.place)

    @property
    def is_chosen(self) -> bool:
        """Whether the user named it, here or in a profile, and not only a file that came with a project."""
        return self.profile is not None or self.source in ("--target", "TRODO_TARGET", "default")


def target(flag: str | None = None, profile: str | None = None) -> Target:
    """The target in force; `flag` and `profile` are what the command line says.

    Order: `--target`, `--profile`, `TRODO_TARGET`, `TRODO_PROFILE`, the project file, the profile that the user
    file says to use, the database in the data folder. Raises `InvalidInput` for a file that is broken and for a
    profile that does not exist; a file is read only when nothing before it answers.
    """
    if flag:
        return Target(settled_place(flag), "--target")
    if profile:
        return _of_profile(profile, "--profile")
    if place := os.environ.get("TRODO_TARGET"):
        return Target(settled_place(place), "TRODO_TARGET")
    if name := os.environ.get("TRODO_PROFILE"):
        return _of_profile(name, "TRODO_PROFILE")
    return _from_files() or Target(str(data_folder() / DATABASE_NAME), "default")


def recording_target(place: str, *, is_named: bool) -> Target:
    """The target of a recording: named by its program, or in force now; else one that was meant long ago."""
    if is_named:
        return target(place)
    current = target()
    return current if current.place == place else Target(place, "a recording")


def profile_to_change(flag: str | None) -> str:
    """The profile a change is meant for: of the flag, `TRODO_PROFILE`, the project file, in use; else the first."""
    name = flag or os.environ.get("TRODO_PROFILE")
    if not name and (project := find_project()):
        name = project.profile
    return name or current_profile() or FIRST_PROFILE


def set_target(name: str, place: str) -> Target:
    """Give a profile its target; it is made when it is missing. The first one, or one without a name, is then in use.

    Raises `InvalidInput` for a bad name or URL.
    """
    place = settled_place(place)
    if is_url(place):
        checked_origin(place)
    write_profile(name, place, use=name == FIRST_PROFILE)
    return _of_profile(name, str(user_file()))


def _from_files() -> Target | None:
    project = find_project()
    if project and project.target:
        return Target(project.target, project.shown)
    if project and project.profile:
        return _of_profile(project.profile, project.shown)
    name = current_profile()
    return _of_profile(name, str(user_file())) if name else None


def _of_profile(name: str, source: str) -> Target:
    place = settled_place(target_of_profile(name, source), user_file().parent)
    return Target(place, f"profile {name} ({source})", name)
