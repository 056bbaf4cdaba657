"""A part in a run that somebody else owns."""

from typing import Any, Self

from trodo_cli.model import ids
from trodo_cli.model.event import RunStart
from trodo_cli.model.heard_run import partial_run
from trodo_cli.sdk.block import Block
from trodo_cli.sdk.context import current, join_task, settle_task
from trodo_cli.sdk.details import settled
from trodo_cli.sdk.recorder import quietly, recorder
from trodo_cli.sdk.span import SpanHandle


class JoinedRun(Block):
    """A part in a run that another function, process or service owns, as a `with` or `async with` block."""

    __slots__ = ("_heard_as", "_task", "run_id", "span", "span_id")

    def __init__(
        self, run_id: str, parent_span_id: str | None, span: SpanHandle | None, heard_as: str | None = None
    ) -> None:
        """`heard_as`: what to call the run as long as its owner has not announced it; without, it stays unseen."""
        self.run_id = run_id
        self.span_id = parent_span_id
        self.span = span
        """What the block itself is shown as, if it is."""
        super().__init__()
        self._heard_as = heard_as
        self._task: Any = None

    def __enter__(self) -> Self:
        self._open()
        if self._token is None:
            return self
        try:
            self.run.raise_if_cancelled()
            if self.span is not None:
                self.span.__enter__()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if self._token is None:
            return
        outcome = settled(error, self.run)
        try:
            if self.span is not None:
                self.span.__exit__(kind, outcome, trace)
        finally:
            self._close()
        if outcome is not None and outcome is not error:
            raise outcome from error

    @quietly
    def _open(self) -> None:
        self.run = recorder().enter(self.run_id)
        if self._heard_as is not None and self.run.holders == 1:
            part = partial_run(self.run_id, self._heard_as, self.run_id, ids.now_ns())
            recorder().record(RunStart(run_id=self.run_id, run=part))
        self._task, self.outer = join_task(self.run), current.get()
        self.step_in()

    def _close(self) -> None:
        if not self.step_out():
            return
        recorder().runs.leave(self.run)
        settle_task(self.run, self._task)
