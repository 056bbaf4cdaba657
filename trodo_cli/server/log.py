"""The log of a server: one line for each request and each trouble, for people or as JSON.

It holds routes, owners, figures and places in our own code; no payload, key, path, query or message of an error that
could quote one. Nothing in a line can drive a terminal or look like another line.
"""

import logging
import os
import re
import sys
from collections.abc import Callable
from logging.handlers import WatchedFileHandler
from typing import Any, TextIO

import msgspec

from trodo_cli.errors import Unavailable
from trodo_cli.render.format import iso
from trodo_cli.render.safe import json_escaped, safe_line
from trodo_cli.server.watch import request_id

SHAPES = ("text", "json")
LEVELS = ("info", "warning", "error")

_LOGGERS = ("trodo.access", "trodo.server")
_PLAIN = re.compile(r"[!#-<>-\[\]-~]+")
"""What needs no quotes as a value."""


def open_log(place: str, shape: str, level: str) -> Callable[[], None] | None:
    """Write the log to a file, `-` for stderr, from now on; gives what reopens a file that was moved away.

    Several processes may write to the same file. Raises `Unavailable`.
    """
    handler = _handler(place)
    handler.setFormatter(_Json() if shape == "json" else _Text())
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        logger.addHandler(handler)
        logger.setLevel(level.upper())
        logger.propagate = False
    return handler.reopenIfNeeded if isinstance(handler, LogFile) else None


class LogFile(WatchedFileHandler):
    """A file for its owner alone when it is new; a full disk costs lines, not answers."""

    def _open(self) -> Any:
        return open(self.baseFilename, "a", encoding="utf-8", opener=_private)

    def handleError(self, record: logging.LogRecord) -> None:
        """Nobody can be told."""


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        time, level, process, message, fields = _parts(record)
        said = "".join(f" {name}={_value(value)}" for name, value in fields.items())
        return f"{time} {level} {process} {safe_line(message)}{said}"


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        time, level, process, message, fields = _parts(record)
        said = {"time": time, "level": level, "process": process, "message": message, **fields}
        return json_escaped(msgspec.json.encode(said).decode(), ascii_only=True)


def _parts(record: logging.LogRecord) -> tuple[str, str, int | None, str, dict[str, Any]]:
    fields: dict[str, Any] = dict(getattr(record, "fields", {}))
    if known := request_id.get():
        fields["request"] = known
    time = iso(int(record.created * 1e9))
    return time, record.levelname.lower(), record.process, record.getMessage(), fields


def _value(value: Any) -> str:
    text = str(value)
    if _PLAIN.fullmatch(text):
        return text
    return json_escaped(msgspec.json.encode(text).decode(), ascii_only=True)


def _handler(place: str) -> logging.Handler:
    if place == "-":
        return _Stderr(sys.stderr)
    try:
        return LogFile(place)
    except OSError as error:
        raise Unavailable(
            f"cannot write the log to {place}: {error.strerror}", "name another file with --log"
        ) from None


class _Stderr(logging.StreamHandler[TextIO]):
    def handleError(self, record: logging.LogRecord) -> None:
        """Nobody reads it any more."""


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
