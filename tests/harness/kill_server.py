"""Servers and their database are killed while batches are on their way."""

import argparse
import random
import time
from collections.abc import Callable
from itertools import count

from tests.harness.audit import Books, check_writers
from tests.harness.home import Home
from tests.harness.places import DatabasePlace
from tests.harness.scene import Scene
from tests.harness.traffic import mark, run_end, run_start, whole_spans
from tests.harness.verdict import Failed, Figures, Limit, spread
from tests.harness.writers import Batch
from trodo_cli.model.ids import new_run_id

MOST_BATCHES = 25
"""How many batches are acknowledged at most before the server is killed again."""

MOST_SECONDS = 0.008
"""How long after the last of them at most; about what a batch takes."""

MOST_SPANS = 20


class KillServer(Scene):
    """A server is killed mid-batch, or its database fails; what was acknowledged is there once, no batch by halves."""

    max_seconds = 420

    def __init__(self, asked: argparse.Namespace, home: Home, limit: Limit) -> None:
        super().__init__(asked, home, limit, asked.writers)
        self._shared = new_run_id()
        self._kills = 0
        self._started: list[float] = []
        """How long each start took, in seconds."""
        self._cuts: list[bool] = []
        """Of connections of the database that were ended: whether one was at its commit."""
        self._back: list[float] = []
        """How long after each crash of the database a batch was acknowledged again, in seconds."""

    @staticmethod
    def options(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--cycles", type=int, default=200, help="how many faults")
        parser.add_argument("--writers", type=int, default=3)
        parser.add_argument(
            "--back-seconds",
            type=float,
            default=10.0,
            help="after a crash of the database; more is a failure",
        )

    def play(self) -> None:
        self._started += self.start_servers()
        self.writers[0].deliver([run_start(self._shared)])
        for number in range(len(self.writers)):
            self.begin(self._publish, number)
        chance = self.chance("kills")
        while self._kills < self.asked.cycles:
            self._wait(self.acknowledged + chance.randint(1, MOST_BATCHES), chance.uniform(0, MOST_SECONDS))
            chance.choice(self._faults())()
            self._kills += 1
        self.until_all_is_sent()
        self.stop_servers()

    def audited(self, books: Books) -> Figures:
        events = check_writers(books, self.writers)
        given_up = [batch for writer in self.writers for batch in writer.given_up]
        stored = sum(mark(batch[0]) in books.marks(self._shared) for batch in given_up)
        if not given_up:
            raise Failed("idle", "no kill fell into a batch: nothing was tried")
        return {
            "faults": f"{self._kills}: {len(self._started) - len(self.servers)} kills, "
            f"{len(self._cuts)} connections ended, {sum(self._cuts)} of them at a commit, "
            f"{len(self._back)} crashes of the database",
            "database until a batch is acknowledged": spread(self._back),
            "batches acknowledged": self.acknowledged,
            "batches sent again": sum(writer.retries for writer in self.writers),
            "batches given up": f"{len(given_up)}, {stored} of them stored",
            "events stored": events,
            "start until /health answers": spread(self._started),
        }

    def _wait(self, due: int, seconds: float) -> None:
        """Until so many seconds after so many batches are acknowledged."""
        self.until(lambda: self.acknowledged >= due)
        self.limit.sleep(seconds)

    def _faults(self) -> list[Callable[[], None]]:
        place = self.home.place
        if not isinstance(place, DatabasePlace):
            return [self._kill]
        return [self._kill, lambda: self._cut_a_commit(place), lambda: self._crash(place)]

    def _kill(self) -> None:
        """Kill a server, and start it again."""
        server = self.server_of(self._kills)
        server.kill()
        self._started.append(server.start())

    def _cut_a_commit(self, place: DatabasePlace) -> None:
        self._cuts.append(place.cut_a_commit())

    def _crash(self, place: DatabasePlace) -> None:
        """The database dies and comes back; then a batch must be acknowledged soon."""
        place.stop()
        place.start()
        began, due = time.monotonic(), self.acknowledged + 1
        self.until(lambda: self.acknowledged >= due)
        self._back.append(time.monotonic() - began)
        if self._back[-1] > self.asked.back_seconds:
            raise Failed(
                "back", f"nothing was acknowledged {self._back[-1]:.1f} s after the database was back"
            )

    def _publish(self, number: int) -> None:
        """Always a batch on its way. When a kill takes its answer, half of them are sent again and half are not."""
        chance, is_up = self.chance(f"writer {number}"), True
        for place in count():
            if self._kills >= self.asked.cycles:
                return
            batch = self._batch(chance, f"w{number}-{place}")
            is_up = self.writers[number].deliver(batch, gives_up=is_up and chance.random() < 0.5)

    def _batch(self, chance: random.Random, name: str) -> Batch:
        """Spans of the run that all share, and a whole run of its own."""
        own = new_run_id()
        return [
            *whole_spans(self._shared, name, chance.randint(1, MOST_SPANS)),
            run_start(own),
            *whole_spans(own, name, chance.randint(0, 2)),
            run_end(own),
        ]
