"""What producers send: events, signs of life, and the question what is asked to stop."""

import asyncio

from starlette.responses import Response

from trodo_cli.client.intake import Intake
from trodo_cli.errors import InvalidInput, Unauthorized
from trodo_cli.model import ids
from trodo_cli.model.event import CancelRequested, Event
from trodo_cli.query.plan import RunFilter
from trodo_cli.server.call import Call, answer, in_thread
from trodo_cli.server.limits import SMALL_BYTES, check_lines, check_shape
from trodo_cli.server.pulse import IDLE_SECONDS
from trodo_cli.wire.receipt import Asked, Beat, Cancels, Drops, Receipt

MAX_WAIT_SECONDS = 30.0
MAX_REASONS = 50
"""Why events were dropped, in one report."""

COALESCE_SECONDS = 0.1
"""How long a waiting question rests between two looks while much is going on."""


async def take_events(call: Call) -> Response:
    """Store a batch of NDJSON lines; one bad line does not spoil the others."""
    body = await call.body()
    receipt = await in_thread(_taken, call, body)
    return answer(receipt, native=True)


async def take_heartbeat(call: Call) -> Response:
    """Note a sign of life; answers what these runs are asked to stop, which counts as delivered."""
    beat = await call.shaped(Beat)
    return answer(Cancels(await in_thread(call.client.heartbeat, beat.runs)), native=True)


async def take_drops(call: Call) -> Response:
    """Add to the count of what producers had to drop."""
    drops = await call.shaped(Drops)
    if len(drops.dropped) > MAX_REASONS:
        raise InvalidInput(f"more than {MAX_REASONS} reasons", "count by a few reasons")
    if any(not 0 <= count < 2**53 for count in drops.dropped.values()):
        raise InvalidInput("a count is a whole number from 0")
    await in_thread(call.client.record_drops, drops.dropped)
    return Response(status_code=204)


def list_drops(call: Call) -> Response:
    return answer(Drops(call.client.drops()), native=True)


async def tell_asked(call: Call) -> Response:
    """Which of these runs are asked to stop; waits for the first one.

    Answers early when the owner begins another run, so that the next question can name that one too.
    """
    beat = await call.shaped(Beat, most_bytes=SMALL_BYTES)
    service = call.service
    newest: list[str] | None = None
    until_ns = ids.monotonic_ns() + int(min(max(beat.wait_seconds, 0.0), MAX_WAIT_SECONDS) * 1e9)
    service.check_crowd(call.principal.key_id)
    with service.viewing(call.principal.key_id):
        while True:
            pulse = service.pulse.now
            asked, latest = await in_thread(_asked, call, beat.runs)
            newest = latest if newest is None else newest
            over = ids.monotonic_ns() >= until_ns or latest != newest
            if asked or over or service.stopping:
                return answer(Asked(asked), native=True)
            left = (until_ns - ids.monotonic_ns()) / 1e9
            await service.pulse.after(pulse, min(max(left, 0.0), IDLE_SECONDS))
            await asyncio.sleep(COALESCE_SECONDS)


def _asked(call: Call, run_ids: list[str]) -> tuple[list[str], list[str]]:
    """Those that are asked to stop, and the owner's newest run, for as long as the key is good."""
    if not call.service.doorkeeper.still_knows(call.principal):
        raise Unauthorized("invalid or revoked API key")
    newest = call.client.runs.list(limit=1, wanted=RunFilter(roots_only=False)).rows
    return call.client.asked_to_stop(run_ids), [run.id for run in newest]


def _taken(call: Call, body: bytes) -> Receipt:
    may_cancel = "control" in call.principal.scopes

    def admit(event: Event) -> None:
        if isinstance(event, CancelRequested) and not may_cancel:
            raise InvalidInput("this key lacks the scope `control`, which a cancel request needs")

    intake = Intake(check_lines(body), check_shape, admit)
    receipt = intake.into(call.client, alive=call.query.get("alive") != "false")
    call.service.board.taken(refused=receipt.refused)
    events = [event for _, event in intake.events]
    receipt.asked = call.client.asked_to_stop(list({event.run_id for event in events}))
    return receipt
