"""A server with many open streams is stopped and started."""

import argparse
import time
from itertools import count

from tests.harness.audit import Books, check_log, check_writers
from tests.harness.home import Home
from tests.harness.scene import Scene
from tests.harness.servers import Server
from tests.harness.traffic import run_end, run_start, whole_spans
from tests.harness.verdict import Failed, Figures, Limit, spread
from tests.harness.viewers import Audience, Viewer
from trodo_cli.model.ids import new_run_id

RUNS = 10
WRITERS = 2
VIEWERS_PER_KEY = 100
BATCHES_BETWEEN = 10
"""How many batches are acknowledged between all streams being open and the next SIGTERM, at least."""

REST_SECONDS = 0.05
"""Between two batches of a writer."""


class Rolling(Scene):
    """A server with many open streams is stopped and started; it ends well and soon, and every stream goes on."""

    max_seconds = 300

    def __init__(self, asked: argparse.Namespace, home: Home, limit: Limit) -> None:
        super().__init__(asked, home, limit, WRITERS)
        self._runs = [new_run_id() for _ in range(RUNS)]
        self._audience = Audience(self._viewers())
        self._exits: list[float] = []
        self._resumes: list[float] = []
        """How long each exit took, and after each start until all streams were open again, in seconds."""
        self._replacements: list[float] = []
        """How long it took until each worker was another one and all streams were open again."""
        self._is_over = False

    @staticmethod
    def options(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--restarts", type=int, default=20)
        parser.add_argument("--streams", type=int, default=200)
        parser.add_argument("--exit-seconds", type=float, default=10.0, help="more is a failure")

    def play(self) -> None:
        self.start_servers()
        self.writers[0].deliver([run_start(run_id) for run_id in self._runs])
        for who in ("full", "light"):
            self.follow(who, self.servers[0].url, self._runs[0])
        for number in range(WRITERS):
            self.begin(self._publish, number)
        self._gather()
        for number in range(self.asked.restarts):
            self._restart(self.server_of(number))
            if self.asked.workers > 1:
                self._replace(self.server_of(number))
        self._is_over = True
        self.until_all_is_sent()
        self.writers[0].deliver([run_end(run_id) for run_id in self._runs])
        self.until(lambda: self._audience.is_done)
        self.until_all_is_told()
        self.stop_servers()

    def close(self) -> None:
        super().close()
        self._audience.close()

    def watch(self) -> None:
        super().watch()
        if broken := self._audience.broken:
            raise Failed(
                "broken", f"{len(broken)} streams did not end with a last chunk, such as {broken[0]}"
            )

    def audited(self, books: Books) -> Figures:
        events = check_writers(books, self.writers)
        for number, viewer in enumerate(self._audience.viewers):
            check_log(viewer.log, books.run(viewer.run_id), f"viewer {number}")
        self.check_followers(books, self._runs[0])
        return {
            "restarts": len(self._exits),
            "streams": len(self._audience.viewers),
            "events": events,
            "events told": sum(len(viewer.log) for viewer in self._audience.viewers),
            "SIGTERM until exit": f"{spread(self._exits)}, longest {max(self._exits):.2f} s",
            "start until all streams are open": spread(self._resumes),
            "all workers replaced, one by one": spread(self._replacements),
        }

    def _viewers(self) -> list[Viewer]:
        keys = [self.home.make_key() for _ in range(0, self.asked.streams, VIEWERS_PER_KEY)]
        return [
            Viewer(
                self._urls(number),
                self._runs[number % RUNS],
                keys[number // VIEWERS_PER_KEY],
                light=number % 2 == 1,
            )
            for number in range(self.asked.streams)
        ]

    def _urls(self, number: int) -> list[str]:
        """Every server, each viewer beginning at another one."""
        first = number % len(self.servers)
        return [server.url for server in self.servers[first:] + self.servers[:first]]

    def _restart(self, server: Server) -> None:
        """Stop one; who followed there goes to another, or waits when it is the only one."""
        due = self.acknowledged + BATCHES_BETWEEN
        self.until(lambda: self.acknowledged >= due)
        is_alone = len(self.servers) == 1
        if is_alone:
            self._audience.wait()
        self._exits.append(server.stop(self.asked.exit_seconds))
        self.until(lambda: not (is_alone and self._audience.live))
        began = time.monotonic()
        if not is_alone:
            self._gather()
        server.start()
        self._gather()
        self._resumes.append(time.monotonic() - began)

    def _replace(self, server: Server) -> None:
        began = time.monotonic()
        server.replace_workers()
        self._gather()
        self._replacements.append(time.monotonic() - began)

    def _gather(self) -> None:
        """Wait until every stream is open."""
        self._audience.open()
        self.until(lambda: self._audience.live == len(self._audience.viewers))

    def _publish(self, number: int) -> None:
        chance = self.chance(f"writer {number}")
        for place in count():
            if self._is_over:
                return
            run_id = chance.choice(self._runs)
            self.writers[number].deliver(whole_spans(run_id, f"w{number}-{place}", chance.randint(1, 4)))
            self.limit.sleep(REST_SECONDS)
