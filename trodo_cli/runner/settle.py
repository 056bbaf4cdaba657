"""The end of a run whose process has ended: what it recorded is stored, and what it left open is ended, once."""

import threading
from collections.abc import Callable, Container, Sequence
from typing import Any

import msgspec

from trodo_cli.errors import InvalidInput, TrodoError, Unavailable
from trodo_cli.live import Hub
from trodo_cli.model import ids
from trodo_cli.model.event import Event, RunEnd, RunStart
from trodo_cli.model.run import Cancel, Run, RunStatus, produced_run
from trodo_cli.runner.journal import RunFolder, left_behind
from trodo_cli.runner.limits import Limits
from trodo_cli.runner.relay import Records
from trodo_cli.runner.strays import end_strays
from trodo_cli.sdk.leftovers import drain
from trodo_cli.sdk.segment import segments_in
from trodo_cli.wire.native import read_event
from trodo_cli.wire.receipt import Receipt
from trodo_cli.wire.values import storable_text

DYING_NS = 3 * 10**9
"""How long a process may take to die that has been killed."""

_SIGNALS = {9: "SIGKILL", 11: "SIGSEGV", 15: "SIGTERM", 6: "SIGABRT"}


class Report(msgspec.Struct):
    """What a guard says at its end."""

    code: int | None = None
    signal: int | None = None
    over: str = ""
    """The limit that was passed, `stopped` when the runner wanted an end, or nothing."""
    stdout: str = ""
    stderr: str = ""
    stdout_bytes: int = 0
    stderr_bytes: int = 0
    is_guards: bool = True
    """Whether the guard said so itself; one that was killed says nothing, and may have left something behind."""


class Ending(msgspec.Struct):
    """How a run ends that did not end by itself."""

    status: RunStatus
    error: str
    error_type: str


NO_RUNNER = Ending("failed", "what ran it has ended", "RunnerEnded")
"""For runs whose runner died."""


def settle_left(
    hub: Hub, records_of: Callable[[str], Records], target: str, ours: Container[str] = ()
) -> None:
    """End the runs of a target whose runners have died; but for `ours`, which need not be looked at.

    When the store cannot be used, they are left to whoever comes next.
    """
    for folder in left_behind(target, ours):
        settle_or_leave(hub, records_of(folder.start.owner), folder, None)


def settle_or_leave(hub: Hub, records: Records, folder: RunFolder, report: Report | None) -> None:
    """Settle a run; when the store cannot be used, it is left to whoever comes next."""
    try:
        settle(hub, records, folder, report)
    except TrodoError:
        folder.release()


def settle(hub: Hub, records: Records, folder: RunFolder, report: Report | None) -> None:
    """Store what is still in the folder, end what is open, and remove the folder. Raises `Unavailable`; try again."""
    owner = folder.start.owner
    if report is None or not report.is_guards:
        end_strays(folder.path)
    _store_left(records, folder)
    events: list[Event] = []
    for run_id in folder.runs:
        run = hub.store.run(owner, run_id, ids.now_ns())
        if run is not None:
            is_root = run_id == folder.start.run_id
            events += _printed(run, report) if is_root and report else []
            events += [] if run.is_terminal else [_end(run, _ending(run.cancel, report, folder.start.limits))]
    if events:
        hub.publish(owner, events, alive=False)
    folder.remove()


def _store_left(records: Records, folder: RunFolder) -> None:
    """Store what the run's processes had no time to ship; one that is just dying may hold its segment a moment."""
    kept = _Kept(records, lambda lines: note_runs(folder, lines))
    deadline_ns = ids.monotonic_ns() + DYING_NS
    while segments_in(folder.spool) and ids.monotonic_ns() < deadline_ns:
        left = drain(folder.spool, lambda _target: kept)
        if left.troubles:
            raise Unavailable(left.troubles[0])
        if segments_in(folder.spool):
            threading.Event().wait(0.01)


def note_runs(folder: RunFolder, lines: Sequence[bytes]) -> None:
    """Remember the runs that begin in these lines, but for the folder's own."""
    begun = [run_id for line in lines if b'"run-start"' in line and (run_id := _begun(line))]
    if new := [run_id for run_id in dict.fromkeys(begun) if run_id not in folder.runs]:
        folder.note(new)


def _begun(line: bytes) -> str:
    try:
        event = read_event(line)
    except InvalidInput:
        return ""
    return event.run_id if isinstance(event, RunStart) else ""


def _end(run: Run, ending: Ending) -> RunEnd:
    ended = Run(
        id=run.id,
        status=ending.status,
        ended_ns=max(ids.now_ns(), run.started_ns),
        error=ending.error,
        error_type=ending.error_type,
        version=run.version + 2,
    )
    return RunEnd(run_id=run.id, run=ended)


def _ending(cancel: Cancel | None, report: Report | None, limits: Limits) -> Ending:
    if report is not None and report.over == "time":
        return Ending("failed", f"ended after {limits.seconds:g} s, the time limit", "TimeLimit")
    if report is not None and report.over == "processes":
        return Ending("failed", f"ended with more than {limits.processes} processes", "ProcessLimit")
    if cancel is not None:
        asked = f"cancelled by {cancel.by}" if cancel.by else "cancelled"
        return Ending("cancelled", f"{asked}: {cancel.reason}" if cancel.reason else asked, "RunCancelled")
    if report is None:
        return NO_RUNNER
    return Ending("failed", died(report, "before the run did"), "ProcessEnded")


def died(report: Report, when: str) -> str:
    """How the process ended, with the last thing it said on stderr."""
    if report.signal is not None:
        how = f"its process was killed by {_SIGNALS.get(report.signal, f'signal {report.signal}')}"
    else:
        how = f"its process ended with code {report.code} {when}"
    last = report.stderr.strip().rpartition("\n")[2][-500:]
    return storable_text(f"{how}: {last}" if last else how)


def _printed(run: Run, report: Report) -> list[Event]:
    """The run announced once more, with what its process has printed."""
    said: dict[str, Any] = {}
    for name in ("stdout", "stderr"):
        if count := getattr(report, f"{name}_bytes"):
            said[name] = storable_text(getattr(report, name))
            if count > len(getattr(report, name).encode()):
                said[f"{name}_bytes"] = count
    if not said:
        return []
    details = run.details
    details.attributes = {**details.attributes, **said}
    begun = msgspec.structs.replace(
        produced_run(run),
        status="pending" if run.status == "pending" else "running",
        ended_ns=None,
        error=None,
        error_type=None,
        version=run.version + 1,
        payload=msgspec.Raw(msgspec.json.encode(details)),
    )
    return [RunStart(run_id=run.id, run=begun)]


class _Kept:
    """Records to drain into, that stay open afterwards."""

    def __init__(self, records: Records, seen: Callable[[Sequence[bytes]], None]) -> None:
        self._records, self._seen = records, seen

    def publish_lines(self, lines: Sequence[bytes], *, alive: bool = True) -> Receipt:
        receipt = self._records.publish_lines(lines, alive=alive)
        self._seen(lines)
        return receipt

    def heartbeat(self, run_ids: Sequence[str]) -> dict[str, Cancel]:
        return self._records.heartbeat(run_ids)

    def asked_to_stop(self, run_ids: Sequence[str]) -> list[str]:
        return self._records.asked_to_stop(run_ids)

    def record_drops(self, counts: dict[str, int]) -> None:
        self._records.record_drops(counts)

    def close(self) -> None:
        """The records belong to the runner."""
