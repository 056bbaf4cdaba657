"""Every request is counted, timed and noted: by its route, never by its path, and without a word of what it carried."""

import logging
import re
from collections.abc import Sequence
from contextvars import ContextVar

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trodo_cli.model import ids
from trodo_cli.model.key import is_secret
from trodo_cli.server.board import Board

UNROUTED = ("-", "-")
"""Method and path of what fits no route; number 0."""

access = logging.getLogger("trodo.access")
access.addHandler(logging.NullHandler())
access.propagate = False

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""Of the request that is answered now."""

_SEEN = "trodo.seen"
_GOOD_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


class Seen:
    """What becomes known of a request on its way."""

    __slots__ = ("bytes", "owner", "route", "status")

    def __init__(self) -> None:
        self.route = 0
        self.status = 500
        self.bytes = 0
        self.owner = ""


def seen(request: Request) -> Seen:
    """The note of this request, for who knows its route or its owner."""
    found = request.scope.get(_SEEN)
    return found if isinstance(found, Seen) else Seen()


class Watch:
    """ASGI middleware, outside of all others. `routes` are method and path, by number."""

    def __init__(self, app: ASGIApp, board: Board, routes: Sequence[tuple[str, str]]) -> None:
        self._app, self._board, self._routes = app, board, routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        note, began_ns = Seen(), ids.monotonic_ns()
        request_id.set(_id_of(scope))

        async def send_noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                note.status = message["status"]
            else:
                note.bytes += len(message.get("body", b""))
            await send(message)

        try:
            await self._app({**scope, _SEEN: note}, receive, send_noted)
        finally:
            elapsed_ns = ids.monotonic_ns() - began_ns
            self._board.request(note.route, note.status, elapsed_ns, note.bytes)
            self._log(note, elapsed_ns)

    def refused(self, status: int) -> None:
        """Note what a connection answered by itself, for it never became a request."""
        self._board.refusal(status)
        note = Seen()
        note.status = status
        self._log(note, 0)

    def _log(self, note: Seen, elapsed_ns: int) -> None:
        level = logging.ERROR if note.status >= 500 else logging.INFO
        if access.isEnabledFor(level):
            method, path = self._routes[note.route]
            fields = {
                "method": method,
                "route": path,
                "status": note.status,
                "ms": round(elapsed_ns / 1e6, 3),
                "bytes": note.bytes,
                "owner": note.owner,
            }
            access.log(level, "request", extra={"fields": fields})


def _id_of(scope: Scope) -> str:
    """The id that a proxy gave the request, if it is a plain word and no key; else one of our own."""
    given = [value for name, value in scope["headers"] if name == b"x-request-id"]
    word = given[0].decode("latin-1") if len(given) == 1 else ""
    return word if _GOOD_ID.fullmatch(word) and not is_secret(word) else ids.new_span_id()
