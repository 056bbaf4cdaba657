"""What happens in a run's own process: its agent is imported, its input checked, and it is performed and recorded."""

import os
import socket
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

from trodo_cli.errors import NotFound, RunCancelled, TrodoError
from trodo_cli.model import ids
from trodo_cli.model.agent import given
from trodo_cli.model.run import Run
from trodo_cli.runner import relay
from trodo_cli.runner.journal import Start, read_start
from trodo_cli.runner.loading import Loader
from trodo_cli.runner.performer import Performer, in_loop
from trodo_cli.runner.shape import collected
from trodo_cli.runner.step import find_agents_by, performer_of
from trodo_cli.sdk.details import error_stack
from trodo_cli.sdk.recorder import pin, recorder, use_sinks
from trodo_cli.sdk.run import RunHandle

SHIP_SECONDS = 10.0
"""How long the end of the process waits for the runner at most; what is left then the runner finds in the spool."""

TELL_NS = 500_000_000
"""Between two tellings of what a stream has given so far."""


def perform(folder: str, channel: int) -> None:
    """The whole life of the process; does not return."""
    start = read_start(Path(folder))
    os.set_inheritable(channel, False)
    relay.attach(socket.socket(fileno=channel))
    pin()
    use_sinks(lambda _target, _given: relay.open_relay(), lambda _target: None)
    code = 1
    try:
        _perform(start)
        code = 0
    except RunCancelled:
        code = 0
    except BaseException:
        _print_error()
    with suppress(Exception):
        sys.stdout.flush()
        sys.stderr.flush()
    recorder().close(SHIP_SECONDS)
    os._exit(code)


def _print_error() -> None:
    """The traceback of the error at hand from the agent's own code on, where it got that far."""
    _, error, trace = sys.exc_info()
    if isinstance(error, TrodoError):
        sys.stderr.write(error_stack(error))
        return
    place, ours = trace, os.path.dirname(__file__)
    while place is not None and place.tb_frame.f_code.co_filename.startswith(("<frozen", ours)):
        place = place.tb_next
    if error is not None:
        traceback.print_exception(type(error), error, place or trace)


def _perform(start: Start) -> None:
    handle = RunHandle(Run(id=start.run_id, agent=start.agent, session=start.session, version=1))
    if given(start.input) is not None:
        handle.set_input(start.input)
    try:
        performer = _loaded(start)
        prepared = performer.prepared(start.input)
    except BaseException:
        with handle:
            raise
    tell = _Teller(handle)
    if performer.is_plain:
        with handle:
            try:
                result = performer.call(prepared, tell)
            finally:
                tell.tell()
            handle.set_output(performer.checked(result))
    else:
        in_loop(_performed(handle, performer, prepared, tell))


async def _performed(handle: RunHandle, performer: Performer, prepared: Any, tell: "_Teller") -> None:
    async with handle:
        try:
            result = await performer.perform(prepared, tell)
        finally:
            tell.tell()
        handle.set_output(performer.checked(result))


def _loaded(start: Start) -> Performer:
    loader = Loader(start.sources)
    find_agents_by(loader.find)
    loader.take_first(start.part)
    step = loader.find(start.agent)
    if step is None:
        raise NotFound(f"no agent {start.agent} any more")
    return performer_of(step)


class _Teller:
    """Announces the run again with what its stream has given so far, now and then."""

    def __init__(self, handle: RunHandle) -> None:
        self._handle = handle
        self._items: list[Any] = []
        self._told = 0
        self._told_ns = ids.monotonic_ns()

    def __call__(self, items: list[Any]) -> None:
        self._items = items
        if ids.monotonic_ns() - self._told_ns >= TELL_NS:
            self.tell()

    def tell(self) -> None:
        """Tell what was not told before."""
        if len(self._items) > self._told:
            self._handle.set_output(collected(self._items))
            self._handle.set_metadata()
            self._told, self._told_ns = len(self._items), ids.monotonic_ns()
