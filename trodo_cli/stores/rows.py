"""Rows of a database and the structs they hold, both ways. The same columns in every store."""

from collections.abc import Sequence
from typing import Any

import msgspec

from trodo_cli.model.key import Key
from trodo_cli.model.payload import NO_PAYLOAD
from trodo_cli.model.run import Cancel, Feedback, Run
from trodo_cli.model.span import Span, Usage
from trodo_cli.model.totals import Totals
from trodo_cli.stores.ledger import RunRow, SpanRow

RUN_COLUMNS = (
    'key, id, agent, status, parent, session, "user", tags, started_ns, ended_ns, spans, errors, input_tokens,'
    " output_tokens, cost_nanos, costed_spans, last_seq, start_seq, end_seq, cancel_seq, cancel, heartbeat_ns,"
    " received_ns, started, ended, traceless, feedback, feedback_seq, patience_ns, heard, wrapped, unpriced_spans"
)
SPAN_COLUMNS = (
    "id, parent, name, kind, status, level, version, started_ns, ended_ns, changed_seq, input_tokens,"
    " output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost, model, provider, tool,"
    " error, error_type, status_code"
)

KEY_COLUMNS = "id, owner, scopes, label, created_ns, revoked_ns"

SEQ_BITS = 32

Row = Sequence[Any]

_read_run = msgspec.json.Decoder(Run).decode
_read_feedback = msgspec.json.Decoder(tuple[Feedback, ...]).decode
read_cancel = msgspec.json.Decoder(Cancel).decode


def run_row(row: Row) -> RunRow:
    return RunRow(
        key=row[0],
        id=row[1],
        totals=Totals(
            spans=row[10],
            errors=row[11],
            input_tokens=row[12],
            output_tokens=row[13],
            cost_nanos=row[14],
            costed_spans=row[15],
            unpriced_spans=row[31],
            wrapped=bool(row[30]),
        ),
        last_seq=row[16],
        start_seq=row[17],
        end_seq=row[18],
        cancel_seq=row[19],
        cancel=read_cancel(row[20]) if row[20] else None,
        heartbeat_ns=row[21],
        received_ns=row[22],
        start=_read_run(row[23]) if row[23] else None,
        end=_read_run(row[24]) if row[24] else None,
        traceless=bool(row[25]),
        feedback=_read_feedback(row[26]) if row[26] else (),
        feedback_seq=row[27],
    )


def run_values(owner: str, row: RunRow) -> tuple[Any, ...]:
    run, totals = row.view, row.totals
    return (
        owner,
        row.is_announced,
        row.key,
        row.id,
        run.agent,
        run.status,
        run.parent_id,
        run.session,
        run.user,
        json_text(run.tags),
        run.started_ns or row.received_ns,
        run.ended_ns,
        totals.spans,
        totals.errors,
        totals.input_tokens,
        totals.output_tokens,
        totals.cost_nanos,
        totals.costed_spans,
        row.last_seq,
        row.start_seq,
        row.end_seq,
        row.cancel_seq,
        msgspec.json.encode(row.cancel) if row.cancel else None,
        row.heartbeat_ns,
        row.received_ns,
        _register(row.start),
        _register(row.end),
        row.traceless,
        msgspec.json.encode(row.feedback) if row.feedback else None,
        row.feedback_seq,
        run.patience_ns,
        bool(run.heard),
        totals.wrapped,
        totals.unpriced_spans,
    )


def seen_run(row: RunRow, owner: str, now_ns: int) -> Run:
    """The run as a reader sees it now: without a sign of life for long it is lost."""
    run = row.view
    run.owner = owner
    if run.status == "running" and now_ns - (row.heartbeat_ns or 0) > run.patience_ns:
        run.status = "lost"
    return run


def _register(run: Run | None) -> bytes | None:
    return msgspec.json.encode(msgspec.structs.replace(run, payload=NO_PAYLOAD)) if run else None


def span_row(row: Row) -> SpanRow:
    """A span, from its first number and its columns."""
    usage = Usage(input=row[11], output=row[12], cache_read=row[13], cache_write=row[14], reasoning=row[15])
    span = Span(
        id=row[1],
        parent_id=row[2],
        name=row[3],
        kind=row[4],
        status=row[5],
        level=row[6],
        version=row[7],
        started_ns=row[8],
        ended_ns=row[9],
        usage=usage if usage != _NO_USAGE else None,
        cost=row[16],
        model=row[17],
        provider=row[18],
        tool=row[19],
        error=row[20],
        error_type=row[21],
        status_code=row[22],
    )
    return SpanRow(span, row[0], row[10])


_NO_USAGE = Usage()


def span_key(run_key: int, first_seq: int) -> int:
    """The key of a span row: a run's spans lie together in the order they first came."""
    return run_key << SEQ_BITS | first_seq


def span_values(row: SpanRow) -> tuple[Any, ...]:
    """What goes into the columns of a span."""
    span, usage = row.span, row.span.usage or _NO_USAGE
    return (
        span.id,
        span.parent_id,
        span.name,
        span.kind,
        span.status,
        span.level,
        span.version,
        span.started_ns,
        span.ended_ns,
        row.changed_seq,
        usage.input,
        usage.output,
        usage.cache_read,
        usage.cache_write,
        usage.reasoning,
        span.cost,
        span.model,
        span.provider,
        span.tool,
        span.error,
        span.error_type,
        span.status_code,
    )


def json_text(value: Sequence[str]) -> str:
    """A list as JSON text: one bound value however long it is."""
    return msgspec.json.encode(value).decode()


def key_row(row: Row) -> Key:
    return Key(
        id=row[0],
        owner=row[1],
        scopes=tuple(row[2].split(",")),
        label=row[3],
        created_ns=row[4],
        revoked_ns=row[5],
    )


def key_values(key: Key) -> tuple[Any, ...]:
    return (key.id, key.owner, ",".join(key.scopes), key.label, key.created_ns, key.revoked_ns)


def uncounted(owner: str, run_id: str) -> str:
    """What is wrong with a run of which spans are gone, or too many."""
    return f"run {run_id} of {owner} has not the spans that it counts"
