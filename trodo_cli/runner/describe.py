"""`python -m trodo_cli.runner.describe HOME`: imports parts of agents and notes what is in them, a line for each.

A process of its own below a guard, as a run has one: what agents do when they are imported happens here. Who asks
reads the notes as far as they got.
"""

import json
import os
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from trodo_cli.runner import guard

if TYPE_CHECKING:
    from pathlib import Path

    from trodo_cli.config import AgentSource
    from trodo_cli.runner.inquiry import Line


def main() -> None:
    home = sys.argv[1]
    with open(os.path.join(home, "ask.json"), "rb") as file:
        limits = json.load(file)["limits"]
    guard.split(limits, [])
    from pathlib import Path

    _describe(Path(home))
    os._exit(0)


def _describe(home: "Path") -> None:
    """Describe the parts; what they print while they are imported is the guard's."""
    import msgspec

    from trodo_cli.runner.inquiry import Ask, Line, ask_file, notes_file
    from trodo_cli.runner.loading import Loader
    from trodo_cli.runner.step import find_agents_by

    ask = msgspec.json.decode(ask_file(home).read_bytes(), type=Ask)
    notes = _Notes(notes_file(home))
    loader = Loader(ask.parts, lambda part: notes.write(Line(at=part)))
    notes.watch(ask.parts)
    find_agents_by(loader.find)
    for part in ask.asked:
        _set_alarm(ask.seconds)
        found = loader.described(part)
        if not notes.is_ours:
            os._exit(0)
        notes.write(Line(found=found))
    _set_alarm(0)


def _set_alarm(seconds: float) -> None:
    """After so long the process ends; 0 is never."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGALRM])
    signal.setitimer(signal.ITIMER_REAL, seconds)


class _Notes:
    """The lines of this process; processes that agents have forked write none."""

    def __init__(self, path: "Path") -> None:
        self._path, self._pid = path, os.getpid()
        self._folders: tuple[str, ...] = ()
        self._noted: set[str] = set()

    @property
    def is_ours(self) -> bool:
        return os.getpid() == self._pid

    def write(self, line: "Line") -> None:
        """One line, at once and whole."""
        import msgspec

        if self.is_ours:
            with open(self._path, "ab", buffering=0) as file:
                file.write(msgspec.json.encode(line) + b"\n")

    def watch(self, parts: "list[AgentSource]") -> None:
        """Note from now on each file of these parts' folders whose code is used, before it is."""
        from importlib.util import find_spec

        folders = {part.base for part in parts}
        for name in {part.place.partition(".")[0] for part in parts if part.function}:
            spec = None
            with suppress(ImportError, ValueError):
                spec = find_spec(name)
            if spec is not None:
                folders.update([spec.origin] if spec.origin else [], spec.submodule_search_locations or [])
        self._folders = tuple(folders)
        sys.addaudithook(self._see)

    def _see(self, event: str, details: tuple[Any, ...]) -> None:
        if event == "compile":
            self._see_file(details[1])
        elif event == "exec":
            self._see_file(getattr(details[0], "co_filename", None))

    def _see_file(self, file: Any) -> None:
        if isinstance(file, str) and file not in self._noted and self._is_theirs(file):
            from trodo_cli.runner.inquiry import Line, stamp

            self._noted.add(file)
            self.write(Line(file=file, stamp=stamp(file)))

    def _is_theirs(self, file: str) -> bool:
        """Whether it is in one of the folders, but not among what was installed there."""
        return any(
            file.startswith(folder) and "site-packages" not in file[len(folder) :] for folder in self._folders
        )


if __name__ == "__main__":
    main()
