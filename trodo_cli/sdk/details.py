"""The payload of a run or span while it is being put together, and what an exception says of one."""

import os
import traceback
from typing import Any

import msgspec

from trodo_cli.errors import RunCancelled, TrodoError
from trodo_cli.model.payload import NO_PAYLOAD
from trodo_cli.sdk.context import ActiveRun
from trodo_cli.wire.values import json_object, json_value, text_of

MAX_ERROR_CHARACTERS = 4_000
MAX_STACK_CHARACTERS = 20_000
MAX_STACK_FRAMES = 100

_OURS = os.path.dirname(os.path.dirname(__file__))
_MACHINERY = (
    _OURS,
    *(os.path.join(os.path.dirname(os.__file__), part) for part in ("asyncio", "concurrent")),
)
"""Files whose frames say nothing of an error of ours: it names what is wrong itself."""


class Details:
    """Input, output, attributes and stack, kept as JSON texts from the moment they are set."""

    __slots__ = ("attributes", "input", "output", "stack")

    def __init__(self) -> None:
        self.input = self.output = b""
        self.attributes: dict[str, Any] = {}
        self.stack = ""

    def note(self, key: Any, value: Any) -> None:
        """Set one attribute."""
        self.attributes[text_of(key)] = value

    def payload(self) -> msgspec.Raw:
        """The parts that were set, as one JSON object."""
        parts = []
        if self.input:
            parts.append(b'"input":' + self.input)
        if self.output:
            parts.append(b'"output":' + self.output)
        if self.attributes:
            parts.append(b'"attributes":' + json_object(self.attributes))
        if self.stack:
            parts.append(b'"stack":' + json_value(self.stack))
        return msgspec.Raw(b"{" + b",".join(parts) + b"}") if parts else NO_PAYLOAD


def is_stop(error: BaseException) -> bool:
    """Whether the exception stops work from outside: a cancelled run or task, or a group of nothing else."""
    if isinstance(error, BaseExceptionGroup):
        return all(is_stop(part) for part in error.exceptions)
    return isinstance(error, RunCancelled) or is_task_cancel(error)


def is_task_cancel(error: BaseException | None) -> bool:
    """Whether it is asyncio's own word for a stop, or that of another loop."""
    return type(error).__name__ == "CancelledError"


def settled(error: BaseException | None, run: ActiveRun) -> BaseException | None:
    """The exception as this run sees it: a stop, in a run that was asked to stop, is its own cancellation."""
    if error is None or run.cancel is None or not is_stop(error):
        return error
    return run.cancellation()


def is_cancel(error: BaseException, run: ActiveRun) -> bool:
    """Whether the work was stopped rather than failed. Another run's cancellation that nobody caught is a failure."""
    if isinstance(error, RunCancelled):
        return error.run_id == run.id
    return isinstance(error, KeyboardInterrupt) or is_stop(error)


def is_clean_exit(error: BaseException) -> bool:
    """A block that is left by `sys.exit(0)` or by closing a generator has not failed."""
    return isinstance(error, GeneratorExit) or (isinstance(error, SystemExit) and not error.code)


def error_message(error: BaseException) -> str:
    """What the exception says, or its class when it says nothing; of a cancellation who asked, and why."""
    if isinstance(error, RunCancelled):
        asked = f"cancelled by {error.by}" if error.by else "cancelled"
        return f"{asked}: {error.reason}" if error.reason else asked
    return (text_of(error) or type(error).__name__)[:MAX_ERROR_CHARACTERS]


def error_stack(error: BaseException) -> str:
    """The traceback's end; of an error of ours the frames of other people's code, nothing when there are none."""
    told = traceback.TracebackException.from_exception(error, limit=-MAX_STACK_FRAMES)
    if isinstance(error, TrodoError):
        told.stack[:] = [frame for frame in told.stack if not frame.filename.startswith(_MACHINERY)]
        if not told.stack:
            return ""
    return "".join(told.format())[-MAX_STACK_CHARACTERS:]
