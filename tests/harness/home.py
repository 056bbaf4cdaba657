"""The folder of one gate and the programs that share it: one store, one user, one machine."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from unittest import mock

import trodo_cli
from tests.harness.places import DatabasePlace, FilePlace, Place
from trodo_cli.client import LOCAL_OWNER, connect
from trodo_cli.model.key import SCOPES

PROJECT = Path(trodo_cli.__file__).parents[1]
PATIENCE_SECONDS = 10.0
"""How long a program may take to die of a signal that it cannot refuse."""


class Program:
    """A process whose words are kept in files; it does not outlive the gate."""

    def __init__(self, command: list[str], environment: dict[str, str], out: Path) -> None:
        self.out, self._err = out, out.with_suffix(".err")
        with open(self.out, "wb") as out_file, open(self._err, "wb") as err_file:
            self.process = subprocess.Popen(
                command, env=environment, cwd=PROJECT, stdin=subprocess.PIPE, stdout=out_file, stderr=err_file
            )

    @property
    def has_ended(self) -> bool:
        return self.process.poll() is not None

    @property
    def is_well(self) -> bool:
        """Whether it is at work, or ended without trouble."""
        return self.process.poll() in (None, 0)

    @property
    def last_words(self) -> str:
        """The end of what it wrote to stderr, for a verdict."""
        return self._err.read_text(errors="replace").strip()[-2_000:]

    def say(self, text: str) -> None:
        """Write to its stdin; one that has died is found by others."""
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.write(text.encode())
            self.process.stdin.flush()

    def say_no_more(self) -> None:
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.close()

    def close(self) -> None:
        """End it now if it still runs."""
        self.process.kill()
        self.process.wait(PATIENCE_SECONDS)
        self.say_no_more()


class Home:
    """Where the programs of a gate keep what is theirs."""

    def __init__(
        self, folder: Path, plant: str = "", planted_module: str = "", *, store: str = "sqlite"
    ) -> None:
        self.folder, self._plant, self._planted_module = folder, plant, planted_module
        self.place = place_in(folder, store)
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "TRODO_HOME": str(folder / "home"),
            "PYTHONPATH": str(PROJECT),
            "PYTHONWARNINGS": "error",
        }
        self._programs: list[Program] = []

    def start(self, module: str, *arguments: str, **environment: str) -> Program:
        """Run a module as a program, with the planted bug if it is for that module."""
        planted = ("tests.harness.planted", self._plant) if module == self._planted_module else ()
        command = [sys.executable, "-m", *planted, module, *arguments]
        out = self.folder / f"{len(self._programs)}.out"
        self._programs.append(Program(command, {**self._environment, **environment}, out))
        return self._programs[-1]

    def make_key(self) -> str:
        """A key to the store, good for every server on it, however often they start."""
        client = connect(self.place.target)
        try:
            return client.keys.create(LOCAL_OWNER, SCOPES)[1]
        finally:
            client.close()

    @contextmanager
    def used(self) -> Iterator[None]:
        """Clients of this process find their keys here, as the programs do."""
        others = {name: text for name, text in os.environ.items() if not name.startswith("TRODO_")}
        own = {**others, "TRODO_HOME": self._environment["TRODO_HOME"]}
        with mock.patch.dict(os.environ, own, clear=True):
            yield

    def close(self) -> None:
        """Leave no process behind."""
        for program in self._programs:
            program.close()


_places: dict[str, Callable[[Path], Place]] = {
    "sqlite": lambda folder: FilePlace(folder / "home" / "trodo.db"),
    "postgres": lambda folder: DatabasePlace(folder / "data"),
}
STORES = (*_places,)


def place_in(folder: Path, store: str) -> Place:
    """A new place of one of the `STORES`."""
    return _places[store](folder)
