"""Everybody tries everything on what is not theirs: it is answered like what is missing, and stays as it is.

`python -m tests.harness tenants --store postgres --cases 5000`. The bug to put in makes a run anybody's.
"""

import argparse
import random
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tests.harness.home import STORES, place_in
from tests.server.served import NATIVE, NORTH, SOUTH, Served, served
from tests.server.test_tenants import POLICY, made, tried
from trodo_cli.model import ids
from trodo_cli.stores.base import Store
from trodo_cli.stores.store import TableStore

PLANT = "forgets-the-owner"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.harness tenants", description=__doc__)
    parser.add_argument("--store", choices=STORES, default="sqlite")
    parser.add_argument("--cases", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plant", choices=[PLANT], help="a bug to put in; the gate must fail")
    asked = parser.parse_args(arguments)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="trodo-harness-") as folder:
        place = place_in(Path(folder), asked.store)
        try:
            problem, answers = _played(asked, place.opened(create=True))
        finally:
            place.close()
    print(f"tenants FAILED {problem}" if problem else "tenants passed")
    print(f"  {answers.total()} cases, answers {dict(sorted(answers.items()))}")
    print(f"  {time.monotonic() - began:.1f} s, seed {asked.seed}")
    return 1 if problem else 0


def _played(asked: argparse.Namespace, store: Store) -> tuple[str, Counter[int]]:
    """What was wrong, and how often which status was answered."""
    chance, answers = random.Random(asked.seed), Counter[int]()
    read = TableStore.run

    def of_anybody(self: TableStore, owner: str, *arguments: Any) -> Any:
        return read(self, owner, *arguments) or read(self, NORTH, *arguments)

    bug = of_anybody if asked.plant else read
    with patch.object(TableStore, "run", bug), served(store) as server:
        for _ in range(asked.cases):
            name = chance.choice([*POLICY])
            answer, problem = _case(server, name, chance)
            answers[answer] += 1
            if problem:
                return problem, answers
    return "", answers


def _case(server: Served, name: str, chance: random.Random) -> tuple[int, str]:
    owner, other = chance.sample((NORTH, SOUTH), 2)
    theirs = made(server, other, POLICY[name])
    before = _seen(server, other, theirs)
    headers = chance.choice(((), (NATIVE,)))
    secret = server.secret(owner)
    foreign, missing = (
        tried(server, name, run_id, *headers, secret=secret) for run_id in (theirs, ids.new_run_id())
    )
    if foreign != missing:
        return foreign[0], f"{name} of {owner}: {foreign} on what is {other}'s, {missing} on what is missing"
    after = _seen(server, other, theirs)
    return foreign[0], "" if after == before else f"{name} of {owner} changed what is {other}'s"


def _seen(server: Served, owner: str, run_id: str) -> object:
    """All that the owner can read of a run."""
    client = server.of(owner)
    run, trace = client.runs.get(run_id), client.traces.get(run_id)
    run.heartbeat_ns = None
    return run, trace.spans
