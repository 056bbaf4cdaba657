"""What is known of a span or run at a glance, and how what went in and came out begins."""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NamedTuple

import msgspec

from trodo_cli.model.payload import NO_PAYLOAD, Payload
from trodo_cli.model.run import Run
from trodo_cli.model.span import Span, Usage
from trodo_cli.model.totals import is_unpriced
from trodo_cli.render.detail import run_details
from trodo_cli.render.excerpt import indented, message, short_line
from trodo_cli.render.facts import elapsed, error_text, money, took, usage
from trodo_cli.render.format import age, clock, tokens
from trodo_cli.render.messages import Message
from trodo_cli.render.parts import Text
from trodo_cli.render.theme import Glyphs, Line, Piece, kind_role, status_role
from trodo_cli.render.value import ValueLines
from trodo_cli.wire.genai import TOOL_CALL, finish_of, first_token_of

EXCERPT_LINES = 6

_KEY_CELLS = 12
_INDENT = 2
_ASKING = ("user", "human")


class Seen(NamedTuple):
    """The moment at which something is looked at, and what the tree around it knows of it."""

    now_ns: int
    until_ns: int
    """Up to when the run is known to go on."""
    status: str
    own_ns: int | None = None
    """The time that a span spent on work of its own, if somebody knows."""


def overview(
    of: Span | Run,
    said: Payload,
    chat: list[Message],
    seen: Seen,
    glyphs: Glyphs,
    width: int,
) -> Iterator[Line]:
    """Facts by key, then excerpts; of a chat the last question and the answer. `width` is 20 cells at least."""
    facts = _run_facts(of, glyphs, seen.now_ns) if isinstance(of, Run) else _span_facts(of, seen, glyphs)
    yield from _keyed(chain(facts, _payload_facts(of, said, glyphs)), glyphs, width)
    for tab, value in (("Input", said.input), ("Output", said.output)):
        yield from _excerpt(tab, value, _telling(chat, tab), glyphs, width)


def _span_facts(span: Span, seen: Seen, glyphs: Glyphs) -> Iterator[tuple[str, Piece]]:
    kind, counts = short_line(span.kind, glyphs), span.usage or Usage()
    started = f"{clock(span.started_ns)} ({age(span.started_ns, seen.now_ns)})" if span.started_ns else ""
    yield "name", (short_line(span.name, glyphs), "heading")
    yield "kind", (f"{glyphs.kind(span.kind)} {kind}", kind_role(span.kind))
    yield "status", (f"{glyphs.status(seen.status)} {seen.status}", status_role(seen.status))
    yield "level", (short_line(span.level, glyphs), "warning" if span.level == "warning" else None)
    yield "error", (error_text(span.error, span.error_type, glyphs), "error")
    yield "started", (started, None)
    yield "time", (elapsed(span.started_ns, span.ended_ns, seen.status, seen.until_ns, glyphs), "time")
    yield "own time", ("" if seen.own_ns is None else took(seen.own_ns, glyphs), "time")
    for key, text in (("model", span.model), ("provider", span.provider), ("tool", span.tool)):
        yield key, (short_line(text, glyphs), None)
    yield "tokens", (usage(counts.input, counts.output, glyphs), None)
    yield "cached", (_cached(counts), None)
    yield "reasoning", (tokens(counts.reasoning) if counts.reasoning else "", None)
    yield "cost", (money(span.cost) or _no_cost(span, glyphs), "cost")
    yield "code", (short_line(span.status_code, glyphs), None)
    yield "span", (short_line(span.id, glyphs), "muted")
    yield "parent", (short_line(span.parent_id, glyphs), "muted")


def _run_facts(run: Run, glyphs: Glyphs, now_ns: int) -> Iterator[tuple[str, Piece]]:
    """What `trodo runs show` tells, without its payload."""
    light = msgspec.structs.replace(run, payload=NO_PAYLOAD)
    for key, lines in run_details(light, glyphs, now_ns):
        for line in lines:
            yield key, line[0]


def _no_cost(span: Span, glyphs: Glyphs) -> str:
    """What to say of a model call that told tokens, but whose price nobody knows."""
    if not is_unpriced(span):
        return ""
    return f"unknown: no price for {short_line(span.model, glyphs) or 'a model without a name'}"


def _payload_facts(of: Span | Run, said: Payload, glyphs: Glyphs) -> Iterator[tuple[str, Piece]]:
    yield "priced by", (said.priced or "", "muted")
    first_ns = first_token_of(said.attributes)
    yield "first token", ("" if first_ns is None else took(first_ns, glyphs), "time")
    yield "finish", (short_line(finish_of(said.attributes), glyphs), None)
    yield "call id", (short_line(TOOL_CALL.text(said.attributes), glyphs), "muted")
    if said == Payload() and bytes(of.payload) not in (b"", b"{}"):
        yield "payload", ("cannot be read: damaged, or nested too deeply", "warning")


def _cached(counts: Usage) -> str:
    read = f"{tokens(counts.cache_read)} read" if counts.cache_read else ""
    written = f"{tokens(counts.cache_write)} written" if counts.cache_write else ""
    return ", ".join(filter(None, (read, written)))


def _keyed(facts: Iterable[tuple[str, Piece]], glyphs: Glyphs, width: int) -> Iterator[Line]:
    """Keys in a column of their own; what has no value is left out."""
    for key, (text, role) in facts:
        if text:
            for place, line in enumerate(message(text, role, glyphs, width - _KEY_CELLS, None)):
                yield [(("" if place else key).ljust(_KEY_CELLS), "muted"), *line]


def _excerpt(tab: str, value: object, text: str, glyphs: Glyphs, width: int) -> Iterator[Line]:
    if value is None:
        return
    lines = ValueLines(text or value, glyphs, width - _INDENT)
    shown = lines.lines(0, EXCERPT_LINES)
    yield []
    yield [(tab.lower(), "heading")]
    yield from indented(shown, _INDENT)
    if lines.known > len(shown):
        yield [(f"{glyphs.ellipsis} more in {tab}", "muted")]


def _telling(chat: list[Message], tab: str) -> str:
    """What a tab's messages come down to: the last question, or else the last text; empty for none."""
    said = [message for message in reversed(chat) if message.tab == tab]
    asked = [message for message in said if tab == "Input" and message.role in _ASKING]
    return next(filter(None, map(_text, (*asked, *said))), "")


def _text(message: Message) -> str:
    texts = (part.text for part in message.parts if isinstance(part, Text) and not part.is_thought)
    return "\n".join(texts)
