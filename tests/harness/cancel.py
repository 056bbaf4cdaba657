"""Runs that a server has started are cancelled, ended by force and killed, and so is the server."""

import argparse
import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tests.harness.agents import AGENTS
from tests.harness.audit import Books
from tests.harness.home import Home
from tests.harness.scene import Scene
from tests.harness.servers import Server
from tests.harness.verdict import Failed, Figures, Limit, spread
from trodo_cli.client import connect
from trodo_cli.client.base import Client
from trodo_cli.config import api_key, target
from trodo_cli.errors import TrodoError
from trodo_cli.model.run import Run
from trodo_cli.query.plan import RunFilter

AT_ONCE = 6
"""Runs between their start and their end at one time; half of them wait for their turn."""

LONG = 100_000
"""Steps of a run that must not end by itself."""

LOOK_SECONDS = 0.02
"""Between two looks at runs that have not ended."""

ENDED = ("completed", "failed", "cancelled")


class CancelRuns(Scene):
    """Started runs are cancelled, forced, killed, and lose their server: each has one end, and nothing is left."""

    max_seconds = 900

    def __init__(self, asked: argparse.Namespace, home: Home, limit: Limit) -> None:
        super().__init__(asked, home, limit, 1)
        agents = home.folder / "agents"
        self._pids = home.folder / "pids"
        for folder in (agents, self._pids):
            folder.mkdir()
        (agents / "agents.py").write_text(AGENTS)
        options = ("--agents", str(agents), "--max-runs", str(AT_ONCE // 2))
        self.server = Server(home, limit, *options, workers=asked.workers)
        self._client: Client | None = None
        self._started: list[str] = []
        self._hurt: dict[str, float] = {}
        """When each run was cancelled, forced or killed, in seconds since the beginning."""
        self._first: dict[str, str] = {}
        """The first end of each run that anybody saw."""
        self._seconds: dict[str, list[float]] = {"asked": [], "forced": [], "killed": [], "server": []}
        self._outcomes: Counter[str] = Counter()

    @staticmethod
    def options(parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--runner", action="store_true", required=True, help="runs that a server has started"
        )
        parser.add_argument("--cancels", type=int, default=300, help="runs cancelled at random moments")
        parser.add_argument("--forced", type=int, default=30, help="runs ended by force")
        parser.add_argument("--kills", type=int, default=30, help="processes of runs killed with -9")
        parser.add_argument("--servers", type=int, default=10, help="servers killed with -9")
        parser.add_argument("--end-seconds", type=float, default=60.0, help="more until an end is a failure")

    def play(self) -> None:
        self.server.start()
        self._client = self._connected()
        self._cancel_some()
        self._force_some()
        self._kill_some()
        self._kill_servers()
        self._until_all_have_ended()
        self.server.stop()

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
        super().close()

    def audited(self, books: Books) -> Figures:
        for run_id in self._started:
            ends = [entry for entry in books.run(run_id) if entry.type == "run-end"]
            if len(ends) != 1:
                raise Failed("ends", f"run {run_id} has {len(ends)} ends")
        for run in self._stored():
            self._check_end(run)
        if alive := [pid for path in self._pids.iterdir() for pid in _pids(path) if _is_ours(pid)]:
            raise Failed("orphan", f"{len(alive)} processes are left, such as {alive[0]}")
        if left := list((self.home.folder / "home" / "runs").glob("*")):
            raise Failed("unsettled", f"{len(left)} runs are not settled, such as {left[0].name}")
        return {
            "runs": len(self._started),
            "runs below them": self._outcomes.total() - len(self._started),
            "ends": ", ".join(f"{count} {status}" for status, count in sorted(self._outcomes.items())),
            "ended before they were cancelled": sum(run_id not in self._hurt for run_id in self._started),
            "cancel until the end": spread(self._seconds["asked"]),
            "force until the end": spread(self._seconds["forced"]),
            "kill -9 until the end": spread(self._seconds["killed"]),
            "kill -9 of the server until the end": spread(self._seconds["server"]),
        }

    # -- the faults ------------------------------------------------------------------------------

    def _cancel_some(self) -> None:
        """Several at one time: begun, at work, waiting for their turn, just ending."""
        chance = self.chance("cancels")
        for _ in _batches(self.asked.cancels, AT_ONCE):
            run_ids = [self._start("work", {"steps": chance.randint(0, 120)}) for _ in range(AT_ONCE)]
            began = self.limit.spent
            for moment, run_id in sorted((chance.uniform(0, 1.5), run_id) for run_id in run_ids):
                while self.limit.spent < began + moment:
                    self._look(run_ids, "asked")
                self._cancel(run_id)
            self._until_ended(run_ids, "asked")

    def _force_some(self) -> None:
        for _ in _batches(self.asked.forced, AT_ONCE // 2):
            run_ids = [self._start("deaf") for _ in range(AT_ONCE // 2)]
            self._until_at_work(run_ids)
            for run_id in run_ids:
                self._cancel(run_id, force=True)
            self._until_ended(run_ids, "forced")
            self._expect(run_ids, "cancelled")

    def _kill_some(self) -> None:
        """The agent's process or the guard before it."""
        chance = self.chance("kills")
        for _ in _batches(self.asked.kills, AT_ONCE // 2):
            run_ids = [self._start("work", {"steps": LONG}) for _ in range(AT_ONCE // 2)]
            self._until_at_work(run_ids)
            self.limit.sleep(chance.uniform(0, 0.2))
            for run_id in run_ids:
                self._hurt[run_id] = self.limit.spent
                os.kill(chance.choice(_pids(self._pids / run_id)), signal.SIGKILL)
            self._until_ended(run_ids, "killed")
            self._expect(run_ids, "failed")

    def _kill_servers(self) -> None:
        """With runs at work and runs that wait."""
        chance = self.chance("servers")
        for _ in range(self.asked.servers):
            run_ids = [self._start("work", {"steps": LONG}) for _ in range(AT_ONCE)]
            self.limit.sleep(chance.uniform(0, 1.0))
            self._hurt |= dict.fromkeys(run_ids, self.limit.spent)
            self.server.kill()
            self.server.start()
            self._until_ended(run_ids, "server")
            self._expect(run_ids, "failed")

    # -- what is asked of the server -------------------------------------------------------------

    def _start(self, agent_id: str, value: object = None) -> str:
        run_id = self._known.runs.start(agent_id=agent_id, input=value).id
        self._started.append(run_id)
        return run_id

    def _cancel(self, run_id: str, *, force: bool = False) -> None:
        if run_id not in self._first:
            self._hurt[run_id] = self.limit.spent
        self._known.runs.cancel(run_id, by="gate", force=force)

    def _until_at_work(self, run_ids: list[str]) -> None:
        self.until(lambda: all((self._pids / run_id).exists() for run_id in run_ids))

    def _until_ended(self, run_ids: list[str], why: str) -> None:
        self.until(lambda: not self._look(run_ids, why))

    def _look(self, run_ids: list[str], why: str) -> list[str]:
        """Those that have not ended; the end of the others is noted. Raises `Failed` for one that takes too long."""
        waiting = [run_id for run_id in run_ids if run_id not in self._first]
        for run_id in waiting:
            with suppress(TrodoError):
                self._note(self._known.runs.get(run_id), why)
        self.limit.sleep(LOOK_SECONDS)
        return [run_id for run_id in waiting if run_id not in self._first]

    def _note(self, run: Run, why: str) -> None:
        spent = self.limit.spent - self._hurt.get(run.id, self.limit.spent)
        if run.status in ENDED:
            self._first[run.id] = run.status
            self._seconds[why].append(spent)
        elif spent > self.asked.end_seconds:
            raise Failed("open", f"run {run.id} is {run.status} {spent:.0f} s after it was {why}")

    def _until_all_have_ended(self) -> None:
        """Also the runs below those that were started."""
        self.until(lambda: self._pause() and all(run.status in ENDED for run in self._listed()))

    def _pause(self) -> bool:
        self.limit.sleep(0.1)
        return True

    def _expect(self, run_ids: list[str], status: str) -> None:
        if wrong := {run_id: self._first[run_id] for run_id in run_ids if self._first[run_id] != status}:
            raise Failed("status", f"{len(wrong)} runs did not end {status}: {wrong}")

    def _check_end(self, run: Run) -> None:
        self._outcomes[run.status] += 1
        if run.status not in ENDED:
            raise Failed("open", f"run {run.id} is {run.status} for ever")
        if (first := self._first.get(run.id, run.status)) != run.status:
            raise Failed("ends", f"run {run.id} was {first} and is {run.status}")

    def _listed(self) -> Iterator[Run]:
        yield from _all_runs(self._known)

    def _stored(self) -> list[Run]:
        client = connect(self.home.place.target)
        try:
            return list(_all_runs(client))
        finally:
            client.close()

    def _connected(self) -> Client:
        return connect(self.server.url, key_of=lambda: api_key(target(self.server.url)))

    @property
    def _known(self) -> Client:
        assert self._client is not None
        return self._client


def _all_runs(client: Client) -> Iterator[Run]:
    cursor: str | None = None
    while True:
        page = client.runs.list(limit=1_000, cursor=cursor, wanted=RunFilter(roots_only=False))
        yield from page.rows
        if page.cursor is None:
            return
        cursor = page.cursor


def _batches(count: int, size: int) -> range:
    return range(0, count, size)


def _pids(path: Path) -> list[int]:
    """The process of a run and its guard."""
    return [int(word) for word in path.read_text().split()]


def _is_ours(pid: int) -> bool:
    """Whether the number still is a process of a run."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return b"trodo_cli.runner.program" in command
