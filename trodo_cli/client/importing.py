"""Files of runs into a target: OTLP in JSON or protobuf, or our own events.

Files are read as far as they are needed: lines one after the other, other forms whole.
"""

import re
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import BinaryIO, Literal

import msgspec

from trodo_cli.client.base import Client
from trodo_cli.errors import InvalidInput, NotFound
from trodo_cli.model.conclusion import conclusion
from trodo_cli.model.ids import canonical_id, root_span_id
from trodo_cli.wire.native import write_event
from trodo_cli.wire.otlp.events import events_of
from trodo_cli.wire.otlp.export import OUR_SCOPE, Export
from trodo_cli.wire.otlp.protobuf import read_protobuf
from trodo_cli.wire.otlp.text import read_json
from trodo_cli.wire.receipt import Receipt

Format = Literal["otlp", "ndjson"]

HEAD_BYTES = 64 * 1024
BATCH_LINES = 500
BATCH_BYTES = 4 * 1024 * 1024

_NO_TEXT = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
"""What neither JSON nor its white space holds, and a request in protobuf always does."""

_FIRST_KEY = re.compile(rb'\s*\{\s*"([^"\\]*)"\s*:')
_BYTE = re.compile(r" \(byte ([0-9]+)\)")

Numbered = tuple[int, bytes]


class _Named(msgspec.Struct):
    run_id: str


