"""An agntz worker as far as its read API goes, with the habits that were seen on a real one.

A running trace is not found, and its stream repeats nothing; only a root's id is a trace's; an unknown path is answered
in plain text; what cannot be understood in a list's query is ignored, but for the limit.
"""

import base64
import json
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.client.fake_state import TERMINAL, Object, State, frame, json_text, milliseconds
from tests.server.running import running

KEY = "worker-key"

Handle = Callable[[Request], Awaitable[Response]]


class FakeWorker(State):
    """A worker that notes what it is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.url = ""
        self.asked: list[str] = []
        """Every request that was answered to who has the key: method, path and query."""
        self.accepted: set[str] = set()
        """The media types that were asked for."""
        self.is_down = False
        """Whether every request is answered 503."""
        self.before_stream: Callable[[], None] = lambda: None
        """What happens just before somebody begins to listen."""

    def app(self) -> Starlette:
        routes = [
            Route("/runs", self._allowed(self._list), methods=["GET"]),
            Route("/runs/{run}", self._allowed(self._get), methods=["GET"]),
            Route("/runs/{run}/cancel", self._allowed(self._cancel), methods=["POST"]),
            Route("/traces/{run}", self._allowed(self._trace), methods=["GET"]),
            Route("/traces/{run}", self._allowed(self._delete), methods=["DELETE"]),
            Route("/traces/{run}/stream", self._allowed(self._stream), methods=["GET"]),
        ]
        unknown = {404: _no_route, 405: _no_route}
        app = Starlette(routes=[Route("/health", _health), *routes], exception_handlers=unknown)
        app.router.redirect_slashes = False
        return app

    def _allowed(self, handle: Handle) -> Handle:
        async def answered(request: Request) -> Response:
            self.accepted.add(request.headers.get("accept", ""))
            if self.is_down:
                return JSONResponse({"error": "restarting"}, 503)
            said = request.headers.get("authorization", "")
            if not said.startswith("Bearer ") or said == "Bearer ":
                return JSONResponse({"error": "missing authentication"}, 401)
            if said != f"Bearer {KEY}":
                return JSONResponse({"error": "invalid or revoked API key"}, 401)
            response = await handle(request)
            self.asked.append(f"{request.method} {request.url.path}?{request.url.query}".rstrip("?"))
            return response

        return answered

    async def _list(self, request: Request) -> Response:
        query = request.query_params
        limit = _number(query.get("limit", "50"))
        if not 1 <= limit < math.inf:
            return JSONResponse({"error": "Invalid `limit` query param"}, 400)
        limit = min(int(limit), 200)
        fitting = [run for run in self.runs.values() if _fits(run, query)]
        rows = [run for run in fitting if _place(run) < _cursor(query.get("cursor"))]
        rows.sort(key=_place, reverse=True)
        more = {"cursor": _cursor_text(rows[limit - 1])} if len(rows) > limit else {}
        return _json({"rows": rows[:limit], **more})

    async def _get(self, request: Request) -> Response:
        run = self.runs.get(request.path_params["run"])
        return _json(run) if run else _not_found("Run")

    async def _cancel(self, request: Request) -> Response:
        """The run as it is right now; a moment later it is cancelled."""
        run = self.runs.get(request.path_params["run"])
        if run is None or run["id"] in self.evicted:
            return _not_found("Run")
        answer = _json(run)
        if run["status"] not in TERMINAL:
            self.end(run["id"], "cancelled", error="cancelled by user")
        return answer

    async def _trace(self, request: Request) -> Response:
        trace = self.written(request.path_params["run"])
        return _json(trace) if trace else _not_found("Trace")

    async def _delete(self, request: Request) -> Response:
        run_id = request.path_params["run"]
        if not self.written(run_id):
            return _not_found("Trace")
        del self.late[run_id]
        return Response(status_code=204)

    async def _stream(self, request: Request) -> Response:
        run_id = request.path_params["run"]
        self.before_stream()
        if trace := self.written(run_id):
            return _events(_once(frame("snapshot", trace)))
        return _events(self.listen(run_id).heard()) if run_id in self.spans else _not_found("Trace")


@contextmanager
def worker() -> Iterator[FakeWorker]:
    """A worker on a loopback port, until the block ends."""
    fake = FakeWorker()
    with running(fake.app(), on_stopping=fake.hang_up_all) as server:
        fake.url = server.url
        yield fake


def _place(run: Object) -> tuple[float, str]:
    return run["startedAt"], run["id"]


def _fits(run: Object, query: Mapping[str, str]) -> bool:
    after, before = _moment(query.get("startedAfter")), _moment(query.get("startedBefore"))
    return (
        (query.get("rootsOnly") == "false" or "parentId" not in run)
        and query.get("agentId") in (None, run["agentId"])
        and query.get("status") in (None, run["status"])
        and (after is None or run["startedAt"] >= after)
        and (before is None or run["startedAt"] <= before)
    )


def _moment(text: str | None) -> int | None:
    """Milliseconds; None for what is no time."""
    try:
        return milliseconds(text or "")
    except ValueError:
        return None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _cursor_text(run: Object) -> str:
    said = json.dumps({"startedAt": run["startedAt"], "id": run["id"]})
    return base64.urlsafe_b64encode(said.encode()).decode().rstrip("=")


def _cursor(text: str | None) -> tuple[float, str]:
    """Where a page ended; a text that is no cursor leads to the first page."""
    try:
        said = json.loads(base64.urlsafe_b64decode((text or "") + "=="))
        return said["startedAt"], said["id"]
    except (ValueError, KeyError, TypeError):
        return math.inf, ""


def _json(data: Any) -> Response:
    return Response(json_text(data).encode(), media_type="application/json")


def _events(chunks: AsyncIterator[bytes]) -> Response:
    return StreamingResponse(
        chunks, headers={"content-type": "text/event-stream", "cache-control": "no-cache"}
    )


async def _once(chunk: bytes) -> AsyncIterator[bytes]:
    yield chunk


def _not_found(what: str) -> Response:
    return JSONResponse({"error": f"{what} not found"}, 404)


async def _no_route(_request: Request, _error: Exception) -> Response:
    return PlainTextResponse("404 Not Found", 404)


async def _health(_request: Request) -> Response:
    return JSONResponse({"status": "ok", "service": "worker"})
