"""`trodo trace export|import`: a trace as a file that others read, to a collector, and back."""

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, BinaryIO, Optional

import typer

from trodo_cli import config
from trodo_cli.cli.context import Context
from trodo_cli.cli.diagnostics import ExitCode, note
from trodo_cli.cli.options import RunReference, Target
from trodo_cli.errors import InvalidInput, TrodoError

if TYPE_CHECKING:
    from trodo_cli.client.importing import Importer
    from trodo_cli.model.trace import Trace

MAX_REFUSALS = 10
"""How many refused lines are told."""

_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[!-~]([ -~]*[!-~])?")
_FROM_FILE = re.compile(r"([A-Za-z]+ )?@(.+)")
_OUR_HEADERS = frozenset(("content-type", "content-encoding", "content-length", "transfer-encoding"))


class Form(StrEnum):
    """What a trace can be written as."""

    otlp = "otlp"
    ndjson = "ndjson"
    chrome = "chrome"
    markdown = "markdown"
    html = "html"


class Source(StrEnum):
    """What can be read."""

    otlp = "otlp"
    ndjson = "ndjson"


Text = Optional[str]  # noqa: UP045 - Typer reads the annotation


def export_trace(
    run: RunReference = None,
    format: Annotated[
        Optional[Form],  # noqa: UP045
        typer.Option(
            "--format", help="OTLP in JSON, our own events, Chrome's trace events, a report, a page."
        ),
    ] = None,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="Where to; - is stdout.")
    ] = "-",
    to: Annotated[
        Text, typer.Option("--to", metavar="URL", help="A collector that takes OTLP over HTTP.")
    ] = None,
    header: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(
            "--header",
            metavar="NAME=VALUE",
            help="To the collector; NAME=@FILE reads it from a file. Repeatable.",
        ),
    ] = None,
    target: Target = None,
) -> None:
    """Write a run's trace for others to read, or send it to an OpenTelemetry collector.

    `chrome` opens in Perfetto and chrome://tracing, `markdown` is for a ticket, `html` one file without scripts.
    """
    if to is not None:
        if output != "-" or format not in (None, Form.otlp):
            raise InvalidInput("--to sends OTLP and writes no file", "leave out --output and --format")
        _push(Context(target), run, to, header or [])
        return
    if header:
        raise InvalidInput("--header is sent to a collector", "say which one with --to URL")
    context = Context(target)
    lines = _lines(context.client.traces.get(context.run_id(run)), format or Form.otlp, output)
    from trodo_cli.cli.output import write_document, write_file

    if output == "-":
        write_document(lines)
    else:
        write_file(output, lines)


def import_traces(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="- is stdin.")],
    format: Annotated[
        Optional[Source],  # noqa: UP045
        typer.Option("--format", help="What it is; else that is seen from the content."),
    ] = None,
    target: Target = None,
) -> None:
    """Take in runs from files: OTLP in JSON (also a request a line, as collectors write it) or protobuf, or our events.

    Prints the ids of the runs.
    """
    from trodo_cli.cli.output import write_text
    from trodo_cli.client.importing import Importer

    importer = Importer(Context(target, create=True).client)
    for name in files:
        with _opened(name) as file:
            importer.take(_shown(name), file, format.value if format else None)
    importer.conclude()
    for run_id in importer.runs:
        write_text(run_id)
    _tell(importer)


def _tell(importer: "Importer") -> None:
    """What became of the lines. Ends with an error when some were refused."""
    for refusal in importer.refusals[:MAX_REFUSALS]:
        note(f"trodo: refused {refusal}")
    if (more := importer.refused - MAX_REFUSALS) > 0:
        note(f"       and {more:,} more")
    refused = f", {importer.refused:,} refused" if importer.refused else ""
    note(f"{importer.stored:,} events stored, {importer.known:,} known already{refused}")
    if importer.refused:
        raise typer.Exit(ExitCode.ERROR)


def _lines(trace: "Trace", form: Form, output: str) -> Iterable[str]:
    """The document, line by line."""
    from trodo_cli.model.ids import now_ns
    from trodo_cli.render.safe import json_escaped

    if form is Form.markdown:
        from trodo_cli.render.markdown import markdown_report

        return markdown_report(trace, now_ns())
    if form is Form.html:
        from trodo_cli.render.page import html_page

        return html_page(trace, now_ns())
    ascii_only = output == "-" and not config.speaks_unicode(sys.stdout.encoding)
    return (json_escaped(line.decode(), ascii_only=ascii_only) for line in _JSON[form](trace))


def _otlp(trace: "Trace") -> Iterator[bytes]:
    from trodo_cli.wire.otlp.writing import export_of, write_json

    yield write_json(export_of(trace))


def _ndjson(trace: "Trace") -> Iterator[bytes]:
    from trodo_cli.wire.bundle import bundled
    from trodo_cli.wire.native import write_event

    return map(write_event, bundled(trace))


def _chrome(trace: "Trace") -> Iterator[bytes]:
    import msgspec

    from trodo_cli.model.ids import now_ns
    from trodo_cli.wire.chrome import chrome_trace

    yield msgspec.json.encode(chrome_trace(trace, now_ns()))


_JSON: dict[Form, Callable[["Trace"], Iterator[bytes]]] = {
    Form.otlp: _otlp,
    Form.ndjson: _ndjson,
    Form.chrome: _chrome,
}


def _push(context: Context, run: str | None, url: str, headers: list[str]) -> None:
    from trodo_cli.client.collector import Collector
    from trodo_cli.render.format import counted
    from trodo_cli.wire.otlp.writing import export_of

    with Collector(url, dict(map(_header, headers))) as collector:
        pushed = collector.push(export_of(context.client.traces.get(context.run_id(run))))
        note(f"{counted(pushed.taken, 'span')} taken by {collector.url}")
    for told in pushed.told:
        note(f"       it says: {told}")
    if pushed.refused:
        raise TrodoError(
            f"the collector refused {pushed.refused:,} of {pushed.taken + pushed.refused:,} spans",
            "`trodo trace export RUN` writes what was sent",
        )


def _header(text: str) -> tuple[str, str]:
    """`NAME=VALUE`, `NAME=@FILE` or `NAME=Bearer @FILE`. Raises `InvalidInput`, which never quotes a value."""
    name, _, value = text.partition("=")
    name = name.strip().lower()
    if not _HEADER.fullmatch(name) or name in _OUR_HEADERS:
        raise InvalidInput("--header names no header that can be sent", "write --header NAME=VALUE")
    if found := _FROM_FILE.fullmatch(value):
        value = (found[1] or "") + config.read_key_file(found[2], "--header").strip()
    if not _VALUE.fullmatch(value):
        raise InvalidInput(f"the value of --header {name} cannot be sent", "one line of ASCII, not empty")
    return name, value


@contextmanager
def _opened(name: str) -> Iterator[BinaryIO]:
    """A file that can be read again from its begin; what comes through a pipe is kept beside until then."""
    import shutil
    import tempfile

    try:
        with nullcontext(sys.stdin.buffer) if name == "-" else open(os.path.expanduser(name), "rb") as file:
            if file.seekable():
                yield file
                return
            with tempfile.TemporaryFile() as kept:
                shutil.copyfileobj(file, kept)
                kept.seek(0)
                yield kept
    except OSError as error:
        raise InvalidInput(
            f"cannot read {_shown(name)}: {error.strerror}", "name a file, or - for stdin"
        ) from None


def _shown(name: str) -> str:
    return "stdin" if name == "-" else name
