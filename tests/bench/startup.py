"""Start-up of the command line, whole processes, on a store of 100,000 runs.

python -m tests.bench.startup [--rounds 15] [--runs 100000]
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.pairs import Measure, rounds, show
from trodo_cli.client import connect
from trodo_cli.model.event import RunEnd, RunStart
from trodo_cli.model.ids import new_run_id
from trodo_cli.model.run import Run

BATCH = 5_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--runs", type=int, default=100_000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        _fill(home / "trodo.db", asked.runs)
        contenders = {
            "python -c pass": _process(home, "-c", "pass"),
            "import typer": _process(home, "-c", "import typer"),
            "trodo --version": _process(home, "-m", "trodo_cli", "--version"),
            "trodo runs list": _process(home, "-m", "trodo_cli", "runs", "list"),
            "trodo runs list --json": _process(home, "-m", "trodo_cli", "runs", "list", "--json"),
            "trodo --help": _process(home, "-m", "trodo_cli", "--help"),
            "import trodo": _process(home, "-c", "import trodo"),
            "import opentelemetry.sdk.trace": _process(home, "-c", "import opentelemetry.sdk.trace"),
        }
        values = rounds(contenders, asked.rounds)
    print(f"start-up on a store of {asked.runs:,} runs, {asked.rounds} interleaved rounds")
    show(values, "ms, whole process")


def _fill(path: Path, count: int) -> None:
    client = connect(str(path))
    now = time.time_ns()
    for start in range(0, count, BATCH):
        events: list[RunStart | RunEnd] = []
        for number in range(start, min(start + BATCH, count)):
            run_id, at = new_run_id(), now - (count - number) * 10**9
            status = "failed" if number % 10 == 0 else "completed"
            events.append(
                RunStart(run_id=run_id, run=Run(id=run_id, agent=f"agent-{number % 7}", started_ns=at))
            )
            events.append(RunEnd(run_id=run_id, run=Run(id=run_id, status=status, ended_ns=at + 5 * 10**8)))
        client.publish(events, alive=False)
    client.close()


def _process(home: Path, *arguments: str) -> Measure:
    environment = {**os.environ, "TRODO_HOME": str(home), "PYTHONDONTWRITEBYTECODE": ""}
    environment.pop("TRODO_TARGET", None)

    def measure() -> float:
        before = time.perf_counter()
        subprocess.run(
            [sys.executable, *arguments], env=environment, stdout=subprocess.DEVNULL, check=True, cwd=home
        )
        return (time.perf_counter() - before) * 1000

    return measure


if __name__ == "__main__":
    main()
