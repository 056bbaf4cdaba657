"""Files that only their owner can read: made so from the first byte, replaced whole, believed only while they are."""

import fcntl
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from trodo_cli.errors import InvalidInput, Unavailable

MAX_BYTES = 1024 * 1024

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def read_file(path: Path, *, private: bool = False) -> bytes | None:
    """What a file holds; None when there is none.

    Raises `InvalidInput` for what is no file or is longer than 1 MiB and, with `private`, for a file that is not
    ours alone; `Unavailable` when it cannot be read.
    """
    with _in_our_words(path, "read"):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return None
        try:
            _check(path, os.fstat(descriptor), private)
            with open(descriptor, "rb", closefd=False) as file:
                return file.read(MAX_BYTES)
        finally:
            os.close(descriptor)


def write_private(path: Path, data: bytes) -> None:
    """Put a file in place, whole, mode 0600, in a folder that is made 0700. Raises `Unavailable`."""
    draft = path.with_name(f".{path.name}.{threading.get_native_id()}")
    with _in_our_words(path, "write"):
        make_private_folder(path.parent)
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with open(descriptor, "wb") as file:
                os.fchmod(descriptor, 0o600)
                file.write(data)
                file.flush()
                os.fsync(descriptor)
            draft.replace(path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise


def make_private_folder(folder: Path) -> None:
    """Make a folder, and what is missing above it, for its owner alone. Raises `Unavailable`."""
    with _in_our_words(folder, "make"):
        if not folder.is_dir():
            make_private_folder(folder.parent)
            folder.mkdir(mode=0o700, exist_ok=True)
            folder.chmod(0o700)


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Nobody else who holds the folder changes its files meanwhile, where the file system knows locks."""
    make_private_folder(folder)
    with _in_our_words(folder, "hold"):
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _check(path: Path, found: os.stat_result, private: bool) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise InvalidInput(f"{path} is no file", "move it out of the way")
    if found.st_size > MAX_BYTES:
        raise InvalidInput(f"{path} is longer than {MAX_BYTES} bytes", "move it out of the way")
    if private and found.st_uid != os.geteuid():
        raise InvalidInput(f"{path} belongs to another user", "move it out of the way")
    if private and found.st_mode & _OTHERS:
        raise InvalidInput(f"others can read or write {path}", f"chmod 600 {path}")


@contextmanager
def _in_our_words(path: Path, what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(f"cannot {what} {path}: {error.strerror}", "check it, and TRODO_HOME") from None
