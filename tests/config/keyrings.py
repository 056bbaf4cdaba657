"""Keyrings for tests: one that keeps, and those that go wrong."""

import os
from pathlib import Path
from threading import Event
from typing import Any

from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as Refusing
from keyring.backends.null import Keyring as Forgetting

__all__ = ["Forgetting", "Hanging", "Keeping", "Lying", "Plain", "Raising", "Refusing"]


class Keeping(KeyringBackend):
    """Keeps what it is given in a folder of the test's own, one file an account."""

    priority = 5

    def get_password(self, service: str, username: str) -> str | None:
        path = self._path(service, username)
        return path.read_text() if path.exists() else None

    def set_password(self, service: str, username: str, password: str) -> None:
        self._path(service, username).write_text(password)

    def delete_password(self, service: str, username: str) -> None:
        self._path(service, username).unlink()

    def _path(self, service: str, username: str) -> Path:
        return Path(os.environ["KEYRING_FOLDER"]) / f"{service} {username}".replace("/", "-")


class Plain(Keeping):
    """Works, and is not recommended: it writes plain text."""

    priority = 0.5


class Lying(Keeping):
    """Says that it keeps, and does not."""

    def set_password(self, service: str, username: str, password: str) -> None:
        pass


class Raising(KeyringBackend):
    """Is there, and fails at everything, in a way that no `except Exception` catches."""

    priority = 5

    class Panic(BaseException):
        """As a keyring written in Rust ends."""

    def get_password(self, *_: Any) -> str | None:
        raise self.Panic

    set_password = delete_password = get_password


class Hanging(KeyringBackend):
    """Waits for a person who is not there."""

    priority = 5
    released = Event()

    def get_password(self, *_: Any) -> str | None:
        self.released.wait()
        return None

    set_password = delete_password = get_password
