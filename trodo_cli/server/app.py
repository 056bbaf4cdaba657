"""The application: every operation there is, in one table, and how a request gets to its handler."""

from collections.abc import Awaitable, Callable
from inspect import iscoroutinefunction
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from trodo_cli import __version__
from trodo_cli.errors import NotFound
from trodo_cli.model.event import Event
from trodo_cli.server import agents, ingest, otlp, runs, stream, traces, trodo
from trodo_cli.server.auth import Principal, check_scope, secret_of
from trodo_cli.server.call import Call, Operation, Parameter, answer, in_thread
from trodo_cli.server.errors import error_answer, failure, no_such_route
from trodo_cli.server.exposition import MEDIA_TYPE, exposition
from trodo_cli.server.gate import Gate
from trodo_cli.server.openapi import document
from trodo_cli.server.service import Service
from trodo_cli.server.watch import UNROUTED, Watch, seen
from trodo_cli.wire.agntz_shapes import RunShape, SpanShape, SummaryShape, TraceShape
from trodo_cli.wire.receipt import Asked, Beat, Cancels, Drops, Receipt
from trodo_cli.wire.requests import CancelRequest, Found, StartOrder
from trodo_cli.wire.trodo_batch import Batch, Results, SpanList, Taken

_LIST = (
    Parameter("agentId", "Runs of this agent."),
    Parameter("status", "A status; an unknown one fits nothing."),
    Parameter("startedAfter", "ISO time, inclusive."),
    Parameter("startedBefore", "ISO time, inclusive."),
    Parameter("limit", "Rows of a page, 50 unless told, 200 at most."),
    Parameter("cursor", "Where the page before ended."),
)
_SINCE = Parameter("since", "Only events after this number.")
_PAYLOAD = Parameter("payload", "`false` leaves out input, output and attributes.")

_OBJECT = dict[str, Any]
_ANALYTICS = (
    "/api/sdk/track", "/api/events", "/api/events/bulk", "/api/sdk/identify", "/api/sdk/reset",
    "/api/sdk/wallet-address", "/api/sdk/users/upsert", "/api/sdk/people/{method}", "/api/sdk/groups/{method}",
    "/api/sdk/groups/profile/{method}",
)  # fmt: skip
"""What an application that uses the Trodo SDK may call at any time."""

NO_RUN, NO_TRACE = "Run not found", "Trace not found"


OPERATIONS: tuple[Operation, ...] = (
    Operation("GET", "/runs", "read", runs.list_runs, "List runs, newest first.", (
        Parameter("rootsOnly", "`false` for runs below another one too."), *_LIST), gives=list[RunShape]),
    Operation("POST", "/runs", "control", agents.start_run, "Start an agent.", takes=StartOrder, gives=RunShape),
    Operation("GET", "/runs/{run}", "read", runs.get_run, "One run.", missing=NO_RUN, gives=RunShape),
    Operation("DELETE", "/runs/{run}", "control", runs.delete_run, "Delete a run for good.", missing=NO_RUN),
    Operation("POST", "/runs/{run}/cancel", "control", runs.cancel_run, "Ask a run, and all below it, to stop.",
              takes=CancelRequest, missing=NO_RUN, gives=RunShape),
    Operation("GET", "/runs/{run}/stream", "read", stream.stream_run, "Follow a run.", (_SINCE, _PAYLOAD),
              missing=NO_RUN, gives=str),
    Operation("GET", "/find", "read", runs.find_run, "The run behind `latest`, `@2` or a part of an id.",
              (Parameter("run", "The reference."),), gives=Found),
    Operation("GET", "/traces", "read", traces.list_traces, "List traces, newest first.", _LIST,
              gives=list[SummaryShape]),
    Operation("GET", "/traces/{run}", "read", traces.get_trace, "A run's span tree.", (_PAYLOAD,),
              missing=NO_TRACE, gives=TraceShape),
    Operation("DELETE", "/traces/{run}", "control", traces.delete_trace, "Delete a run's spans; the run stays.",
              missing=NO_TRACE),
    Operation("GET", "/traces/{run}/spans", "read", traces.list_spans, "Spans as they came, without payloads.", (
              Parameter("cursor", "Where the page before ended."),), missing=NO_TRACE, gives=list[SpanShape]),
    Operation("GET", "/traces/{run}/spans/{span}", "read", traces.get_span, "One span with its payload.",
              missing="Span not found", gives=SpanShape),
    Operation("GET", "/traces/{run}/stream", "read", stream.stream_trace, "Follow a run's spans.",
              (_SINCE, _PAYLOAD), missing=NO_TRACE, gives=str),
    Operation("GET", "/agents", "read", agents.list_agents, "Agents that can be started here."),
    Operation("POST", "/v1/events", "ingest", ingest.take_events, "Store events, one JSON object a line.",
              (Parameter("alive", "`false` when the producer has ended."),), takes=Event, gives=Receipt),
    Operation("POST", "/v1/traces", "ingest", otlp.take_traces, "Store spans: OTLP in protobuf or JSON.",
              takes=otlp.TraceExport, gives=otlp.ExportAnswer),
    Operation("POST", "/api/sdk/otel/v1/traces", "ingest", otlp.take_sdk_traces,
              "Store spans: OTLP in protobuf or JSON.", takes=otlp.TraceExport, gives=otlp.ExportAnswer),
    Operation("POST", "/v1/heartbeats", "ingest", ingest.take_heartbeat, "A sign of life of runs.",
              takes=Beat, gives=Cancels),
    Operation("POST", "/v1/asked", "ingest", ingest.tell_asked, "Which of these runs are asked to stop.",
              takes=Beat, gives=Asked),
    Operation("POST", "/v1/drops", "ingest", ingest.take_drops, "Count what a producer had to drop.",
              takes=Drops),
    Operation("GET", "/v1/drops", "read", ingest.list_drops, "What producers had to drop so far.", gives=Drops),
    Operation("POST", "/api/sdk/batch", "ingest", trodo.take_batch, "Items of the Trodo SDK, each with a result.",
              takes=Batch, gives=Results),
    Operation("POST", "/api/sdk/runs/ingest", "ingest", trodo.take_run, "A run with its spans.", takes=_OBJECT,
              gives=Taken),
    Operation("POST", "/api/sdk/runs/start", "ingest", trodo.take_start, "A run begins.", takes=_OBJECT, gives=Taken),
    Operation("POST", "/api/sdk/runs/{run}/end", "ingest", trodo.take_end, "A run ends.", takes=_OBJECT, gives=Taken),
    Operation("POST", "/api/sdk/runs/{run}/spans", "ingest", trodo.take_run_spans, "Spans of a run.", takes=SpanList,
              gives=Taken),
    Operation("POST", "/api/sdk/runs/{run}/feedback", "ingest", trodo.take_feedback, "What somebody says of a run.",
              takes=_OBJECT, gives=Taken),
    Operation("POST", "/api/sdk/spans/append", "ingest", trodo.take_spans, "Spans of any run or none.",
              takes=SpanList, gives=Taken),
    *(Operation("POST", path, "ingest", trodo.ignore, "Product analytics: taken and forgotten.", gives=Taken)
      for path in _ANALYTICS),
)  # fmt: skip

