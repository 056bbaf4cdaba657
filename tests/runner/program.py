"""Programs that start agents, and what is left when they die."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

from tests.cli.program import Cli, Running, eventually
from tests.runner.stage import ARTICLE, GATED
from trodo_cli.model.run import Run
from trodo_cli.query.plan import RunFilter

PIDS = """
import os
import subprocess
import trodo
from gated import HERE, ask

@trodo.agent("pids")
def pids(gate: str = "pids") -> None:
    (HERE / "pid-agent").write_text(str(os.getpid()))
    (HERE / "pid-guard").write_text(str(os.getppid()))
    helper = subprocess.Popen(["sleep", "600"])
    (HERE / "pid-helper").write_text(str(helper.pid))
    with trodo.span("outer"):
        trodo.invoke("inner", gate, run=True)

@trodo.agent("inner")
def inner(gate: str) -> str:
    return ask("model", "text", gate)
"""


class Machine:
    """A home with a folder of agents, and the programs on it."""

    def __init__(self, cli: Cli) -> None:
        self.cli, self.folder = cli, cli.folder
        (self.folder / "agents").mkdir()
        for name, source in (("gated", GATED), ("article", ARTICLE), ("pids", PIDS)):
            (self.folder / "agents" / f"{name}.py").write_text(source)

    def begin(self, *arguments: str) -> tuple[Running, str]:
        """`trodo runs start …` at work, and the id of its run."""
        running = self.cli.start("runs", "start", "--agents", "agents", *arguments)
        return running, running.line()

    def serve(self, *arguments: str) -> tuple[Running, str]:
        """`trodo serve` with these agents, and its URL."""
        running = self.cli.start("serve", "--port", "0", "--agents", "agents", *arguments)
        return running, running.line()

    def reached(self, gate: str) -> None:
        eventually(lambda: (self.folder / f"at-{gate}").exists())

    def open(self, *gates: str) -> None:
        for gate in gates:
            (self.folder / f"go-{gate}").touch()

    def pid(self, who: str) -> int:
        """The process of the agent `pids`, its guard, or a helper that it has started."""
        return int(eventually(lambda: self._read(f"pid-{who}")))

    def pids(self) -> list[int]:
        return [self.pid(who) for who in ("agent", "guard", "helper")]

    def gone(self, *pids: int) -> None:
        """Wait until none of these processes is alive."""
        eventually(lambda: not any(_is_alive(pid) for pid in pids))

    def run(self, run_id: str) -> Run:
        with self.cli.reading() as client:
            return client.runs.get(run_id)

    def runs(self) -> Iterator[Run]:
        with self.cli.reading() as client:
            yield from client.runs.list(limit=1000, wanted=RunFilter(roots_only=False)).rows

    def settled(self) -> bool:
        return not list((self.cli.home / "runs").glob("*"))

    def _read(self, name: str) -> str:
        path = self.folder / name
        return path.read_text() if path.exists() else ""


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
