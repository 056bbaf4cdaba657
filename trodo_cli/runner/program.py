"""`python -m trodo_cli.runner.program FOLDER CHANNEL LOCK`: one run's process, and the guard before it."""

import json
import os
import sys

from trodo_cli.runner import guard


def main() -> None:
    folder, channel, lock = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    with open(os.path.join(folder, "start.json"), "rb") as file:
        limits = json.load(file)["limits"]
    guard.split(limits, [lock])
    from trodo_cli.runner.performance import perform

    perform(folder, channel)


if __name__ == "__main__":
    main()
