"""`trodo demo`: the product at work on a real program, which runs in a process of its own."""

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from trodo_cli.cli.context import Context
from trodo_cli.cli.diagnostics import note
from trodo_cli.cli.options import Target
from trodo_cli.errors import InvalidInput, NotFound, TrodoError
from trodo_cli.model.ids import new_run_id

MAX_SECONDS = 86_400

if TYPE_CHECKING:
    from subprocess import Popen


def demo(
    live: Annotated[
        Optional[float],  # noqa: UP045 - Typer reads the annotation
        typer.Option(metavar="SECONDS", help="Keep an agent at work for so long, to try tail and cancel on."),
    ] = None,
    target: Target = None,
) -> None:
    """Run a small pipeline of agents and show what was recorded.

    Its tools read the packages installed here; its model is a small local function. Nothing leaves the machine.
    """
    from trodo_cli.cli.runs import list_runs
    from trodo_cli.cli.trace import show_trace
    from trodo_cli.render.format import short_id

    if live is not None and not 0 <= live <= MAX_SECONDS:
        raise InvalidInput(
            f"--live {live:g} is out of range", f"say for how many seconds, up to {MAX_SECONDS}"
        )
    context = Context(target, create=True)
    if context.target.place == "memory:":
        raise InvalidInput(
            "the demo is a program of its own, it cannot share memory", "name a file with --target"
        )
    _check_access(context, cancels=live is None)
    note(f"recording to {context.target.shown}")
    if live is not None:
        _work_live(context, live)
        return
    note("running a pipeline of agents: research in parallel, then write and review …")
    run_id = _ended_program(context, [])
    list_runs()
    show_trace(run_id)
    note(f"next: trodo runs list · trodo tail {short_id(run_id)} · trodo demo --live 60")


def _check_access(context: Context, *, cancels: bool) -> None:
    """Ask for all that the demo needs: a target that refuses us is told now, not by a program that has recorded."""
    client = context.client
    client.runs.list(limit=1)
    client.publish([])
    if cancels:
        with suppress(NotFound):
            client.runs.cancel(new_run_id())


def _work_live(context: Context, seconds: float) -> None:
    """Start the live agent and stay until it has ended."""
    with _started(context, ["--live", str(seconds)]) as program:
        run_id = _run_id(program)
        note(f"an agent works for {seconds:g} s; from another terminal: trodo tail {run_id}")
        note(f"stop it with: trodo runs cancel {run_id}")
        try:
            _checked(program.wait())
        except KeyboardInterrupt:
            program.wait()  # ctrl-c is the program's too: it ends its run, however long that takes
            raise


def _ended_program(context: Context, arguments: list[str]) -> str:
    with _started(context, arguments) as program:
        run_id = _run_id(program)
        _checked(program.wait())
    return run_id


def _started(context: Context, arguments: list[str]) -> "Popen[str]":
    """The demo program, recording to our target.

    A target that only a project file names it finds as we did: told by us, it would look like the user's own word.
    """
    from subprocess import PIPE, Popen

    said = {"TRODO_TARGET": context.target.place} if context.target.is_chosen else {}
    if context.given_key is not None:
        said["TRODO_API_KEY"] = context.given_key

    return Popen(
        [sys.executable, "-P", "-m", "trodo_cli.demo", *arguments],
        env={**os.environ, **said},
        stdout=PIPE,
        text=True,
    )


def _run_id(program: "Popen[str]") -> str:
    """The line in which the program names its run."""
    assert program.stdout is not None
    return program.stdout.readline().strip()


def _checked(status: int) -> None:
    if status:
        raise TrodoError(f"the demo program ended with status {status}", "its own message stands above")
