"""The system's keyring. Whatever fails in it, or takes too long, counts as no keyring.

`TRODO_KEYRING=0` turns it off. Its package is slow to import, so it is asked only for a key that is known to be there.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

SERVICE = "trodo"
WAIT_SECONDS = 10.0
"""How long a locked keyring may ask the person for its password."""

Answer = TypeVar("Answer")


def put(account: str, key: str) -> str | None:
    """Store a key; the keyring's name, or None when there is no keyring that keeps it."""

    def ask(keyring: "KeyringBackend") -> str | None:
        keyring.set_password(SERVICE, account, key)
        return str(keyring.name) if keyring.get_password(SERVICE, account) == key else None

    return _answer(ask)


def get(account: str) -> str | None:
    """The stored key."""
    return _answer(lambda keyring: keyring.get_password(SERVICE, account))


def drop(account: str) -> None:
    """Remove a key."""
    _answer(lambda keyring: keyring.delete_password(SERVICE, account))


def _answer(question: Callable[["KeyringBackend"], Answer]) -> Answer | None:
    if os.environ.get("TRODO_KEYRING") == "0":
        return None
    answers: list[Answer] = []

    def ask() -> None:
        with suppress(BaseException):
            if (keyring := _usable()) is not None:
                answers.append(question(keyring))

    thread = Thread(target=ask, name="trodo-keyring", daemon=True)
    thread.start()
    thread.join(WAIT_SECONDS)
    return answers[0] if answers else None


def _usable() -> "KeyringBackend | None":
    """The keyring, unless it is one that refuses, forgets or writes plain text; those have a priority below 1."""
    from keyring import get_keyring

    keyring = get_keyring()
    return keyring if keyring.priority >= 1 else None
