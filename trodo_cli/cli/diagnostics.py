"""The only writer to stderr, and the exit codes."""

import sys
from enum import IntEnum

from trodo_cli.errors import (
    Ambiguous,
    InvalidInput,
    NotFound,
    StorageFull,
    TrodoError,
    Unauthorized,
    Unavailable,
)


class ExitCode(IntEnum):
    """What a command says to the shell."""

    OK = 0
    ERROR = 1
    USAGE = 2
    NOT_FOUND = 3
    UNAUTHORIZED = 4
    UNAVAILABLE = 5
    RUN_FAILED = 6
    RUN_CANCELLED = 7
    INTERRUPTED = 130


MEANINGS = {
    ExitCode.OK: "it worked; the run asked about completed",
    ExitCode.ERROR: "something went wrong",
    ExitCode.USAGE: "the command was not understood",
    ExitCode.NOT_FOUND: "no such run or database",
    ExitCode.UNAUTHORIZED: "no key, or one that does not fit",
    ExitCode.UNAVAILABLE: "the database or server cannot be used now",
    ExitCode.RUN_FAILED: "the run failed, or was lost",
    ExitCode.RUN_CANCELLED: "the run was cancelled",
    ExitCode.INTERRUPTED: "stopped with ctrl-c",
}

_CODES: dict[type[TrodoError], ExitCode] = {
    InvalidInput: ExitCode.USAGE,
    Ambiguous: ExitCode.USAGE,
    NotFound: ExitCode.NOT_FOUND,
    Unauthorized: ExitCode.UNAUTHORIZED,
    StorageFull: ExitCode.UNAVAILABLE,
    Unavailable: ExitCode.UNAVAILABLE,
}


def report(error: TrodoError) -> ExitCode:
    """Say what is wrong and what to do next; gives the exit code."""
    note(f"trodo: {error.message}")
    if error.hint:
        note(f"       {error.hint}")
    return next((_CODES[kind] for kind in type(error).__mro__ if kind in _CODES), ExitCode.ERROR)


def usage(message: str, command: str) -> ExitCode:
    """Say that the command was not understood."""
    note(f"trodo: {message}")
    note(f"       `{command} --help` shows how it is used")
    return ExitCode.USAGE


def note(text: str) -> None:
    """One line of talk beside the data; whatever it quotes is made inert."""
    from trodo_cli.render.safe import safe_line

    sys.stderr.write(f"{safe_line(text)}\n")
    sys.stderr.flush()


def ask(question: str) -> str | None:
    """Ask the person at the keyboard, on stderr, so that stdout stays data; None when they leave with ctrl-d."""
    from trodo_cli.render.safe import safe_line

    sys.stderr.write(f"{safe_line(question)} ")
    sys.stderr.flush()
    answer = sys.stdin.readline()
    return answer.strip() if answer else None
