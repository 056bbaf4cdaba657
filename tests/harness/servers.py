"""Real `trodo serve` processes: started, killed and stopped by signals. Several may stand before one store."""

import http.client
import os
import random
import signal
import socket
import subprocess
import time
from contextlib import suppress

from tests.harness.home import PATIENCE_SECONDS, Home, Program
from tests.harness.verdict import POLL_SECONDS, Failed, Limit
from tests.workers import workers_of

PORTS = range(20_000, 32_000)
"""Below those that systems give away by themselves, so that nobody takes ours while its server is down."""


class Server:
    """One server, which is always reached at the same port."""

    def __init__(self, home: Home, limit: Limit, *options: str, workers: int = 1) -> None:
        self._home, self._limit, self._options, self._workers = home, limit, options, workers
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._program: Program | None = None

    def start(self) -> float:
        """Start it; seconds from then until `/health` answers."""
        began = time.monotonic()
        words = (
            "--port",
            str(self.port),
            "--target",
            self._home.place.target,
            "--workers",
            str(self._workers),
        )
        self._program = self._home.start("trodo_cli", "serve", *words, *self._options)
        self._limit.until(self.answers, self.check)
        return time.monotonic() - began

    def check(self) -> None:
        """Raises `Failed` when it ended by itself."""
        if self._running.has_ended:
            code, words = self._running.process.returncode, self._running.last_words
            raise Failed("server", f"the server ended with code {code}: {words}")

    def kill(self) -> None:
        """End it as `kill -9` does, its workers too: no word, no chance to tidy up."""
        self.check()
        workers = workers_of(self._running.process.pid) if self._workers > 1 else []
        self._running.close()
        for pid in workers:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def stop(self, patience: float = PATIENCE_SECONDS) -> float:
        """Ask it to end by SIGTERM; seconds until it did. It must end well, and within `patience` seconds."""
        self.check()
        process, began = self._running.process, time.monotonic()
        process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(patience)
        except subprocess.TimeoutExpired:
            raise Failed("exit", f"the server still runs {patience:g} s after SIGTERM") from None
        if code:
            raise Failed("exit", f"the server ended with code {code}: {self._running.last_words}")
        return time.monotonic() - began

    def replace_workers(self) -> None:
        """Ask one worker after another to end, and wait for who takes its place; somebody always answers."""
        parent = self._running.process.pid
        for pid in workers_of(parent):
            os.kill(pid, signal.SIGTERM)
            self._limit.until(
                lambda pid=pid: pid not in (ids := workers_of(parent)) and len(ids) == self._workers,
                self._check_answer,
            )

    def _check_answer(self) -> None:
        self.check()
        if not self.answers():
            raise Failed("refused", "nobody answers while a worker is replaced")

    @property
    def _running(self) -> Program:
        assert self._program is not None
        return self._program

    def answers(self) -> bool:
        """Whether somebody answers; a connection that one who ends has closed unasked is made again."""
        try:
            return self._asked() or self._asked()
        except ConnectionRefusedError:
            return False

    def _asked(self) -> bool:
        """Whether there was an answer. Raises `ConnectionRefusedError` when nobody listens."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        except ConnectionRefusedError:
            raise
        except OSError:
            return False
        finally:
            connection.close()


def _free_port() -> int:
    while True:
        port = random.choice(PORTS)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                time.sleep(POLL_SECONDS)
