"""The agents of the gate `cancel`: each leaves the number of its process, and of the guard before it."""

AGENTS = '''
import os
import time
from pathlib import Path

import trodo

PIDS = Path(__file__).parent.parent / "pids"


def _note():
    path = PIDS / trodo.current_run_id()
    path.with_suffix(".new").write_text(f"{os.getpid()} {os.getppid()}")
    path.with_suffix(".new").rename(path)


@trodo.agent("work")
def work(steps: int, pause: float = 0.01) -> int:
    """Steps in the run itself and in a run below it."""
    _note()
    half = steps // 2
    _step(half, pause)
    trodo.invoke("below", {"steps": steps - half, "pause": pause}, run=True)
    return steps


@trodo.agent("below")
def below(steps: int, pause: float) -> None:
    _step(steps, pause)


@trodo.agent("deaf")
def deaf() -> None:
    """Hears nothing of a cancel request."""
    _note()
    with trodo.span("busy"):
        while True:
            try:
                time.sleep(0.01)
            except BaseException:
                pass


def _step(count, pause):
    for _ in range(count):
        with trodo.span("step"):
            time.sleep(pause)
'''
