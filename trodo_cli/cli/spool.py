"""`trodo spool status|drain`: events that programs have recorded and that are not at their target yet."""

import os
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trodo_cli.cli.context import Context
from trodo_cli.cli.diagnostics import ExitCode, note
from trodo_cli.cli.options import Json, Target, given
from trodo_cli.errors import TrodoError

if TYPE_CHECKING:
    from trodo_cli.sdk.leftovers import Drained
    from trodo_cli.sdk.segment import Header

app = typer.Typer(no_args_is_help=True, help="Events on disk that are not at their target yet.")


@app.command("status")
def status(json: Json = None) -> None:
    """Show the spool: a line for each segment, whose it is, and how much of it has been shipped."""
    from trodo_cli import config
    from trodo_cli.cli import output
    from trodo_cli.sdk.segment import segments_in

    fields = output.chosen(_SEGMENT_FIELDS, json) if json else _SEGMENT_FIELDS
    folder = config.spool_folder()
    rows = [row for path in segments_in(folder) if (row := _segment(path)) is not None]
    if json:
        output.write_json_rows(rows, fields)
    elif not rows:
        note(f"the spool is empty ({folder})")
    elif sys.stdout.isatty():
        output.write_columns(rows, fields)
    else:
        output.write_tab_separated(rows, fields)
    for target in dict.fromkeys(row["target"] for row in rows if row["key"]):
        note("what was recorded with another key goes with that one, or with any if you add --any-key:")
        note(f"  trodo spool drain --target {target} --api-key @FILE")


@app.command("drain")
def drain_spool(
    any_key: Annotated[
        bool,
        typer.Option(
            "--any-key", help="Also what was recorded with another key: it goes to this key's owner."
        ),
    ] = False,
    target: Target = None,
) -> None:
    """Ship what programs left that ended before they could: for every target, or for the one that is named."""
    named = any(given(name) for name in ("target", "profile", "api_key"))
    done = Context(target).drained(any_key=any_key) if named else _drained(any_key)
    note(f"shipped {done.events} events")
    for trouble in done.troubles:
        note(f"trodo: {trouble}")
    if done.troubles:
        note("       `trodo spool status` shows what stays, and why")
        raise typer.Exit(ExitCode.UNAVAILABLE)


def _drained(any_key: bool) -> "Drained":
    from trodo_cli import config
    from trodo_cli.client import open_recording
    from trodo_cli.sdk.leftovers import drain

    return drain(
        config.spool_folder(),
        open_recording,
        has_key=lambda place, mark: any_key or _has_key(place, mark),
    )


_SEGMENT_FIELDS = {
    "segment": lambda row: row["segment"],
    "state": lambda row: row["state"],
    "target": lambda row: row["target"],
    "waiting_bytes": lambda row: row["waiting_bytes"],
    "bytes": lambda row: row["bytes"],
    "key": lambda row: row["key"],
}


def _segment(path: Any) -> dict[str, Any] | None:
    """What a segment is; None when it went away meanwhile."""
    from trodo_cli.sdk.segment import SegmentReader, is_left, read_cursor

    try:
        size = path.stat().st_size
        header = SegmentReader(path).header()
    except FileNotFoundError:
        return None
    cursor, left = read_cursor(path), is_left(path)
    return {
        "segment": path.name,
        "state": "left" if left else "in use",
        "target": os.fsdecode(header.target) if header else None,
        "waiting_bytes": max(0, size - cursor),
        "bytes": size,
        "key": _other_key(header) if left else None,
    }


def _other_key(header: "Header | None") -> str | None:
    """What there is to say of the key of a segment that is not shipped with ours."""
    from trodo_cli.sdk.leftovers import is_foreign, shown_mark

    if header is None or not is_foreign(header, _has_key):
        return None
    return f"recorded with another key ({shown_mark(header)})"


def _has_key(place: str, mark: str) -> bool:
    from trodo_cli import config

    try:
        found = config.recording_key(place)
    except TrodoError:
        return False
    return found is not None and found.mark == mark
