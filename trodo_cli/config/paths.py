"""Where our files are. `TRODO_HOME` puts all of them under one folder."""

import os
import re
from pathlib import Path

from trodo_cli.errors import InvalidInput

DATABASE_NAME = "trodo.db"

_MEANT_FOR_POSTGRESQL = re.compile(
    r"(?i)postgres(?:ql)?:(?!//)|\s*(?:\w.*\s)?(?:host|hostaddr|dbname|user|password|service)\s*="
)
"""What its other clients take, and what would be the name of a file here, with a password in it."""


def data_folder() -> Path:
    """The folder of everything that lasts."""
    if home := _home():
        return home
    from platformdirs import user_data_path

    return user_data_path("trodo", appauthor=False)


def config_folder() -> Path:
    """The folder of what the user has set."""
    if home := _home():
        return home
    from platformdirs import user_config_path

    return user_config_path("trodo", appauthor=False)


def spool_folder() -> Path:
    """Where programs leave their events until they are shipped."""
    return data_folder() / "spool"


def runs_folder() -> Path:
    """Where there is a folder for every run that a runner has started and not yet settled."""
    return data_folder() / "runs"


def process_environment(home: Path, target: str) -> dict[str, str]:
    """The environment of a process that has a home and a target of its own, and nothing else of ours: no key."""
    others = {name: text for name, text in os.environ.items() if not name.startswith("TRODO_")}
    return {**others, "TRODO_HOME": str(home), "TRODO_TARGET": target}


def user_file() -> Path:
    """The profiles of the user."""
    return config_folder() / "config.toml"


def credentials_file() -> Path:
    """The keys that the user stored, or where they are."""
    return config_folder() / "credentials.toml"


def settled_place(place: str, folder: Path | None = None) -> str:
    """A target that means the same after a change of folder: a path is made absolute, from `folder` on.

    Raises `InvalidInput` for a PostgreSQL database that is not named by its URL, and for the home of nobody.
    """
    if _MEANT_FOR_POSTGRESQL.match(place):
        raise InvalidInput(
            "this target is neither a URL of PostgreSQL nor the path of a file",
            "write postgresql://USER@HOST/DATABASE; a file of such a name as ./NAME",
        )
    if "://" in place or place == "memory:":
        return place
    return str(absolute_path(str(folder / place) if folder and place[:1] != "~" else place, "the target"))


def absolute_path(path: str, what: str) -> Path:
    """A path made absolute. Raises `InvalidInput` for the home of nobody."""
    try:
        return Path(path).expanduser().absolute()
    except RuntimeError:
        raise InvalidInput(f"{what} {path!r} names the home of nobody", "write a whole path") from None


def _home() -> Path | None:
    home = os.environ.get("TRODO_HOME")
    return absolute_path(home, "TRODO_HOME") if home else None
