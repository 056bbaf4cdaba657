"""An agent that keeps working for a while: something to follow, and to stop from the keyboard."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count, cycle
from threading import Event

import trodo_cli as trodo
from trodo_cli.demo import model, tools

ROUND_SECONDS = 0.5
"""How often a new round begins."""

NAP_SECONDS = 0.05
"""How long a cancel request waits at most while the agent rests."""


def run(announce: Callable[[str], None], seconds: float, pace: float) -> None:
    """Work round after round for so many seconds; `announce` is told the run's id at once.

    Raises `RunCancelled` when the run is asked to stop, `KeyboardInterrupt` after ctrl-c.
    """
    begun = time.monotonic()
    agent = trodo.wrap_agent(
        "demo-live",
        distinct_id="demo",
        conversation_id="demo",
        metadata={"tags": ["demo", "live"]},
        input=[{"role": "user", "content": f"Look at installed packages for {seconds:g} seconds."}],
    )
    with ctrl_c() as pressed, agent as run:
        announce(run.run_id)
        packages: list[str] = tools.list_packages()
        for number, package in zip(count(1), cycle(packages), strict=False):
            look_at(number, package, pace)
            rest_until(begun + min(number * ROUND_SECONDS, seconds), pressed)
            if time.monotonic() - begun >= seconds:
                break
        run.set_output({"rounds": number})


def look_at(number: int, package: str, pace: float) -> None:
    """One round: plan, measure, sum up."""
    with trodo.span(f"round-{number}", kind="agent", input=package) as agent:
        with trodo.span("plan", kind="step") as step:
            step.set_output(f"Measure {package}, then say how large it is.")
        time.sleep(pace)
        facts: tools.CodeFacts = tools.measure_code(package)
        time.sleep(pace)
        agent.set_output(model.ask("Say how large this package is.", str(facts), keep=1))


def rest_until(moment: float, pressed: Event) -> None:
    """Sleep in short naps, which ctrl-c ends; of a cancel request only `check_cancelled` hears between two spans."""
    while (left := moment - time.monotonic()) > 0:
        trodo.check_cancelled()
        if pressed.wait(min(left, NAP_SECONDS)):
            raise KeyboardInterrupt


@contextmanager
def ctrl_c() -> Iterator[Event]:
    """Whether ctrl-c was pressed: a round is not broken off in the middle of a file that it reads."""
    pressed = Event()
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, lambda *_: pressed.set())
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)
