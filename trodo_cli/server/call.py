"""One request as a handler sees it, and the description of an operation that routes and documents are made from."""

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import unquote

import anyio.to_thread
import msgspec
from starlette.requests import Request
from starlette.responses import Response

from trodo_cli.client.local import LocalClient
from trodo_cli.errors import InvalidInput
from trodo_cli.server.auth import Principal
from trodo_cli.server.limits import MAX_BODY_BYTES, Refused, check_shape

if TYPE_CHECKING:
    from trodo_cli.server.service import Service

NATIVE = "application/vnd.trodo+json"
"""The media type of our own shapes; everybody else is answered in those of agntz."""

MAX_SEQ = 2**62

_NUMBER = re.compile(r"[0-9]{1,30}", re.ASCII)

Result = TypeVar("Result")
Shape = TypeVar("Shape")


class Call(NamedTuple):
    """A request whose key has been checked."""

    request: Request
    service: "Service"
    principal: Principal

    @property
    def client(self) -> LocalClient:
        """The store as the key's owner sees it."""
        return self.service.client(self.principal.owner)

    @property
    def is_native(self) -> bool:
        """Whether our own client asks."""
        return NATIVE in self.request.headers.get("accept", "")

    @property
    def query(self) -> Mapping[str, str]:
        return self.request.query_params

    def seq(self, name: str) -> int | None:
        """An event number among the query parameters. Raises `InvalidInput` for what is none."""
        said = self.query.get(name) or None
        number = None if said is None else read_seq(said)
        if said is not None and number is None:
            raise InvalidInput(f"Invalid `{name}` query param")
        return number

    def path(self, name: str) -> str:
        """A part of the path, as it was before it was encoded."""
        return unquote(self.request.path_params[name])

    async def body(self) -> bytes:
        """The whole body, decompressed, within bounds."""
        return await self.service.body(self.request)

    async def shaped(
        self, shape: type[Shape], empty: Shape | None = None, *, most_bytes: int = MAX_BODY_BYTES
    ) -> Shape:
        """The JSON body, or what stands for an empty one. Raises `InvalidInput` that names what does not fit."""
        body = await self.body()
        if len(body) > most_bytes:
            raise Refused(413, f"the body has more than {most_bytes:,} bytes")
        if empty is not None and not body.strip():
            return empty
        check_shape(body)
        try:
            return msgspec.json.decode(body, type=shape)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
            raise InvalidInput(f"the body is not as it should be: {error}") from None


def read_seq(text: str) -> int | None:
    """An event number as it was written; None for what is none. A higher one than there can be is the highest."""
    return min(int(text), MAX_SEQ) if _NUMBER.fullmatch(text) else None


async def in_thread(work: Callable[..., Result], *arguments: Any) -> Result:
    """Run what may block without holding up the others."""
    return await anyio.to_thread.run_sync(work, *arguments)


def answer(value: Any, *, native: bool, status: int = 200) -> Response:
    """JSON, in our own shapes or in those of agntz."""
    media = NATIVE if native else "application/json"
    return Response(msgspec.json.encode(value), status, {"vary": "Accept"}, media)


Handler = Callable[[Call], Any]
"""Gives a response, or a coroutine that does; a plain function runs in a thread."""


class Parameter(NamedTuple):
    """A query parameter, for the documents."""

    name: str
    what: str


class Operation(NamedTuple):
    """One method of one path."""

    method: str
    path: str
    scope: str | None
    """What a key needs; None for what needs no key."""
    handle: Handler
    what: str
    parameters: tuple[Parameter, ...] = ()
    takes: Any = None
    """What the body is made of: a struct as JSON, or events as lines of JSON."""
    gives: Any = None
    """What the answer is made of: a struct, a list of structs as a page, or text for a stream; None for no body."""
    missing: str = ""
    """What a 404 says."""
