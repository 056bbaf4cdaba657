"""All that is known of one run or agent, as keys and values; what nobody knows has no key."""

import shlex
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from trodo_cli.model.agent import Agent
from trodo_cli.model.run import Run
from trodo_cli.render.excerpt import LINE_LIMIT, details_of, excerpt, message, pretty, short_line
from trodo_cli.render.facts import error_text, feedback_text, run_money, run_time, run_usage, took
from trodo_cli.render.form import Field, Form
from trodo_cli.render.format import age, counted, iso
from trodo_cli.render.safe import safe_line
from trodo_cli.render.theme import Glyphs, Line, Piece, plain, status_role

_KEY_CELLS = 13

Detail = tuple[str, list[Line]]
"""A key and the lines of its value, each a single piece."""


def run_detail(run: Run, glyphs: Glyphs, now_ns: int, *, width: int | None = None) -> list[Line]:
    """What `trodo runs show` prints: one key a line, a long value going on below itself."""
    return _keyed(run_details(run, glyphs, now_ns), glyphs, width)


def agent_detail(
    agent: Agent, glyphs: Glyphs, *, width: int | None = None, options: Sequence[str] = ()
) -> list[Line]:
    """What `trodo agents show` prints: what the agent is for, what it takes and gives.

    The last line starts it, with these options; it is one line however long it is, so that it can be pasted.
    """
    words = ["trodo", "runs", "start", safe_line(agent.id), *map(safe_line, options)]
    if example := Form(agent.input).example:
        words += ["--input", example]
    start: Line = [(f"{'start it':{_KEY_CELLS}}", "muted"), (shlex.join(words), "accent")]
    return [*_keyed(_agent_details(agent, glyphs), glyphs, width), start]


def _keyed(details: Iterable[Detail], glyphs: Glyphs, width: int | None) -> list[Line]:
    room = None if width is None else max(width - _KEY_CELLS, 20)
    lines: list[Line] = []
    for key, values in details:
        broken = [part for line in values for part in _broken(line, glyphs, room)]
        for name, value in zip((key, *[""] * (len(broken) - 1)), broken, strict=True):
            lines.append([(f"{name:{_KEY_CELLS}}", "muted"), *value])
    return lines


def run_details(run: Run, glyphs: Glyphs, now_ns: int) -> Iterator[Detail]:
    """Each key with the lines of its value."""
    for key, piece in _facts(run, glyphs, now_ns):
        if piece[0]:
            yield key, [[piece]]
    if run.feedback:
        yield "feedback", [[(feedback_text(feedback, glyphs), None)] for feedback in run.feedback]
    said = details_of(run)
    for key, value in (
        ("input", said.input),
        ("output", said.output),
        ("attributes", said.attributes or None),
    ):
        if value is not None:
            yield key, excerpt(pretty(value), glyphs, None, LINE_LIMIT)


def _agent_details(agent: Agent, glyphs: Glyphs) -> Iterator[Detail]:
    yield "agent", [[(short_line(agent.id, glyphs), "accent")]]
    yield "kind", [[(short_line(agent.kind, glyphs), None)]]
    yield "source", [[(short_line(agent.source, glyphs), None)]]
    if agent.description:
        yield "description", message(agent.description, None, glyphs, None, LINE_LIMIT)
    yield "takes", _shape(Form(agent.input), agent.input, glyphs)
    yield "gives", _shape(Form(agent.output), agent.output, glyphs)


def _shape(form: Form, schema: dict[str, Any], glyphs: Glyphs) -> list[Line]:
    """A line a field; of a single one whose kind says little, its schema."""
    if not form.is_object and form.fields[0].kind == "JSON":
        return excerpt(pretty(schema) if schema else "anything", glyphs, None, LINE_LIMIT)
    if not form.fields:
        return [[("nothing", "muted")]]
    room = max(len(short_line(field.name, glyphs)) for field in form.fields)
    return [[(_field_text(field, room, glyphs), None)] for field in form.fields]


def _field_text(field: Field, room: int, glyphs: Glyphs) -> str:
    name, kind = short_line(field.name, glyphs), short_line(field.kind, glyphs)
    begin = f", else {short_line(field.begin, glyphs)}" if field.begin and not field.is_required else ""
    return f"{name:{room}}  {kind}{', required' if field.is_required and name else begin}".strip()


def _facts(run: Run, glyphs: Glyphs, now_ns: int) -> list[tuple[str, Piece]]:
    said = {"agent": run.agent, "parent run": run.parent_id, "session": run.session, "user": run.user}
    return [
        ("run", (short_line(run.id, glyphs), "accent")),
        ("status", (f"{glyphs.status(run.status)} {run.status}", status_role(run.status))),
        ("error", (error_text(run.error, run.error_type, glyphs), "error")),
        ("cancel", (_cancel(run, glyphs), "warning")),
        *((key, (short_line(text, glyphs), None)) for key, text in said.items()),
        ("tags", (", ".join(short_line(tag, glyphs) for tag in run.tags), None)),
        ("started", (_moment(run.started_ns, now_ns), None)),
        ("ended", (_moment(run.ended_ns or 0, now_ns), None)),
        ("time", run_time(run, now_ns, glyphs)),
        ("spans", (_spans(run), None)),
        ("tokens", (run_usage(run, glyphs), None)),
        ("cost", (run_money(run), "cost")),
    ]


def _spans(run: Run) -> str:
    errors = run.totals.errors
    return f"{run.totals.spans:,}" + (f" ({counted(errors, 'error')})" if errors else "")


def _moment(ns: int, now_ns: int) -> str:
    return f"{iso(ns)} ({age(ns, now_ns)})" if ns else ""


def _cancel(run: Run, glyphs: Glyphs) -> str:
    cancel = run.cancel
    if cancel is None:
        return ""
    by, reason = short_line(cancel.by, glyphs), short_line(cancel.reason, glyphs)
    text = "requested" + (f" by {by}" if by else "") + (f": {reason}" if reason else "")
    if cancel.delivered_ns is None:
        return text
    return f"{text} (delivered after {took(cancel.delivered_ns - cancel.requested_ns, glyphs)})"


def _broken(line: Line, glyphs: Glyphs, room: int | None) -> list[Line]:
    [(_, role)] = line
    return message(plain(line), role, glyphs, room, None)
