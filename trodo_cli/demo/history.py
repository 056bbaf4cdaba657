"""A short history: one run that completes, one that fails, one that is cancelled."""

import threading
import time
from contextlib import closing, suppress
from importlib.metadata import PackageNotFoundError
from itertools import cycle, islice
from queue import SimpleQueue

import trodo_cli as trodo
from trodo_cli.demo import model, tools

QUESTION = "What renders tables in the terminal?"
MISSING_PACKAGE = "not-installed-here"
MAX_MEASUREMENTS = 5_000
"""Where the run that waits to be cancelled gives up waiting."""


def record(pace: float) -> None:
    """Record the three runs, `pace` seconds between two steps."""
    find_package(pace)
    with suppress(PackageNotFoundError):  # the run has noted it
        audit_licences(pace)
    cancel_index(pace)


def find_package(pace: float) -> str:
    """A run that completes: search, then sum up what was found."""
    with trodo.wrap_agent(
        "package-finder",
        distinct_id="demo",
        conversation_id="demo",
        metadata={"tags": ["demo"]},
        input=[{"role": "user", "content": QUESTION}],
    ) as run:
        hits: list[tools.Hit] = tools.search_packages(QUESTION)
        time.sleep(pace)
        answer = model.ask(QUESTION, "\n".join(map(str, hits)), keep=1)
        run.set_output({"role": "assistant", "content": answer})
        return answer


def audit_licences(pace: float) -> None:
    """A run that fails: nobody handles the error of a tool that an agent calls."""
    packages = ["trodo-cli", MISSING_PACKAGE]
    with (
        trodo.wrap_agent(
            "licence-audit",
            distinct_id="demo",
            conversation_id="demo",
            metadata={"tags": ["demo"]},
            input={"packages": packages},
        ),
        trodo.span("licence-reader", kind="agent", input=packages),
    ):
        for name in packages:
            tools.read_metadata(name)
            time.sleep(pace)


def cancel_index(pace: float) -> None:
    """A run that is cancelled from outside, as `trodo runs cancel` does it."""
    started: SimpleQueue[str] = SimpleQueue()
    worker = threading.Thread(target=build_index, args=(started, pace), daemon=True)
    worker.start()
    run_id = started.get()
    with closing(trodo.connect()) as client:
        time.sleep(4 * pace)
        trodo.flush(timeout=30)  # a run can be cancelled as soon as it is known where runs are kept
        client.runs.cancel(run_id, by="demo", reason="nobody needs the index any more")
    worker.join()


def build_index(started: SimpleQueue[str], pace: float) -> None:
    """Measure packages over and over; a cancel request ends it between two measurements."""
    with (
        suppress(trodo.RunCancelled),
        trodo.wrap_agent(
            "code-indexer", distinct_id="demo", conversation_id="demo", metadata={"tags": ["demo"]}
        ) as run,
        trodo.span("indexer", kind="agent"),
    ):
        started.put(run.run_id)
        for name in islice(cycle(tools.list_packages()), MAX_MEASUREMENTS):
            tools.measure_code(name)
            time.sleep(pace)
