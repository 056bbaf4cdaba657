"""What goes wrong as an HTTP answer: one JSON shape, and the same wording whoever asks."""

import logging
import traceback
from typing import Any

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response

from trodo_cli.errors import (
    Ambiguous,
    InvalidInput,
    NotFound,
    StorageFull,
    StoreUnavailable,
    TrodoError,
    Unauthorized,
    Unavailable,
)
from trodo_cli.server.limits import Refused

logger = logging.getLogger("trodo.server")

_ANSWERS: dict[type[TrodoError], tuple[int, str]] = {
    InvalidInput: (400, "BAD_REQUEST"),
    NotFound: (404, "NOT_FOUND"),
    Ambiguous: (409, "AMBIGUOUS"),
    Unauthorized: (401, "UNAUTHORIZED"),
    StorageFull: (507, "STORAGE_FULL"),
    Unavailable: (503, "UNAVAILABLE"),
}
"""Status and code of an error; the client reads the code back into the same class."""

RETRY_SECONDS = {503: 1, 507: 5}

_OF_THE_STORE: dict[type[TrodoError], str] = {
    StorageFull: "the store has no room",
    StoreUnavailable: "the store cannot be used now",
}
"""What clients hear of a store's trouble."""


class Forbidden(Unauthorized):
    """A good key that may not do this."""


def error_answer(error: Exception) -> Response:
    """The answer to what a handler raised."""
    if isinstance(error, Refused):
        return failure(error.status, error.message, "REFUSED", retry_after=error.retry_after)
    if isinstance(error, ClientDisconnect):
        return Response(status_code=400)
    if isinstance(error, Forbidden):
        return failure(403, error.message, "FORBIDDEN")
    if isinstance(error, TrodoError):
        status, code = next(found for kind in type(error).__mro__ if (found := _ANSWERS.get(kind)))
        return failure(status, told(error), code, error.hint, RETRY_SECONDS.get(status))
    _note(error)
    return failure(500, "the server failed; its log says where", "INTERNAL")


def told(error: TrodoError) -> str:
    """What a client may read of an error. What a store said, which names hosts and paths, is for the log alone."""
    message = _OF_THE_STORE.get(type(error))
    if message is None:
        return error.message
    logger.error("%s", error.message)
    return message


def no_room(error: StorageFull) -> Refused:
    """A full store for senders that know no 507: for them it is a server that cannot take it now."""
    return Refused(503, told(error), retry_after=RETRY_SECONDS[507])


def failure(status: int, message: str, code: str, hint: str = "", retry_after: int | None = None) -> Response:
    """An error in the one shape: `{"error", "code", "hint"?}`."""
    body: dict[str, Any] = {"error": message, "code": code}
    if hint:
        body["hint"] = hint
    headers = {"retry-after": str(retry_after)} if retry_after is not None else None
    return Response(msgspec.json.encode(body), status, headers, "application/json")


async def no_such_route(_request: Request, _error: Exception) -> Response:
    """An unknown path and a wrong method look the same."""
    return PlainTextResponse("404 Not Found", 404)


def _note(error: Exception) -> None:
    """Log where our own fault is, without the values that a message may quote."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    logger.error("%s in %s, line %s of %s", type(error).__name__, frame.name, frame.lineno, frame.filename)
