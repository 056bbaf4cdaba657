"""Options that several commands share."""

import re
from typing import Annotated, Optional

import typer

from trodo_cli.errors import InvalidInput
from trodo_cli.wire.values import storable_text

Target = Annotated[
    Optional[str],  # noqa: UP045 - Typer reads the annotation
    typer.Option("--target", metavar="WHERE", help="Where runs are kept: a SQLite file. Else TRODO_TARGET."),
]
RunReference = Annotated[
    Optional[str],  # noqa: UP045
    typer.Argument(
        metavar="RUN",
        help="An id, the begin or end of one, latest, latest:AGENT, or @2 for the second newest.",
    ),
]
Json = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        "--json", metavar="[FIELDS]", help="JSON: all fields, or those named, as in id,status,cost."
    ),
]

ALL_FIELDS = "*"

_FIELDS = re.compile(r"[a-z_]+(,[a-z_]+)*,?")


def settled_json(arguments: list[str]) -> list[str]:
    """The command line as text that can be stored, with `--json` alone spelled out as all fields.

    What follows `--json` names fields when it is made of letters and commas only; a run is never
    called so but for `latest`.
    """
    settled: list[str] = []
    arguments = [storable_text(argument) for argument in arguments]
    for place, argument in enumerate(arguments):
        following = arguments[place + 1] if place + 1 < len(arguments) else ""
        names_fields = bool(_FIELDS.fullmatch(following)) and following != "latest"
        settled.append(f"--json={ALL_FIELDS}" if argument == "--json" and not names_fields else argument)
    return settled


def whole_number(text: str, option: str) -> int:
    """A number from 0 on. Raises `InvalidInput` that names the option."""
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise InvalidInput(
            f"{option} {text!r} is no whole number", "write the number of the last event you have"
        )
    return int(text)
