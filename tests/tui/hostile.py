"""Runs whose every field says the same text, and what an explorer that shows them may send to a terminal."""

import base64
import re
from collections.abc import Iterator
from typing import Any

from tests.cli.hostile import faults
from tests.cli.made import SECOND, payload, run, run_id, span
from trodo_cli.model import ids
from trodo_cli.model.event import CancelRequested, Event
from trodo_cli.model.run import Cancel

MAX_ID = 150
"""An id may be 200 characters long; some get a suffix here."""

KINDS = 3
"""How many runs there are of one text."""


def chat(text: str) -> list[dict[str, Any]]:
    """A conversation in which every part says the text."""
    call = {"id": text, "type": "function", "function": {"name": text, "arguments": text}}
    return [
        {"role": "system", "content": "marker-chat"},
        {"role": "system", "content": text},
        {
            "role": "user",
            "name": text,
            "content": [{"type": "text", "text": text}, {"type": text, text: text}],
        },
        {"role": "assistant", "content": text, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": text, "name": text, "content": text},
        {"role": text, "content": [{"type": "image_url", "image_url": {"url": text}}]},
    ]


def everything(text: str) -> dict[str, Any]:
    """All that a span can say, with a word of ours in each tab of the details."""
    moments = [{"name": "marker-event", "at_ns": 1}, {"name": text, "at_ns": 2, "attributes": {text: text}}]
    said = payload(
        input={"marker": "marker-input", text: text, "messages": chat(text)},
        output={"marker": "marker-output", text: [text, {text: text}]},
        attributes={"marker": "marker-attribute", text: text},
        events=moments,
        stack=f"marker-stack\n{text}",
    )
    fields = ("kind", "model", "provider", "tool", "error", "error_type", "status_code", "level")
    return {**dict.fromkeys(fields, text), "payload": said}


def recorded(number: int, text: str) -> list[Event]:
    """A failed run, one that was cancelled, and one that goes on; those of number 0 are the newest."""
    said = {"user": text, "session": text, "tags": (text[:200],), "parent_span_id": text[:200]}
    asked = Cancel(requested_ns=ids.now_ns(), by=text, reason=text)
    parent = f"{text[:MAX_ID]}-work"
    spans = [
        span(parent, text, status="error", at_ns=1, **everything(text)),
        span("below", text, parent=parent, at_ns=2, kind="model", payload=payload(input=text, output=text)),
        span("orphan", text, parent=text[:MAX_ID], at_ns=3, status="cancelled"),
        span("marker-last", at_ns=4),
    ]
    of_run = payload(input={text: text}, output=[text], metadata={text: text})
    failed = {"error": text, "error_type": text, "payload": of_run}
    first, second, third = (run_id(number * KINDS + kind) for kind in range(KINDS))
    ago = [(number * KINDS + kind + 60) * SECOND for kind in range(KINDS)]
    return [
        *run(0, text, *spans, id=first, ago_ns=ago[0], status="failed", ended=failed, **said),
        *run(0, text, span("work", text), id=second, ago_ns=ago[1], status="cancelled", **said),
        CancelRequested(run_id=second, cancel=asked),
        *run(
            0, text, span("open", text, status="running"), id=third, ago_ns=ago[2], status="running", **said
        ),
    ]


_SEQUENCE = re.compile(
    r"\x1b\[(?P<csi>[0-?]*[ -/]*[@-~])|\x1b\](?P<osc>[^\x07\x1b]*)\x07|(?P<rest>[\0-\x1f\x7f])"
)


def deeds(sent: bytes) -> set[str]:
    """What an output does besides showing text: every kind of sequence, every mode and every colour by its number."""
    return set(_deeds(sent.decode("utf-8")))


def _deeds(text: str) -> Iterator[str]:
    for found in _SEQUENCE.finditer(text):
        if sequence := found["csi"]:
            yield from _csi(sequence)
        elif found["osc"] is not None:
            yield "copy" if found["osc"].startswith("52;c;") else f"OSC {found['osc']}"
        else:
            yield ascii(found["rest"])


def _csi(sequence: str) -> Iterator[str]:
    numbers, final = sequence[:-1], sequence[-1]
    if final == "m":
        yield from (f"colour {number}" for number in numbers.split(";"))
    elif final == "H":
        yield f"H of {len(numbers.split(';'))}"
    else:
        yield f"CSI {sequence}"


def shown_faults(sent: bytes) -> set[str]:
    """Characters in an output that hide, reorder or act, sequences aside."""
    text = _SEQUENCE.sub("", sent.decode("utf-8"))
    return faults(text.encode(), terminal=True)


def copies(sent: bytes) -> list[str]:
    """Every text that was put into the clipboard."""
    found = re.findall(rb"\x1b\]52;c;([A-Za-z0-9+/=]*)(?:\x07|\x1b\\)", sent)
    return [base64.b64decode(one, validate=True).decode() for one in found]
