"""The Trodo SDK's own routes. It asks for exact statuses: see `wire/trodo_batch` and who reads them there.

A batch is answered 200 with one result for each item. What cannot be stored now is 503, which that SDK sends again;
of any other refusal it drops all. 413 makes it send less at a time.
"""

from collections.abc import Callable, Sequence
from functools import partial

from starlette.responses import Response

from trodo_cli.client.intake import Intake, Read
from trodo_cli.errors import InvalidInput, StorageFull
from trodo_cli.model import ids
from trodo_cli.model.event import Event
from trodo_cli.server.call import Call, answer, in_thread
from trodo_cli.server.errors import no_room
from trodo_cli.server.limits import Refused, check_batch, check_shape
from trodo_cli.wire.trodo import Reader
from trodo_cli.wire.trodo_batch import (
    Result,
    Results,
    Taken,
    dropped_counts,
    read_batch,
    read_span_list,
)

MAX_ITEMS = 1_000
"""Of one batch; that SDK sends 50."""

Take = Callable[[Call, Reader, bytes], Taken | Results]


async def take_batch(call: Call) -> Response:
    """Items of any kind, each with a result of its own."""
    return await _answered(call, _batch)


async def take_run(call: Call) -> Response:
    """A run with its spans."""
    return await _answered(call, lambda call, reader, body: _whole(call, body, reader.whole_run))


async def take_start(call: Call) -> Response:
    """A run that goes on."""
    return await _answered(call, lambda call, reader, body: _whole(call, body, reader.started_run))


async def take_end(call: Call) -> Response:
    """The end of a run."""
    return await _answered(call, lambda call, reader, body: _of_run(call, body, reader.ended_run))


async def take_run_spans(call: Call) -> Response:
    """Spans of a run."""
    return await _answered(call, lambda call, reader, body: _of_run(call, body, reader.spans))


async def take_feedback(call: Call) -> Response:
    """What somebody says of a run."""
    return await _answered(call, lambda call, reader, body: _of_run(call, body, reader.feedback))


async def take_spans(call: Call) -> Response:
    """Spans of any run or none, each judged by itself."""
    return await _answered(call, _spans)


async def ignore(call: Call) -> Response:
    """Product analytics, which are taken and forgotten."""
    await call.body()
    return answer(Taken(0), native=False)


async def _answered(call: Call, take: Take) -> Response:
    body = await call.body()
    try:
        return answer(await in_thread(_taken, call, take, body), native=False)
    except StorageFull as error:
        raise no_room(error) from None


def _taken(call: Call, take: Take, body: bytes) -> Taken | Results:
    check_batch(body)
    try:
        return take(call, Reader(ids.now_ns(), check_shape), body)
    except RecursionError:
        raise Refused(413, "the body is nested too deeply to be taken apart") from None


def _batch(call: Call, reader: Reader, body: bytes) -> Results:
    batch = read_batch(body)
    if len(batch.items) > MAX_ITEMS:
        raise Refused(413, f"the batch has more than {MAX_ITEMS:,} items")
    errors = _stored(call, [bytes(item) for item in batch.items], reader.item)
    if counts := dropped_counts(batch.dropped):
        call.client.record_drops(counts)
    return Results([_result(errors.get(number)) for number in range(len(batch.items))])


def _spans(call: Call, reader: Reader, body: bytes) -> Taken:
    spans = [bytes(span) for span in read_span_list(body).spans]
    errors = _stored(call, spans, reader.span)
    if spans and len(errors) == len(spans):
        raise InvalidInput(errors[0])
    return Taken(len(spans) - len(errors), [f"span {number}: {error}" for number, error in errors.items()])


def _of_run(call: Call, body: bytes, read: Callable[[str, bytes], Sequence[Event]]) -> Taken:
    return _whole(call, body, partial(read, call.path("run")))


def _whole(call: Call, body: bytes, read: Read) -> Taken:
    """The body as one part: all of it is stored or nothing."""
    for error in _stored(call, [body], read).values():
        raise InvalidInput(error)
    return Taken(1)


def _stored(call: Call, parts: Sequence[bytes], read: Read) -> dict[int, str]:
    """Store what can be read; the reasons why parts were refused, by number from 0."""
    intake = Intake(enumerate(parts), read=read, most_refusals=len(parts))
    receipt = intake.into(call.client, alive=True)
    call.service.board.taken(refused=receipt.refused)
    return {refusal.line: refusal.error for refusal in receipt.refusals}


def _result(error: str | None) -> Result:
    return Result(200) if error is None else Result(400, error)
