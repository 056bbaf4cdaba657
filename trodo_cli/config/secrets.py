"""The keys that the user stored. Each has a name (a profile, or an origin) and is bound to one origin.

`credentials.toml` knows them all; a key itself is in the system's keyring when there is one, else beside its name:

    [work]
    origin = "https://trodo.example.com"
    keyring = "SecretService Keyring"
    mark = "3f2a91c05b7e"
"""

import hashlib
import re
from typing import Any, NamedTuple

from trodo_cli.config import keyring
from trodo_cli.config.paths import credentials_file
from trodo_cli.config.toml import changed_toml, read_toml
from trodo_cli.errors import InvalidInput

MAX_KEY_CHARACTERS = 4096
MARK_CHARACTERS = 12

_KEY = r"[!-~]+"


class Stored(NamedTuple):
    """What is known of a stored key without looking at it."""

    name: str
    origin: str
    place: str
    """The keyring's name, or the path of the file."""


def checked_key(text: str, what: str) -> str:
    """A key without the space around it. Raises `InvalidInput`, which does not quote it, for what cannot be one."""
    key = text.strip()
    if not key:
        raise InvalidInput(f"{what} is empty", "`trodo keys create` makes a key on the server")
    if not re.fullmatch(_KEY, key) or len(key) > MAX_KEY_CHARACTERS:
        raise InvalidInput(
            f"{what} has characters in it that no key has", "copy the key again, and nothing else"
        )
    return key


def key_mark(key: str) -> str:
    """What a key is known again by without being kept: the beginning of its digest."""
    return hashlib.sha256(key.strip().encode()).hexdigest()[:MARK_CHARACTERS]


def store(name: str, origin: str, key: str) -> str:
    """Store a key in place of an older one of that name; gives the keyring's name or the path of the file."""
    place = keyring.put(_account(name), key)
    with changed_toml(credentials_file(), private=True) as document:
        kept = {"keyring": place, "mark": key_mark(key)} if place else {"key": key}
        document[name] = {"origin": origin, **kept}
    return place or str(credentials_file())


def load(name: str, origin: str) -> str | None:
    """The key of that name, if it was stored for that very origin."""
    entry = _entries().get(name)
    if entry is None or entry["origin"] != origin:
        return None
    return keyring.get(_account(name)) if "keyring" in entry else entry["key"]


def mark_of(name: str, origin: str) -> str | None:
    """The mark of the key of that name, if it was stored for that very origin. The keyring is not asked."""
    entry = _entries().get(name)
    if entry is None or entry["origin"] != origin:
        return None
    return key_mark(entry["key"]) if "key" in entry else entry.get("mark")


def forget(name: str) -> bool:
    """Remove a key; whether there was one."""
    entry = _entries().get(name)
    if entry is None:
        return False
    if "keyring" in entry:
        keyring.drop(_account(name))
    with changed_toml(credentials_file(), private=True) as document:
        del document[name]
    return True


def stored() -> list[Stored]:
    """All stored keys, in the order of the file. The keyring is not asked."""
    place = str(credentials_file())
    return [Stored(name, entry["origin"], entry.get("keyring", place)) for name, entry in _entries().items()]


def _entries() -> dict[str, dict[str, str]]:
    entries = read_toml(credentials_file(), private=True)
    for name, entry in entries.items():
        if not _is_whole(entry):
            raise InvalidInput(
                f"{credentials_file()}: [{name}] is not whole", "`trodo config set api-key` writes it"
            )
    return entries


def _is_whole(entry: Any) -> bool:
    """Whether an entry has an origin, and a key or a keyring."""
    if not isinstance(entry, dict) or not all(isinstance(value, str) for value in entry.values()):
        return False
    return "origin" in entry and ("key" in entry) != ("keyring" in entry)


def _account(name: str) -> str:
    """How the keyring calls a key; another `TRODO_HOME` has its own."""
    return f"{name} {credentials_file()}"
