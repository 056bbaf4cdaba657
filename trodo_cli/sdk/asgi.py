"""Middleware by which what a service does becomes part of its caller's run. Nothing is buffered or changed.

A request that names no run passes as if nobody stood between.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any

from trodo_cli.errors import RunCancelled
from trodo_cli.sdk.joined import JoinedRun
from trodo_cli.sdk.propagate import joined_request
from trodo_cli.sdk.recorder import quietly

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
App = Callable[[Any, Any, Any], Awaitable[None]]

FIRST_FAILURE = 500
"""A status from here on is a failure of the service."""

CANCELLED_STATUS = 503


def asgi_middleware(app: App) -> App:
    """The application, each request to it part of the run that the request's headers name.

    For Starlette and FastAPI: `app.add_middleware(trodo.asgi_middleware)`. For a run that was asked to stop: 503.
    """

    async def joined(scope: Any, receive: Any, send: Any) -> None:
        part = _part_of(scope) if scope.get("type") in ("http", "websocket") else None
        if part is None:
            await app(scope, receive, send)
        else:
            await _in_part(part, app, scope, receive, send)

    return joined


def fastapi_middleware() -> Callable[[Any, Callable[[Any], Awaitable[Any]]], Awaitable[Any]]:
    """For `app.middleware("http")(trodo.fastapi_middleware())`: as `asgi_middleware`, in the form of FastAPI.

    From there a response that breaks off while it streams looks like one that is complete, and a server logs that a
    request was cancelled as if it had failed; with `asgi_middleware` it does neither.
    """

    async def joined(request: Any, call_next: Callable[[Any], Awaitable[Any]]) -> Any:
        part = _part_of(request.scope)
        if part is None:
            return await call_next(request)
        try:
            part.__enter__()
            return await _next_in_part(part, request, call_next)
        except RunCancelled as cancelled:
            return _cancelled_response(cancelled)

    return joined


@quietly
def _part_of(scope: Scope) -> JoinedRun | None:
    method = scope.get("method") or str(scope["type"]).upper()
    return joined_request(scope["headers"], method, scope["path"])


async def _in_part(part: JoinedRun, app: App, scope: Scope, receive: Receive, send: Send) -> None:
    has_begun = is_complete = False

    async def noted(message: Any) -> None:
        nonlocal has_begun
        if message.get("type") == "http.response.start":
            has_begun = True
            _note_status(part, message)
        await send(message)

    try:
        async with part:
            await app(scope, receive, noted)
            is_complete = True
    except RunCancelled as cancelled:
        if is_complete:
            return
        if has_begun or scope["type"] != "http":
            raise
        body = str(cancelled).encode()
        headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": CANCELLED_STATUS, "headers": headers})
        await send({"type": "http.response.body", "body": body})


async def _next_in_part(part: JoinedRun, request: Any, call_next: Callable[[Any], Awaitable[Any]]) -> Any:
    try:
        response = await call_next(request)
    except BaseException as error:
        part.__exit__(type(error), error, error.__traceback__)
        raise
    _note_status(part, {"status": response.status_code})
    body = getattr(response, "body_iterator", None)
    if body is None:
        part.__exit__(None, None, None)
    else:
        response.body_iterator = _Body(body, part)
        part.pause()
    return response


class _Body:
    """A response as it streams; the part in the run lasts until its end, or until nobody wants it any more."""

    def __init__(self, chunks: AsyncIterator[Any], part: JoinedRun) -> None:
        self._chunks = chunks
        self._part: JoinedRun | None = part

    def __aiter__(self) -> "_Body":
        return self

    async def __anext__(self) -> Any:
        try:
            return await self._chunks.__anext__()
        except StopAsyncIteration:
            self._end(None)
            raise
        except BaseException as error:
            self._end(error)
            raise

    def __del__(self) -> None:
        self._end(None)

    @quietly
    def _end(self, error: BaseException | None) -> None:
        part, self._part = self._part, None
        if part is not None:
            part.resume()
            with suppress(RunCancelled):
                part.__exit__(type(error) if error else None, error, None)


@quietly
def _note_status(part: JoinedRun, message: dict[str, Any]) -> None:
    status = message["status"]
    if part.span is not None:
        part.span.set_output({"status_code": status})
        if status >= FIRST_FAILURE:
            part.span.set_error(f"HTTP {status}", status_code=status)


def _cancelled_response(cancelled: RunCancelled) -> Any:
    from starlette.responses import PlainTextResponse

    return PlainTextResponse(str(cancelled), CANCELLED_STATUS)