class Importer:
    """Takes one file after the other; counts what became of it."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.stored = self.known = self.refused = 0
        self.refusals: list[str] = []
        """The first of them, each with its file and line."""
        self.runs: dict[str, None] = {}
        """Ids, in the order they were met."""
        self._otlp_runs: dict[str, None] = {}

    def take(self, name: str, file: BinaryIO, format: Format | None) -> None:
        """Store what a file holds that can be read from its begin again. Raises `InvalidInput` for what is neither."""
        start = len(BOM_UTF8) if file.read(len(BOM_UTF8)) == BOM_UTF8 else 0
        file.seek(start)
        head = file.read(HEAD_BYTES)
        file.seek(start)
        if not head.strip():
            raise InvalidInput(f"{name} is empty", "`trodo trace export` writes what can be imported")
        if format != "ndjson" and _NO_TEXT.search(head):
            self._take_protobuf(name, file)
        elif (format or _format(name, head)) == "ndjson":
            self._take_events(name, _lines(file))
        else:
            self._take_json(name, file)

    def conclude(self) -> None:
        """End the runs of OTLP that are over: nothing more is to come, and every span of theirs has ended."""
        for run_id in self._otlp_runs:
            try:
                trace = self._client.traces.get(run_id, payload=False)
            except NotFound:
                continue
            spans = {span.id: span for span in trace.own}
            if (end := conclusion(trace.summary, spans, complete=False)) is not None:
                self._client.publish([end], alive=False)

    # -- OTLP ------------------------------------------------------------------------------------

    def _take_protobuf(self, name: str, file: BinaryIO) -> None:
        try:
            export = read_protobuf(file.read())
        except InvalidInput as error:
            raise InvalidInput(f"{name}: {error.message}", error.hint or _HINT) from None
        self._take_export(name, export)

    def _take_json(self, name: str, file: BinaryIO) -> None:
        """One request a line, or one over many lines."""
        if _is_one_document(file):
            self._take_export(name, _document(name, file.read()))
            return
        for number, line in _lines(file):
            where = f"{name}:{number}"
            try:
                export = _request(line)
            except InvalidInput as error:
                self._refuse(where, error.message)
            else:
                self._take_export(where, export)

    def _take_export(self, where: str, export: Export) -> None:
        for reason in export.reasons:
            self.refusals.append(f"{where}: {reason}")
        self.refused += export.refused
        events = events_of(self._without_recorded(export))
        self._otlp_runs |= dict.fromkeys(event.run_id for event in events)
        lines = ((0, write_event(event)) for event in events)
        for batch in _batches(lines):
            self._take_batch(where, batch)

    def _without_recorded(self, export: Export) -> Export:
        """The spans but those that trodo wrote of a run which is here as it was recorded, which knows better."""
        ours = {
            span.trace_id
            for span in export.spans
            if span.scope.name == OUR_SCOPE and span.span_id == root_span_id(span.trace_id)
        }
        here = {run_id for run_id in ours if self._is_recorded(run_id)}
        new = [span for span in export.spans if not (span.trace_id in here and span.scope.name == OUR_SCOPE)]
        self.runs |= dict.fromkeys(sorted(here))
        self.known += len(export.spans) - len(new)
        return Export(new)

    def _is_recorded(self, run_id: str) -> bool:
        try:
            return not self._client.runs.get(run_id).heard
        except NotFound:
            return False

    # -- events ----------------------------------------------------------------------------------

    def _take_events(self, name: str, lines: Iterable[Numbered]) -> None:
        for batch in _batches(lines):
            self._take_batch(name, batch)

    def _take_batch(self, where: str, batch: list[Numbered]) -> None:
        receipt = self._client.publish_lines([line for _, line in batch], alive=False)
        refused = {refusal.line for refusal in receipt.refusals}
        for place, (_, line) in enumerate(batch, start=1):
            if place not in refused:
                self._meet(line)
        self._count(where, batch, receipt)

    def _count(self, where: str, batch: list[Numbered], receipt: Receipt) -> None:
        self.stored += receipt.stored
        self.known += receipt.known
        self.refused += receipt.refused
        for refusal in receipt.refusals:
            number = batch[refusal.line - 1][0]
            self.refusals.append(f"{where}{f':{number}' if number else ''}: {refusal.error}")

    def _meet(self, line: bytes) -> None:
        try:
            self.runs.setdefault(canonical_id(msgspec.json.decode(line, type=_Named).run_id))
        except (msgspec.MsgspecError, InvalidInput, RecursionError, UnicodeDecodeError):
            return

    def _refuse(self, where: str, reason: str) -> None:
        self.refused += 1
        self.refusals.append(f"{where}: {reason}")


_HINT = "--format says what it is: otlp or ndjson"


def _format(name: str, head: bytes) -> Format:
    """What a text is, by its first line. Raises `InvalidInput`."""
    first = _FIRST_KEY.match(head)
    if first and first[1] == b"resourceSpans":
        return "otlp"
    line = next(line for line in head.split(b"\n") if line.strip())
    try:
        said = msgspec.json.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        said = None
    keys = (
        said.keys() if isinstance(said, dict) else {first[1].decode("utf-8", "replace")} if first else set()
    )
    if keys & {"type", "run_id"}:
        return "ndjson"
    if "resourceSpans" in keys:
        return "otlp"
    raise InvalidInput(f"{name} holds neither OTLP nor events of trodo", _HINT)


def _lines(file: BinaryIO) -> Iterator[Numbered]:
    """The lines that are not blank, with their numbers from 1."""
    for number, line in enumerate(file, start=1):
        if text := line.strip():
            yield number, text


def _batches(lines: Iterable[Numbered]) -> Iterator[list[Numbered]]:
    """So many lines at a time that a request holds them."""
    batch: list[Numbered] = []
    size = 0
    for numbered in lines:
        if batch and (len(batch) >= BATCH_LINES or size + len(numbered[1]) > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(numbered)
        size += len(numbered[1])
    if batch:
        yield batch


def _is_one_document(file: BinaryIO) -> bool:
    """Whether the first line alone is no JSON, and the second one does not begin anew."""
    start = file.tell()
    first, *more = (line for _, line in islice(_lines(file), 2))
    file.seek(start)
    return bool(more) and not (first.endswith(b"}") and more[0].startswith(b"{"))


def _request(line: bytes) -> Export:
    """One line of a collector's file. Raises `InvalidInput`, also for logs and metrics."""
    export = read_json(line)
    first = _FIRST_KEY.match(line)
    if not export.spans and not export.refused and not (first and first[1] == b"resourceSpans"):
        raise InvalidInput("not an OTLP trace export: it has no resourceSpans")
    return export


def _document(name: str, data: bytes) -> Export:
    """One request over many lines. Raises `InvalidInput` that names the line."""
    try:
        return read_json(data)
    except InvalidInput as error:
        at = _BYTE.search(error.message)
        where = f"{name}:{_line_at(data, int(at[1]))}" if at else name
        raise InvalidInput(f"{where}: {_BYTE.sub('', error.message)}", _HINT) from None


def _line_at(data: bytes, place: int) -> int:
    return data.count(b"\n", 0, place) + 1
