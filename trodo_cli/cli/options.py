"""Options that several commands share.

Where to look is said before the command or after it: `trodo --profile work runs list`, `trodo runs list --target X
--api-key @FILE`. A command declares only `--target`; `Program` gives it the root's `--api-key` and `--profile` too.
Whichever place they stand in, their callback keeps them with the command line that is being run, where `given` finds
them, and `Context` asks it. What stands nearer to the end wins.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any, Optional, cast

import typer
from typer._click.core import Command  # Typer has no public name for this one and the next two
from typer._click.exceptions import UsageError
from typer._click.globals import get_current_context
from typer.core import TyperGroup

from trodo_cli.errors import InvalidInput
from trodo_cli.wire.values import storable_text


def _kept(context: typer.Context, option: typer.CallbackParam, value: str | None) -> str | None:
    """Keep what an option says, also for the commands below it."""
    if value is not None:
        context.meta[f"trodo.{option.name}"] = value
    return value


def given(name: str) -> str | None:
    """What the command line that is being run says of `target`, `api_key` or `profile`."""
    context = get_current_context(silent=True)
    return context.meta.get(f"trodo.{name}") if context else None


def at_the_end(work: Callable[[], None]) -> None:
    """Do something when the command line that is being run has ended, however it ends."""
    if context := get_current_context(silent=True):
        context.call_on_close(work)


_ORDER = (
    *("runs", "trace", "tail", "demo", "agents", "serve", "keys", "config", "doctor", "spool"),
    *("backup", "restore", "db", "help", "prune"),
)
"""How help lists the commands: what is used most first, what removes most last."""

_ALIASES = {"ls": "list", "rm": "delete"}


def _place(name: str) -> int:
    return _ORDER.index(name if name in _ORDER else "help")


class Program(TyperGroup):
    """The root of the command line: every command with a `--target` takes its `--api-key` and `--profile` as well."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = {name: self.commands[name] for name in sorted(self.commands, key=_place)}
        shared = [option for option in self.params if option.name in ("api_key", "profile")]
        for command in _commands_below(self):
            command.help = _in_paragraphs(command.help or "")
            if any(option.name == "target" for option in command.params):
                command.params += shared

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that is meant; a word that stands in a group of ours is told with its group."""
        try:
            return super().resolve_command(ctx, args)
        except UsageError as error:
            if groups := self._groups_with(_ALIASES.get(args[0], args[0])):
                word = _ALIASES.get(args[0], args[0])
                error.message = f"no command {args[0]!r}; did you mean `trodo {groups[0]} {word}`?"
            raise

    def _groups_with(self, word: str) -> list[str]:
        return [
            name
            for name, group in self.commands.items()
            if isinstance(group, TyperGroup) and word in group.commands
        ]

    def path_of(self, arguments: Sequence[str]) -> str:
        """The command that a command line begins with, for who wants its help: `trodo runs list`."""
        path, group = "trodo", cast(TyperGroup, self)
        for word in arguments:
            command = group.commands.get(word)
            path += f" {word}" if command else ""
            if command is not None and not isinstance(command, TyperGroup):
                break
            group = command or group
        return path


def _in_paragraphs(text: str) -> str:
    """A help text whose lines break where the terminal wants it."""
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


def _commands_below(group: TyperGroup) -> Iterator[Command]:
    for command in group.commands.values():
        if isinstance(command, TyperGroup):
            yield from _commands_below(command)
        else:
            yield command


Target = Annotated[
    Optional[str],  # noqa: UP045 - Typer reads the annotation
    typer.Option(
        "--target",
        metavar="WHERE",
        callback=_kept,
        help="Where runs are kept: a SQLite file, or a server's URL. Else TRODO_TARGET.",
    ),
]
ApiKey = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        "--api-key",
        metavar="KEY",
        callback=_kept,
        expose_value=False,
        help="The key to a server; @FILE reads it from a file, - from stdin. Else TRODO_API_KEY.",
    ),
]
Profile = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        "--profile",
        metavar="NAME",
        callback=_kept,
        expose_value=False,
        help="A target that `trodo config` knows by name. Else TRODO_PROFILE.",
    ),
]
Agents = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option(
        "--agents",
        metavar="WHERE",
        help="Where agents are: a folder of Python files, a file, module:function, or a trodo.toml. Repeatable.",
    ),
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
