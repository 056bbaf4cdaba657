"""`trodo spool status|drain`: events that programs have recorded and that are not at their target yet."""

import os
import sys
from typing import Any

import typer

from trodo_cli.cli.diagnostics import ExitCode, note
from trodo_cli.cli.options import Json

app = typer.Typer(no_args_is_help=True, help="Events on disk that are not at their target yet.")


@app.command("status")
def status(json: Json = None) -> None:
    """Show the spool: a line for each segment, whose it is, and how much of it has been shipped."""
    from trodo_cli import config
    from trodo_cli.cli import output
    from trodo_cli.sdk.spool import orphans

    fields = output.chosen(_SEGMENT_FIELDS, json) if json else _SEGMENT_FIELDS
    folder = config.spool_folder()
    rows = [row for path in orphans(folder) if (row := _segment(path)) is not None]
    if json:
        output.write_json_rows(rows, fields)
    elif not rows:
        note(f"the spool is empty ({folder})")
    elif sys.stdout.isatty():
        output.write_columns(rows, fields)
    else:
        output.write_tab_separated(rows, fields)


@app.command("drain")
def drain_spool() -> None:
    """Ship what programs left that ended before they could."""
    from trodo_cli import config
    from trodo_cli.client import open_recording
    from trodo_cli.sdk.leftovers import drain

    done = drain(config.spool_folder(), open_recording)
    note(f"shipped {done.events} events")
    for trouble in done.troubles:
        note(f"trodo: {trouble}")
    if done.troubles:
        raise typer.Exit(ExitCode.UNAVAILABLE)


_SEGMENT_FIELDS = {
    "segment": lambda row: row["segment"],
    "state": lambda row: row["state"],
    "target": lambda row: row["target"],
    "waiting_bytes": lambda row: row["waiting_bytes"],
    "bytes": lambda row: row["bytes"],
}


def _segment(path: Any) -> dict[str, Any] | None:
    """What a segment is; None when it went away meanwhile."""
    from trodo_cli.sdk.spool import SegmentReader, is_left, read_cursor

    try:
        size = path.stat().st_size
        header = SegmentReader(path).header()
    except FileNotFoundError:
        return None
    cursor = read_cursor(path)
    return {
        "segment": path.name,
        "state": "left" if is_left(path) else "in use",
        "target": os.fsdecode(header.target) if header else None,
        "waiting_bytes": max(0, size - cursor),
        "bytes": size,
    }
