"""A store is copied while it is written to."""

import argparse
import time
from itertools import count
from pathlib import Path
from typing import NamedTuple

from tests.harness.audit import Books, check_writers
from tests.harness.home import Home
from tests.harness.places import FilePlace
from tests.harness.scene import Scene
from tests.harness.traffic import mark, run_start, whole_spans
from tests.harness.verdict import Failed, Figures, Limit, spread
from tests.harness.writers import Batch
from trodo_cli.model.ids import new_run_id

RUNS = 3
WRITERS = 3
MOST_SPANS = 20
BATCHES_BETWEEN = 5
"""How many batches are acknowledged between two copies, at least."""


class Sent(NamedTuple):
    """A batch, and when it was sent and acknowledged."""

    batch: Batch
    sent: float
    acknowledged: float


class Copy(NamedTuple):
    """A copy, and when its program was started."""

    path: Path
    began: float


class Backup(Scene):
    """A store is copied while it is written to; every copy is whole, private, and a state that once was."""

    max_seconds = 180
    stores = ("sqlite",)

    def __init__(self, asked: argparse.Namespace, home: Home, limit: Limit) -> None:
        super().__init__(asked, home, limit, WRITERS)
        self._runs = [new_run_id() for _ in range(RUNS)]
        self._sent: list[Sent] = []
        self._copies: list[Copy] = []
        self._took: list[float] = []
        self._is_over = False

    @staticmethod
    def options(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--rounds", type=int, default=50, help="how many copies are made")
        parser.add_argument(
            "--rest", type=float, default=0.02, help="seconds between two batches of a writer"
        )

    def play(self) -> None:
        self.start_servers()
        self.writers[0].deliver([run_start(run_id) for run_id in self._runs])
        for number in range(WRITERS):
            self.begin(self._publish, number)
        while len(self._copies) < self.asked.rounds:
            self._copy()
        self._refuse_to_restore()
        self._is_over = True
        self.until_all_is_sent()
        self.stop_servers()
        self._run("restore", str(self._copies[-1].path), "--target", str(self._restored))

    def audited(self, books: Books) -> Figures:
        events = check_writers(books, self.writers)
        missing = [self._checked(copy, books) for copy in self._copies]
        FilePlace(self._restored).check()
        self._compare(self._restored, self._copies[-1].path)
        return {
            "copies": len(self._copies),
            "events at the end": events,
            "batches written beside": len(self._sent),
            "batches after the last copy": missing[-1],
            "a copy": spread(self._took),
            "bytes of the last copy": self._copies[-1].path.stat().st_size,
        }

    @property
    def _restored(self) -> Path:
        return self.home.folder / "restored.db"

    def _copy(self) -> None:
        due = self.acknowledged + BATCHES_BETWEEN
        self.until(lambda: self.acknowledged >= due)
        copy = Copy(self.home.folder / f"copy-{len(self._copies)}.db", time.monotonic())
        self._run("backup", str(copy.path))
        self._took.append(time.monotonic() - copy.began)
        self._copies.append(copy)

    def _refuse_to_restore(self) -> None:
        if self._run("restore", str(self._copies[-1].path), code=2):
            raise Failed("restored", "a store in use was replaced without --force")

    def _run(self, *words: str, code: int = 0) -> bool:
        """Run a command to its end; whether it worked. Raises `Failed` unless it ends as it should."""
        program = self.home.start("trodo_cli", *words)
        self.until(lambda: program.has_ended)
        if program.process.returncode not in (0, code):
            raise Failed(
                "program", f"{words[0]} ended with code {program.process.returncode}: {program.last_words}"
            )
        return program.process.returncode == 0

    def _checked(self, copy: Copy, books: Books) -> int:
        """How many batches the copy does not have, when it is as it should be."""
        name, path = copy.path.name, copy.path
        if (mode := path.stat().st_mode & 0o777) != 0o600:
            raise Failed("mode", f"{name} has mode {mode:o}")
        beside = [found.name for found in path.parent.iterdir() if name in found.name and found != path]
        if beside:
            raise Failed("beside", f"{name} has {beside} beside it")
        FilePlace(path).check()
        copied = Books(FilePlace(path).opened())
        try:
            for run_id in self._runs:
                if copied.run(run_id) != books.run(run_id)[: len(copied.run(run_id))]:
                    raise Failed("different", f"run {run_id} in {name} is no beginning of what it became")
            return self._check_order(copy, copied)
        finally:
            copied.close()

    def _check_order(self, copy: Copy, copied: Books) -> int:
        """The batches in a copy are the first ones: no batch is missing that was stored before one that is there."""
        there: dict[int, bool] = {}
        for number, sent in enumerate(self._sent):
            found = {mark(event) in copied.marks(event.run_id) for event in sent.batch}
            if len(found) > 1:
                raise Failed("torn", f"{copy.path.name} has a part of a batch")
            there[number] = found == {True}
        last = max([copy.began, *(sent.sent for number, sent in enumerate(self._sent) if there[number])])
        for number, sent in enumerate(self._sent):
            if sent.acknowledged < last and not there[number]:
                raise Failed("lost", f"{copy.path.name} lacks a batch that was acknowledged before")
        return sum(not found for found in there.values())

    def _compare(self, one: Path, other: Path) -> None:
        books = [Books(FilePlace(path).opened()) for path in (one, other)]
        try:
            for run_id in self._runs:
                if books[0].run(run_id) != books[1].run(run_id):
                    raise Failed("different", f"run {run_id} is not what it was in the copy")
        finally:
            for book in books:
                book.close()

    def _publish(self, number: int) -> None:
        chance = self.chance(f"writer {number}")
        for place in count():
            if self._is_over:
                return
            run_id = chance.choice(self._runs)
            batch = whole_spans(run_id, f"w{number}-{place}", chance.randint(1, MOST_SPANS))
            sent = time.monotonic()
            self.writers[number].deliver(batch)
            self._sent.append(Sent(batch, sent, time.monotonic()))
            self.limit.sleep(self.asked.rest)
