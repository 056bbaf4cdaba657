"""Runs a module with a bug put in: `python -m tests.harness.planted NAME MODULE …`."""

import runpy
import sys

from tests.harness.plants import PLANTS


def main() -> None:
    name, module = sys.argv[1:3]
    sys.argv[:] = sys.argv[2:]
    next(plants[name] for plants in PLANTS.values() if name in plants).put_in()
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
