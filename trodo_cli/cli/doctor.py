"""`trodo doctor`: what is used, why, and whether it works."""

from collections.abc import Iterator

import typer

from trodo_cli.cli.context import Context
from trodo_cli.cli.diagnostics import ExitCode
from trodo_cli.cli.options import Json, Target
from trodo_cli.errors import TrodoError

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

    yield "trodo", "ok", f"{__version__} on Python {platform.python_version()}"
    yield "target", "info", f"{context.target.shown} ({context.target.source})"
    yield from _store(context)
    yield from _spool()


def _store(context: Context) -> Iterator[Finding]:
    import apsw

    try:
        newest = context.client.runs.list(limit=1).rows
        drops = context.client.drops()
    except TrodoError as error:
        yield "store", "problem", f"{error.message}; {error.hint}"
        return
    yield "store", "ok", f"SQLite {apsw.sqlite_lib_version()}"
    if newest:
        yield "newest run", "info", f"{newest[0].id} {newest[0].agent} {newest[0].status}"
    else:
        yield "newest run", "info", "none yet; `trodo demo` makes a few"
    for reason, count in drops.items():
        yield "dropped", "problem", f"{count} events: {reason}"


def _spool() -> Iterator[Finding]:
    """What was left by programs that ended has just been shipped; what is still there could not be."""
    from trodo_cli import config
    from trodo_cli.sdk.spool import is_left, orphans

    folder = config.spool_folder()
    segments = orphans(folder)
    left = sum(is_left(segment) for segment in segments)
    if left:
        yield (
            "spool",
            "problem",
            f"{folder}: {left} segments could not be shipped; `trodo spool status` shows them",
        )
    else:
        yield "spool", "info", f"{folder}: {f'{len(segments)} segments in use' if segments else 'empty'}"
