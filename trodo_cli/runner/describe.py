"""`python -m trodo_cli.runner.describe`: reads sources of agents on stdin, writes their catalogue on stdout.

A process of its own: what agents do when they are imported happens here, and is bounded in time by who asks.
"""

import os
import sys

import msgspec

from trodo_cli.config import AgentSource


def main() -> None:
    """Describe the agents; what they print while they are imported goes nowhere."""
    sources = msgspec.json.decode(sys.stdin.buffer.read(), type=list[AgentSource])
    answer = os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    from trodo_cli.runner.loading import Loader
    from trodo_cli.runner.step import find_agents_by

    loader = Loader(sources)
    find_agents_by(loader.find)
    with open(answer, "wb") as file:
        file.write(msgspec.json.encode(loader.catalogue()))
    os._exit(0)


if __name__ == "__main__":
    main()
