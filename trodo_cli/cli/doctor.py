"""`trodo doctor`: what is used, why, and whether it works."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

from trodo_cli.cli.context import Context
from trodo_cli.cli.diagnostics import ExitCode
from trodo_cli.cli.options import Json, Target
from trodo_cli.errors import TrodoError, Unauthorized

if TYPE_CHECKING:
    from trodo_cli.client.base import Client

Finding = tuple[str, str, str]
"""A name, `ok`, `info` or `problem`, and what was found."""

_FIELDS = {"name": lambda row: row[0], "state": lambda row: row[1], "finding": lambda row: row[2]}


def doctor(json: Json = None, target: Target = None) -> None:
    """Say which target is used and why, whether it answers, and what waits in the spool."""
    from trodo_cli.cli import output

    fields = output.chosen(_FIELDS, json) if json else _FIELDS
    context = Context(target)
    findings = list(_findings(context))
    if json:
        output.write_json_rows(findings, fields)
    elif context.is_terminal:
        output.write_columns(findings, fields)
    else:
        output.write_tab_separated(findings, fields)
    if any(state == "problem" for _, state, _ in findings):
        raise typer.Exit(ExitCode.ERROR)


def _findings(context: Context) -> Iterator[Finding]:
    import platform

    from trodo_cli import __version__
    from trodo_cli.wire.pricing import price_table

    yield "trodo", "ok", f"{__version__} on Python {platform.python_version()}"
    yield "target", "info", f"{context.target.shown} ({context.target.source})"
    try:
        yield from _key(context)
    except TrodoError as error:
        yield "key", "problem", _in_words(error)
    else:
        yield from _answer(context)
    yield from _spool()
    yield "prices", "info", price_table()


def _key(context: Context) -> Iterator[Finding]:
    """Which key a server is sent, by what said so; the key itself is never shown."""
    from trodo_cli import config

    if not context.target.is_hosted:
        return
    if context.key:
        yield "key", "info", context.key.source
    elif config.is_withheld(context.target):
        yield "key", "problem", f"TRODO_API_KEY is not sent: only {context.target.source} names this server"
    else:
        yield "key", "info", "none; `trodo config set api-key` stores one"


def _answer(context: Context) -> Iterator[Finding]:
    """Whether the target answers, and what it holds."""
    try:
        yield from _contents(context.client)
    except Unauthorized as error:
        yield "access", "problem", _in_words(error)
    except TrodoError as error:
        yield "server" if context.target.is_hosted else "store", "problem", _in_words(error)


def _contents(client: "Client") -> Iterator[Finding]:
    for name, found in client.health().items():
        yield name, "ok", found
    newest = client.runs.list(limit=1).rows
    if newest:
        yield "newest run", "info", f"{newest[0].id} {newest[0].agent} {newest[0].status}"
    else:
        yield "newest run", "info", "none yet; `trodo demo` makes a few"
    for reason, count in client.drops().items():
        yield "dropped", "problem", f"{count} events: {reason}"


def _in_words(error: TrodoError) -> str:
    return f"{error.message}; {error.hint}" if error.hint else error.message


def _spool() -> Iterator[Finding]:
    """What was left by programs that ended has just been shipped; what is still there could not be."""
    from trodo_cli import config
    from trodo_cli.sdk.segment import is_left, segments_in

    folder = config.spool_folder()
    segments = segments_in(folder)
    left = sum(is_left(segment) for segment in segments)
    if left:
        yield (
            "spool",
            "problem",
            f"{folder}: {left} segments could not be shipped; `trodo spool status` shows them",
        )
    else:
        yield "spool", "info", f"{folder}: {f'{len(segments)} segments in use' if segments else 'empty'}"
