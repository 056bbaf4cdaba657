"""What runners have started and not yet settled: a folder for each run, locked as long as anybody of it lives.

The runner and the run's guard share the lock. A folder whose lock is free belongs to a run that nobody will end any
more: who takes the lock settles it.
"""

import fcntl
import os
import shutil
from collections.abc import Container, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from trodo_cli import config
from trodo_cli.config import AgentSource
from trodo_cli.errors import Unavailable
from trodo_cli.runner.limits import Limits


class Start(msgspec.Struct, kw_only=True):
    """What a run is started with."""

    run_id: str
    owner: str
    target: str
    """Where its runner keeps runs."""
    agent: str
    input: Any = msgspec.UNSET
    session: str | None = None
    part: str = ""
    """Where its agent was found, as the catalogue calls it."""
    sources: list[AgentSource] = []
    limits: Limits = Limits()


class RunFolder:
    """The folder of one run, whose lock we hold."""

    def __init__(self, path: Path, lock: int, start: Start) -> None:
        self.path, self.lock, self.start = path, lock, start

    @classmethod
    def make(cls, start: Start) -> "RunFolder":
        """A folder for a new run. Raises `Unavailable`."""
        path = config.runs_folder() / start.run_id
        draft = path.with_name(f".{path.name}")
        try:
            draft.mkdir(mode=0o700, parents=True)
            lock = os.open(draft / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX)
            descriptor = os.open(draft / "start.json", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(descriptor, "wb") as file:
                file.write(msgspec.json.encode(start))
            draft.rename(path)
        except OSError as error:
            shutil.rmtree(draft, ignore_errors=True)
            raise Unavailable(
                f"cannot prepare a run in {path.parent}: {error.strerror}", "check it"
            ) from None
        return cls(path, lock, start)

    @property
    def spool(self) -> Path:
        """Where the run's processes leave their events until they are shipped."""
        return self.path / "spool"

    @property
    def runs(self) -> list[str]:
        """The run, and those that its process has begun."""
        with suppress(OSError):
            noted = (self.path / "runs").read_text().split()
            return list(dict.fromkeys((self.start.run_id, *noted)))
        return [self.start.run_id]

    def note(self, run_ids: list[str]) -> None:
        """Remember runs that the process has begun."""
        with open(self.path / "runs", "a") as file:
            file.write("".join(f"{run_id}\n" for run_id in run_ids))

    def remove(self) -> None:
        """The run is settled."""
        shutil.rmtree(self.path, ignore_errors=True)
        self.release()

    def release(self) -> None:
        """Leave it to whoever takes the lock next."""
        os.close(self.lock)


def read_start(path: Path) -> Start:
    """What the run of a folder is started with."""
    return msgspec.json.decode((path / "start.json").read_bytes(), type=Start)


def has_any() -> bool:
    """Whether there is a folder of any run."""
    with suppress(OSError), os.scandir(config.runs_folder()) as entries:
        return any(not entry.name.startswith(".") for entry in entries)
    return False


def left_behind(target: str, ours: Container[str]) -> Iterator[RunFolder]:
    """The folders of runs of this target whose runner and guard are dead; each is ours from now on.

    `ours` are runs that need not be looked at.
    """
    folders: list[Path] = []
    with suppress(OSError):
        folders = sorted(path for path in config.runs_folder().iterdir() if not path.name.startswith("."))
    for path in folders:
        folder = None if path.name in ours else _taken(path)
        if folder is None:
            continue
        if folder.start.target == target:
            yield folder
        elif folder.start.target == "memory:":
            folder.remove()
        else:
            folder.release()


def _taken(path: Path) -> RunFolder | None:
    try:
        lock = os.open(path / "lock", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(lock).st_nlink:
            return RunFolder(path, lock, read_start(path))
    except (OSError, msgspec.MsgspecError):
        pass
    os.close(lock)
    return None
