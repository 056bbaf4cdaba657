"""A run of the host program: a block, and the handle inside it."""

from typing import Any, Self

from trodo_cli.model import ids
from trodo_cli.model.event import RunEnd, RunStart
from trodo_cli.model.run import Run, RunStatus, root_span
from trodo_cli.sdk.block import Block
from trodo_cli.sdk.context import ActiveRun, Place, calls_over, here, innermost, join_task, settle_task
from trodo_cli.sdk.details import (
    MAX_ERROR_CHARACTERS,
    Details,
    error_message,
    is_cancel,
    is_clean_exit,
    is_task_cancel,
    settled,
)
from trodo_cli.sdk.recorder import quietly, recorder
from trodo_cli.sdk.telemetry import Telemetry, mirrored_run
from trodo_cli.wire.tags import run_tags
from trodo_cli.wire.values import json_value, text_of


class RunHandle(Block):
    """A run of this process, as a `with` or `async with` block and as the handle inside it."""

    __slots__ = ("_details", "_pid", "_run", "_started", "_task", "_telemetry", "agent_name", "run_id")

    span_id = None

    def __init__(self, run: Run, telemetry: Telemetry | None = None) -> None:
        self._run = run
        self._telemetry = telemetry
        self._details = Details()
        super().__init__()
        self._task: Any = None
        self.run_id = run.id
        """32 hex digits; pass it to `join_run` in another file, process or service."""
        self.agent_name = run.agent

    def __enter__(self) -> Self:
        place = here()
        if place is not None:
            place.run.raise_if_cancelled()
        self._open(place)
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if not self.step_out():
            return
        if recorder().pid != self._pid:
            return
        outcome = settled(error, self.run)
        self._close(outcome)
        settle_task(self.run, self._task)
        if outcome is not None and outcome is not error:
            raise outcome from error

    async def __aexit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        try:
            if error is not None and not is_task_cancel(error):
                await calls_over()
        finally:
            await super().__aexit__(kind, error, trace)

    def begin(self, run_id: str | None) -> str:
        """Announce a run that no block surrounds; gives its id."""
        if run_id is not None:
            self.run_id = self._run.id = run_id
        self._announce()
        return self.run_id

    @quietly
    def finish(self) -> None:
        """Record the end of a run that no block surrounds, by what is known here."""
        recorder().record(RunEnd(run_id=self.run_id, run=self._complete()))
        recorder().runs.leave_id(self.run_id)

    @quietly
    def set_input(self, value: Any) -> None:
        """What the run was given; any value, best a list of chat messages. Shown while the run goes on."""
        self._details.input = json_value(value)
        self._announce_again()

    @quietly
    def set_output(self, value: Any) -> None:
        """What came of it; any value."""
        self._details.output = json_value(value)

    @quietly
    def set_metadata(self, metadata: dict[str, Any] | None = None, **more: Any) -> None:
        """Facts about the run; a list under `tags` becomes the run's tags, so does every short value as `key=value`."""
        self._note({**dict(metadata or {}), **more})
        self._announce_again()

    @quietly
    def set_error_summary(self, summary: str, *, type: str | None = None) -> None:
        """Mark the run as failed, also when no exception leaves its block."""
        self._run.error = text_of(summary)[:MAX_ERROR_CHARACTERS]
        self._run.error_type = None if type is None else text_of(type)

    def _note(self, metadata: dict[str, Any]) -> None:
        for key, value in metadata.items():
            self._details.note(key, value)
        self._run.tags = run_tags(self._details.attributes)

    @quietly
    def _announce_again(self) -> None:
        if self._token is not None:
            self._run.version += 1
            recorder().record(RunStart(run_id=self.run_id, run=self._complete()))

    @quietly
    def _open(self, place: Place | None) -> None:
        self._pid, self.outer = recorder().pid, place
        if place is not None and self._run.parent_id is None:
            self._run.parent_id, self._run.parent_span_id = place.run.id, innermost(place)
            self._run.user = self._run.user or place.run.user
            self._run.session = self._run.session or place.run.session
        self._announce()
        outer = place.run.telemetry if place is not None else None
        self.run.telemetry = self._telemetry or outer or self.run.telemetry
        if self.run.telemetry is not None:
            self._mirror = mirrored_run(self.run.telemetry, self._run)
        self._task = join_task(self.run)
        self.step_in()

    @quietly
    def _announce(self) -> None:
        self.run = recorder().enter(self.run_id)
        self.run.user, self.run.session = self._run.user, self._run.session
        self._started = ids.monotonic_ns()
        self._run.started_ns = ids.now_ns()
        recorder().record(RunStart(run_id=self.run_id, run=self._complete()))

    @quietly
    def _close(self, error: BaseException | None) -> None:
        run = self._run
        run.ended_ns = run.started_ns + ids.monotonic_ns() - self._started
        run.version += 1
        if error is not None and run.error is None and not is_clean_exit(error):
            run.error, run.error_type = error_message(error), type(error).__name__
        run.status = _run_status(error, run, self.run)
        recorder().record(RunEnd(run_id=self.run_id, run=self._complete()))
        recorder().runs.leave(self.run)
        if self._mirror is not None:
            self._mirror.end(root_span(run), self._details.attributes, error)

    def _complete(self) -> Run:
        self._run.payload = self._details.payload()
        return self._run


def _run_status(error: BaseException | None, run: Run, active: ActiveRun) -> RunStatus:
    if error is None or is_clean_exit(error):
        return "failed" if run.error is not None else "completed"
    return "cancelled" if is_cancel(error, active) else "failed"
