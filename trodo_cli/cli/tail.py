"""`trodo tail`: a run's events as they happen."""

from typing import TYPE_CHECKING, Annotated, Optional

import typer

from trodo_cli.cli.context import Context
from trodo_cli.cli.diagnostics import ExitCode, note
from trodo_cli.cli.explore import can_explore, explore
from trodo_cli.cli.interrupts import uninterrupted
from trodo_cli.cli.options import Json, RunReference, Target, whole_number
from trodo_cli.errors import NotFound
from trodo_cli.model.event import Event, RunEnd, RunStart, TraceDone
from trodo_cli.model.growing import Growing
from trodo_cli.model.run import LOST_AFTER_NS, Run

if TYPE_CHECKING:
    from trodo_cli.cli.output import Fields
    from trodo_cli.client.base import StreamState

RESULTS = {
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
    from trodo_cli.cli.records import EVENT_FIELDS

    fields = output.chosen(EVENT_FIELDS, json) if json else EVENT_FIELDS
    after = whole_number(since, "--since") if since is not None else 0
    context = Context(target)
    run_id = _awaited(context, run)
    if can_explore(context) and not (plain or json or payload or since is not None):
        seen = explore(context, run_id)
        run_shown = seen if seen and seen.id == run_id else context.client.runs.get(run_id)
        raise typer.Exit(RESULTS.get(run_shown.status, ExitCode.OK))
    following = Following(run_id, after)
    try:
        result = follow_run(context, following, fields if json else None, plain=plain, payload=payload)
    except KeyboardInterrupt:
        following.interrupted()
        raise
    raise typer.Exit(result)


def follow_run(
    context: Context, following: "Following", fields: "Fields | None", *, plain: bool, payload: bool
) -> ExitCode:
    """Write a run's events from where `following` is until its end: as lines, or as JSON with these fields."""
    _follow(context, following, fields, plain=plain, payload=payload)
    if following.status == "lost":
        context.settle_left()
        if context.client.runs.get(following.run_id).is_terminal:
            _follow(context, following, fields, plain=plain, payload=payload)
    return following.result()


def _follow(
    context: Context, following: "Following", fields: "Fields | None", *, plain: bool, payload: bool
) -> None:
    from trodo_cli.cli import output
    from trodo_cli.cli.records import event_record
    from trodo_cli.render.text import event_line, output_line

    stream = context.client.traces.stream(
        following.run_id, after=following.last_seq, payload=payload, on_state=following.connection
    )
    for event in stream:
        more = _more_output(context, following, event) if fields is None else ""
        with uninterrupted():  # nobody shall read an event twice
            if fields is not None:
                output.write_json(event_record(event, fields))
            else:
                line = None if following.repeats(event) else event_line(event, context.glyphs)
                lines = [output_line(more, context.glyphs)] if more else []
                output.write_lines(lines + ([line] if line else []), colour=context.colour and not plain)
            following.told(event)


def _more_output(context: Context, following: "Following", event: Event) -> str:
    """What a run has given beyond what was told, when it is announced again or has ended."""
    if not (following.repeats(event) or isinstance(event, RunEnd)):
        return ""
    try:
        run = context.client.runs.get(following.run_id)
    except NotFound:
        return ""
    return following.more_output(run)


class Following:
    """Where in a run's events we are, so that a person who stops can go on from there."""

    def __init__(self, run_id: str, after: int) -> None:
        self.run_id = run_id
        self.last_seq = after
        self.status = ""
        self.patience_ns = LOST_AFTER_NS
        self._announced = self._away = False
        self._output = Growing() if after == 0 else None
        """None: who goes on in the middle has read what there is."""
        self._is_result_told = False

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

    def more_output(self, run: Run) -> str:
        """What the run has given beyond what was told: a text as it grows, all else when the run has ended."""
        from trodo_cli.render.excerpt import details_of
        from trodo_cli.wire.values import json_value

        value = details_of(run).output
        if self._output is None:
            self._output = Growing("" if run.is_terminal else value)
        more = self._output.more(value)
        if more is None and run.is_terminal and value is not None and not self._is_result_told:
            self._is_result_told = True
            return value if isinstance(value, str) else json_value(value).decode()
        return more or ""

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
        return RESULTS.get(self.status, ExitCode.OK)


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
