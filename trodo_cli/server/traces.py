"""`/traces…`: list, show, one span, delete."""

import msgspec
from starlette.responses import Response

from trodo_cli.server.call import Call, answer
from trodo_cli.wire.agntz import page_object, span_object, summary_object, trace_object
from trodo_cli.wire.agntz_query import traces_query
from trodo_cli.wire.requests import TraceRows


def list_traces(call: Call) -> Response:
    wanted, limit, after = traces_query(call.query)
    wanted = msgspec.structs.replace(wanted, with_trace=True)
    page = call.client.runs.list(limit=limit, cursor=after.text() if after else None, wanted=wanted)
    return answer(page_object([summary_object(run) for run in page.rows], page.cursor), native=False)


def get_trace(call: Call) -> Response:
    trace = call.client.traces.get(call.path("run"), payload=wants_payload(call))
    if call.is_native:
        return answer(TraceRows(*trace.rows()), native=True)
    return answer(trace_object(trace, owner=call.principal.owner), native=False)


def list_spans(call: Call) -> Response:
    run_id = call.path("run")
    page = call.client.traces.page(run_id, call.seq("cursor") or 0)
    if call.is_native:
        return answer(page, native=True)
    run = call.client.runs.get(run_id)
    cursor = None if page.after is None else str(page.after)
    return answer(page_object([span_object(span, run) for span in page.rows], cursor), native=False)


def get_span(call: Call) -> Response:
    run_id = call.path("run")
    span = call.client.traces.span(run_id, call.path("span"))
    if call.is_native:
        return answer(span, native=True)
    return answer(span_object(span, call.client.runs.get(run_id)), native=False)


def delete_trace(call: Call) -> Response:
    call.client.traces.delete(call.path("run"))
    return Response(status_code=204)


def wants_payload(call: Call) -> bool:
    """Whether input, output and attributes are asked for too."""
    return call.query.get("payload") != "false"
