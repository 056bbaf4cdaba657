"""Settings and paths; the only reader of the environment.

`TRODO_HOME` moves every file of ours under one folder. `TRODO_TARGET` says where runs are kept.
"""

import os
import re
from pathlib import Path
from typing import NamedTuple

from trodo_cli.errors import InvalidInput

DATABASE_NAME = "trodo.db"


class Target(NamedTuple):
    """Where runs are kept, and what said so."""

    place: str
    """A path, `memory:` or a URL."""
    source: str
    """`--target`, `TRODO_TARGET` or `default`."""

    @property
    def shown(self) -> str:
        """The place without a password that its URL may hold."""
        return re.sub(r"(://[^/@:]*):[^/@]*@", r"\1:***@", self.place)

    @property
    def is_default(self) -> bool:
        return self.source == "default"


def target(flag: str | None = None) -> Target:
    """The target in force: the flag, else `TRODO_TARGET`, else the file in the data folder."""
    if flag:
        return Target(_settled(flag), "--target")
    if place := os.environ.get("TRODO_TARGET"):
        return Target(_settled(place), "TRODO_TARGET")
    return Target(str(data_folder() / DATABASE_NAME), "default")


def data_folder() -> Path:
    """The folder of everything that lasts."""
    if home := os.environ.get("TRODO_HOME"):
        return _absolute(home, "TRODO_HOME")
    from platformdirs import user_data_path

    return user_data_path("trodo", appauthor=False)


def spool_folder() -> Path:
    """Where programs leave their events until they are shipped."""
    return data_folder() / "spool"


def user_name() -> str | None:
    """Who is at the keyboard, for the record of a cancel request."""
    return os.environ.get("USER") or os.environ.get("LOGNAME") or os.environ.get("USERNAME")


def wants_colour() -> bool | None:
    """What the environment says of colour: False, True, or None when it is silent (no-color.org)."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR") or os.environ.get("CLICOLOR_FORCE"):
        return True
    return False if os.environ.get("TERM") == "dumb" else None


def speaks_unicode(encoding: str | None) -> bool:
    """Whether a stream of this encoding can show more than ASCII."""
    return (encoding or "").lower().replace("-", "") in ("utf8", "utf16", "utf32", "cp65001")


def _settled(place: str) -> str:
    """A path made absolute, so that it means the same after a change of folder."""
    return place if "://" in place or place == "memory:" else str(_absolute(place, "the target"))


def _absolute(path: str, what: str) -> Path:
    try:
        return Path(path).expanduser().absolute()
    except RuntimeError:
        raise InvalidInput(f"{what} {path!r} names the home of nobody", "write a whole path") from None