ROUTES = (
    UNROUTED,
    *(("GET", path) for path in ("/health", "/metrics", "/openapi.json")),
    *((operation.method, operation.path) for operation in OPERATIONS),
)
"""Method and path by the number under which they are counted."""

Endpoint = Callable[[Request], Awaitable[Response]]


def create_app(service: Service, *, hosts: frozenset[str] | None = None) -> Watch:
    """The whole server as one ASGI application; `hosts` are the names it answers to, None for any."""
    own = (_health(service), _metrics(service), _fixed(document(OPERATIONS)))
    endpoints = (*own, *(_endpoint(service, operation) for operation in OPERATIONS))
    routes = [
        Route(path, _noted(number, endpoint), methods=[method])
        for number, ((method, path), endpoint) in enumerate(zip(ROUTES[1:], endpoints, strict=True), start=1)
    ]
    app = Starlette(routes=routes, exception_handlers={404: no_such_route, 405: no_such_route})
    app.router.redirect_slashes = False
    return Watch(Gate(_RawPath(app), hosts=hosts), service.board, ROUTES)


def _noted(number: int, endpoint: Endpoint) -> Endpoint:
    async def handle(request: Request) -> Response:
        seen(request).route = number
        return await endpoint(request)

    return handle


def _endpoint(service: Service, operation: Operation) -> Endpoint:
    async def handle(request: Request) -> Response:
        try:
            return await _answered(service, operation, request)
        except NotFound as error:
            return failure(404, operation.missing, "NOT_FOUND") if operation.missing else error_answer(error)
        except Exception as error:
            return error_answer(error)

    return handle


async def _answered(service: Service, operation: Operation, request: Request) -> Response:
    principal = await _admitted(service, operation.scope, request)
    call = Call(request, service, principal)
    if iscoroutinefunction(operation.handle):
        response: Response = await operation.handle(call)
    else:
        response = await in_thread(operation.handle, call)
    return response


async def _admitted(service: Service, scope: str | None, request: Request) -> Principal:
    """Who asks, when they may. Raises `Unauthorized`."""
    principal = await in_thread(service.doorkeeper.principal, secret_of(request.headers.raw))
    seen(request).owner = principal.owner
    if scope is not None:
        check_scope(principal, scope)
    return principal


def _metrics(service: Service) -> Endpoint:
    """What all workers counted together. It tells of every owner, so it has a scope of its own."""

    async def handle(request: Request) -> Response:
        try:
            await _admitted(service, "metrics", request)
        except Exception as error:
            return error_answer(error)
        return Response(exposition(service.board, ROUTES), headers={"content-type": MEDIA_TYPE})

    return handle


def _health(service: Service) -> Endpoint:
    async def handle(_request: Request) -> Response:
        try:
            about = await in_thread(service.health)
        except Exception as error:
            return error_answer(error)
        return answer({"status": "ok", "service": "trodo", "version": __version__, **about}, native=False)

    return handle


def _fixed(body: bytes) -> Endpoint:
    async def handle(_request: Request) -> Response:
        return Response(body, media_type="application/json")

    return handle


class _RawPath:
    """Lets routes see the path as it was sent, so that an id may hold a `/`; handlers decode their part."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope.get("raw_path"):
            scope = {**scope, "path": scope["raw_path"].decode("latin-1")}
        await self._app(scope, receive, send)
