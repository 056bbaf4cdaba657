"""`trodo tail`: a run's events as they happen."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from trodo_cli.cli.context import Context
from trodo_cli.cli.diagnostics import ExitCode, note
from trodo_cli.cli.options import Json, RunReference, Target, whole_number
from trodo_cli.errors import NotFound
from trodo_cli.model.event import Event, RunStart, TraceDone
from trodo_cli.model.run import LOST_AFTER_NS

if TYPE_CHECKING:
    from trodo_cli.client.base import StreamState

_RESULTS = {
    "completed": ExitCode.OK,
    "failed": ExitCode.RUN_FAILED,
    "lost": ExitCode.RUN_FAILED,
    "cancelled": ExitCode.RUN_CANCELLED,
}


def tail(
    run: RunReference = None,
    since: Annotated[
        Optional[str],  # noqa: UP045 - Typer reads the annotation
        typer.Option(metavar="SEQ", help="Go on after this event number."),
    ] = None,
    plain: Annotated[bool, typer.Option("--plain", help="One uncoloured line an event.")] = False,
    payload: Annotated[
        bool, typer.Option("--payload", help="With --json: input, output and attributes too.")
    ] = False,
    json: Json = None,
    target: Target = None,
) -> None:
    """Follow a run: what happened, then what happens, until it ends.

    Waits for a run that has not begun. The exit code is the run's result: 0 completed, 6 failed or lost,
    7 cancelled.
    """
    from trodo_cli.cli import output
    from trodo_cli.cli.records import EVENT_FIELDS, event_record
    from trodo_cli.render.text import event_line

    fields = output.chosen(EVENT_FIELDS, json) if json else EVENT_FIELDS
    after = whole_number(since, "--since") if since is not None else 0
    context = Context(target)
    run_id = _awaited(context, run)
    if context.is_interactive and not (plain or json or payload or since is not None):
        from trodo_cli.cli.explore import explore

        explore(context, run_id)
        raise typer.Exit(_RESULTS.get(context.client.runs.get(run_id).status, ExitCode.OK))
    following = _Following(run_id, after)
    try:
        stream = context.client.traces.stream(
            run_id, after=after, payload=payload, on_state=following.connection
        )
        for event in stream:
            with _uninterrupted():
                if json:
                    output.write_json(event_record(event, fields))
                elif (line := event_line(event, context.glyphs)) is not None and not following.repeats(event):
                    output.write_lines([line], colour=context.colour and not plain)
                following.told(event)
    except KeyboardInterrupt:
        following.interrupted()
        raise
    raise typer.Exit(following.result())


class _Following:
    """Where in a run's events we are, so that a person who stops can go on from there."""

    def __init__(self, run_id: str, after: int) -> None:
        self.run_id = run_id
        self.last_seq = after
        self.status = ""
        self.patience_ns = LOST_AFTER_NS
        self._announced = self._away = False

    def connection(self, state: "StreamState") -> None:
        """Tell when the server goes away, and when it is back."""
        if state in ("reconnecting", "stale"):
            note("the server is away; trying again until it is back, ctrl-c stops")
        elif state == "live" and self._away:
            note("live again")
        self._away = state in ("reconnecting", "stale")

    def interrupted(self) -> None:
        """Tell how to go on from here."""
        note(f"go on with: trodo tail {self.run_id} --since {self.last_seq}")

    def repeats(self, event: Event) -> bool:
        """Whether a person has read this: a run is announced again whenever more is known of it."""
        return isinstance(event, RunStart) and self._announced

    def told(self, event: Event) -> None:
        self.last_seq = event.seq or self.last_seq
        self._announced = self._announced or isinstance(event, RunStart)
        if isinstance(event, TraceDone):
            self.status, self.patience_ns = event.run.status, event.run.patience_ns

    def result(self) -> ExitCode:
        if self.status == "lost":
            from trodo_cli.render.format import duration

            silence = duration(self.patience_ns)
            note(f"{self.run_id} is lost: it gave no sign of life for {silence}")
            note(f"       should it come back: trodo tail {self.run_id} --since {self.last_seq}")
        return _RESULTS.get(self.status, ExitCode.OK)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ctrl-c waits until an event is written and counted, so that nobody reads it twice."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _awaited(context: Context, reference: str | None) -> str:
    """The run a person means; one that may still begin is waited for."""
    waiting = False
    while True:
        mark = context.client.change_mark()
        try:
            return context.run_id(reference)
        except NotFound:
            if not _may_begin(reference):
                raise
            if not waiting:
                note(f"waiting for {reference} to begin; ctrl-c stops")
                waiting = True
            context.client.wait(mark)


def _may_begin(reference: str | None) -> bool:
    """Whether a run of this name can still come: a whole id, or whatever is the latest then."""
    from trodo_cli.model.ids import is_run_id

    return reference is not None and (reference.startswith("latest") or is_run_id(reference))
