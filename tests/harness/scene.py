"""What every gate is made of: a server, writers in threads, followers beside them, and the books at the end."""

import argparse
import random
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from tests.harness.audit import Books, check_log
from tests.harness.following import Log
from tests.harness.home import STORES, Home, Program
from tests.harness.servers import Server
from tests.harness.verdict import Failed, Figures, Limit
from tests.harness.writers import Writer


class Scene(ABC):
    """One gate while it runs: it is played, and then looked at by the auditor."""

    max_seconds: int
    """What it may take unless told."""
    stores: tuple[str, ...] = STORES
    """Over which it can be played."""

    def __init__(self, asked: argparse.Namespace, home: Home, limit: Limit, writers: int) -> None:
        self.asked, self.home, self.limit = asked, home, limit
        self.servers = [Server(home, limit, workers=asked.workers) for _ in range(asked.replicas)]
        self.writers = [Writer(self.server_of(number).url, limit) for number in range(writers)]
        self.programs: dict[str, Program] = {}
        self.logs: dict[str, Log] = {}
        """What the followers noted, once the gate is played."""
        self._threads = ThreadPoolExecutor(writers)
        self._work: list[Future[None]] = []

    @staticmethod
    @abstractmethod
    def options(parser: argparse.ArgumentParser) -> None:
        """How much of what is wanted."""

    @abstractmethod
    def play(self) -> None:
        """Make the faults; at the end the server is stopped and nobody writes."""

    @abstractmethod
    def audited(self, books: Books) -> Figures:
        """Compare what was acknowledged, stored and told."""

    def passed(self) -> Figures:
        """The whole gate. Raises `Failed`."""
        try:
            self.play()
        finally:
            self.limit.end()
            self.close()
        self.home.place.check()
        books = Books(self.home.place.opened())
        try:
            return self.audited(books)
        finally:
            books.close()

    def server_of(self, number: int) -> Server:
        """The server that this one of many is sent to."""
        return self.servers[number % len(self.servers)]

    def start_servers(self) -> list[float]:
        """Start all; how long each took, in seconds."""
        return [server.start() for server in self.servers]

    def stop_servers(self) -> None:
        for server in self.servers:
            server.stop()

    def close(self) -> None:
        """Leave no process, thread or connection behind."""
        self.home.close()
        self._threads.shutdown()
        for writer in self.writers:
            writer.close()

    @property
    def acknowledged(self) -> int:
        """How many batches are stored by what the writers were told."""
        return sum(len(writer.acknowledged) for writer in self.writers)

    def chance(self, what: str) -> random.Random:
        """The seed's own course of chance for one purpose."""
        return random.Random(f"{self.asked.seed} {what}")

    def begin(self, work: Callable[..., None], *arguments: object) -> None:
        """Do this in a thread."""
        self._work.append(self._threads.submit(work, *arguments))

    def follow(self, who: str, url: str, run_id: str, **environment: str) -> None:
        """Start a follower, `full` or `light`, with the product's client."""
        self.programs[who] = self.home.start(
            "tests.harness.following", url, run_id, f"--{who}", **environment
        )

    def check_followers(self, books: Books, run_id: str) -> None:
        """Every follower was told what is stored."""
        for who in self.logs:
            check_log(self.logs[who].events, books.run(run_id), f"the {who} follower")
            self.logs[who].check(f"the {who} follower")

    def until(self, is_ready: Callable[[], bool]) -> None:
        """Wait for something, unless anything goes wrong."""
        self.limit.until(is_ready, self.watch)

    def until_all_is_sent(self) -> None:
        self.until(lambda: all(done.done() for done in self._work))
        self.watch()

    def until_all_is_told(self) -> None:
        """Wait for the followers and read their logs."""
        self.until(lambda: all(program.has_ended for program in self.programs.values()))
        self.logs = {who: Log(self.programs[who].out) for who in ("full", "light")}

    def watch(self) -> None:
        """Raises what went wrong in a thread or a program."""
        for done in self._work:
            if done.done():
                done.result()
        for who, program in self.programs.items():
            if not program.is_well:
                raise Failed("program", f"the {who} program ended badly: {program.last_words}")
