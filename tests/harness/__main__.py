"""`python -m tests.harness NAME …`: run one gate. Exit code 0: passed, 1: failed, 2: asked wrongly."""

import argparse
import signal
import sys
import tempfile
import traceback
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from tests.harness.backup import Backup
from tests.harness.cancel import CancelRuns
from tests.harness.home import Home
from tests.harness.kill_server import KillServer
from tests.harness.plants import PLANTS, Plant
from tests.harness.rolling import Rolling
from tests.harness.sse_cut import SseCut
from tests.harness.verdict import Failed, Figures, Limit

GATES: dict[str, type[Backup] | type[CancelRuns] | type[KillServer] | type[Rolling] | type[SseCut]] = {
    "sse_cut": SseCut,
    "kill_server": KillServer,
    "rolling": Rolling,
    "cancel": CancelRuns,
    "backup": Backup,
}

OTHERS = ("api_fuzz", "bombs", "slowloris", "tenants")
"""Gates that throw things at one server; each parses its own options."""


def main(arguments: Sequence[str]) -> int:
    if arguments and arguments[0] in OTHERS:
        gate = import_module(f"tests.harness.{arguments[0]}")
        return int(gate.main([*arguments[1:]]))
    asked = _parser().parse_args(arguments)
    plants = PLANTS[asked.gate]
    if asked.plant == "list":
        print("\n".join(f"{name:20} {plant.what}" for name, plant in plants.items()))
        return 0
    try:
        figures = _run(asked, plants.get(asked.plant))
    except Failed as failure:
        problem = f"({failure.kind}) {failure}"
    except Exception:
        problem = f"(crash) {traceback.format_exc()}"
    else:
        _show(asked.gate, figures)
        return 0
    print(f"{asked.gate} FAILED {problem}\nseed {asked.seed}; again: {_command(arguments, asked.seed)}")
    return 1


def _run(asked: argparse.Namespace, plant: Plant | None) -> Figures:
    limit = Limit(asked.max_seconds)
    with tempfile.TemporaryDirectory(prefix="trodo-harness-", ignore_cleanup_errors=True) as folder:
        home = Home(Path(folder), asked.plant or "", plant.module if plant else "", store=asked.store)
        try:
            with home.used():
                figures = GATES[asked.gate](asked, home, limit).passed()
        finally:
            home.close()
            home.place.close()
    return {**figures, "seconds": f"{limit.spent:.1f}", "seed": asked.seed}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.harness", description=__doc__)
    gates = parser.add_subparsers(dest="gate", required=True, description=f"Also: {', '.join(OTHERS)}")
    for name, scene in GATES.items():
        gate = gates.add_parser(name, help=scene.__doc__, description=scene.__doc__)
        scene.options(gate)
        gate.add_argument("--store", choices=scene.stores, default="sqlite")
        gate.add_argument("--replicas", type=int, default=1, help="how many servers stand before the store")
        gate.add_argument("--workers", type=int, default=1, help="processes of a server")
        gate.add_argument("--seed", type=int, default=1)
        gate.add_argument("--max-seconds", type=float, default=scene.max_seconds, help="more is a failure")
        gate.add_argument(
            "--plant", choices=[*PLANTS[name], "list"], help="a bug to put in; the gate must fail"
        )
    return parser


def _show(gate: str, figures: Figures) -> None:
    print(f"{gate} passed")
    for name, value in figures.items():
        print(f"  {name:34} {value}")


def _command(arguments: Sequence[str], seed: int) -> str:
    said = [*arguments] if "--seed" in arguments else [*arguments, "--seed", str(seed)]
    return " ".join(("python -m tests.harness", *said))


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.exit(main(sys.argv[1:]))
