"""`/runs…`: list, find, show, cancel, delete; `agents` starts them."""

from starlette.responses import Response

from trodo_cli.client.base import DEFAULT_LIMIT
from trodo_cli.client.local import LocalClient
from trodo_cli.errors import NotFound
from trodo_cli.model.run import Run
from trodo_cli.query.plan import Cursor
from trodo_cli.server.call import Call, answer, in_thread
from trodo_cli.wire.agntz import page_object, run_object
from trodo_cli.wire.agntz_query import runs_query
from trodo_cli.wire.requests import CancelRequest, Found, read_list_query

MAX_PAGE_BYTES = 8 * 1024 * 1024
"""What the payloads of one page hold at most; a larger run is a page of its own."""

MAX_DEPTH = 100
"""How far up the root of a run is looked for."""


def list_runs(call: Call) -> Response:
    if call.is_native:
        wanted, limit, cursor = read_list_query(call.query, DEFAULT_LIMIT)
        return answer(call.client.runs.list(limit=limit, cursor=cursor, wanted=wanted), native=True)
    wanted, limit, after = runs_query(call.query)
    page = call.client.runs.list(limit=limit, cursor=after.text() if after else None, wanted=wanted)
    rows, cut_at = _full_rows(call.client, page.rows)
    return answer(page_object(rows, cut_at.text() if cut_at else page.cursor), native=False)


def find_run(call: Call) -> Response:
    """The run behind a reference such as `latest`, or the begin of an id."""
    return answer(Found(call.client.runs.find(call.query.get("run", ""))), native=True)


def get_run(call: Call) -> Response:
    return answered_run(call, call.client.runs.get(call.path("run")))


def delete_run(call: Call) -> Response:
    call.client.runs.delete(call.path("run"))
    return Response(status_code=204)


async def cancel_run(call: Call) -> Response:
    """Ask a run, and every run below it, to stop; the run as it is right now."""
    asked = await call.shaped(CancelRequest, empty=CancelRequest())
    return await in_thread(_cancelled, call, asked)


def told_run(client: LocalClient, run: Run) -> dict[str, object]:
    """The run as agntz shows it."""
    root_id, depth = _lineage(client, run)
    return run_object(run, root_id=root_id, depth=depth)


def _full_rows(client: LocalClient, runs: list[Run]) -> tuple[list[dict[str, object]], Cursor | None]:
    """The runs with their payloads, as many as fit into one answer, and where it was cut short."""
    rows: list[dict[str, object]] = []
    size, cut_at = 0, None
    for run in runs:
        full = client.runs.get(run.id)
        size += len(bytes(full.payload))
        if rows and size > MAX_PAGE_BYTES:
            return rows, cut_at
        rows.append(told_run(client, full))
        cut_at = Cursor(run.started_ns, run.id)
    return rows, None


def _cancelled(call: Call, asked: CancelRequest) -> Response:
    run = call.client.runs.cancel(call.path("run"), reason=asked.reason, by=asked.by, force=asked.force)
    return answered_run(call, run)


def answered_run(call: Call, run: Run, status: int = 200) -> Response:
    """One run, in the shape that is asked for."""
    if call.is_native:
        return answer(run, native=True, status=status)
    return answer(told_run(call.client, run), native=False, status=status)


def _lineage(client: LocalClient, run: Run) -> tuple[str, int]:
    """The topmost run above this one that is known, and how far up it is."""
    seen, above = [run.id], run.parent_id
    while above is not None and above not in seen and len(seen) <= MAX_DEPTH:
        try:
            parent = client.runs.get(above)
        except NotFound:
            break
        seen.append(parent.id)
        above = parent.parent_id
    return seen[-1], len(seen) - 1
