"""What records in this process: one spool, one shipper, the runs at work. Made anew after a fork.

Everything here is called from inside a host program, so nothing raises, prints or blocks.
"""

import atexit
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial, wraps
from typing import ParamSpec, TypeVar

from trodo_cli import config
from trodo_cli.errors import TrodoError, Unavailable
from trodo_cli.model.event import Event
from trodo_cli.sdk.context import ActiveRun, ActiveRuns
from trodo_cli.sdk.delivery import Sink, logger
from trodo_cli.sdk.ship import Shipper
from trodo_cli.sdk.spool import Spool
from trodo_cli.wire.native import write_event

EXIT_SECONDS = 1.0
"""How long the end of the host program waits for the target at most."""

OpenGiven = Callable[[str, str | None], Sink]
"""Opens a target with the key that the program gave: nothing when it only named the target, None when not even that."""

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class Recorder:
    """Spools events of this process and ships them in the background."""

    def __init__(self, target: str, *, ships: bool = True) -> None:
        self._ships = ships
        self.pid = os.getpid()
        self.runs = ActiveRuns()
        self.spool = Spool(config.spool_folder(), target, partial(_key_mark, target))
        self._shipper: Shipper | None = None
        self._lock = threading.RLock()

    def record(self, event: Event) -> None:
        """Put an event on disk."""
        self.spool.append(write_event(event))
        if self._shipper is None:
            self._start()
        else:
            self._shipper.notice()

    def enter(self, run_id: str) -> ActiveRun:
        """Take part in a run, and listen for a request to stop it."""
        run = self.runs.enter(run_id)
        if self._shipper is None:
            self._start()
        else:
            self._shipper.notice()
        return run

    def flush(self, seconds: float) -> bool:
        """Wait until all that was recorded so far is at the target; False when time ran out."""
        if self._shipper is None:
            return not self.spool.written_bytes
        return self._shipper.flush(seconds)

    def close(self, seconds: float) -> None:
        """Ship what is there and stop; what could not be shipped stays in the spool."""
        shipped = self._shipper.stop(seconds) if self._shipper else not self.spool.written_bytes
        self.spool.close(shipped=shipped)
        self._shipper = None

    def _start(self) -> None:
        with self._lock:
            if self._shipper is None and self._ships:
                if _load_sink is not None:
                    with suppress(ImportError):  # which the opening will tell in its own words
                        _load_sink(self.spool.target)
                shipper = Shipper(self.spool, self.runs, open_sink, has_key)
                try:
                    shipper.start()
                except RuntimeError as error:
                    logger.warning("trodo leaves shipping to others: %s", error)
                    return
                self._shipper = shipper


def open_sink(target: str) -> Sink:
    """Open what a target names, by the function that `use_sinks` was given."""
    if _open_sink is None:
        raise Unavailable("nothing says how to open a target")
    return _open_sink(target, _given.get(target))


def has_key(target: str, mark: str) -> bool:
    """Whether the key that this process sends to a target is the one of this mark."""
    found = config.recording_key(target, _given.get(target))
    return found is not None and found.mark == mark


def _key_mark(target: str) -> str | None:
    """The mark of that key; None without one."""
    if not target.startswith(("http://", "https://")):
        return None
    with suppress(TrodoError):  # which the opening will tell
        return config.recording_mark(target, _given.get(target))
    return None


def use_sinks(opened: OpenGiven, load: Callable[[str], None]) -> None:
    """Say how targets are opened, and how to load what that takes.

    The layers above know; this one must not import them. Loading happens in the host's own thread: a fork in the
    middle of a background import would leave a child with half a module.
    """
    global _open_sink, _load_sink
    _open_sink, _load_sink = opened, load


def configure(target: str | None, api_key: str | None = None) -> None:
    """Record to another target from now on, unless `pin` was called; None is the one that the settings say."""
    global _recorder, _target
    if _pinned:
        return
    place = config.target(target).place
    with _lock:
        if target is not None or api_key is not None:
            _given[place] = api_key or ""
        if _recorder is not None and _recorder.pid == os.getpid():
            if _recorder.spool.target == place:
                return
            _recorder.close(EXIT_SECONDS)
        _recorder, _target = None, place


def pin() -> None:
    """Stay with the target that the settings say, whatever the program asks for: somebody waits for its run there."""
    global _pinned
    _pinned = True


def recorder() -> Recorder:
    """The recorder of this process."""
    found = _recorder
    return found if found is not None and found.pid == os.getpid() else _new_recorder()


def quietly(function: Callable[Arguments, Result]) -> Callable[Arguments, Result | None]:
    """The function, whose failures are logged to the `trodo` logger instead of raised into the host."""

    @wraps(function)
    def call(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result | None:
        try:
            return function(*args, **kwargs)
        except Exception:
            logger.warning("trodo could not record", exc_info=True)
            return None

    return call


def _new_recorder() -> Recorder:
    """After a fork that Python did not see, SQLite still believes to be the parent: others ship what is left."""
    global _recorder
    with _lock:
        if _recorder is None or _recorder.pid != os.getpid():
            before, place = _recorder, _target or config.target().place
            forked_unseen = before is not None and before not in _inherited
            _recorder = Recorder(place, ships=not forked_unseen)
            if before is not None:
                _disown(before)
                _recorder.runs.adopt(before.runs)
        return _recorder


def _disown(parents: Recorder) -> None:
    """Let go of what a parent process owns."""
    if parents not in _inherited:
        _inherited.append(parents)
        parents.spool.abandon()


def _after_fork() -> None:
    """A forked child owns neither its parent's lock nor its segments."""
    global _lock
    _lock = threading.RLock()
    if _recorder is not None:
        _disown(_recorder)


@quietly
def _close_at_exit() -> None:
    if _recorder is not None and _recorder.pid == os.getpid():
        _recorder.close(EXIT_SECONDS)


_open_sink: OpenGiven | None = None
_load_sink: Callable[[str], None] | None = None
_given: dict[str, str] = {}
"""Targets that the program itself named, with the keys it gave for them or nothing."""
_recorder: Recorder | None = None
_target: str | None = None
_pinned = False
_lock = threading.RLock()
_inherited: list[Recorder] = []
"""Recorders of parent processes, kept so that no finaliser closes their database in a child."""

atexit.register(_close_at_exit)
os.register_at_fork(after_in_child=_after_fork)
